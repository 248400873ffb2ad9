"""`batchgen db`."""

import click

from batchgen.cli.app import App, pass_app


@click.group("db")
def db_command() -> None:
    """The database: is it current, and bring it there."""


@db_command.command("check")
@pass_app
def check_command(app: App) -> int:
    """Tell whether the database is current; exit 1 if it is not."""
    from batchgen.store import migrate
    from batchgen.store.engine import Database

    url = app.settings().database.url
    if not Database.exists(url):
        app.console.tell("there is no database yet: the first command that needs it makes it")
        return 1
    database = Database(url)
    try:
        current = migrate.is_current(database)
        app.console.tell("the database is current" if current else "the database is behind: batchgen db upgrade brings it here")
    finally:
        database.close()
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
