"""Real processes are killed in the middle, and nothing that reached the disk is bought twice."""

import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable

from .conftest import Program, Server, prompts

_ROWS = 150


def _kill_when(program: Program, server: Server, answered: int) -> None:
    """Start a run and SIGKILL it as soon as the server has decided so many requests."""
    process = program.start("run", "signs.csv", "--concurrency", "8")
    deadline = time.monotonic() + 60
    while len(server.requests()) < answered and process.poll() is None:
        assert time.monotonic() < deadline, "the run does not get on"
        os.sched_yield()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)


def test_kill_dash_nine_three_times_buys_nothing_twice_that_reached_the_disk(
    serve: Callable[..., Server], client: Callable[[Server], Program]
) -> None:
    """After three kills a run finishes everything; whatever the server made twice is an attempt that ended unknown."""
    server = serve("--latency", "0.05")
    program = client(server)
    program.write("signs.csv", prompts(_ROWS))
    on_disk: set[str] = set()
    billed_before: Counter[str] = Counter()
    for answered in (20, 60, 110):
        _kill_when(program, server, answered)
        on_disk |= {path.stem for path in (program.folder / "images").rglob("*.png")}
        billed_before = Counter(request["prompt"] for request in server.requests() if request["billed"])

    program.run("run", "signs.csv")
    status = program.json("status", "signs")
    assert status["jobs"]["succeeded"] == _ROWS
    billed = Counter(request["prompt"] for request in server.requests() if request["billed"])
    stored_early = {f"a small sign with the number {name.removeprefix('row-')}" for name in on_disk}
    assert stored_early
    assert {prompt for prompt in stored_early if billed[prompt] > billed_before[prompt]} == set()
    assert sum(billed.values()) <= _ROWS + status["unknown_attempts"]


def test_a_dead_worker_leaves_nothing_running_and_nothing_unfinished_in_the_folder(
    serve: Callable[..., Server], client: Callable[[Server], Program]
) -> None:
    """After a kill the next run takes its jobs over at once; below the root lie finished images only, at any time."""
    server = serve("--latency", "0.05")
    program = client(server)
    program.write("signs.csv", prompts(60))
    _kill_when(program, server, 15)
    assert {path.suffix for path in (program.folder / "images").rglob("*") if path.is_file()} <= {".png"}
    assert program.json("status", "signs")["jobs"]["running"] > 0
    done = program.run("run", "signs.csv")
    assert "of a worker that died" in done.stderr
    assert program.json("status", "signs")["jobs"] == {"pending": 0, "running": 0, "succeeded": 60, "failed": 0, "cancelled": 0}
    leftovers = [path for path in (program.folder / ".images.answers").rglob("*") if path.name != "lock"]
    assert leftovers == []


def test_attempts_that_were_cut_off_are_counted_at_their_worst_case(
    serve: Callable[..., Server], client: Callable[[Server], Program]
) -> None:
    """What the server billed and the ledger does not know is never more than the unknown attempts' worst case."""
    server = serve("--latency", "0.05")
    program = client(server)
    program.write("signs.csv", prompts(60))
    _kill_when(program, server, 20)
    program.run("run", "signs.csv")
    billed = sum(request["cost_micros"] for request in server.requests() if request["billed"])
    with sqlite3.connect(program.folder / "batchgen.db") as ledger:
        query = "SELECT sum(cost_micros), sum(CASE WHEN outcome = 'unknown' THEN reserved_micros ELSE 0 END) FROM attempts"
        known, at_most = ledger.execute(query).fetchone()
    ledger.close()
    assert known <= billed <= known + at_most
