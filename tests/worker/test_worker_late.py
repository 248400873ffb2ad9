"""Answers that come when somebody else may have the job: disk and ledger agree, and nothing that is there is bought again."""

import asyncio
import hashlib
import os
import resource
from itertools import permutations

import pytest
from hand import Hand
from scripted_server import USAGE_MICROS, ScriptedServer, hang, png
from worker_bench import BOUND_S, Bench, Watcher

from batchgen.core.job import State
from batchgen.verify import check
from batchgen.worker import lease

PAID = USAGE_MICROS


def wrong(bench, batch):
    """What `verify` would say of the batch."""
    return [(one.path, one.problem) for one in check.check(bench.database, bench.root, [batch]) if one.problem]


def in_place(bench, batch, custom_id="bear"):
    """The bytes under the job's name; they must be those that the ledger knows."""
    data = bench.images()[f"shop/{custom_id}.png"]
    (file,) = [file for file in bench.job(batch, custom_id).files if file.replaced_at is None]
    assert hashlib.sha256(data).hexdigest() == file.sha256
    assert wrong(bench, batch) == []
    return data


def overtaken(bench):
    """Worker A's lease ran out and worker B made another attempt at its job; no answer has come yet."""
    batch = bench.submit(["bear,a bear"])
    a, b = Hand(bench, "worker-a"), Hand(bench, "worker-b")
    a.claim(batch, lease_s=-10)
    asyncio.run(b.give_up_what_has_run_out())
    b.claim(batch)
    return batch, a, b


STEPS = [
    steps
    for steps in permutations(["A takes in", "A settles", "B takes in", "B settles"])
    if steps.index("A takes in") < steps.index("A settles") and steps.index("B takes in") < steps.index("B settles")
]


@pytest.mark.parametrize("b_is_sure", [True, False], ids=["B has a fresh lease", "B is late as well"])
@pytest.mark.parametrize("steps", STEPS, ids=lambda steps: ", ".join(steps))
def test_two_answers_for_one_job(bench, steps, b_is_sure):
    """A's lease ran out, B made another attempt, both answers come: the image under the name is the ledger's, in any order."""
    batch, a, b = overtaken(bench)
    a_image, b_image = png(), png()

    async def run():
        for step in steps:
            match step:
                case "A takes in":
                    a.take_in(a_image, is_ours=False)
                case "B takes in":
                    b.take_in(b_image, is_ours=b_is_sure)
                case "A settles":
                    await a.settle()
                case "B settles":
                    await b.settle()

    asyncio.run(run())
    a.leave()
    b.leave()
    assert in_place(bench, batch) == b_image
    job = bench.job(batch, "bear")
    assert (job.state, job.outcomes, job.costs) == ("succeeded", ["superseded", "succeeded"], [PAID, PAID])
    _, server = bench.work(batch)
    assert server.seen == []
    assert in_place(bench, batch) == b_image
    assert bench.desks() == []
    assert bench.job(batch, "bear").costs == [PAID, PAID]


@pytest.mark.parametrize("b_is_first", [True, False], ids=["B ends first", "A ends first"])
def test_an_answer_that_nobody_waited_for_is_used_when_the_newer_attempt_fails(bench, b_is_first):
    """While B's attempt is out A's answer waits on its desk; B fails for good, and the next start asks for nothing."""
    batch, a, b = overtaken(bench)
    data = png()

    async def run():
        a.take_in(data, is_ours=False)
        b.take_in(is_ours=True)
        first, second = (b, a) if b_is_first else (a, b)
        await first.settle()
        await second.settle()

    asyncio.run(run())
    if not b_is_first:
        assert bench.job(batch, "bear").outcomes == ["superseded", "rejected"]
        assert bench.states(batch) == {State.FAILED: 1}
        assert bench.images() == {}
    a.leave()
    b.leave()
    assert bench.desks() == ([] if b_is_first else ["worker-a"])
    result, server = bench.work(batch)
    assert server.seen == []
    assert in_place(bench, batch) == data
    job = bench.job(batch, "bear")
    assert (job.state, job.outcomes, job.costs) == ("succeeded", ["succeeded", "rejected"], [PAID, 0])
    assert bench.desks() == []
    assert (result.succeeded, result.halted) == (0 if b_is_first else 1, None)


