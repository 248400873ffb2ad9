"""The pool from end to end: slots, limits, halts, stops, and what the next run makes of it."""

import asyncio
import shutil
import sqlite3
import threading
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from asyncio_throttle import Throttler
from scripted_server import (
    USAGE_MICROS,
    ScriptedServer,
    error,
    hang,
    image_body,
    images,
    not_an_image,
    png,
    reply,
    reset_after,
    unused_port,
)
from sqlalchemy import event
from worker_bench import BOUND_S, POLICY, Watcher, until

from batchgen.core.job import State
from batchgen.core.pace import Limits
from batchgen.core.usage import Usage
from batchgen.errors import Halted
from batchgen.store import control
from batchgen.store.engine import Database


def rows(count, *more):
    return [",".join([f"job-{n:03}", f"picture {n}", *more]) for n in range(count)]


def test_every_job_is_asked_for_once(bench):
    """Forty jobs, forty requests, forty files, each the bytes that came for its prompt, and nothing left behind."""
    batch = bench.submit(rows(40))
    result, server = bench.work(batch)
    assert Counter(server.prompts) == Counter(f"picture {n}" for n in range(40))
    assert bench.states(batch) == {State.SUCCEEDED: 40}
    assert list(bench.images()) == [f"shop/job-{n:03}.png" for n in range(40)]
    assert set(bench.images().values()) == set(server.made)
    assert (result.succeeded, result.failed, result.images, result.halted) == (40, 0, 40, None)
    assert result.cost_micros == bench.money(batch).cost_micros == 40 * USAGE_MICROS
    assert bench.desks() == []


def test_a_second_run_asks_for_nothing(bench):
    """All final: no request, no halt."""
    batch = bench.submit(rows(3))
    bench.work(batch)
    result, server = bench.work(batch)
    assert (len(server.seen), result.succeeded, result.halted) == (0, 0, None)


def test_the_ledger_knows_every_file(bench):
    """Path, type, size, length and hash of each image stand in the ledger, and its tokens in the attempt."""
    batch = bench.submit(["bear,a bear,2"], columns="custom_id,prompt,n")
    bench.work(batch)
    job = bench.job(batch, "bear")
    assert [(file.ordinal, file.path, file.attempt) for file in job.files] == [
        (1, "shop/bear.png", 1),
        (2, "shop/bear~2.png", 1),
    ]
    for file in job.files:
        assert file.bytes == len(bench.images()[file.path])
        assert (file.media_type, file.width, file.height) == ("image/png", 8, 8)
    attempt = job.attempts[0]
    assert Usage(attempt.input_text_tokens, attempt.input_image_tokens, attempt.output_tokens) == Usage(10, 0, 439)


@pytest.mark.parametrize("slots", [1, 3])
def test_slots_are_used_and_not_exceeded(bench, slots):
    """With N slots, N requests are out together, and never one more."""

    async def run():
        async with ScriptedServer(then=hang()) as server, bench.pool(server, bench.plan(batch, concurrency=slots)) as pool:
            running = asyncio.create_task(pool.run())
            await server.arrived(slots)
            assert pool.in_flight == slots
            server.release.set()
            await asyncio.wait_for(running, BOUND_S)
            return server

    batch = bench.submit(rows(9))
    server = asyncio.run(run())
    assert (server.open_at_most, len(server.seen)) == (slots, 9)


def test_it_never_holds_a_job_that_it_cannot_start(bench):
    """What is running in the ledger is what is out."""

    async def run():
        async with ScriptedServer(then=hang()) as server, bench.pool(server, bench.plan(batch, concurrency=2)) as pool:
            running = asyncio.create_task(pool.run())
            await server.arrived(2)
            states = bench.states(batch)
            server.release.set()
            await asyncio.wait_for(running, BOUND_S)
            return states

    batch = bench.submit(rows(6))
    assert asyncio.run(run()) == {State.RUNNING: 2, State.PENDING: 4}


def test_the_limit_counts_jobs_and_not_tries(bench):
    """--limit 3 starts three jobs, tries them again where they fail, and leaves the others; that is no halt."""
    batch = bench.submit(rows(8))
    result, server = bench.work(batch, error(500), error(500), limit=3)
    assert bench.states(batch) == {State.SUCCEEDED: 3, State.PENDING: 5}
    assert (len(server.seen), len(set(server.prompts)), result.halted) == (5, 3, None)


def test_two_batches_one_after_the_other(bench):
    """Batches are worked on in the order of the plan."""
    first, second = bench.submit(rows(3), name="b"), bench.submit(rows(3), name="a")
    _, server = bench.work(first, batches=[first.id, second.id], concurrency=1)
    assert len(server.seen) == 6
    assert [path.split("/")[0] for path in bench.images()] == ["a"] * 3 + ["b"] * 3
    assert bench.states(first) == bench.states(second) == {State.SUCCEEDED: 3}


