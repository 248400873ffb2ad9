"""Runs under caps: they wait while what is open may settle for less, use a cap to the last image, and then halt."""

import asyncio
import re
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from scripted_server import USAGE, USAGE_MICROS, ScriptedServer, error, hang, images, reset_after
from sqlalchemy import event
from worker_bench import BOUND_S, Watcher, until

from batchgen.core import pricing
from batchgen.core.budget import Caps
from batchgen.core.job import State
from batchgen.core.request import Request
from batchgen.errors import Halted
from batchgen.store import queue
from batchgen.store.leases import Lease
from batchgen.store.queue import Filter
from batchgen.worker import dispatch
from batchgen.worker.budget import Budget
from batchgen.worker.plan import shared_out
from batchgen.worker.pools import Pools
from batchgen.worker.scope import Run, Scope

TODAY = datetime.now(UTC).date()
SIZE = {"size": "1024x1024"}


def worst_case(prompt="picture 0", quality="medium", n=1):
    """What is reserved for a row; its answer costs USAGE_MICROS and is cheaper."""
    request = Request("generate", "gpt-image-2.5-flare", prompt, {**SIZE, "quality": quality, "n": n})
    return pricing.worst_case_micros(request, TODAY)


WORST = worst_case()
assert WORST > USAGE_MICROS


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """What others do is looked at every moment, and not every second."""
    monkeypatch.setattr(dispatch, "_LOOK_S", 0.05)


def rows(count):
    return [f"job-{n},picture {n % 10}" for n in range(count)]


EVERY_CAP = ["per_run", "per_batch", "per_day", "per_month"]


@pytest.mark.parametrize("cap", EVERY_CAP)
def test_a_cap_is_used_to_the_last_image_that_fits(bench, cap):
    """Three are made and not four, though four at once would have been out; the others stay pending, and the run says why."""
    batch = bench.submit(rows(10))
    amount = 2 * USAGE_MICROS + WORST
    result, server = bench.work(batch, caps=Caps(**{cap: amount}), concurrency=4)
    assert (len(server.seen), result.succeeded) == (3, 3)
    assert bench.states(batch) == {State.SUCCEEDED: 3, State.PENDING: 7}
    assert f"[budget] {cap}_usd = {amount / 1e6:.6f} (${3 * USAGE_MICROS / 1e6:.6f} spent) has no room" in result.halted
    assert f"7 remain, for ${7 * WORST / 1e6:.6f} at most; " in result.halted
    assert "\n" not in result.halted


@pytest.mark.parametrize("cap", EVERY_CAP)
def test_what_is_out_counts_at_its_worst(bench, cap):
    """With room for two and almost a third, two are out together; the third goes when one of them has settled for less."""

    async def run():
        plan, together = bench.plan(batch, concurrency=8), Run(caps=Caps(**{cap: amount}))
        async with ScriptedServer(then=hang()) as server, bench.pool(server, plan, together=together) as worker:
            running = asyncio.create_task(worker.run())
            await server.arrived(2)
            await until(lambda: len(looks) > 20)
            assert worker.in_flight == 2
            server.release.set()
            return await asyncio.wait_for(running, BOUND_S), server

    batch, amount, looks = bench.submit(rows(3)), 3 * WORST - 1, []
    event.listen(bench.database.engine, "commit", looks.append)
    result, server = asyncio.run(run())
    assert (server.open_at_most, result.succeeded, result.halted) == (2, 3, None)


def test_nothing_may_be_spent(bench):
    """A cap of 0 lets nothing start, and is no missing cap."""
    batch = bench.submit(rows(2))
    result, server = bench.work(batch, caps=Caps(per_run=0))
    assert (server.seen, "per_run_usd = 0.000000" in result.halted) == ([], True)
    assert result.halted.endswith("raise it to go on")


def test_a_cap_that_is_enough_is_not_noticed(bench):
    """All is made, and nothing is said."""
    batch, watcher = bench.submit(rows(9)), Watcher()
    result, _ = bench.work(batch, caps=Caps(*[9 * WORST] * 4), watcher=watcher)
    assert (result.succeeded, result.halted, watcher.told) == (9, None, [])


