"""The claim: which job is next, for whom, and never for two."""

from contextlib import closing
from dataclasses import replace
from threading import Barrier, Thread

import pytest
from sqlalchemy import text

from batchgen.core.job import State
from batchgen.core.outcome import Outcome
from batchgen.core.request import Request
from batchgen.core.retry import Verdict
from batchgen.store import leases, queue
from batchgen.store.engine import Database
from batchgen.store.leases import Lease

_ON_POSTGRESQL = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)


def _order(ledger, **more):
    return [claim.custom_id for claim in iter(lambda: ledger.claim(**more), None)]


def test_jobs_are_claimed_in_the_order_of_the_file(ledger):
    """Jobs that are due at the same moment come one after the other as they were written down."""
    names = [f"{n}" for n in range(30)]
    ledger.submit(*(ledger.row(name) for name in names))
    assert _order(ledger) == names
    assert set(ledger.states().values()) == {State.RUNNING}


def test_priority_comes_before_the_order_of_the_file(ledger):
    """More comes first; among equals the file decides."""
    given = {"a": 0, "b": 5, "c": -1, "d": 5}
    ledger.submit(*(ledger.row(name, priority=number) for name, number in given.items()))
    assert _order(ledger) == ["b", "d", "a", "c"]


def test_a_job_that_waits_blocks_no_other(ledger):
    """Whoever is put off is passed over, and comes in its own place when it is due."""
    ledger.submit(ledger.row("a"), ledger.row("b"), ledger.row("c"))
    ledger.finish(ledger.claim(), Outcome.RATE_LIMITED, Verdict(State.PENDING, 5))
    assert ledger.claim(at=3).custom_id == "b"
    assert _order(ledger, at=10) == ["a", "c"]


def test_what_has_failed_comes_behind_what_has_not(ledger):
    """While a server is away, every probe goes to another row, and none uses up its tries."""
    ledger.submit(ledger.row("a"), ledger.row("b"), ledger.row("c"))
    tried = [ledger.claim() for _ in "ab"]
    for claim in tried:
        ledger.finish(claim, Outcome.UNAVAILABLE, Verdict(State.PENDING, failed=1), at=0)
    assert _order(ledger) == ["c", "a", "b"]


def test_many_are_claimed_at_once_and_no_more_than_asked_for(ledger):
    """In the order of the batches and of the files, each with an attempt of its own."""
    ledger.submit(*(ledger.row(f"a{n}") for n in range(3)), batch="a")
    ledger.submit(*(ledger.row(f"b{n}") for n in range(3)), batch="b")
    wanted, lease = ledger.filter(), Lease("one", ledger.at(60))
    with ledger.database.write() as tx:
        first = queue.claim(tx, wanted, lease, ledger.at(0), lambda _: 1, most=2)
        rest = queue.claim(tx, wanted, lease, ledger.at(0), lambda _: 1, most=9)
        assert queue.claim(tx, wanted, lease, ledger.at(0), lambda _: 1, most=9) == []
    assert [claim.custom_id for claim in first] == ["a0", "a1"]
    assert [claim.custom_id for claim in rest] == ["a2", "b0", "b1", "b2"]
    assert all(len(ledger.attempts(claim.custom_id, claim.folder)) == 1 for claim in (*first, *rest))


def test_batches_are_worked_in_the_order_they_are_named(ledger):
    """All that is due of the first batch comes before anything of the second."""
    ledger.submit(ledger.row("a1"), ledger.row("a2"), batch="a")
    ledger.submit(ledger.row("b1"), ledger.row("b2"), batch="b")
    ledger.submit(ledger.row("c1"), batch="c")
    assert _order(ledger, names=["b", "a"]) == ["b1", "b2", "a1", "a2"]
    assert ledger.states("c") == {"c1": State.PENDING}


def test_a_claim_takes_no_other_than_it_is_asked_for(ledger):
    """Blocked models and jobs outside the choice are left alone; an empty choice takes none."""
    models = {"a": "m1", "b": "m2", "c": "m3", "d": "m2"}
    ledger.submit(*(ledger.row(name, model=model) for name, model in models.items()))
    assert ledger.claim(only=[]) is None
    assert ledger.claim(names=[]) is None
    assert _order(ledger, blocked=["m1", "m3"], only=ledger.ids("a", "d")) == ["d"]
    assert _order(ledger, blocked=["m1", "m3"]) == ["b"]
    assert _order(ledger, only=ledger.ids("c")) == ["c"]
    assert _order(ledger) == ["a"]