def test_batches_out_of_scope_are_left_alone(bench):
    """A run on one batch asks nothing for another."""
    first, other = bench.submit(rows(2), name="first"), bench.submit(rows(2), name="other")
    bench.work(first)
    assert bench.states(other) == {State.PENDING: 2}


def test_a_blocked_model_lets_the_others_go_on(bench):
    """A model that the account cannot use keeps its jobs pending after one try; the other model's are made; the run says so."""

    async def by_model(server, request, seen):
        if seen.json["model"] == "gpt-image-2":
            return await error(403, message="Your organization must be verified to use the model").answer(server, request, seen)
        return await images().answer(server, request, seen)

    batch = bench.submit(
        [f"a{n},picture,gpt-image-2" for n in range(4)] + [f"b{n},picture,gpt-image-2.5-flare" for n in range(4)],
        columns="custom_id,prompt,model",
    )
    watcher = Watcher()
    result, server = bench.work(batch, then=replace(images(), answer=by_model), concurrency=1, watcher=watcher)
    assert bench.states(batch) == {State.SUCCEEDED: 4, State.PENDING: 4}
    assert Counter(seen.json["model"] for seen in server.seen) == {"gpt-image-2": 1, "gpt-image-2.5-flare": 4}
    assert "models that the account cannot use" in result.halted
    assert "gpt-image-2 (Your organization must be verified" in result.halted
    assert len([told for told in watcher.told if "left out" in told]) == 1
    assert bench.job(batch, "a0").failures == 0


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (error(401, "invalid_api_key", "Incorrect API key"), "check the key"),
        (error(429, "insufficient_quota"), "no credit left"),
        (error(429, "project_spend_limit_exceeded"), "spending limit"),
        (reply(404, "<html>no such page"), "base_url of the provider"),
    ],
)
def test_a_blocked_account_halts_at_once(bench, behaviour, words):
    """One refusal, no further request, every job pending without a failure, and one line with the remedy."""
    batch = bench.submit(rows(10))
    result, server = bench.work(batch, behaviour, concurrency=1)
    assert len(server.seen) == 1
    assert bench.states(batch) == {State.PENDING: 10}
    assert bench.job(batch, "job-000").failures == 0
    assert words in result.halted
    assert "\n" not in result.halted


def test_halting_lets_what_is_out_come_home(bench):
    """What was asked for before the halt is being paid for: its images are kept."""

    async def run():
        script = [hang(), hang(), error(401, "invalid_api_key")]
        async with ScriptedServer(script) as server, bench.pool(server, bench.plan(batch, concurrency=3)) as pool:
            running = asyncio.create_task(pool.run())
            await server.arrived(3)
            await until(lambda: pool.result.halted is not None)
            server.release.set()
            return await asyncio.wait_for(running, BOUND_S), len(server.seen)

    batch = bench.submit(rows(6))
    result, seen = asyncio.run(run())
    assert (seen, result.succeeded) == (3, 2)
    assert bench.states(batch) == {State.SUCCEEDED: 2, State.PENDING: 4}


def test_a_long_wait_halts_and_tells_when_to_come_back(bench):
    """Three days are no wait for a run; coming back too early says so again, and asks nothing."""
    batch = bench.submit(rows(1))
    result, server = bench.work(batch, error(429, headers={"retry-after": "259200"}))
    day = (bench.clock() + timedelta(days=3)).strftime("%Y-%m-%d")
    assert len(server.seen) == 1
    assert f"wait until {day}" in result.halted
    assert bench.job(batch, "job-000").state == "pending"
    result, server = bench.work(batch)
    assert len(server.seen) == 0
    assert day in result.halted
    bench.clock.ahead = timedelta(days=3, minutes=1)
    result, server = bench.work(batch)
    assert (result.succeeded, result.halted) == (1, None)


def test_an_absurd_wait_is_a_long_one(bench):
    """A figure that no date can be moved by halts like any long wait."""
    batch = bench.submit(rows(1))
    result, _ = bench.work(batch, error(429, headers={"retry-after": "1e300"}))
    assert "asks to wait until" in result.halted