def test_what_failed_frees_its_room_and_what_may_have_been_billed_does_not(bench):
    """A refusal costs nothing; an answer that was lost counts at its worst, so that two of three fit."""
    batch = bench.submit(rows(3))
    caps = Caps(per_day=2 * WORST + USAGE_MICROS - 1)
    result, _ = bench.work(batch, error(400, "invalid_value"), reset_after(), caps=caps, concurrency=1)
    assert bench.states(batch) == {State.FAILED: 1, State.SUCCEEDED: 1, State.PENDING: 1}
    assert f"(${USAGE_MICROS / 1e6:.6f} spent, ${WORST / 1e6:.6f} perhaps billed)" in result.halted


def test_smaller_jobs_use_what_is_left(bench):
    """A job that does not fit lets those behind it pass when nothing is open any more, and only those that fit."""
    wanted = [("first", 1), ("large", 4), ("double", 2), ("small", 1), ("late", 1)]
    batch = bench.submit([f"{name},picture 0,{n}" for name, n in wanted], columns="custom_id,prompt,n")
    amount = USAGE_MICROS + worst_case(n=2) + WORST
    result, _ = bench.work(batch, caps=Caps(per_batch=amount), concurrency=4)
    states = {name: bench.job(batch, name).state for name, _ in wanted}
    assert states == {
        "first": "succeeded",
        "large": "pending",
        "double": "succeeded",
        "small": "succeeded",
        "late": "succeeded",
    }
    assert "1 remain" in result.halted


def test_a_batch_that_is_full_leaves_the_others_theirs(bench):
    """Each batch has its own cap; the run halts when the last one is full, and names no batch's jobs as done."""
    first, second = bench.submit(rows(4), name="first"), bench.submit(rows(4), name="second")
    caps = Caps(per_batch=USAGE_MICROS + WORST)
    result, _ = bench.work(first, batches=[first.id, second.id], caps=caps)
    assert bench.states(first) == bench.states(second) == {State.SUCCEEDED: 2, State.PENDING: 2}
    assert "4 remain" in result.halted
    assert result.halted.endswith("raise it to go on")


def test_the_next_day_has_a_cap_of_its_own(bench):
    """What was spent yesterday counts toward the month only; a halt says when the day is over."""
    batch = bench.submit(rows(9))
    caps = Caps(per_day=USAGE_MICROS + WORST, per_month=100 * WORST)
    result, _ = bench.work(batch, caps=caps)
    tomorrow = TODAY + timedelta(days=1)
    assert result.halted.endswith(f"run again after {tomorrow:%Y-%m-%d} 00:00 UTC, or raise it")
    bench.clock.ahead = timedelta(days=1)
    bench.work(batch, caps=caps)
    bench.clock.ahead = timedelta(days=400)
    bench.work(batch, caps=Caps(per_month=WORST))
    assert bench.states(batch) == {State.SUCCEEDED: 5, State.PENDING: 4}


def test_a_run_counts_what_it_starts_itself(bench):
    """What earlier runs have spent is not its own."""
    batch = bench.submit(rows(5))
    for made in (2, 4):
        bench.work(batch, caps=Caps(per_run=USAGE_MICROS + WORST))
        assert bench.states(batch)[State.SUCCEEDED] == made


def test_another_process_s_open_requests_are_waited_for(bench):
    """They settle and free room: the run does not halt before, and goes on by itself."""

    async def run():
        caps = Caps(per_day=2 * WORST - 1)
        async with ScriptedServer([hang()]) as server:
            pools = [bench.pool(server, bench.plan(batch), together=Run(caps=caps)) for batch in (theirs, mine)]
            async with pools[0] as other, pools[1] as one:
                first = asyncio.create_task(other.run())
                await server.arrived(1)
                second = asyncio.create_task(one.run())
                await until(lambda: len(looks) > 20)
                assert (len(server.seen), second.done()) == (1, False)
                server.release.set()
                return [await asyncio.wait_for(running, BOUND_S) for running in (first, second)]

    theirs, mine = bench.submit(rows(1), name="theirs"), bench.submit(rows(1), name="mine")
    looks = []
    event.listen(bench.database.engine, "commit", looks.append)
    results = asyncio.run(run())
    assert [(result.succeeded, result.halted) for result in results] == [(1, None), (1, None)]


