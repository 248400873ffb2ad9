"""Chains from end to end: a child is sent its parent's very bytes or nothing, and a run never waits for what cannot come."""

import asyncio

import pytest
from hand import Hand
from PIL import Image
from scripted_server import ScriptedServer, error, hang, image_body, images, png, reply
from worker_bench import BOUND_S, until

from batchgen.core.job import State
from batchgen.core.outcome import Outcome
from batchgen.store import control, reports
from batchgen.store.control import Also
from batchgen.worker.scope import Run

COLUMNS = "custom_id,prompt,image,n,model,mask"
COMIC = ["hero,a fox,,,,", "a,at sea,@hero,,,", "b,at home,@a;@hero,,,"]


def submit(bench, rows=COMIC):
    return bench.submit(rows, columns=COLUMNS)


def states(bench, batch, *names):
    return [bench.job(batch, name).state for name in names]


def resume(bench, batch, **chosen):
    with bench.database.write() as tx:
        return control.requeue(tx, batch, bench.clock(), Also(**chosen))


def errors(bench, batch, custom_id):
    return [(one.outcome, one.error_code, one.error_message, one.sent_at) for one in bench.job(batch, custom_id).attempts]


def test_a_child_is_sent_the_very_bytes_of_its_parent(bench):
    """Three rows, three requests one after the other, each with what the ones before it came to."""
    batch = submit(bench)
    result, server = bench.work(batch, then=images(1))
    hero, a, _ = server.made
    assert [one.path.rpartition("/")[2] for one in server.seen] == ["generations", "edits", "edits"]
    assert [(hero in one.body, a in one.body) for one in server.seen[1:]] == [(True, False), (True, True)]
    assert server.seen[2].body.index(a) < server.seen[2].body.index(hero)
    assert b'name="image[]"; filename="hero.png"' in server.seen[2].body
    assert (result.succeeded, result.halted, server.open_at_most) == (3, None, 1)


def test_the_second_image_of_a_parent(bench):
    """And not the first one."""
    batch = submit(bench, ["hero,a fox,,2,,", "a,at sea,@hero#2,,,"])
    _, server = bench.work(batch, images(2), images(1))
    assert [image in server.seen[1].body for image in server.made[:2]] == [False, True]


def test_what_does_not_wait_is_made_meanwhile(bench):
    """A parent is out for long: the others go on, and its children begin when it is there."""

    async def run():
        async with ScriptedServer([hang()], then=images(1)) as server, bench.pool(server, bench.plan(batch)) as pool:
            running = asyncio.create_task(pool.run())
            await until(lambda: bench.states(batch).get(State.SUCCEEDED) == 2)
            assert bench.states(batch) == {State.SUCCEEDED: 2, State.RUNNING: 1, State.PENDING: 1}
            server.release.set()
            return await asyncio.wait_for(running, BOUND_S)

    batch = submit(bench, ["hero,a fox,,,,", "a,at sea,@hero,,,", "x,alone,,,,", "y,alone,,,,"])
    assert asyncio.run(run()).succeeded == 4


def test_a_worker_waits_for_the_parent_that_another_one_makes(bench):
    """It has nothing to do itself, and does not leave: the other one may die."""

    async def run():
        plan = bench.plan(batch, concurrency=1)
        async with (
            ScriptedServer([hang()], then=images(1)) as server,
            bench.pool(server, plan, together=Run(limit=1)) as maker,
            bench.pool(server, plan) as waiter,
        ):
            making = asyncio.create_task(maker.run())
            await server.arrived(1)
            waiting = asyncio.create_task(waiter.run())
            await until(lambda: len(bench.desks()) == 2)
            server.release.set()
            return [await asyncio.wait_for(task, BOUND_S) for task in (making, waiting)]

    batch = submit(bench)
    assert [result.succeeded for result in asyncio.run(run())] == [1, 2]


def test_a_parent_that_fails_takes_its_children_with_it(bench):
    """With its name; nothing is asked for them, the run counts them and ends, and a resumed parent brings them back."""
    batch = submit(bench)
    result, server = bench.work(batch, error(400, "moderation_blocked", "no foxes"))
    assert (len(server.seen), result.failed, result.halted) == (1, 3, None)
    with bench.database.read() as tx:
        causes = [(one.error_code, one.message, one.jobs) for one in reports.failures(tx, batch, 5)]
    assert causes == [("moderation_blocked", "no foxes", 1), ("parent_failed", "hero failed", 2)]
    assert bench.money(batch).sent == 1
    assert resume(bench, batch, rejected=True) == 3
    result, server = bench.work(batch, then=images(1))
    assert (result.succeeded, len(server.seen)) == (3, 3)