def test_a_refusal_about_speed_slows_everybody(bench):
    """After a 429 nobody starts before the time it names, whoever is due."""

    async def run():
        loop = asyncio.get_running_loop()
        starts = []

        async def noted(server, request, seen):
            starts.append(loop.time())
            if len(starts) == 1:
                return await error(429, headers={"retry-after-ms": "300"}).answer(server, request, seen)
            return await images().answer(server, request, seen)

        plan = bench.plan(batch, concurrency=1)
        async with ScriptedServer(then=replace(images(), answer=noted)) as server, bench.pool(server, plan) as pool:
            await asyncio.wait_for(pool.run(), BOUND_S)
        return [moment - starts[0] for moment in starts]

    batch = bench.submit(rows(4))
    starts = asyncio.run(run())
    assert len(starts) == 5
    assert min(starts[1:]) >= 0.29


def test_a_pause_holds_for_jobs_that_are_due_in_it(bench):
    """A job whose own backoff ends within the pause does not start before its end, though a turn is waiting for it."""

    async def run():
        loop = asyncio.get_running_loop()
        starts = []

        async def noted(server, request, seen):
            starts.append((loop.time(), seen.json["prompt"]))
            if len(starts) == 1:
                return await error(500, headers={"retry-after-ms": "150"}).answer(server, request, seen)
            if len(starts) == 2:
                return await error(429, headers={"retry-after-ms": "400"}).answer(server, request, seen)
            return await images().answer(server, request, seen)

        async with ScriptedServer(then=replace(images(), answer=noted)) as server:
            plan = bench.plan(batch, concurrency=3, limits=Limits(images_per_minute=6000))
            async with bench.pool(server, plan) as pool:
                await asyncio.wait_for(pool.run(), BOUND_S)
        return [moment - starts[1][0] for moment, _ in starts]

    batch = bench.submit(rows(2))
    starts = asyncio.run(run())
    assert min(starts[2:]) >= 0.39


def test_starts_are_counted_with_their_images(bench, monkeypatch):
    """With 1,200 images a minute, two images a start take a tenth of a second; the throttler keeps starts nearly that apart."""
    asked = []

    async def noted(throttler):
        asked.append(throttler.period)

    monkeypatch.setattr(Throttler, "acquire", noted)
    batch = bench.submit(rows(6, "2"), columns="custom_id,prompt,n")
    _, server = bench.work(batch, concurrency=8, limits=Limits(images_per_minute=1200))
    assert len(server.seen) == 6
    assert asked[1:]
    assert asked[1:] == [pytest.approx(0.08)] * len(asked[1:])


def test_at_most_one_waiter_asks_the_throttler(bench, monkeypatch):
    """Fifty jobs, one waiter: the library's own polling by everybody never happens."""

    acquire, asking, most = Throttler.acquire, 0, 0

    async def counted(self):
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        try:
            await acquire(self)
        finally:
            asking -= 1

    monkeypatch.setattr(Throttler, "acquire", counted)
    batch = bench.submit(rows(50))
    _, server = bench.work(batch, concurrency=20, limits=Limits(images_per_minute=12_000))
    assert (len(server.seen), most) == (50, 1)


def test_a_day_that_is_used_up_halts(bench):
    """With two images left for today, two are made, and the run says when to come back."""
    batch = bench.submit(rows(5))
    result, server = bench.work(batch, limits=Limits(images_per_day=9), images_today=7)
    assert len(server.seen) == 2
    assert "images_per_day are used up" in result.halted
    assert bench.states(batch) == {State.SUCCEEDED: 2, State.PENDING: 3}


def test_a_day_that_suffices_to_the_last_image_is_no_halt(bench):
    """A run that uses exactly what the day allows ends well."""
    batch = bench.submit(rows(3))
    result, _ = bench.work(batch, limits=Limits(images_per_day=3))
    assert (result.succeeded, result.halted) == (3, None)
    result, _ = bench.work(batch, limits=Limits(images_per_day=3), images_today=3)
    assert result.halted is None


def test_a_link_instead_of_an_image_halts_before_more_is_paid(bench):
    """A gateway that answers with links would be paid for every row and deliver none."""
    batch = bench.submit(rows(30))
    links = reply(200, '{"data": [{"url": "http://127.0.0.1/a.png"}]}')
    result, server = bench.work(batch, then=links, concurrency=2)
    assert "b64_json" in result.halted
    assert len(server.seen) <= 2


def test_ten_equal_refusals_at_the_start_halt(bench):
    """An option that the API refuses fails ten jobs and not a thousand."""
    batch = bench.submit(rows(40))
    refusal = error(400, code="invalid_value", message="Invalid size (request req_12ab)")
    result, server = bench.work(batch, then=refusal, concurrency=1)
    assert "first 10 answers were all the same refusal" in result.halted
    assert len(server.seen) == 10
    assert bench.states(batch) == {State.FAILED: 10, State.PENDING: 30}


