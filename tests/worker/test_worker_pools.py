"""Pools of several providers as one run: each makes its own jobs, and what stops one does not stop the others."""

import asyncio
import os
import resource
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from scripted_server import ScriptedServer, error, hang, image_body, images, png, reply
from worker_bench import BOUND_S, Watcher, until

from batchgen.core.job import State
from batchgen.core.outcome import Outcome
from batchgen.store.reuse import Rules
from batchgen.worker.plan import shared_out
from batchgen.worker.pools import Labelled, Pools
from batchgen.worker.scope import Run

MEGA = 1024 * 1024
ROWS = [f"{name}{number},a picture,{name}" for number in range(6) for name in ("azure", "fal")]


@pytest.fixture
def shop(bench):
    """Rows of two providers, in turn."""
    return bench.submit(ROWS, columns="custom_id,prompt,provider", providers=("azure", "fal"))


async def together(bench, batch, servers, *, limit=None, watcher=None, body=None, reuse=None):
    """A pool for each provider, run to their end; `body` is done meanwhile."""
    shares = shared_out({batch.id: "openai"}, {batch.id: list(servers)}, list(servers))
    run, watcher = Run(limit), watcher or Watcher()
    async with AsyncExitStack() as opened:
        pools = {}
        for name, server in servers.items():
            await opened.enter_async_context(server)
            plan = replace(bench.plan(batch), provider=name, rows_for=shares[name], account=name, reuse=reuse)
            pool = bench.pool(server, plan, watcher=Labelled(watcher, name), together=run)
            pools[name] = await opened.enter_async_context(pool)
        whole = Pools(pools)
        working = asyncio.create_task(whole.run())
        if body is not None:
            await body(whole)
        return await asyncio.wait_for(working, BOUND_S)


def states(bench, batch):
    """How many jobs of each provider are in each state."""
    rows = bench.sql("SELECT provider, state, count(*) FROM jobs WHERE batch_id = ? GROUP BY provider, state", batch.id)
    return {(provider, State(state)): count for provider, state, count in rows}


def test_each_provider_makes_its_own_jobs(bench, shop):
    """At the same time, and the ledger keeps who was asked."""
    azure, fal = ScriptedServer(then=hang()), ScriptedServer(then=hang())

    async def both_are_asked(pools):
        await azure.arrived(4)
        await fal.arrived(4)
        assert pools.in_flight == 8
        for server in (azure, fal):
            server.release.set()

    result = asyncio.run(together(bench, shop, {"azure": azure, "fal": fal}, body=both_are_asked))
    assert (result.succeeded, result.halted) == (12, None)
    asked = bench.sql("SELECT DISTINCT custom_id, attempts.provider FROM attempts JOIN jobs ON jobs.id = job_id")
    assert sorted(asked) == sorted((f"{name}{number}", name) for number in range(6) for name in ("azure", "fal"))


def test_a_blocked_key_stops_one_provider_only(bench, shop):
    """The other one's jobs are made, and the run says whose fault the rest is."""
    watcher = Watcher()
    servers = {"azure": ScriptedServer(then=error(401, "invalid_api_key")), "fal": ScriptedServer()}
    result = asyncio.run(together(bench, shop, servers, watcher=watcher))
    assert states(bench, shop) == {("azure", State.PENDING): 6, ("fal", State.SUCCEEDED): 6}
    assert result.halted.startswith("azure: the provider refuses every request (invalid_api_key: no)")
    assert (result.succeeded, result.failed) == (6, 0)


@pytest.mark.skipif(os.name != "posix", reason="limits are of POSIX")
def test_an_image_that_cannot_be_stored_stops_all_of_them(bench, shop):
    """Whoever makes the next one, it would be paid for and lost as well."""
    large = reply(200, image_body([png() + bytes(4 * MEGA)]))
    azure, fal, watcher = ScriptedServer([hang(large)], hang()), ScriptedServer(then=hang()), Watcher()

    async def the_disk_is_full(_pools):
        await fal.arrived(4)
        azure.release.set()
        await until(lambda: any(end.ending.outcome is Outcome.STORAGE_FAILED for end in watcher.ends))
        fal.release.set()

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MEGA, before[1]))
    try:
        result = asyncio.run(together(bench, shop, {"azure": azure, "fal": fal}, watcher=watcher, body=the_disk_is_full))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(fal.seen) == 4
    assert "azure: " in result.halted
    assert "fal: " in result.halted


