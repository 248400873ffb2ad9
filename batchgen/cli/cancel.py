"""`batchgen cancel`."""

from collections.abc import Sequence

import click

from batchgen.cli.app import App, pass_app
from batchgen.cli.console import counted, data_json


@click.command("cancel")
@click.argument("name")
@click.argument("custom_ids", nargs=-1, metavar="[CUSTOM_ID]...")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@pass_app
def cancel_command(app: App, name: str, custom_ids: Sequence[str], *, as_json: bool) -> None:
    """Cancel what is not made yet.

    All of a batch, or the named jobs.

    A running job is let finish, since it is being paid for: its image is kept, anything else makes it cancelled.
    """
    from batchgen.project import utc_now
    from batchgen.store import batches, control

    with app.project() as project, project.database.write() as tx:
        done = control.cancel(tx, batches.named(tx, [name])[0], custom_ids, utc_now())
    if as_json:
        data_json({"name": name, "cancelled": done.now, "running": done.after_their_attempt, "failed": done.failed})
    running = f"; {done.after_their_attempt:,} running, let finish" if done.after_their_attempt else ""
    failed = f"; {done.failed:,} failed that need their results" if done.failed else ""
    app.console.tell(f"{name}: {counted(done.now, 'job')} cancelled{running}{failed}")