@pytest.mark.parametrize("odd", [0, 4, 9])
def test_one_other_answer_at_the_start_is_enough_to_go_on(bench, odd):
    """Refusals of rows are no reason to halt; nor are forbidden prompts, each a matter of itself."""
    batch = bench.submit(rows(14))
    refusal = error(400, code="invalid_value", message="Invalid size")
    script = [images() if place == odd else refusal for place in range(14)]
    result, server = bench.work(batch, *script, concurrency=1)
    assert (result.halted, len(server.seen), result.succeeded) == (None, 14, 1)


def test_forbidden_prompts_never_halt(bench):
    """A manifest of forbidden prompts is asked for to its end."""
    batch = bench.submit(rows(14))
    result, _ = bench.work(batch, then=error(400, code="moderation_blocked", message="no"), concurrency=1)
    assert (result.halted, result.failed) == (None, 14)


# ---- bad weather


def test_one_probe_at_a_time_until_the_server_is_back(bench):
    """While nothing can be reached, one attempt at a time tries; none of it is a failure; then all is made."""

    class Counting(Watcher):
        most = 0

        def started(self, claim):
            # The first five were claimed while the weather was still good.
            if len(self.ends) >= 5:
                self.most = max(self.most, self.in_flight())

    async def run():
        watcher = Counting()
        async with ScriptedServer() as server:
            await server.stop()
            async with bench.pool(server, bench.plan(batch, concurrency=5), watcher=watcher) as pool:
                watcher.in_flight = lambda: pool.in_flight
                running = asyncio.create_task(pool.run())
                await until(lambda: len(watcher.ends) >= 12)
                probing = watcher.most
                await server.start()
                return await asyncio.wait_for(running, BOUND_S), server, probing

    batch = bench.submit(rows(8))
    result, server, probing = asyncio.run(run())
    assert probing == 1
    assert (result.succeeded, result.halted, len(server.seen)) == (8, None, 8)
    jobs = [bench.job(batch, f"job-{n:03}") for n in range(8)]
    offline = [attempt for job in jobs for attempt in job.attempts if attempt.outcome == "offline"]
    assert len(offline) >= 12
    assert all(attempt.sent_at is None and attempt.cost_micros == 0 for attempt in offline)
    assert {job.failures for job in jobs} == {0}


def test_too_long_away_halts(bench):
    """After offline_s without a connection the run ends, with every job pending and without a failure."""

    async def run():
        server = ScriptedServer(port=unused_port())
        async with bench.pool(server, bench.plan(batch, offline_s=0.2)) as pool:
            return await asyncio.wait_for(pool.run(), BOUND_S)

    batch = bench.submit(rows(3))
    result = asyncio.run(run())
    assert "cannot be reached" in result.halted
    assert "check the network" in result.halted
    assert bench.states(batch) == {State.PENDING: 3}
    assert bench.job(batch, "job-000").failures == 0


@pytest.mark.parametrize("fault", [error(500), error(503), reply(504)], ids=["500", "503", "504"])
def test_a_storm_of_errors_falls_to_one_probe(bench, fault):
    """When everything is refused in a row, one request at a time is out, until one succeeds."""

    async def run():
        gate = asyncio.Event()

        async def answer(server, request, seen):
            if not gate.is_set():
                if len(server.seen) > 8:
                    together.append(server.open_now)
                return await fault.answer(server, request, seen)
            return await images().answer(server, request, seen)

        together = []
        plan = bench.plan(batch, concurrency=8, policy=replace(POLICY, max_attempts=50))
        async with ScriptedServer(then=replace(images(), answer=answer)) as server, bench.pool(server, plan) as pool:
            running = asyncio.create_task(pool.run())
            await server.arrived(14)
            gate.set()
            return await asyncio.wait_for(running, BOUND_S), together

    batch = bench.submit(rows(20))
    result, together = asyncio.run(run())
    assert set(together) == {1}
    assert result.succeeded == 20


# ---- the disk


def test_an_answer_that_finds_no_place_is_kept_and_used_later(bench):
    """Where the batch's folder cannot be made the run halts; the image that came is not bought again."""
    batch = bench.submit(rows(3))
    bench.root.mkdir()
    (bench.root / "shop").write_text("a file where the folder should be")
    asked = []

    async def run():
        async with ScriptedServer() as server, bench.pool(server, bench.plan(batch, concurrency=1)) as pool:
            with pytest.raises(Halted, match="cannot be stored"):
                await pool.run()
            asked.append(server)

    asyncio.run(run())
    (server,) = asked
    assert len(server.seen) == 1
    # Its lease stays as well: a worker that still runs must not ask for it meanwhile.
    assert bench.states(batch) == {State.PENDING: 2, State.RUNNING: 1}
    assert len(bench.desks()) == 1

    (bench.root / "shop").unlink()
    watcher = Watcher()
    _, again = bench.work(batch, watcher=watcher)
    assert "picture 0" not in again.prompts
    assert bench.states(batch) == {State.SUCCEEDED: 3}
    assert bench.images()["shop/job-000.png"] == server.made[0]
    assert bench.job(batch, "job-000").outcomes == ["succeeded"]
    assert bench.money(batch).cost_micros == 3 * USAGE_MICROS
    assert bench.desks() == []


