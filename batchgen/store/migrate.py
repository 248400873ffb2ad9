"""The database's version: brought up by itself on first use, and refused when it is newer than the program."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

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
    return _known()[-1]


def is_current(database: Database) -> bool:
    """Whether nothing needs to be done. Raises DatabaseError for a database that is newer than the program."""
    revision = current(database)
    _refuse_newer(revision)
    return revision == head()


def upgrade(database: Database) -> bool:
    """Bring the database to `head()`; True if it was behind. All steps are one transaction: it is there or it is not."""
    if is_current(database):
        return False
    from alembic import command
    from alembic.config import Config

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
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _known() -> list[str]:
    """Every revision in order, told from the files' names: loading Alembic takes longer than most commands do."""
    return sorted(path.name.partition("_")[0] for path in (scripts_folder() / "versions").glob("[0-9]*.py"))


def _refuse_newer(revision: str | None) -> None:
    if revision is not None and revision not in _known():
        raise DatabaseError(
            f"the database is newer than this program (its version is {revision}): "
            "upgrade batchgen, or name another database with --database"
        )
