"""`batchgen export`."""

from pathlib import Path

import click

from batchgen.cli.app import App, pass_app
from batchgen.cli.console import utf8_stdout


@click.command("export")
@click.argument("name")
@click.option("--format", "kind", type=click.Choice(["csv", "jsonl"]), required=True, help="What to write.")
@click.option(
    "--to",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file, written whole or not at all.  [default: stdout]",
)
@pass_app
def export_command(app: App, name: str, kind: str, path: Path | None) -> None:
    """Write one line a job.

    What was asked for, the files (below the storage folder), what it cost, what went wrong.
    """
    from batchgen.exports.files import whole_file
    from batchgen.exports.rows import WRITERS
    from batchgen.store import batches, listing

    with app.project() as project, project.database.read() as tx:
        batch = batches.named(tx, [name])[0]
        lines = listing.lines(tx, batch)
        if path is None:
            WRITERS[kind](utf8_stdout(), lines, batch.metadata_columns)
            return
        with whole_file(path) as stream:
            WRITERS[kind](stream, lines, batch.metadata_columns)
    app.console.tell(f"{name}: written to {path}")
