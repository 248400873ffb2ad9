"""`batchgen verify`."""

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from batchgen.cli.app import App, pass_app
from batchgen.cli.console import counted, data, data_json
from batchgen.errors import WrongUsage

if TYPE_CHECKING:
    from batchgen.project import Project
    from batchgen.store.batches import Batch
    from batchgen.store.copies import Resized
    from batchgen.verify.check import Checked
    from batchgen.verify.repair import Adopted, Loss

_WRONG = 1


@dataclass(slots=True)
class _Found:
    """What looking, and putting right, came to. `queued` is None where nobody was asked or the answer was no.

    `uncopied` are images without their resized copy, `failures` why copies could not be made.
    """

    sound: int = 0
    wrong: "list[Checked]" = field(default_factory=list)
    unknown: "list[Checked]" = field(default_factory=list)
    adopted: "list[Adopted]" = field(default_factory=list)
    loss: "Loss | None" = None
    queued: int | None = None
    uncopied: "list[Resized]" = field(default_factory=list)
    copied: int = 0
    failures: list[str] = field(default_factory=list)


@click.command("verify")
@click.argument("name", required=False)
@click.option("--repair", is_flag=True, help="Put moved files back, and queue what is gone to be bought again.")
@click.option("--yes", is_flag=True, help="With --repair: do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_app
def verify_command(app: App, name: str | None, *, repair: bool, yes: bool, as_json: bool) -> int:
    """Check the images on disk against the ledger.

    Every one must be there with its size and sha256 and open as an image; exit 1 if one does not. Files that the ledger does
    not know are listed. --repair finds moved images by their content and makes missing resized copies; what is gone for good it
    queues again when you agree.
    """
    from batchgen.store import batches

    with app.project() as project:
        with project.database.read() as tx:
            chosen = batches.named(tx, [name]) if name else batches.every(tx)
        if repair and not project.root.is_dir():
            raise WrongUsage(f"there is no folder {project.root}: is its disk mounted? Nothing was repaired")
        found = _check(project, chosen)
        if repair and found.wrong:
            _adopt(project, chosen, found)
        _copy(project, chosen, found, repair=repair)
        if not as_json:
            _tell(found)
        if repair and found.wrong:
            _buy_again(app, project, chosen, found, yes=yes)
    if as_json:
        data_json(_as_data(found, repair=repair))
    return _WRONG if found.wrong and found.queued is None else 0


def _check(project: "Project", chosen: "list[Batch]") -> _Found:
    from batchgen.verify.check import check

    found = _Found()
    for checked in check(project.database, project.root, chosen):
        if not checked.problem:
            found.sound += 1
        else:
            (found.unknown if checked.shelved is None else found.wrong).append(checked)
    return found


def _adopt(project: "Project", chosen: "list[Batch]", found: _Found) -> None:
    """Put back what can be found, and look again."""
    from batchgen.verify.repair import adopt

    adopted = list(adopt(project.database, project.root, found.wrong))
    if adopted:
        again = _check(project, chosen)
        found.sound, found.wrong, found.unknown = again.sound, again.wrong, again.unknown
    found.adopted = adopted


def _copy(project: "Project", chosen: "list[Batch]", found: _Found, *, repair: bool) -> None:
    """Look for resized copies that are missing, and make them if wanted: that costs nothing."""
    from batchgen.verify import copies

    found.uncopied = list(copies.missing(project.database, project.root, chosen))
    if not repair or not found.uncopied:
        return
    try:
        made = list(copies.make(project.root, found.uncopied))
    except OSError as error:
        raise WrongUsage(f"copies cannot be written beside {project.root}: {error.strerror or error}") from None
    found.failures = [failure for _, failure in made if failure]
    found.uncopied = [one for one, failure in made if failure]
    found.copied = len(made) - len(found.failures)


def _buy_again(app: App, project: "Project", chosen: "list[Batch]", found: _Found, *, yes: bool) -> None:
    """Say what is gone and what it would cost, and queue it if a person agrees."""
    from batchgen.core.pricing import dollars
    from batchgen.project import utc_now
    from batchgen.verify import repair

    gone = [one.shelved for one in found.wrong if one.shelved is not None and one.is_gone]
    if not gone:
        return
    owners = {batch.id: project.makers.owner(batch) for batch in chosen}
    with project.database.read() as tx:
        found.loss = loss = repair.loss(
            tx, gone, utc_now().date(), lambda batch, named: project.makers.catalog(named or owners[batch])
        )
    cost = "at a price that is not known" if loss.cost_micros is None else f"for about ${dollars(loss.cost_micros)}"
    if loss.images:
        app.console.need(f"to be bought again: {counted(loss.images, 'image')} of {counted(loss.jobs, 'job')}, {cost}")
    if loss.forgotten:
        app.console.need(f"to be forgotten: {counted(loss.forgotten, 'image')}, replaced or of jobs that are not done")
    if not yes and not (sys.stdin.isatty() and click.confirm("Do that?", err=True)):
        app.console.need("nothing was queued; --yes agrees")
        return
    with project.database.write() as tx:
        repair.make_again(tx, gone, utc_now())
    found.queued = loss.jobs
    if not loss.jobs:
        return
    names = " ".join(f"--batch {name}" for name in dict.fromkeys(one.batch for one in found.wrong))
    app.console.tell(f"{counted(loss.jobs, 'job')} queued again: batchgen run {names} makes them")


def _tell(found: _Found) -> None:
    from batchgen.verify.copies import path_of

    for one in found.adopted:
        data(f"{one.path}: found as {one.found} and put back")
    for checked in (*found.wrong, *found.unknown):
        data(f"{checked.path}: {checked.problem}")
    if found.copied:
        data(f"resized copies made again: {found.copied:,}")
    for failure in found.failures:
        data(failure)
    for resized in found.uncopied if not found.failures else ():
        data(f"{path_of(resized)}: this resized copy is missing; --repair makes it, and so does a run")
    data(f"{counted(found.sound, 'image')} as stored, {len(found.wrong):,} wrong, {len(found.unknown):,} unknown")


def _as_data(found: _Found, *, repair: bool) -> dict[str, Any]:
    from batchgen.core.pricing import dollars
    from batchgen.verify.copies import path_of

    told: dict[str, Any] = {
        "sound": found.sound,
        "wrong": [
            {"batch": one.batch, "custom_id": one.shelved.custom_id, "path": one.path, "problem": one.problem}
            for one in found.wrong
            if one.shelved is not None
        ],
        "unknown": [one.path for one in found.unknown],
    }
    if repair:
        told["adopted"] = [{"path": one.path, "found": one.found} for one in found.adopted]
        told["queued"] = found.queued or 0
    if found.copied or found.uncopied:
        told["copies"] = {"missing": [path_of(one) for one in found.uncopied], "made": found.copied}
    if found.loss is not None:
        cost = None if found.loss.cost_micros is None else dollars(found.loss.cost_micros)
        told["to_buy"] = {"images": found.loss.images, "jobs": found.loss.jobs, "cost_usd": cost}
    return told
