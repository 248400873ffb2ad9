"""`batchgen reuse`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from batchgen.cli.app import App, pass_app
from batchgen.cli.console import counted, data, data_json
from batchgen.errors import WrongUsage

if TYPE_CHECKING:
    from batchgen.store.reusable import Reusable


@click.group("reuse")
def reuse_command() -> None:
    """What was made before and can be used again by `run --reuse`."""


@reuse_command.command("stats")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_app
def stats_command(app: App, *, as_json: bool) -> None:
    """How many jobs have what can be used again, how many images were, and what that has saved."""
    from batchgen.project import utc_now
    from batchgen.store import reusable

    with app.project() as project, project.database.read() as tx:
        found = reusable.stats(tx, project.reuse_rules.oldest(utc_now()))
    if as_json:
        data_json({**_as_data(found[False]), "simulated": _as_data(found[True])})
        return
    data(_line(found[False]))
    if found[True].images or found[True].reused:
        data(f"{_line(found[True])} (simulated)")


@reuse_command.command("prune")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_app
def prune_command(app: App, *, as_json: bool) -> None:
    """Forget what is older than [reuse] max_age, or whose files are gone.

    It is not used again then. No file is touched.
    """
    from batchgen.project import utc_now
    from batchgen.verify.prune import prune

    with app.project() as project:
        if not project.root.is_dir():
            raise WrongUsage(f"there is no folder {project.root}: is its disk mounted? Nothing was forgotten")
        found = prune(project.database, project.root, project.reuse_rules.oldest(utc_now()))
    if as_json:
        data_json({"too_old": found.too_old, "gone": found.gone, "left": found.left})
    app.console.tell(
        f"forgotten: {found.too_old:,} too old, {found.gone:,} whose files are gone; left: {counted(found.left, 'job')}"
    )


@reuse_command.command("forget")
@click.argument("name")
@click.argument("custom_ids", nargs=-1, metavar="[CUSTOM_ID]...")
@click.option("--json", "as_json", is_flag=True, help="Print the count as JSON.")
@pass_app
def forget_command(app: App, name: str, custom_ids: Sequence[str], *, as_json: bool) -> None:
    """Never use again what a batch has, or the named jobs of it.

    The same pictures are then not taken from other batches either. What is made from now on can be used again.
    """
    from batchgen.store import batches, reports, reusable

    with app.project() as project, project.database.write() as tx:
        batch = batches.named(tx, [name])[0]
        ids = [reports.job(tx, batch, custom_id)[0].id for custom_id in custom_ids]
        count = reusable.forget_pictures(tx, batch.id, ids)
    if as_json:
        data_json({"name": name, "forgotten": count})
    app.console.tell(f"{name}: {counted(count, 'job')} forgotten, with all that have the same images")


def _line(found: "Reusable") -> str:
    from batchgen.core.pricing import dollars

    rest = f", and what {counted(found.unpriced, 'job')} cost is not known" if found.unpriced else ""
    saved = f"${dollars(found.saved_micros)}"
    have = f"{counted(found.jobs, 'job')} {'has' if found.jobs == 1 else 'have'} what can be used again"
    different = f"{counted(found.pictures, 'different picture')} by the ledger (prune looks at the files)"
    were = f"{counted(found.reused, 'image')} {'was' if found.reused == 1 else 'were'}"
    return f"{have}, {different}; {were}, which saved {saved}{rest}"


def _as_data(found: "Reusable") -> dict[str, Any]:
    from batchgen.core.pricing import dollars

    return {
        "reusable_jobs": found.jobs,
        "different_images": found.pictures,
        "reusable_images": found.images,
        "reused_images": found.reused,
        "saved_usd": dollars(found.saved_micros),
        "unpriced_jobs": found.unpriced,
    }