def test_a_disk_error_before_anything_was_kept_halts(bench):
    """Where not even the record can be written, the run halts, the cost is known and the job waits."""

    async def run():
        async with ScriptedServer(then=hang()) as server, bench.pool(server, bench.plan(batch, concurrency=1)) as pool:
            running = asyncio.create_task(pool.run())
            await server.arrived(1)
            for name in bench.desks():
                shutil.rmtree(bench.folder / ".images.answers" / name)
            server.release.set()
            return await asyncio.wait_for(running, BOUND_S), server

    batch = bench.submit(rows(3))
    result, server = asyncio.run(run())
    assert "make room or set the permissions" in result.halted
    assert len(server.seen) == 1
    assert bench.states(batch) == {State.PENDING: 3}
    assert bench.job(batch, "job-000").costs == [USAGE_MICROS]
    assert bench.images() == {}


def test_a_root_that_cannot_be_made_halts_before_anything_is_asked(bench):
    """The run does not begin without a place for its images."""
    batch = bench.submit(rows(3))
    bench.root.write_text("a file")
    with pytest.raises(Halted, match="images cannot be stored"):
        bench.work(batch)
    assert bench.states(batch) == {State.PENDING: 3}


# ---- more and fewer images


def test_what_is_missing_is_asked_for(bench):
    """One of three images came: the next request asks for two, and the job ends with three files and nothing bought twice."""
    batch = bench.submit(["bear,a bear,3"], columns="custom_id,prompt,n")
    result, server = bench.work(batch, images(1), images(1))
    assert [seen.json["n"] for seen in server.seen] == [3, 2, 1]
    assert bench.job(batch, "bear").outcomes == ["invalid_reply", "invalid_reply", "succeeded"]
    assert bench.images() == dict(zip(["shop/bear.png", "shop/bear~2.png", "shop/bear~3.png"], server.made, strict=True))
    assert (result.succeeded, result.images, result.cost_micros) == (1, 3, 3 * USAGE_MICROS)
    assert [file.ordinal for file in bench.job(batch, "bear").files] == [1, 2, 3]


def test_good_images_beside_a_broken_one_are_kept(bench):
    """Two of three are images: those are kept, one is asked for again."""
    good = [png(), png()]
    batch = bench.submit(["bear,a bear,3"], columns="custom_id,prompt,n")
    _, server = bench.work(batch, reply(200, image_body([good[0], b"not an image", good[1]])))
    assert [seen.json["n"] for seen in server.seen] == [3, 1]
    assert bench.images() == {"shop/bear.png": good[0], "shop/bear~2.png": good[1], "shop/bear~3.png": server.made[0]}
    assert bench.job(batch, "bear").state == "succeeded"


def test_more_images_than_asked_are_kept(bench):
    """What was paid for is not thrown away, and the job is done."""
    batch = bench.submit(["bear,a bear"])
    _, server = bench.work(batch, images(2))
    assert bench.images() == dict(zip(["shop/bear.png", "shop/bear~2.png"], server.made, strict=True))
    assert len(server.seen) == 1


def test_one_good_image_is_enough_for_a_request_of_one(bench):
    """A broken image beside a good one, where one was asked for, is no reason to buy again."""
    good = png()
    batch = bench.submit(["bear,a bear"])
    _, server = bench.work(batch, reply(200, image_body([b"not an image", good])))
    assert (len(server.seen), bench.images()) == (1, {"shop/bear.png": good})


def test_update_keeps_the_old_images(bench):
    """A changed row is made again; the old images lie in .previous with their old bytes, and the ledger knows both."""
    batch = bench.submit(["bear,a bear,2", "cat,a cat,1"], columns="custom_id,prompt,n")
    _, first = bench.work(batch, concurrency=1)
    bench.submit(["bear,a brown bear,1", "cat,a cat,1"], columns="custom_id,prompt,n", update=True)
    result, second = bench.work(batch)
    assert second.prompts == ["a brown bear"]
    assert bench.images() == {
        "shop/.previous/bear.before-2.png": first.made[0],
        "shop/.previous/bear~2.before-2.png": first.made[1],
        "shop/bear.png": second.made[0],
        "shop/cat.png": first.made[2],
    }
    files = {file.path: file.replaced_at is not None for file in bench.job(batch, "bear").files}
    assert files == {
        "shop/.previous/bear.before-2.png": True,
        "shop/.previous/bear~2.before-2.png": True,
        "shop/bear.png": False,
    }
    assert (result.succeeded, result.images) == (1, 1)


