"""The database's version: brought up by itself on first use, and refused when it is newer than the program."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from batchgen.errors import DatabaseError
from batchgen.store.engine import Database

_PACKAGE = Path(__file__).resolve().parent.parent

# One program at a time upgrades a PostgreSQL database; any number will do as long as nobody else uses it.
_POSTGRES_LOCK = 4_271_889_305


def scripts_folder() -> Path:
    """Where the migrations lie: inside an installed package, beside it in a checkout."""
    installed = _PACKAGE / "migrations"
    return installed if installed.is_dir() else _PACKAGE.parent / "migrations"


def current(database: Database) -> str | None:
    """The revision the database is at, or None for an empty one."""
    with database.read() as connection:
        return _revision(connection)


def head() -> str:
    """The revision this program needs."""
    revision = _scripts().get_current_head()
    assert revision is not None, "the migrations have no head"
    return revision


def is_current(database: Database) -> bool:
    """Whether nothing needs to be done. Raises DatabaseError for a database that is newer than the program."""
    revision = current(database)
    _refuse_newer(revision)
    return revision == head()


def upgrade(database: Database) -> bool:
    """Bring the database to `head()`; True if it was behind. All steps are one transaction: it is there or it is not."""
    if is_current(database):
        return False
    with database.write() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_POSTGRES_LOCK})")
        _refuse_newer(_revision(connection))
        config = Config()
        config.set_main_option("script_location", str(scripts_folder()).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_newer(revision: str | None) -> None:
    known = {script.revision for script in _scripts().walk_revisions()}
    if revision is not None and revision not in known:
        raise DatabaseError(
            f"the database is newer than this program (its version is {revision}): "
            "upgrade batchgen, or name another database with --database"
        )


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(scripts_folder()))