def test_killed_between_parent_and_child(bench):
    """The answer was on disk and the ledger had not heard of it: the next start settles it, and the child is made from it."""
    batch = submit(bench, COMIC[:2])
    first, hero = Hand(bench, "first"), png()
    first.claim(batch)
    first.take_in(hero, is_ours=True)
    first.die()
    assert states(bench, batch, "hero", "a") == ["running", "pending"]
    result, server = bench.work(batch, then=images(1))
    assert [hero in one.body for one in server.seen] == [True]
    assert result.succeeded == 2


def test_a_dead_parent_that_cannot_be_saved_fails_nobody(bench):
    """Its worker died before anything came: it is made again first, and the child waits for that."""
    batch = submit(bench, COMIC[:2])
    first = Hand(bench, "first")
    first.claim(batch)
    first.die()
    result, server = bench.work(batch, then=images(1))
    assert result.succeeded == 2
    assert server.made[0] in server.seen[1].body


def _gone(path):
    path.unlink()


def _another(path):
    path.write_bytes(png())


def _longer(path):
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize("damage", [_gone, _another, _longer])
def test_a_parent_whose_image_is_not_what_it_was_is_not_sent(bench, damage):
    """The child fails before anything goes out, in words that name the file and the way; put back, it is made."""
    batch = submit(bench)
    bench.work(batch, then=images(1), limit=1)
    path = bench.root / "shop" / "hero.png"
    whole = path.read_bytes()
    damage(path)
    result, server = bench.work(batch)
    assert (server.seen, result.failed) == ([], 2)
    ((outcome, code, message, sent_at),) = errors(bench, batch, "a")
    assert (outcome, code, sent_at) == (Outcome.REJECTED, "result_changed", None)
    words = "cannot be read: " if damage is _gone else "is no longer the image that was made; verify --repair finds it"
    assert message.startswith(f"{path} {words}")
    assert bench.job(batch, "b").attempts == []
    path.write_bytes(whole)
    # The API has refused nothing, so no word is needed.
    assert resume(bench, batch) == 2
    assert bench.work(batch, then=images(1))[0].succeeded == 2


def test_a_mask_has_the_size_of_the_image_that_came(bench):
    """It was not known before: now it is, and nothing is sent."""
    Image.new("RGBA", (9, 8)).save(bench.folder / "mask.png")
    batch = submit(bench, ["hero,a fox,,,,", f"a,at sea,@hero,,,{bench.folder}/mask.png"])
    _, server = bench.work(batch, then=images(1))
    assert len(server.seen) == 1
    ((_, code, message, _),) = errors(bench, batch, "a")
    assert code == "result_unfit"
    assert message.endswith("mask.png is 9x8 and the first image 8x8: make it the same size")


def test_a_large_result_is_not_sent_within_json(bench):
    """A provider that takes no files would refuse it, as the vendor does beside a link."""
    batch = submit(bench, ["hero,a fox,,,,", "a,at sea,@hero,,,"])
    large = reply(200, image_body([png() + bytes(16_000_000)]))
    _, server = bench.work(batch, large, then=images(1), json_edits=True)
    assert (states(bench, batch, "hero", "a"), len(server.seen)) == (["succeeded", "failed"], 1)
    ((outcome, code, words, sent_at),) = errors(bench, batch, "a")
    assert (outcome, code, sent_at) == (Outcome.REJECTED, "result_unfit", None)
    assert words.startswith("@hero has 16,0")


def test_children_of_a_model_that_the_account_cannot_use(bench):
    """The run ends, and tells of them beside those that it is about."""
    batch = submit(bench, ["hero,a fox,,,gpt-image-2,", *COMIC[1:]])
    result, server = bench.work(batch, error(403, "model_not_found", "no such model"))
    assert len(server.seen) == 1
    assert "pending for models that the account cannot use: 1, and 2 more for their results; gpt-image-2" in result.halted


def test_a_result_that_nobody_makes_is_not_waited_for(bench):
    """The parent was changed behind the program's back: the run says so and ends, and resume puts it right."""
    batch = submit(bench)
    bench.sql("UPDATE jobs SET state = 'cancelled', finished_at = created_at WHERE custom_id = 'hero'")
    result, server = bench.work(batch)
    assert server.seen == []
    assert (
        result.halted
        == "pending for the results of others that nobody makes: 2; run again, or `batchgen resume` if those failed"
    )
    assert resume(bench, batch, cancelled=True) == 1
    assert bench.work(batch, then=images(1))[0].succeeded == 3


def test_a_limit_is_no_reason_to_complain(bench):
    """One job is started, as was asked, and the others wait for another day."""
    batch = submit(bench)
    result, server = bench.work(batch, then=images(1), limit=1)
    assert (len(server.seen), result.succeeded, result.halted) == (1, 1, None)
    assert bench.states(batch) == {State.SUCCEEDED: 1, State.PENDING: 2}
