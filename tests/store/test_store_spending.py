"""What counts toward the caps: sums over attempts, by batch and by when they started; and what is still to be made."""

from collections import Counter
from contextlib import closing
from threading import Barrier, Thread

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from batchgen.core.budget import Caps, Counted, Room
from batchgen.core.job import State
from batchgen.core.outcome import Outcome
from batchgen.core.retry import Verdict
from batchgen.store import migrate, outlook, queue, remaining, spending
from batchgen.store.engine import Database
from batchgen.store.leases import Lease

_DAY = 86_400


def counted(ledger, since=-1, until=None, batch="shop"):
    """What counts of one batch."""
    with ledger.database.read() as tx:
        found = spending.counted(tx, ledger.at(since), None if until is None else ledger.at(until))
    return found.get(ledger.batch(batch).id, Counted())


def claimed(ledger, custom_id="a", batch="shop", *, at=0, reserve=900, simulated=False):
    """An open attempt."""
    ledger.submit(ledger.row(custom_id), batch=batch, simulated=simulated)
    return ledger.claim(names=[batch], at=at, reserve=reserve)


ENDS = {
    "answered": (Outcome.SUCCEEDED, {"cost": 40}, Counted(spent=40)),
    "refused": (Outcome.REJECTED, {"cost": 0}, Counted()),
    "never sent": (Outcome.LOST, {"cost": 0}, Counted()),
    "perhaps billed": (Outcome.UNKNOWN, {}, Counted(unknown=900)),
    "no usage told, and no likely cost": (Outcome.INVALID_REPLY, {}, Counted(unknown=900)),
    "dearer than reserved": (Outcome.SUCCEEDED, {"cost": 1000}, Counted(spent=1000)),
}


@pytest.mark.parametrize("case", ENDS)
def test_an_attempt_counts_with_its_cost_or_its_worst_case(ledger, case):
    """From the claim on with what it may cost, and when it has ended with what it did cost, if that is known."""
    outcome, known, expected = ENDS[case]
    claim = claimed(ledger)
    assert counted(ledger) == Counted(reserved=900)
    ledger.sent(claim)
    assert counted(ledger) == Counted(reserved=900)
    ledger.finish(claim, outcome, State.SUCCEEDED if outcome is Outcome.SUCCEEDED else State.FAILED, **known)
    assert counted(ledger) == expected


def test_every_attempt_of_a_job_counts(ledger):
    """A retry does not replace what the first try may have cost."""
    claim = claimed(ledger)
    ledger.finish(claim, Outcome.UNKNOWN, Verdict(State.PENDING, failed=1, unknown=1), at=1)
    again = ledger.claim(at=2, reserve=800)
    assert counted(ledger) == Counted(reserved=800, unknown=900)
    ledger.succeed(again, at=3, cost=70)
    assert counted(ledger) == Counted(spent=70, unknown=900)


def test_what_was_given_up_counts_at_its_worst_until_its_answer_comes(ledger):
    """A dead worker's attempt stays reserved, then may have been billed; a late answer tells."""
    claim = claimed(ledger)
    ledger.sent(claim)
    ledger.give_up(claim)
    assert counted(ledger) == Counted(unknown=900)
    ledger.succeed(claim, at=200, cost=60)
    assert counted(ledger) == Counted(spent=60)


def test_simulated_money_counts_toward_no_cap(ledger):
    """However much of it there is."""
    ledger.succeed(claimed(ledger, batch="sandbox-shop", simulated=True), cost=10**9)
    assert counted(ledger, batch="sandbox-shop") == Counted()


def test_an_attempt_belongs_to_the_moment_at_which_it_started(ledger):
    """Not to that of its end; a time begins with its first microsecond and ends before the next one's."""
    claim = claimed(ledger, at=10)
    ledger.succeed(claim, at=10 + 2 * _DAY, cost=40)
    spans = {(10, None): 40, (10.000001, None): 0, (9, 10): 0, (9, 10.000001): 40, (10 + _DAY, None): 0}
    assert {span: counted(ledger, *span).spent for span in spans} == spans


def test_batches_are_told_apart_and_together_make_the_day(ledger):
    """Each batch has its own sum; a day and a month are those of all real batches."""
    ledger.succeed(claimed(ledger, batch="one", at=_DAY), cost=40)
    ledger.succeed(claimed(ledger, batch="two", at=2), cost=7)
    claimed(ledger, custom_id="b", batch="two", at=2 * _DAY, reserve=500)
    ids = {name: ledger.batch(name).id for name in ("one", "two")}
    caps = Caps(per_batch=1, per_day=1, per_month=1)
    with ledger.database.read() as tx:
        found = spending.room(tx, caps, list(ids.values()), ledger.at(2 * _DAY + 5))
    batches = {ids["one"]: Counted(spent=40), ids["two"]: Counted(spent=7, reserved=500)}
    assert found == Room(caps, day=Counted(reserved=500), month=Counted(spent=47, reserved=500), batches=batches)


def test_without_caps_nothing_is_summed(ledger):
    """Whoever has no cap does not pay for one."""
    claimed(ledger)
    with ledger.database.read() as tx:
        assert spending.room(tx, Caps(per_run=5), [ledger.batch().id], ledger.at(5)) == Room(Caps(per_run=5))


def test_models_are_those_of_jobs_that_are_not_done(ledger):
    """What is final needs no price any more."""
    ledger.submit(ledger.row("a", model="old"), ledger.row("b", model="new"), ledger.row("c", model="new"))
    ledger.succeed(ledger.claim())
    with ledger.database.read() as tx:
        assert spending.models(tx, ledger.filter()) == ["new"]
        assert spending.models(tx, ledger.filter(names=[])) == []