def test_update_that_fails_leaves_the_old_images(bench):
    """Until the new ones are stored, the old ones stay where they are."""
    batch = bench.submit(["bear,a bear"])
    _, first = bench.work(batch)
    bench.submit(["bear,a forbidden bear"], update=True)
    bench.work(batch, error(400, "moderation_blocked"))
    assert bench.images() == {"shop/bear.png": first.made[0]}
    assert bench.job(batch, "bear").state == "failed"


def test_a_fresh_ledger_overwrites_no_image_of_an_old_one(bench):
    """Files that the ledger does not know are moved aside, and moved aside again."""
    made = []
    for name in ("one", "two", "three"):
        folder = bench.folder / name
        folder.mkdir()
        other = type(bench)(folder)
        shutil.copy(bench.folder / "ledger.db", folder / "ledger.db")
        other.root = bench.root
        made += other.work(other.submit(["bear,a bear"]))[1].made
        other.close()
    assert bench.images() == {
        "shop/.previous/bear.before-1.png": made[0],
        "shop/.previous/bear.before-1-2.png": made[1],
        "shop/bear.png": made[2],
    }


# ---- stopping


def test_draining_lets_what_is_out_finish(bench):
    """After drain nothing new is asked for, and what is out is kept."""

    async def run():
        async with ScriptedServer(then=hang()) as server, bench.pool(server, bench.plan(batch, concurrency=3)) as pool:
            running = asyncio.create_task(pool.run())
            await server.arrived(3)
            pool.drain()
            assert pool.in_flight == 3
            server.release.set()
            return await asyncio.wait_for(running, BOUND_S), server

    batch = bench.submit(rows(9))
    result, server = asyncio.run(run())
    assert (len(server.seen), result.succeeded, result.halted) == (3, 3, None)
    assert bench.states(batch) == {State.SUCCEEDED: 3, State.PENDING: 6}


def test_aborting_makes_what_was_sent_unknown(bench):
    """The second signal waits for nobody: what was sent may have been billed, and no job is left running."""

    async def run():
        async with ScriptedServer(then=hang()) as server, bench.pool(server, bench.plan(batch, concurrency=3)) as pool:
            running = asyncio.create_task(pool.run())
            await server.arrived(3)
            pool.drain()
            pool.abort()
            return await asyncio.wait_for(running, BOUND_S), server

    batch = bench.submit(rows(5))
    result, server = asyncio.run(run())
    assert (len(server.seen), result.unknown) == (3, 3)
    assert bench.states(batch) == {State.PENDING: 5}
    job = bench.job(batch, "job-000")
    assert (job.outcomes, job.failures, job.unknowns) == (["unknown"], 1, 1)
    assert "may have been billed" in job.attempts[0].error_message
    assert bench.desks() == []


def test_aborting_before_anything_is_out_sends_nothing(bench):
    """An abort in the very moment of a claim gives the job back, unsent and free."""

    class Aborting(Watcher):
        def started(self, claim):
            self.claims.append(claim)
            self.abort()

    async def run():
        async with ScriptedServer() as server:
            watcher = Aborting()
            async with bench.pool(server, bench.plan(batch, concurrency=1), watcher=watcher) as pool:
                watcher.abort = pool.abort
                await asyncio.wait_for(pool.run(), BOUND_S)
            return watcher, server

    batch = bench.submit(rows(3))
    watcher, server = asyncio.run(run())
    assert (len(watcher.claims), len(server.seen)) == (1, 0)
    job = bench.job(batch, "job-000")
    assert (job.state, job.outcomes, job.failures, job.costs) == ("pending", ["released"], 0, [0])
    assert bench.states(batch) == {State.PENDING: 3}