def test_a_job_is_not_claimed_before_it_is_due(ledger):
    """Backoff lives in the ledger, to the microsecond; `next_due` tells when to come back."""
    ledger.submit(ledger.row("a"), ledger.row("b"))
    for seconds in (7.5, 9):
        ledger.finish(ledger.claim(), Outcome.UNAVAILABLE, Verdict(State.PENDING, seconds, failed=1), at=0)
    with ledger.database.read() as tx:
        assert queue.next_due(tx, ledger.filter()) == ledger.at(7.5)
        assert queue.next_due(tx, ledger.filter(only=ledger.ids("b"))) == ledger.at(9)
        assert queue.next_due(tx, ledger.filter(blocked=["gpt-image-2"])) is None
        assert queue.next_due(tx, ledger.filter(names=[])) is None
    assert ledger.claim(at=7.499999) is None
    assert ledger.claim(at=7.5).custom_id == "a"
    assert ledger.claim(at=8.9) is None


def test_next_due_looks_at_all_batches_and_at_waiting_jobs_only(ledger):
    """The earliest of all batches counts; running and final jobs are not waited for."""
    for n, name in enumerate(("done", "held", "late", "later")):
        ledger.submit(ledger.row(name), batch=name, at=n)
    ledger.succeed(ledger.claim(names=["done"], at=9))
    ledger.claim(names=["held"], at=9)
    with ledger.database.read() as tx:
        assert queue.next_due(tx, ledger.filter(["done", "held", "later", "late"])) == ledger.at(2)
        assert queue.next_due(tx, ledger.filter(["done", "held"])) is None


def test_a_claim_says_all_that_the_attempt_needs(ledger):
    """Folder, id and request are the row's, with its highest cost; the attempt stands in the ledger before anything is sent."""
    ledger.submit(ledger.row("Fox", "a red fox", n=2, size="1024x1024"), batch="Shop")
    claim = ledger.claim("worker", at=3, lease_s=60, reserve=123)
    request = Request("generate", "gpt-image-2", "a red fox", {"n": 2, "size": "1024x1024"})
    named = (ledger.job("fox", "shop").id, 1, "Shop", "Fox")
    told = {"batch_id": ledger.batch("shop").id, "fingerprint": request.fingerprint, "started_at": ledger.at(3)}
    assert replace(claim, once="") == queue.Claim(*named, request, 0, 0, 123, have=(), replaces=(), **told)
    job, attempt = ledger.job("fox", "shop"), ledger.attempts("fox", "shop")[0]
    assert (job.state, job.attempt, job.lease_owner, job.lease_expires_at) == (State.RUNNING, 1, "worker", ledger.at(63))
    assert (attempt.number, attempt.model, attempt.worker, attempt.lane) == (1, "gpt-image-2", "worker", "sync")
    assert (attempt.started_at, attempt.sent_at, attempt.finished_at, attempt.outcome) == (ledger.at(3), None, None, None)
    assert (attempt.reserved_micros, attempt.cost_micros) == (123, None)
    assert attempt.fingerprint == request.fingerprint == job.fingerprint


def test_what_has_no_price_is_reserved_as_unknown(ledger):
    """No worst case is NULL in the ledger, and not zero."""
    ledger.submit(ledger.row("a"))
    ledger.claim(reserve=None)
    assert ledger.attempts("a")[0].reserved_micros is None


def test_attempt_numbers_only_grow(ledger):
    """However a job came back, the next attempt has the next number; old ones stay."""
    ledger.submit(ledger.row("a"))
    for outcome in (Outcome.RATE_LIMITED, Outcome.UNAVAILABLE, Outcome.LOST):
        ledger.finish(ledger.claim(), outcome, State.PENDING, at=0)
    ledger.succeed(ledger.claim())
    ledger.submit(ledger.row("a", "else"))
    assert ledger.claim(at=1).attempt == 5
    attempts = ledger.attempts("a")
    assert [attempt.number for attempt in attempts] == [1, 2, 3, 4, 5]
    assert [attempt.outcome for attempt in attempts] == ["rate_limited", "unavailable", "lost", "succeeded", None]


def _claim_all(url, wanted, lease, now, start, taken):
    with closing(Database(url)) as database:
        start.wait()
        while True:
            with database.write() as tx:
                claims = queue.claim(tx, wanted, lease, now, lambda _request: 1, most=3)
            if not claims:
                return
            taken += [(claim.job_id, claim.attempt, lease.owner) for claim in claims]


