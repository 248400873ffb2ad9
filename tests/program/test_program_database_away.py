"""The database goes away in the middle of a run and comes back."""

import os
import sqlite3
import time
from collections.abc import Callable

import psycopg
from sqlalchemy.engine import make_url

from .conftest import Program, Server, prompts


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        os.sched_yield()


def _stands_still(server: Server) -> bool:
    """Whether no request is decided while a client could easily have sent some."""
    before = len(server.requests())
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        if len(server.requests()) != before:
            return False
    return True


def test_a_run_outlives_an_outage_of_postgresql(
    serve: Callable[..., Server], client: Callable[[Server], Program], request
) -> None:
    """Every connection is cut and none is let in for a while: the run waits, tells, and finishes; nothing is bought twice."""
    postgres = request.getfixturevalue("postgres")
    url = postgres.create()
    name = make_url(url).database
    server = serve("--latency", "0.05")
    program = client(server)
    program.write("signs.csv", prompts(80))
    process = program.start("--database", url, "run", "signs.csv", "--concurrency", "4")
    _until(lambda: len(server.requests()) >= 10)
    admin = str(make_url(postgres.url).render_as_string(hide_password=False))
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if "waiting for it" in line:
                break
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    _, rest = process.communicate(timeout=100)
    assert process.returncode == 0, rest
    assert "can be used again" in rest
    status = program.json("--database", url, "status", "signs")
    assert status["jobs"] == {"pending": 0, "running": 0, "succeeded": 80, "failed": 0, "cancelled": 0}
    assert len([asked for asked in server.requests() if asked["billed"]]) == 80 + status["unknown_attempts"]


def test_a_run_waits_for_a_database_that_another_program_holds(
    serve: Callable[..., Server], client: Callable[[Server], Program]
) -> None:
    """While another program holds the lock of SQLite the run waits, and then goes on; every image is bought once."""
    server = serve("--latency", "0.05")
    program = client(server)
    program.write("signs.csv", prompts(60))
    process = program.start("run", "signs.csv", "--concurrency", "4")
    _until(lambda: len(server.requests()) >= 10)
    holder = sqlite3.connect(program.folder / "batchgen.db", isolation_level=None, timeout=30)
    holder.execute("BEGIN IMMEDIATE")
    # Whatever was out comes in meanwhile; nothing new can be claimed.
    _until(lambda: process.poll() is not None or _stands_still(server))
    assert process.poll() is None
    holder.execute("COMMIT")
    holder.close()
    _, said = process.communicate(timeout=100)
    assert process.returncode == 0, said
    assert len(server.requests()) == 60
    assert program.json("status", "signs")["jobs"]["succeeded"] == 60
