"""`batchgen submit`."""

import sys
from typing import TYPE_CHECKING, Any

import click

from batchgen.cli import options
from batchgen.cli.app import App, pass_app
from batchgen.cli.console import Console, counted, data_json, visible
from batchgen.errors import NotAgreed, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Collection

    from batchgen.ingest.reading import Terms
    from batchgen.ingest.source import Manifest
    from batchgen.ingest.submit import Submitted
    from batchgen.project import Project
    from batchgen.store.submission import Listed


@click.command("submit")
@options.manifests(required=True)
@options.request_fields
@click.option("--json", "as_json", is_flag=True, help="Print what became of each manifest as JSON.")
@pass_app
def submit_command(app: App, /, *, provider: str | None, as_json: bool, **given: Any) -> None:
    """Store manifests without making anything yet.

    Each becomes a batch, all of them or none. A manifest is CSV, TSV or JSONL with a prompt in every row, or a job file (TOML)
    that names one; - is standard input.
    """
    files = options.given_files(given["manifests"], app.accepted)
    settings = {"provider.name": provider}
    with app.project(settings, files.laid_over(settings)) as project:
        sources = options.manifest_sources(files, given["name"], simulated=project.on_sandbox)
        submitted = store(project, files, sources, given)
    for one in submitted:
        tell(app.console, one)
    if as_json:
        data_json({"batches": [as_data(one) for one in submitted]})


def store(
    project: "Project", files: options.Files, sources: "list[Manifest]", given: dict[str, Any], *, with_keys: bool = False
) -> "list[Submitted]":
    """Submit manifests with what a command and their job files say about their rows; `with_keys` only if they can be made."""
    from batchgen.ingest.submit import submit
    from batchgen.project import utc_now

    def allow(named: "Collection[str]") -> None:
        if with_keys:
            project.makers.require(project.makers.named(named))

    try:
        return submit(project.database, orders(project, files, sources, given), utc_now(), allow)
    except NotAgreed as asked:
        if not sys.stdin.isatty():
            raise
        if not click.confirm(f"{visible(asked.asked)}\nMake that again, too?", err=True):
            raise WrongUsage("nothing was stored") from None
    return submit(project.database, orders(project, files, sources, {**given, "yes": True}), utc_now(), allow)


def orders(
    project: "Project", files: options.Files, sources: "list[Manifest]", given: dict[str, Any]
) -> "list[tuple[Manifest, Terms]]":
    """Each manifest with how its rows become requests. Raises WrongUsage."""
    from batchgen.project.orders import Said, accepted

    taken: dict[str, Any] = {"translate": project.settings.compat.translate, "accepted": accepted(project.settings)}
    columns = options.column_mapping(given["columns"], **taken)
    said = Said(options.given_fields(given, **taken), columns, given["profile"], given["update"], children=given["yes"])
    return [(source, project.terms(said, files.jobs.get(path))) for source, path in zip(sources, files.paths, strict=True)]


def tell(console: Console, one: "Submitted") -> None:
    """Say in a line what a submission changed, and what to look at."""
    for warning in one.warnings:
        console.tell(f"warning: {warning}")
    found = one.comparison
    parts = [counted(found.rows, "row"), f"{found.new:,} new"]
    if found.changed.count:
        parts.append(f"{found.changed.count:,} to be made again")
    console.tell(f"{one.batch.name}: {', '.join(parts)}")
    if one.moved_from:
        console.tell(
            f"{one.batch.name}: was given to {one.moved_from}, and now to {one.batch.provider}; rows that name one keep it"
        )
    if one.rerouted.count:
        console.tell(f"{one.batch.name}: name another provider now: {_some(one.rerouted)}")
    if one.left.count:
        words = "made from what is made again now, not in the manifest and left alone"
        console.tell(f"{one.batch.name}: {words}: {_some(one.left)}")
    if found.gone.count:
        console.tell(f"{one.batch.name}: no longer in the manifest and left alone: {_some(found.gone)}")


def _some(jobs: "Listed") -> str:
    names = ", ".join(jobs.first) + (", ..." if jobs.count > len(jobs.first) else "")
    return f"{counted(jobs.count, 'job')} ({names})"


def as_data(one: "Submitted") -> dict[str, Any]:
    """A submission for a program."""
    found = one.comparison
    return {
        "name": one.batch.name,
        "simulated": one.batch.simulated,
        "rows": found.rows,
        "new": found.new,
        "updated": found.changed.count,
        "gone": found.gone.count,
        "warnings": list(one.warnings),
    }
