"""The door to the database: one engine, transactions that read and transactions that write.

SQLite writes begin with BEGIN IMMEDIATE: a deferred transaction that wants to write later fails at once with
SQLITE_BUSY_SNAPSHOT and ignores the busy timeout.
"""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, NoSuchModuleError, ProgrammingError

from batchgen.core.address import masked_url
from batchgen.errors import DatabaseError

# Another program's write, a backup or an import of a million rows may take this long.
_BUSY_TIMEOUT_S = 60
_WAL_TRIES = 100
# So much is written ahead (16 MB) before it is copied into the database, which syncs both.
_WAL_PAGES = 4000
_WRITE = "write sqlite:///FILE or postgresql://USER@HOST/NAME"


# What other rooms call the thing they pass on and never look into.
Transaction = Connection


class Database:
    """An engine with two kinds of transaction. Use from one thread at a time, or from many: connections are pooled."""

    def __init__(self, url: str) -> None:
        """Open nothing yet. Raises DatabaseError for a URL that names no database this program can use."""
        self.url = _parse(url)
        self.engine = _create(self.url)

    @staticmethod
    def exists(url: str) -> bool:
        """Whether there is anything to look at: a server is asked, a file of SQLite would be made by asking."""
        parsed = _parse(url)
        return parsed.get_backend_name() != "sqlite" or Path(str(parsed.database)).is_file()

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is one file on this machine."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that does not write the tables (it may fill temporary ones)."""
        with self._reachable(), self.engine.connect() as plain:
            # A report that reads twice must see one moment; SQLite's transactions do by themselves.
            connection = plain if self.is_sqlite else plain.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the right to write from its beginning."""
        with self._reachable(), self.engine.connect() as plain:
            connection = plain.execution_options(batchgen_writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """A connection whose transactions the caller begins; what it puts into temporary tables lasts until the end."""
        with self._reachable(), self.engine.connect() as connection:
            yield connection

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            if isinstance(error, IntegrityError | ProgrammingError | DataError) and error.statement is not None:
                raise  # the program's own mistake, and no fault of the database; without a statement, the URL's
            shown = masked_url(self.url.render_as_string(hide_password=False))
            raise DatabaseError(f"the database {shown} cannot be used: {_first_line(error)}") from error


def begin_to_write(connection: Connection) -> None:
    """Make the next transaction of a session one that writes."""
    connection.execution_options(batchgen_writes=True)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except ArgumentError:
        raise DatabaseError(f"the database URL cannot be read; {_WRITE}") from None
    except ValueError:
        raise DatabaseError(f"the database URL has a host or a port that cannot be read; {_WRITE}") from None
    if backend in ("postgres", "postgresql"):
        return _parsed_postgres(parsed)
    if backend != "sqlite":
        raise DatabaseError(f"{backend} is not a database this program can use; {_WRITE}")
    if parsed.database in (None, "", ":memory:"):
        raise DatabaseError("a database in memory forgets what was paid for; write sqlite:///FILE")
    return parsed


def _parsed_postgres(url: URL) -> URL:
    # What follows the first @ of a password would be told by the driver as the host or the database.
    if "@" in (url.host or "") or (url.password is not None and "@" in (url.database or "")):
        raise DatabaseError("the database URL has more than one @: in a password write %40 for @, %2F for / and %3F for ?")
    # psycopg is the one driver that is shipped and tested.
    return url.set(drivername="postgresql+psycopg")


def _create(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return _create_postgres(url)
    path = Path(str(url.database))
    if not path.parent.is_dir():
        raise DatabaseError(f"the database {path} cannot be used: there is no folder {path.parent}")
    engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite(path))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _create_postgres(url: URL) -> Engine:
    try:
        engine = create_engine(url, pool_pre_ping=True)
        from psycopg import pq
    except (ModuleNotFoundError, NoSuchModuleError):
        raise DatabaseError("PostgreSQL needs its driver: pip install 'batchgen-images[postgres]'") from None
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    unknown = sorted(set(url.query) - known)
    if unknown:
        # The URL is not shown: a password may stand under a misspelt name.
        raise DatabaseError(f"PostgreSQL has no option {', '.join(unknown)!r}: see the part of the database URL behind ?")
    return engine


def _prepare_sqlite(path: Path) -> Any:
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own; _begin_sqlite does
        # Prompts and prices are their owner's alone. SQLite makes its journal files with the mode of the database.
        if os.name == "posix" and not path.stat().st_size:
            path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        _use_wal(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON", f"wal_autocheckpoint={_WAL_PAGES}"):
            connection.execute(f"PRAGMA {pragma}")

    return prepare


def _use_wal(connection: sqlite3.Connection) -> None:
    """Two programs that make one file at once: changing its mode ignores the busy timeout, beginning to write does not."""
    for _ in range(_WAL_TRIES):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode=WAL")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("batchgen_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().split("\n")[0]
