"""What an image costs in transactions and files, counted and not timed; and no more is asked for than the disk can take."""

import asyncio
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from scripted_server import Behaviour, ScriptedServer, hang, images
from small_disk import small_disk_at
from sqlalchemy import event
from worker_bench import BOUND_S, Bench, Watcher

from batchgen.artifacts.desk import room_on_disk
from batchgen.artifacts.office import Office
from batchgen.core.job import State
from batchgen.errors import Halted
from batchgen.worker.intake import Intake
from batchgen.worker.keeping import keep

MEGA = 1024 * 1024
IN_FLIGHT, JOBS = 32, 200


def rows(count):
    return [f"job-{n:03},picture {n}" for n in range(count)]


class Audit:
    """Files that this process makes and deletes, as the interpreter itself reports them. Its hook stays: it is switched off."""

    def __init__(self):
        self.made, self.gone, self.is_on = Counter(), Counter(), True
        sys.addaudithook(self._hear)

    def _hear(self, name, given):
        if not self.is_on:
            return
        if name == "open" and isinstance(given[2], int) and given[2] & os.O_CREAT:
            self.made[Path(str(given[0])).suffix] += 1
        elif name == "os.remove":
            self.gone[Path(str(given[0])).suffix] += 1


def test_two_hundred_images_at_full_speed(bench):
    """Thirty-two at once: fewer than three transactions for two images, one journal, and nothing is made to be deleted."""
    batch = bench.submit(rows(JOBS))
    begun = []
    event.listen(bench.database.engine, "commit", lambda connection: begun.append(_writes(connection)))
    audit = Audit()
    try:
        result, server = bench.work(batch, concurrency=IN_FLIGHT)
    finally:
        audit.is_on = False
    assert (result.succeeded, len(server.seen)) == (JOBS, JOBS)
    assert bench.states(batch) == {State.SUCCEEDED: JOBS}
    assert JOBS / 100 < sum(begun) < 1.5 * JOBS
    assert audit.made[".answers"] == 1
    assert audit.made[".part"] == JOBS
    assert audit.gone[".part"] == 0
    assert audit.gone.total() <= 5
    assert audit.made.total() <= JOBS + 10


def _writes(connection):
    return bool(connection.get_execution_options().get("batchgen_writes"))


def in_waves():
    """Nothing until all that may be in flight have asked, then an image for each."""

    async def answer(server, request, seen):
        await server.arrived(-(-len(server.seen) // IN_FLIGHT) * IN_FLIGHT)
        return await images().answer(server, request, seen)

    return Behaviour(answer)


def test_small_answers_are_handed_to_the_disk_many_at_once(bench, monkeypatch):
    """A disk slower than the network, three waves of thirty-two: what comes while a load is under way is the next load, so
    that each wave is two, whoever came first and the rest."""
    whole, came, loads, waves = threading.Condition(), 0, [], 3
    real_keep, real_submit = Intake.keep, ThreadPoolExecutor.submit

    async def counted(intake, arrival):
        nonlocal came
        with whole:
            came += 1
            whole.notify_all()
        return await real_keep(intake, arrival)

    def slowly(*given):
        with whole:
            assert whole.wait_for(lambda: came % IN_FLIGHT == 0, BOUND_S)
        return keep(*given)

    def submit(pool, work, *given):
        if work is not keep:
            return real_submit(pool, work, *given)
        loads.append(len(given[0]))
        return real_submit(pool, slowly, *given)

    # That nothing slows this account is known before.
    bench.work(bench.submit(rows(20), name="first"))
    monkeypatch.setattr(Intake, "keep", counted)
    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit)
    batch = bench.submit(rows(waves * IN_FLIGHT))
    result, server = bench.work(batch, then=in_waves(), concurrency=IN_FLIGHT)
    assert result.succeeded == len(server.seen) == sum(loads) == waves * IN_FLIGHT
    assert waves <= len(loads) <= 2 * waves


@pytest.fixture
def small_disk(bench: Bench) -> Iterator[Bench]:
    """A storage root on a disk with room for three large images and a bit."""
    with small_disk_at(bench.root, 42):
        yield bench


def test_no_more_is_asked_for_than_the_disk_has_room_for(small_disk):
    """Room for three, ten slots: three requests are out, and as they end the others follow."""

    async def run():
        plan = small_disk.plan(batch, concurrency=10)
        async with ScriptedServer(then=hang()) as server, small_disk.pool(server, plan) as pool:
            running = asyncio.create_task(pool.run())
            await server.arrived(3)
            assert pool.in_flight == 3
            server.release.set()
            return await asyncio.wait_for(running, BOUND_S), server

    batch = small_disk.submit(rows(9))
    assert room_on_disk(small_disk.root) == 3
    result, server = asyncio.run(run())
    assert (server.open_at_most, len(server.seen), result.succeeded) == (3, 9, 9)


@pytest.mark.parametrize(("taken", "room"), [(0, 3), (3, 2), (11, 1), (19, 0), (26, 0)])
def test_room_is_what_is_left_for_large_images(small_disk, taken, room):
    """In whole answers, never more than asked for and never less than none."""
    desk = Office(small_disk.root).open_desk("worker-1")
    (small_disk.root / "ballast").write_bytes(bytes(taken * MEGA))
    assert [desk.room(wanted) for wanted in (1, 2, 10)] == [min(wanted, room) for wanted in (1, 2, 10)]
    desk.close()


def test_a_disk_that_is_full_asks_for_nothing(small_disk):
    """The run says so before anything is paid for."""
    batch = small_disk.submit(rows(3))
    (small_disk.root / "ballast").write_bytes(bytes(20 * MEGA))
    watcher = Watcher()
    with pytest.raises(Halted, match="is full"):
        small_disk.work(batch, watcher=watcher)
    assert watcher.claims == []
    assert small_disk.states(batch) == {State.PENDING: 3}
