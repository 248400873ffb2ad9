"""`batchgen db`."""

import click

from batchgen.cli.app import App, pass_app
from batchgen.cli.console import data_json


@click.group("db")
def db_command() -> None:
    """The database: is it current, and bring it there."""


@db_command.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_app
def check_command(app: App, *, as_json: bool) -> int:
    """Tell whether the database is current; exit 1 if it is not."""
    from batchgen.store import migrate
    from batchgen.store.engine import Database

    url = app.settings().database.url
    exists, version, current = Database.exists(url), None, False
    if exists:
        database = Database(url)
        try:
            version, current = migrate.current(database), migrate.is_current(database)
        finally:
            database.close()
    if as_json:
        data_json({"exists": exists, "version": version, "needed": migrate.head(), "current": current})
    if not exists:
        app.console.tell("there is no database yet: the first command that needs it makes it")
    else:
        app.console.tell("the database is current" if current else "the database is behind: batchgen db upgrade brings it here")
    return 0 if current else 1


@db_command.command("upgrade")
@pass_app
def upgrade_command(app: App) -> None:
    """Bring the database to the version that this program needs."""
    from batchgen.store import migrate
    from batchgen.store.engine import Database

    database = Database(app.settings().database.url)
    try:
        done = migrate.upgrade(database)
        app.console.tell(f"the database is {'now' if done else 'already'} at version {migrate.head()}")
    finally:
        database.close()