def test_what_remains_is_every_pending_job(ledger, monkeypatch):
    """In order and in parts, with what of its request is missing; not what is done, running, blocked or not in question."""
    monkeypatch.setattr(remaining, "_JOBS_AT_ONCE", 2)
    ledger.submit(*(ledger.row(name, n=3) for name in "abcdef"), ledger.row("g", model="blocked"))
    ledger.succeed(ledger.claim())
    ledger.claim(at=1)
    half = ledger.claim(at=1)
    ledger.finish(half, Outcome.INVALID_REPLY, Verdict(State.PENDING, 60, failed=1), at=2, images=["shop/c.png"])
    with ledger.database.read() as tx:
        found = list(remaining.remaining(tx, ledger.filter(blocked=["blocked"])))
        some = list(remaining.remaining(tx, ledger.filter(only=ledger.ids("a", "d", "f"))))
    assert [(job.job_id, job.request.images) for job in found] == list(zip(ledger.ids(*"cdef"), [2, 3, 3, 3], strict=True))
    assert [job.due_at for job in found] == [ledger.at(62), *[ledger.at(0)] * 3]
    assert [job.job_id for job in some] == ledger.ids("d", "f")


def test_an_outlook_is_what_remains(ledger, monkeypatch):
    """What is told before a run is what a cap is held against: an image that is there is in neither; whoever is to make it."""
    monkeypatch.setattr(remaining, "_JOBS_AT_ONCE", 2)
    ledger.submit(*(ledger.row(name, n=3) for name in "abc"), ledger.row("d", provider="another"))
    ledger.finish(ledger.claim(), Outcome.INVALID_REPLY, Verdict(State.PENDING, 60, failed=1), at=2, images=["shop/a.png"])
    ledger.succeed(ledger.claim(at=2))
    with ledger.database.read() as tx:
        told = [(job.request.images, job.is_begun) for job in outlook.unfinished(tx, [ledger.batch()])]
        held = [job.request.images for job in remaining.remaining(tx, ledger.filter())]
    assert (told, held) == ([(2, True), (3, False), (1, False)], [2, 3])


def test_a_share_of_what_remains_is_from_everywhere(ledger):
    """About as many as were asked for, from the whole length of the batch, and in no even distance."""
    ledger.submit(*(ledger.row(f"row-{number}") for number in range(2000)))
    with ledger.database.read() as tx:
        found = [job.job_id for job in remaining.of_batch(tx, ledger.batch().id, 0.1)]
    assert found == sorted(set(found))
    assert 150 < len(found) < 250
    by_fifth = Counter((job_id - found[0]) // 400 for job_id in found)
    assert min(by_fifth[fifth] for fifth in range(5)) > 20
    assert 0.3 < sum(job_id % 2 for job_id in found) / len(found) < 0.7


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_claims_under_a_cap_are_made_one_after_the_other(ledger):
    """Six that count and claim at once on a PostgreSQL take together what one of them could, and no more."""
    ledger.submit(*(ledger.row(f"row-{n}") for n in range(40)))
    wanted, taken, start = ledger.filter(), [], Barrier(6)

    def work(name):
        start.wait()
        for _ in range(4):
            with ledger.database.write() as tx:
                spending.lock(tx)
                left = [10_000 - sum(part.total for part in spending.counted(tx, ledger.at(-1)).values())]

                def fits(_claim, left=left):
                    left[0] -= 900
                    return left[0] >= 0

                lease = Lease(name, ledger.at(60))
                taken.extend(queue.claim(tx, wanted, lease, ledger.at(0), lambda _: 900, most=3, fits=fits))

    threads = [Thread(target=work, args=(f"worker-{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 11
    assert counted(ledger).total == 9_900


def test_attempts_from_before_belong_to_the_batches_of_their_jobs(empty):
    """The column that the sums are grouped by is filled in for what was made before there was one."""
    with closing(Database(empty)) as database:
        with database.write() as tx:
            config = Config()
            config.set_main_option("script_location", str(migrate.scripts_folder()))
            config.attributes["connection"] = tx
            command.upgrade(config, "0008")
        with database.write() as tx:
            for statement in _ONE_ATTEMPT:
                tx.execute(text(statement))
        migrate.upgrade(database)
        with database.read() as tx:
            assert tx.execute(text("SELECT batch_id FROM attempts")).scalar_one() == 5


_ONE_ATTEMPT = (
    "INSERT INTO batches (id, name, name_key, simulated, manifest_sha256, metadata_columns, created_at)"
    " VALUES (5, 'shop', 'shop', false, '', '[]', '2026-11-21 12:00:00')",
    "INSERT INTO jobs (id, batch_id, position, custom_id, custom_id_key, operation, model, request, metadata, fingerprint,"
    " priority, rewritten, state, attempt, failures, unknowns, available_at, cancel_requested, waits_for, has_children,"
    " created_at) VALUES (9, 5, 0, 'a', 'a', 'generate', 'gpt-image-2', '{}', '{}', '', 0, '[]', 'pending', 1, 0, 0,"
    " '2026-11-21 12:00:00', false, 0, false, '2026-11-21 12:00:00')",
    "INSERT INTO attempts (job_id, number, model, fingerprint, worker, lane, started_at)"
    " VALUES (9, 1, 'gpt-image-2', '', 'one', 'sync', '2026-11-21 12:00:00')",
)
