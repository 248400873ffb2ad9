"""What dead workers leave: real processes killed at named points, foreign records, and leases of other machines."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from crash_points import BEGINNING, LATE, RECOVERING, ROTATING, WORKING
from scripted_server import USAGE_MICROS, ScriptedServer, error, png
from worker_bench import BOUND_S, Bench, Watcher, until

from batchgen.artifacts.answers import Record, Room, to_artifacts
from batchgen.artifacts.image import inspect
from batchgen.artifacts.office import Office
from batchgen.core.job import State
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.pricing import Basis, Cost
from batchgen.core.retry import Verdict
from batchgen.store import closing, leases, queue
from batchgen.store.closing import Closing, Finish
from batchgen.store.leases import Lease
from batchgen.store.queue import Filter

TESTS = Path(__file__).resolve().parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS), str(TESTS / "worker")])}


def killed_at(bench, batch, point, *, nth=1):
    """Run a worker until it is killed; returns the images that its server and those before it made."""
    command = [sys.executable, str(TESTS / "worker/dying_worker.py"), str(bench.folder), batch.name, point, str(nth)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=30)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return [path.read_bytes() for path in (bench.folder / "made").iterdir()]


# point -> how the first attempt ends, its cost, requests of the next run
PAID, FREE = USAGE_MICROS, 0
LOST, GONE, KEPT = ("lost", FREE, 1), ("unknown", None, 1), ("succeeded", PAID, 0)
KNOWN_BUT_GONE = ("unknown", PAID, 1)
DEATHS = {
    "claimed, nothing begun": LOST,
    "claimed, not sent": LOST,
    "marked as sent, no byte gone": GONE,
    "sent, not answered": GONE,
    "answered, nothing on disk": GONE,
    "half of the record on disk": GONE,
    "the record on disk, no image": KNOWN_BUT_GONE,
    "one of two images on disk": KNOWN_BUT_GONE,
    "the journal made, its name not safe": GONE,
    "the journal made, nothing in it": GONE,
    "the journal full, not synced": GONE,
    "the next journal made, its name not safe": GONE,
}


@pytest.mark.parametrize("point", [*WORKING, *BEGINNING, *LATE])
def test_a_worker_that_is_killed_loses_and_rebuys_nothing(bench, point):
    """On the same machine the next run takes over at once; what had reached the disk whole is never asked for again."""
    outcome, cost, requests = DEATHS.get(point, KEPT)
    batch = bench.submit(["bear,a bear,2"], columns="custom_id,prompt,n")
    made = killed_at(bench, batch, point)
    watcher = Watcher()
    result, server = bench.work(batch, watcher=watcher)
    job = bench.job(batch, "bear")
    assert len(server.seen) == requests
    assert job.outcomes == [outcome, "succeeded"][: 1 + requests]
    assert job.costs == [cost, PAID][: 1 + requests]
    assert job.state == "succeeded"
    assert job.failures == (1 if outcome == "unknown" else 0)
    assert sorted(bench.images()) == ["shop/bear.png", "shop/bear~2.png"]
    assert set(bench.images().values()) == set(server.made if requests else made)
    assert [file.sha256 for file in job.files] == [inspect(data).sha256 for data in bench.images().values()]
    assert bench.desks() == []
    assert result.halted is None


@pytest.mark.parametrize("point", ROTATING)
def test_a_worker_that_is_killed_over_a_full_journal_loses_and_rebuys_nothing(bench, point):
    """What stands in the old journal and in the new one is found, and what was settled is not settled again."""
    outcome, cost, requests = DEATHS.get(point, KEPT)
    batch = bench.submit(["bear,a bear,2", "cat,a cat,2"], columns="custom_id,prompt,n")
    made = killed_at(bench, batch, point)
    watcher = Watcher()
    _, server = bench.work(batch, watcher=watcher)
    bear, cat = bench.job(batch, "bear"), bench.job(batch, "cat")
    assert (len(made), len(server.seen)) == (4, requests)
    assert (bear.outcomes, bear.costs) == (["succeeded"], [PAID])
    assert cat.outcomes == [outcome, "succeeded"][: 1 + requests]
    assert cat.costs == [cost, PAID][: 1 + requests]
    assert bench.states(batch) == {State.SUCCEEDED: 2}
    for job in (bear, cat):
        assert [file.sha256 for file in job.files] == [inspect(bench.images()[file.path]).sha256 for file in job.files]
    assert set(bench.images().values()) <= {*made, *server.made}
    assert len(bench.images()) == 4
    assert bench.desks() == []


@pytest.mark.parametrize("point", RECOVERING)
def test_a_worker_that_dies_over_what_another_one_left_loses_nothing_either(bench, point):
    """What was paid for before the first death is there after the second one, and only what was lost is asked for again."""
    given_up = point == "a claim of the dead given up"
    batch = bench.submit(["bear,a bear,2"], columns="custom_id,prompt,n")
    made = killed_at(bench, batch, "sent, not answered" if given_up else "written, not placed")
    assert killed_at(bench, batch, point) == made
    _, server = bench.work(batch)
    job = bench.job(batch, "bear")
    assert len(server.seen) == given_up
    assert job.outcomes == (["unknown", "succeeded"] if given_up else ["succeeded"])
    assert set(bench.images().values()) == set(server.made if given_up else made)
    assert bench.desks() == []


def test_only_the_last_answer_is_under_way_when_a_worker_dies(bench):
    """Of four jobs one was done and one in hand: the next run asks for the other two."""
    batch = bench.submit([f"job-{n},picture {n}" for n in range(4)])
    made = killed_at(bench, batch, "placed, ledger not written", nth=2)
    assert len(made) == 2
    _, server = bench.work(batch)
    assert set(server.prompts) == {"picture 2", "picture 3"}
    assert len(server.seen) == 2
    assert bench.states(batch) == {State.SUCCEEDED: 4}
    assert set(bench.images().values()) == {*made, *server.made}
    assert bench.money(batch).cost_micros == 4 * PAID


def test_an_update_survives_a_death_in_its_middle(bench):
    """Killed with the new image in place and the ledger not written: the old one is in .previous, the new one is kept."""
    batch = bench.submit(["bear,a bear"])
    _, first = bench.work(batch)
    bench.submit(["bear,a brown bear"], update=True)
    (made,) = killed_at(bench, batch, "placed, ledger not written")
    _, server = bench.work(batch)
    assert server.seen == []
    assert bench.images() == {"shop/.previous/bear.before-2.png": first.made[0], "shop/bear.png": made}
    assert [(file.path, file.replaced_at is not None) for file in bench.job(batch, "bear").files] == [
        ("shop/.previous/bear.before-2.png", True),
        ("shop/bear.png", False),
    ]


def lease_of(bench, owner, seconds):
    return Lease(owner, bench.clock() + timedelta(seconds=seconds))


def claimed_elsewhere(bench, batch, *, seconds, sent=True, owner="other-machine-1-ab"):
    """A worker of another machine takes the next job."""
    with bench.database.write() as tx:
        (claim,) = queue.claim(tx, Filter([batch.id]), lease_of(bench, owner, seconds), bench.clock(), lambda _: 1000)
        if sent:
            queue.mark_sent(tx, [(claim.job_id, claim.attempt)], bench.clock())
    return claim


@pytest.mark.parametrize(("sent", "outcome"), [(True, "unknown"), (False, "lost")])
def test_a_silent_worker_elsewhere_loses_its_job_when_the_lease_runs_out(bench, sent, outcome):
    """Before that it is left alone; the run waits, and then takes the job over."""

    async def run():
        async with ScriptedServer() as server, bench.pool(server, bench.plan(batch)) as pool:
            running = asyncio.create_task(pool.run())
            await server.arrived(1)
            await until(lambda: pool.result.succeeded == 1)
            assert bench.states(batch) == {State.SUCCEEDED: 1, State.RUNNING: 1}
            assert not running.done()
            bench.clock.ahead = timedelta(seconds=61)
            return await asyncio.wait_for(running, BOUND_S), server

    batch = bench.submit(["bear,a bear", "cat,a cat"])
    claimed_elsewhere(bench, batch, seconds=60, sent=sent)
    result, server = asyncio.run(run())
    assert server.prompts == ["a cat", "a bear"]
    assert result.succeeded == 2
    job = bench.job(batch, "bear")
    assert job.outcomes == [outcome, "succeeded"]
    assert job.failures == (1 if sent else 0)


def test_a_worker_that_works_keeps_its_lease(bench):
    """As long as a lease is renewed nobody takes the job."""
    batch = bench.submit(["bear,a bear"])
    claimed_elsewhere(bench, batch, seconds=60)
    bench.clock.ahead = timedelta(seconds=50)
    with bench.database.write() as tx:
        leases.renew(tx, lease_of(bench, "other-machine-1-ab", 60))
    bench.clock.ahead = timedelta(seconds=100)
    with bench.database.read() as tx:
        assert leases.expired(tx, bench.clock()) == []


def settle_late(bench, claim, data):
    """What the silent worker does when its answer comes after all."""
    (artifact,) = to_artifacts(Room(claim.folder, claim.custom_id, claim.have), [inspect(data)])
    end = Closing(Ending(Outcome.SUCCEEDED, http_status=200), Verdict(State.SUCCEEDED), Cost(77, Basis.COMPUTED), (artifact,))
    with bench.database.write() as tx:
        return closing.finish(tx, [Finish(claim.job_id, claim.attempt, end)], bench.clock())[0].state


def test_a_late_answer_of_a_superseded_attempt_records_its_cost(bench):
    """The job was made again meanwhile: the late one changes nothing but what is known of its money."""
    batch = bench.submit(["bear,a bear"])
    claim = claimed_elsewhere(bench, batch, seconds=-1)
    _, server = bench.work(batch)
    assert settle_late(bench, claim, png()) is None
    job = bench.job(batch, "bear")
    assert (job.state, job.outcomes, job.costs) == ("succeeded", ["superseded", "succeeded"], [77, PAID])
    assert len(job.files) == 1
    assert bench.images() == {"shop/bear.png": server.made[0]}


def test_a_late_image_is_used_if_the_job_has_none(bench):
    """The job was given up meanwhile: the image that was paid for makes it succeeded after all."""
    batch = bench.submit(["bear,a bear"])
    claim = claimed_elsewhere(bench, batch, seconds=-1)
    bench.work(batch, error(400, "moderation_blocked"))
    assert bench.job(batch, "bear").state == "failed"
    assert settle_late(bench, claim, png()) is State.SUCCEEDED
    job = bench.job(batch, "bear")
    assert (job.state, job.outcomes, job.costs) == ("succeeded", ["succeeded", "rejected"], [77, FREE])
    assert len(job.files) == 1


def foreign_record(bench, owner, *, job_id=1, attempt=1):
    """A dead worker of another ledger, with an answer on disk."""
    data = png()
    desk = Office(bench.root).open_desk(owner)
    record = Record(job_id, attempt, 1, 200, None, {}, to_artifacts(Room("shop", "job-0"), [inspect(data)]), [])
    assert desk.write([(record, [data])]) == [None]
    desk.hold()
    desk.close()
    return data


def test_records_of_another_ledger_are_left_alone(bench):
    """Two ledgers on one root: what a worker of the other one left is neither used nor told nor removed."""
    batch = bench.submit([f"job-{n},picture {n}" for n in range(2)])
    data = foreign_record(bench, "worker-of-another-ledger")
    watcher = Watcher()
    _, server = bench.work(batch, watcher=watcher)
    assert len(server.seen) == 2
    assert data not in bench.images().values()
    assert bench.desks() == ["worker-of-another-ledger"]
    assert watcher.told == []
    desk = bench.folder / ".images.answers/worker-of-another-ledger"
    (journal,) = desk.glob("*.answers")
    assert msgspec.json.decode(journal.read_bytes(), type=Record).images[0].sha256 == inspect(data).sha256
    assert [path.read_bytes() for path in desk.glob("*.part")] == [data]


def test_a_record_of_another_ledger_with_the_same_numbers_is_left_alone(bench):
    """This ledger has an attempt of that job and number too, and it was another worker's: the image is not the job's."""
    batch = bench.submit(["job-0,picture 0"])
    bench.work(batch, error(400, "moderation_blocked"))
    foreign_record(bench, "worker-of-another-ledger")
    bench.work(batch)
    assert (bench.job(batch, "job-0").state, bench.job(batch, "job-0").outcomes) == ("failed", ["rejected"])
    assert bench.images() == {}
    assert bench.desks() == ["worker-of-another-ledger"]


def test_two_ledgers_take_what_is_theirs(tmp_path, empty):
    """The worker died over ledger one; ledger two on the same root passes by; ledger one settles it without a request."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = Bench.new(tmp_path / "one", empty), Bench.new(tmp_path / "two", empty)
    try:
        two.root = one.root
        mine, theirs = one.submit(["bear,a bear"]), two.submit(["bear,another bear"], name="theirs")
        (made,) = killed_at(one, mine, "written, not placed")
        _, server = two.work(theirs)
        assert server.prompts == ["another bear"]
        _, server = one.work(mine)
        assert server.seen == []
        assert one.images()["shop/bear.png"] == made
        assert one.job(mine, "bear").outcomes == ["succeeded"]
    finally:
        one.close()
        two.close()