@pytest.mark.parametrize("limit", [1, 3])
def test_a_limit_is_shared(bench, shop, limit):
    """--limit counts the jobs of all providers together."""
    servers = {"azure": ScriptedServer(), "fal": ScriptedServer()}
    result = asyncio.run(together(bench, shop, servers, limit=limit))
    assert (result.succeeded, sum(len(server.seen) for server in servers.values())) == (limit, limit)


@pytest.mark.parametrize("limit", [1, 3])
def test_a_limit_is_shared_by_what_is_used_again(bench, limit):
    """As many as it says, however many providers look for what was made before at once."""
    columns, servers = "custom_id,prompt,provider", ("azure", "fal")
    for name in ("old", "new"):
        batch = bench.submit(ROWS, name=name, columns=columns, providers=servers)
        asked = {one: ScriptedServer() for one in servers}
        how = {} if name == "old" else {"limit": limit, "reuse": Rules(within_batch=True)}
        result = asyncio.run(together(bench, batch, asked, **how))
    assert (result.succeeded, result.reused, sum(len(server.seen) for server in asked.values())) == (limit, limit, 0)


def test_a_stop_reaches_all_of_them(bench, shop):
    """What is in flight comes in, and nothing more is started; a second one does not wait."""
    azure, fal = ScriptedServer(then=hang()), ScriptedServer(then=hang())

    async def stopped(pools):
        await azure.arrived(4)
        await fal.arrived(4)
        pools.drain()
        azure.release.set()
        await until(lambda: pools.in_flight == 4)
        pools.abort()

    result = asyncio.run(together(bench, shop, {"azure": azure, "fal": fal}, body=stopped))
    assert (result.succeeded, result.unknown) == (4, 4)


def test_whoever_comes_first_takes_over_what_a_dead_worker_left(bench, shop):
    """A job of another provider goes back to its own, and is counted once."""
    bench.sql("UPDATE jobs SET state = 'running', attempt = 1, lease_owner = 'x', lease_expires_at = '2001-01-01' WHERE id = 1")
    bench.sql(
        "INSERT INTO attempts (job_id, number, batch_id, model, fingerprint, worker, lane, started_at) "
        "SELECT id, 1, batch_id, model, fingerprint, 'x', 'sync', created_at FROM jobs WHERE id = 1"
    )
    watcher = Watcher()
    servers = {"fal": ScriptedServer(), "azure": ScriptedServer()}
    result = asyncio.run(together(bench, shop, servers, watcher=watcher))
    assert (result.succeeded, len(servers["azure"].seen), len(servers["fal"].seen)) == (12, 6, 6)
    assert len(watcher.taken) == 1


def test_what_is_said_is_said_of_a_provider(bench):
    """Notices and alarms name it; the rest goes through as it is."""
    watcher = Watcher()
    labelled = Labelled(watcher, "azure")
    labelled.notice("waiting")
    labelled.alarm("no disk")
    assert watcher.told == ["azure: waiting", "azure: no disk"]


CHAIN = ["hero,a fox,,azure", "small,smaller,@hero,fal", "large,larger,@small,azure", "other,a bear,,azure"]


def chain(bench):
    """Rows that take the results of another provider's, in turn."""
    return bench.submit(CHAIN, columns="custom_id,prompt,image,provider", providers=("azure", "fal"))


def test_a_job_waits_for_the_result_of_another_provider(bench):
    """Who has nothing to do by now stays for as long as others may bring some, and all end together."""
    batch = chain(bench)
    servers = {"fal": ScriptedServer(then=images(1)), "azure": ScriptedServer(then=images(1))}
    result = asyncio.run(together(bench, batch, servers))
    assert (result.succeeded, result.halted) == (4, None)
    assert [len(server.seen) for server in servers.values()] == [1, 3]


def test_nobody_waits_for_a_provider_that_has_stopped(bench):
    """The run ends with why: a key that is refused, and what waits for the results behind it."""
    batch = chain(bench)
    servers = {"fal": ScriptedServer(), "azure": ScriptedServer(then=error(401, "invalid_api_key"))}
    result = asyncio.run(together(bench, batch, servers))
    assert states(bench, batch) == {("azure", State.PENDING): 3, ("fal", State.PENDING): 1}
    assert result.halted.startswith("azure: the provider refuses every request")
    assert "fal: pending for the results of others that nobody makes: 1" in result.halted