def test_an_answer_that_waits_is_told_of_once(bench):
    """Starts that find it while the newer attempt is still out leave it where it is, and count nothing."""
    batch, a, b = overtaken(bench)
    data = png()

    async def run():
        a.take_in(data, is_ours=False)
        await a.settle()
        a.leave()
        for _ in range(2):
            assert await c.take_over() == []
        b.take_in(is_ours=True)
        await b.settle()
        return await c.take_over()

    c = Hand(bench, "worker-c")
    (taken,) = asyncio.run(run())
    b.leave()
    c.leave()
    assert (taken.state, taken.images) == (State.SUCCEEDED, 1)
    assert in_place(bench, batch) == data
    assert bench.desks() == []


def test_a_late_answer_that_was_not_wanted_stays_what_it_was(bench):
    """The worker dies later, with the record still in its journal: the next start changes nothing and tells nobody."""
    batch, a, b = overtaken(bench)
    data = png()

    async def run():
        b.take_in(data, is_ours=True)
        await b.settle()
        a.take_in(png(), is_ours=False)
        await a.settle()

    asyncio.run(run())
    b.leave()
    a.die()
    before = bench.job(batch, "bear")
    assert before.outcomes == ["superseded", "succeeded"]
    watcher = Watcher()
    result, _ = bench.work(batch, watcher=watcher)
    assert bench.job(batch, "bear") == before
    assert (watcher.told, watcher.taken, result.cost_micros) == ([], [], 0)
    assert in_place(bench, batch) == data
    assert bench.desks() == []


@pytest.mark.skipif(os.name != "posix", reason="limits are of POSIX")
def test_an_answer_that_could_not_be_stored_stays_what_it_was(bench):
    """The disk took the record and not the image, and the worker dies then: the next start makes no unknown of it."""
    batch = bench.submit(["bear,a bear"])
    a = Hand(bench, "worker-a")
    a.claim(batch)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1]))
    try:
        a.take_in(png(2_000, 2_000), is_ours=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    asyncio.run(a.settle())
    a.die()
    assert bench.job(batch, "bear").outcomes == ["storage_failed"]
    result, server = bench.work(batch)
    job = bench.job(batch, "bear")
    assert (job.outcomes, job.costs, job.failures) == (["storage_failed", "succeeded"], [PAID, PAID], 0)
    assert (len(server.seen), result.cost_micros) == (1, PAID)
    assert in_place(bench, batch) == server.made[0]
    assert bench.desks() == []


def test_two_runs_that_both_are_late(bench, monkeypatch):
    """Leases that run out at once: whichever of two runs hears first, every job has the image that the ledger knows."""
    monkeypatch.setattr(lease, "LEASE_S", 0.0)
    batch = bench.submit([f"job-{n},picture {n}" for n in range(6)])

    async def run():
        other = Bench(bench.folder)
        plan = bench.plan(batch, concurrency=6)
        async with ScriptedServer(then=hang()) as server, bench.pool(server, plan) as one, other.pool(server, plan) as two:
            first = asyncio.create_task(one.run())
            await server.arrived(6)
            second = asyncio.create_task(two.run())
            await server.arrived(12)
            server.release.set()
            await asyncio.wait_for(asyncio.gather(first, second), BOUND_S)
        other.close()
        return server

    server = asyncio.run(run())
    assert bench.states(batch) == {State.SUCCEEDED: 6}
    for n in range(6):
        assert in_place(bench, batch, f"job-{n}") in server.made
    assert len(bench.images()) == 6
    bench.work(batch)
    assert bench.desks() == []
    assert len(bench.images()) == 6
    assert sum(cost for n in range(6) for cost in bench.job(batch, f"job-{n}").costs) == len(server.seen) * PAID