def test_aborting_while_a_claim_is_under_way_sends_nothing(bench):
    """Another program holds the database while the pool claims; the abort comes; the claim that follows is given back."""

    async def run():
        beginning, writes = threading.Event(), []
        other = sqlite3.connect(bench.folder / "ledger.db", isolation_level=None, check_same_thread=False)

        def note(_connection, _options):
            writes.append(1)
            if len(writes) == 2:  # the first looks up the pace, the second claims
                other.execute("BEGIN IMMEDIATE")
                beginning.set()

        # What the store says to a connection just before a transaction that writes begins.
        event.listen(bench.database.engine, "set_connection_execution_options", note)
        async with ScriptedServer() as server, bench.pool(server, bench.plan(batch, concurrency=1)) as pool:
            with closing(other):
                running = asyncio.create_task(pool.run())
                await until(beginning.is_set)
                pool.abort()
                other.execute("COMMIT")
            await asyncio.wait_for(running, BOUND_S)
            return server

    batch = bench.submit(rows(2))
    server = asyncio.run(run())
    assert server.seen == []
    assert bench.job(batch, "job-000").outcomes == ["released"]
    assert bench.states(batch) == {State.PENDING: 2}


@pytest.mark.parametrize(
    ("behaviour", "state"), [(images(), "succeeded"), (error(500), "cancelled"), (reset_after(), "cancelled")]
)
def test_a_running_job_that_is_cancelled_ends_by_its_answer(bench, behaviour, state):
    """An image makes it succeeded, anything else cancelled."""

    async def run():
        async with ScriptedServer([hang(behaviour)]) as server, bench.pool(server, bench.plan(batch)) as pool:
            running = asyncio.create_task(pool.run())
            await server.arrived(1)
            with bench.database.write() as tx:
                control.cancel(tx, batch, ["bear"], bench.clock())
            server.release.set()
            await asyncio.wait_for(running, BOUND_S)
            return len(server.seen)

    batch = bench.submit(["bear,a bear"])
    assert asyncio.run(run()) == 1
    assert bench.job(batch, "bear").state == state


# ---- the database


def test_an_answer_is_not_lost_when_the_ledger_cannot_be_written(bench):
    """The ledger fails between the answer and its settling: the run halts, and the next one settles it without a request."""

    async def run():
        async with ScriptedServer(then=hang()) as server, bench.pool(server, bench.plan(batch, concurrency=2)) as pool:
            running = asyncio.create_task(pool.run())
            await server.arrived(2)
            bench.sql("ALTER TABLE artifacts RENAME TO away")
            server.release.set()
            with pytest.raises(Halted, match="no such table"):
                await asyncio.wait_for(running, BOUND_S)
            return server

    batch = bench.submit(rows(2))
    server = asyncio.run(run())
    assert len(server.made) == 2
    assert bench.states(batch) == {State.RUNNING: 2}
    assert len(bench.desks()) == 1

    bench.sql("ALTER TABLE away RENAME TO artifacts")
    watcher = Watcher()
    _, again = bench.work(batch, watcher=watcher)
    assert again.seen == []
    assert bench.states(batch) == {State.SUCCEEDED: 2}
    assert set(bench.images().values()) == set(server.made)
    assert bench.money(batch).cost_micros == 2 * USAGE_MICROS
    assert watcher.told == ["took over 2 jobs of a worker that died"]
    assert bench.desks() == []


def test_jobs_of_a_run_that_the_ledger_halted_are_taken_over_at_once(bench):
    """Nothing came and the ledger was away: the next run does not wait for the lease, it sees that the worker is gone."""

    async def run():
        script = [hang(error(500))]
        async with ScriptedServer(script) as server, bench.pool(server, bench.plan(batch, concurrency=1)) as pool:
            running = asyncio.create_task(pool.run())
            await server.arrived(1)
            bench.sql("ALTER TABLE attempts RENAME TO away")
            server.release.set()
            with pytest.raises(Halted, match="no such table"):
                await asyncio.wait_for(running, BOUND_S)

    batch = bench.submit(rows(1))
    asyncio.run(run())
    bench.sql("ALTER TABLE away RENAME TO attempts")
    assert bench.states(batch) == {State.RUNNING: 1}
    result, server = bench.work(batch)
    assert (result.succeeded, len(server.seen)) == (1, 1)
    assert bench.job(batch, "job-000").outcomes == ["unknown", "succeeded"]


def test_nothing_is_sent_that_the_ledger_does_not_know_of(bench):
    """Where the sending cannot be noted, the run halts before the body goes."""
    batch = bench.submit(rows(1))
    bench.sql("CREATE TRIGGER no_sending BEFORE UPDATE OF sent_at ON attempts BEGIN INSERT INTO nowhere VALUES (1); END")
    with pytest.raises(Halted, match="no such table"):
        bench.work(batch)
    bench.sql("DROP TRIGGER no_sending")
    _, server = bench.work(batch)
    assert len(server.seen) == 1
    job = bench.job(batch, "job-000")
    assert (job.outcomes, job.failures, job.costs[0]) == (["lost", "succeeded"], 0, 0)


# ---- several workers