def test_workers_that_claim_at_once_never_share_a_job(ledger):
    """Four workers with doors of their own take 200 jobs: each job once, and none is left."""
    ledger.submit(*(ledger.row(f"{n}") for n in range(200)))
    wanted, start, taken = ledger.filter(), Barrier(4), []
    url = ledger.database.url.render_as_string(hide_password=False)
    threads = [
        Thread(target=_claim_all, args=(url, wanted, Lease(f"w{n}", ledger.at(60)), ledger.at(0), start, taken))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len({job for job, _attempt, _worker in taken}) == 200
    assert {attempt for _job, attempt, _worker in taken} == {1}
    with ledger.database.read() as tx:
        held = [leases.held_by(tx, f"w{n}") for n in range(4)]
    assert {(one.job_id, 1, one.worker) for some in held for one in some} == set(taken)


@_ON_POSTGRESQL
def test_a_claim_passes_over_what_another_one_is_taking(ledger):
    """A claim does not wait for a transaction that holds the next job. SQLite has one writer at a time."""
    ledger.submit(ledger.row("a"), ledger.row("b"))
    wanted, lease = ledger.filter(), Lease("slow", ledger.at(60))
    with ledger.database.write() as tx:
        (slow,) = queue.claim(tx, wanted, lease, ledger.at(0), lambda _request: 1)
        quick = ledger.claim("quick")
    assert (slow.custom_id, quick.custom_id) == ("a", "b")


@_ON_POSTGRESQL
@pytest.mark.parametrize("rows", [2, 300])
def test_a_claim_takes_one_job_whatever_the_database_plans(ledger, rows):
    """PostgreSQL may ask for the next job as often as a join likes; only one job is taken all the same."""
    ledger.submit(*(ledger.row(f"{n}") for n in range(rows)))
    kinds = ("hashjoin", "hashagg", "indexscan", "bitmapscan", "sort", "mergejoin", "material", "memoize")
    with ledger.database.write() as tx:
        for kind in kinds:
            tx.execute(text(f"SET LOCAL enable_{kind} = off"))
        (claim,) = queue.claim(tx, ledger.filter(), Lease("one", ledger.at(60)), ledger.at(0), lambda _request: 1)
    assert [name for name, state in ledger.states().items() if state is State.RUNNING] == [claim.custom_id]


def test_missing_images_only_are_asked_for_again(ledger):
    """Fewer images than asked: what came is kept, and the next attempt asks and reserves for the rest."""
    ledger.submit(ledger.row("a", n=4))
    first = ledger.claim()
    ledger.finish(first, Outcome.INVALID_REPLY, Verdict(State.PENDING, failed=1), at=0, images=["a.png", "a~2.png"])
    second = ledger.claim()
    assert (second.have, second.request.images, second.replaces, second.failures) == ((1, 2), 2, (), 1)
    ledger.finish(second, Outcome.INVALID_REPLY, Verdict(State.PENDING, failed=1), at=0, images=["a~3.png"])
    third = ledger.claim()
    assert (third.have, third.request.images) == ((1, 2, 3), 1)
    assert ledger.succeed(third, "a~4.png") is State.SUCCEEDED
    assert ledger.files("a") == ["a.png", "a~2.png", "a~3.png", "a~4.png"]
    assert len({attempt.fingerprint for attempt in ledger.attempts("a")}) == 1


def test_a_changed_row_replaces_the_images_of_the_old_one(ledger):
    """After --update the old images do not count, and the claim names them so that they can make room."""
    ledger.submit(ledger.row("a", n=2))
    ledger.succeed(ledger.claim(), "a.png", "a~2.png")
    ledger.submit(ledger.row("a", "else", n=3))
    claim = ledger.claim()
    assert (claim.have, claim.request.images, claim.replaces) == ((), 3, ("a.png", "a~2.png"))
    moved = [("a.png", ".previous/a.png"), ("a~2.png", ".previous/a~2.png")]
    ledger.succeed_moving(claim, ["a.png", "a~2.png", "a~3.png"], moved)
    assert ledger.files("a") == ["a.png", "a~2.png", "a~3.png"]
    assert ledger.old_files("a") == [".previous/a.png", ".previous/a~2.png"]


def test_a_row_changed_in_the_middle_counts_only_its_own_images(ledger):
    """Images of the old request are replaced, those that came for the new one are kept."""
    ledger.submit(ledger.row("a", n=2))
    ledger.succeed(ledger.claim(), "a.png", "a~2.png")
    ledger.submit(ledger.row("a", "else", n=2))
    claim, moved = ledger.claim(), [("a.png", ".previous/a.png"), ("a~2.png", ".previous/a~2.png")]
    ledger.finish(claim, Outcome.INVALID_REPLY, Verdict(State.PENDING, failed=1), images=["a.png"], moved=moved)
    claim = ledger.claim(at=1)
    assert (claim.have, claim.request.images, claim.replaces) == ((1,), 1, ())


def test_a_row_changed_and_changed_back_is_made_again(ledger):
    """The person asked twice for something new: the first images are as old as any and make room."""
    ledger.submit(ledger.row("a"))
    ledger.succeed(ledger.claim(), "a.png")
    ledger.submit(ledger.row("a", "else"))
    ledger.submit(ledger.row("a"))
    claim = ledger.claim(at=1)
    assert (claim.have, claim.request.images, claim.replaces) == ((), 1, ("a.png",))