@pytest.mark.parametrize(("sent", "made"), [(False, 1), (True, 0)])
def test_what_a_dead_worker_reserved_is_waited_for_until_its_lease_runs_out(bench, sent, made):
    """Killed between claim and settling: nothing starts beside its reservation. Then it is free if it was never sent, and
    stays counted if it may have been billed: then the run halts.
    """
    dead, batch = bench.submit(rows(1), name="dead"), bench.submit(rows(1))
    now = bench.clock()
    with bench.database.write() as tx:
        lease = Lease("dead", now + timedelta(seconds=1.5))
        (claim,) = queue.claim(tx, Filter([dead.id]), lease, now, lambda _: WORST)
        if sent:
            queue.mark_sent(tx, [(claim.job_id, claim.attempt)], now)
    result, server = bench.work(batch, caps=Caps(per_month=WORST))
    assert bench.clock() >= lease.expires_at
    assert (len(server.seen), result.succeeded, result.halted is None) == (made, made, not sent)
    assert bench.job(dead, "job-0").outcomes == ["unknown" if sent else "lost"]


def test_a_model_without_a_price_is_refused_before_anything_is_sent(bench):
    """Named, with what to do about it; without a cap it is asked for as ever."""
    batch = bench.submit(["a,picture,gpt-image-2", "b,picture,house-model"], columns="custom_id,prompt,model")
    with pytest.raises(Halted, match=r'house-model has none; give it one in \[models\."house-model"\]'):
        bench.work(batch, caps=Caps(per_month=10**9))
    assert bench.states(batch) == {State.PENDING: 2}
    assert bench.work(batch)[0].succeeded == 2


def test_a_job_whose_cost_nobody_can_tell_is_left_out_under_a_cap(bench):
    """An SVG is written by a second model: the others are made, and the run halts with the reason."""
    listed = ["logo,a logo,gpt-image-2.6-flare,svg", *(f"job-{n},picture {n},gpt-image-2,png" for n in range(3))]
    batch = bench.submit(listed, columns="custom_id,prompt,model,output_format")
    result, _ = bench.work(batch, caps=Caps(per_run=10**9))
    assert bench.states(batch) == {State.SUCCEEDED: 3, State.PENDING: 1}
    assert "what 1 of the 1 jobs that remain would cost cannot be told before" in result.halted


def test_where_tokens_are_not_published_the_bound_is_told_once(bench):
    """Four times the dearest figure that is known is reserved, and settles for what the answer tells."""
    listed = [f"job-{n},picture {n},auto" for n in range(3)]
    batch, watcher = bench.submit(listed, columns="custom_id,prompt,quality"), Watcher()
    each = worst_case(quality="auto")
    result, server = bench.work(batch, caps=Caps(per_day=each + 3 * USAGE_MICROS), watcher=watcher)
    assert (result.succeeded, server.open_at_most) == (3, 1)
    (told,) = watcher.told
    assert "gpt-image-2.5-flare at quality auto, size 1024x1024 takes is not published" in told
    assert f"${each / 1e6:.6f} are reserved for an image, 4 times the dearest" in told


def test_an_answer_that_cost_more_than_was_reserved_counts_as_it_is(bench):
    """It is told, and the cap has that much less room."""
    batch, watcher = bench.submit(rows(4)), Watcher()
    usage = {**USAGE, "output_tokens": 3 * USAGE["output_tokens"]}
    result, server = bench.work(batch, images(usage=usage), caps=Caps(per_day=4 * WORST - 200), concurrency=1, watcher=watcher)
    assert (result.succeeded, len(server.seen)) == (1, 1)
    assert re.fullmatch(r"shop/job-0 cost \$0.039560, more than the \$0.013245 that were reserved for it", watcher.told[0])


