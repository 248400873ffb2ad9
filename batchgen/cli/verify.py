"""`batchgen verify`."""

from typing import TYPE_CHECKING

import click

from batchgen.cli.app import App, pass_app
from batchgen.cli.console import counted, data, data_json

if TYPE_CHECKING:
    from batchgen.verify import Checked

_WRONG = 1


@click.command("verify")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_app
def verify_command(app: App, name: str | None, *, as_json: bool) -> int:
    """Check the images on disk against the ledger.

    Every one must be there with its size and sha256 and open as an image; exit 1 if one does not. Files that the ledger does
    not know are listed.
    """
    from batchgen.store import batches
    from batchgen.verify import verify

    with app.project() as project:
        with project.database.read() as tx:
            chosen = batches.named(tx, [name]) if name else batches.every(tx)
        sound = 0
        wrong: list[Checked] = []
        unknown: list[Checked] = []
        for checked in verify(project.database, project.root, chosen):
            if not checked.problem:
                sound += 1
            else:
                (unknown if checked.is_unknown else wrong).append(checked)
    if as_json:
        told = [{"batch": one.batch, "custom_id": one.custom_id, "path": one.path, "problem": one.problem} for one in wrong]
        data_json({"sound": sound, "wrong": told, "unknown": [one.path for one in unknown]})
    else:
        for one in (*wrong, *unknown):
            data(f"{one.path}: {one.problem}")
        data(f"{counted(sound, 'image')} as stored, {len(wrong):,} wrong, {len(unknown):,} unknown")
    return _WRONG if wrong else 0