def test_two_pools_share_the_work(bench):
    """Two workers on one database: each job is asked for once, and both take part."""

    async def run():
        other = type(bench)(bench.folder)
        other.database = Database(bench.url)
        plan = bench.plan(batch, concurrency=3)
        async with ScriptedServer() as server, bench.pool(server, plan) as one, other.pool(server, plan) as two:
            results = await asyncio.wait_for(asyncio.gather(one.run(), two.run()), BOUND_S)
        other.close()
        return results, server

    batch = bench.submit(rows(40))
    results, server = asyncio.run(run())
    assert Counter(server.prompts) == Counter(f"picture {n}" for n in range(40))
    assert sum(result.succeeded for result in results) == 40
    assert all(result.succeeded > 0 for result in results)
    assert bench.states(batch) == {State.SUCCEEDED: 40}
    assert len({bench.job(batch, f"job-{n:03}").attempts[0].worker for n in range(40)}) == 2


def test_a_run_waits_for_what_another_one_has(bench):
    """It does not end with jobs left running, and asks for none of them."""

    async def run():
        plan = bench.plan(batch, concurrency=2)
        async with ScriptedServer(then=hang()) as server, bench.pool(server, plan) as one, bench.pool(server, plan) as two:
            first = asyncio.create_task(one.run())
            await server.arrived(2)
            second = asyncio.create_task(two.run())
            await until(lambda: len(bench.desks()) == 2)
            assert not second.done()
            server.release.set()
            return await asyncio.wait_for(asyncio.gather(first, second), BOUND_S), server

    batch = bench.submit(rows(2))
    (first, second), server = asyncio.run(run())
    assert (first.succeeded, second.succeeded, len(server.seen)) == (2, 0, 2)


def test_invalid_replies_of_one_job_do_not_hold_up_others(bench):
    """A job that fails for good leaves the others to be made."""
    batch = bench.submit(rows(3))
    result, _ = bench.work(batch, not_an_image(), not_an_image(), not_an_image(), policy=replace(POLICY, max_attempts=1))
    assert (result.succeeded, result.failed) == (0, 3)
    batch = bench.submit(rows(3), name="other")
    result, _ = bench.work(batch, not_an_image(), policy=replace(POLICY, max_attempts=1))
    assert (result.succeeded, result.failed) == (2, 1)


def test_a_wait_of_days_does_not_outlast_its_run(bench):
    """The run halts; the next one, when the job is due again, does not wait for what the provider asked of the first."""
    batch = bench.submit(["bear,a bear"])
    result, _ = bench.work(batch, error(429, headers={"retry-after": "259200"}))
    assert "asks to wait until" in result.halted
    bench.sql("UPDATE jobs SET available_at = '2020-01-01 00:00:00.000000'")
    result, server = bench.work(batch)
    assert (result.succeeded, len(server.seen)) == (1, 1)


def test_a_job_larger_than_any_day_says_so(bench):
    """No other day would do: the line names both figures, and nothing is sent."""
    batch = bench.submit(["bear,a bear,4"], columns="custom_id,prompt,n")
    result, server = bench.work(batch, limits=Limits(images_per_day=3))
    assert "asks for 4 images" in result.halted
    assert "images_per_day is 3" in result.halted
    assert server.seen == []


def test_a_job_that_does_not_fit_into_the_rest_of_the_day_waits_for_the_next(bench):
    """Two images are left and the next job wants three: tomorrow it fits."""
    batch = bench.submit(["bear,a bear,3"], columns="custom_id,prompt,n")
    result, server = bench.work(batch, limits=Limits(images_per_day=9), images_today=7)
    assert "images_per_day are used up" in result.halted
    assert server.seen == []


def test_refusals_that_were_out_together_lengthen_the_wait_once(bench):
    """Eight at once say no more than one: the run waits for the first wait, and not for 2^7 times as long."""

    async def together(server, request, seen):
        await server.arrived(8)
        return await error(429).answer(server, request, seen)

    batch = bench.submit(rows(8))
    policy = replace(POLICY, backoff_base_s=0.4, backoff_cap_s=600.0)
    result, server = bench.work(batch, *[replace(error(429), answer=together)] * 8, concurrency=8, policy=policy)
    assert result.succeeded == 8
    assert len(server.seen) == 16


def test_an_absurd_limit_is_none(bench):
    """What no account may do is not believed, and stops nobody."""
    batch = bench.submit(rows(2))
    words = "Rate limit reached on images per min (IPM): Limit 99999999999999999999999, Used 5, Requested 1."
    result, _ = bench.work(batch, error(429, "rate_limit_exceeded", words))
    assert result.succeeded == 2