def test_a_job_in_backoff_that_would_fit_is_waited_for(bench):
    """The first does not fit; the second does, failed once and is due in a moment: that is no halt yet."""
    batch = bench.submit(["large,picture 0,4,0", "small,picture 0,1,1"], columns="custom_id,prompt,n,priority")
    result, server = bench.work(batch, error(500, headers={"retry-after": "0.5"}), caps=Caps(per_day=WORST), concurrency=1)
    assert (result.succeeded, len(server.seen)) == (1, 2)
    assert "1 remain" in result.halted


def test_without_caps_nothing_is_summed(bench):
    """A run that has none makes not one statement for them."""
    assert statements(bench, None)["ix"] == 0


def test_under_a_cap_a_claim_sums_what_is_recent_and_the_past_once(bench):
    """One statement a claim, and one more for what started before."""
    found = statements(bench, Caps(per_day=10**9, per_month=10**9))
    assert found["ix"] <= found["claims"] + 4


def statements(bench, caps):
    """How many claims a run of twenty made, and how many sums."""
    batch = bench.submit(rows(20))
    seen = Counter()

    def hear(_connection, _cursor, statement, *_):
        seen["ix"] += "attempts.started_at >=" in statement
        seen["claims"] += "jobs.available_at <=" in statement

    event.listen(bench.database.engine, "before_cursor_execute", hear)
    bench.work(batch, **({} if caps is None else {"caps": caps}))
    event.remove(bench.database.engine, "before_cursor_execute", hear)
    return seen


def test_the_past_is_an_upper_bound_that_is_made_anew(bench):
    """What was open when it was summed counts as reserved until somebody asks again; new starts are seen at once."""
    batch, now = bench.submit(rows(3)), bench.clock()
    run = Run(caps=Caps(per_day=10**9, per_month=10**9))
    budget = Budget(Scope(bench.plan(batch), run), Watcher())

    def claim(ago):
        moment = now - timedelta(seconds=ago)
        with bench.database.write() as tx:
            return queue.claim(tx, Filter([batch.id]), Lease("one", now + timedelta(hours=9)), moment, lambda _: 500)[0]

    def month(at=now):
        with bench.database.read() as tx:
            return budget.room(tx, at).month

    bench.sql("UPDATE jobs SET available_at = '2020-01-01 00:00:00'")
    claim(ago=600)
    assert month().reserved == 500
    bench.sql("UPDATE attempts SET outcome = 'succeeded', finished_at = started_at, cost_micros = 40")
    claim(ago=1)
    assert (month().reserved, month().spent) == (1000, 0)
    assert not budget.forget(now + timedelta(seconds=0.5))
    assert budget.forget(now + timedelta(seconds=1))
    assert (month().reserved, month().spent) == (500, 40)
    assert not budget.forget(now + timedelta(seconds=5))


def test_pools_of_several_providers_share_the_cap_of_their_run(bench):
    """Together they spend no more than it, though each of them would fit alone; both say so."""

    async def run():
        shares = shared_out({batch.id: ""}, {batch.id: ["azure", "fal"]}, ["azure", "fal"])
        async with AsyncExitStack() as opened:
            server = await opened.enter_async_context(ScriptedServer())
            pools = {}
            for name, rows_for in shares.items():
                plan = replace(bench.plan(batch), provider=name, rows_for=rows_for, account=name)
                pools[name] = await opened.enter_async_context(bench.pool(server, plan, together=together))
            return await asyncio.wait_for(Pools(pools).run(), BOUND_S), len(server.seen)

    together = Run(caps=Caps(per_run=3 * WORST))
    listed = [f"{name}{number},picture {number},{name}" for number in range(5) for name in ("azure", "fal")]
    batch = bench.submit(listed, columns="custom_id,prompt,provider", providers=("azure", "fal"))
    result, seen = asyncio.run(run())
    assert (result.succeeded, seen, together.counted.total) == (3, 3, 3 * USAGE_MICROS)
    assert all(f"{name}: [budget] per_run_usd = " in result.halted for name in ("azure", "fal"))
