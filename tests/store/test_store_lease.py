"""Leases: who holds what, until when, and what is known of an attempt that nobody finishes."""

import pytest

from batchgen.core.job import State
from batchgen.core.outcome import Outcome
from batchgen.store import closing, leases
from batchgen.store.closing import Standing
from batchgen.store.leases import Lease, Opened


def _expired(ledger, seconds):
    with ledger.database.read() as tx:
        return [one.job_id for one in leases.expired(tx, ledger.at(seconds))]


def _held(ledger, owner):
    with ledger.database.read() as tx:
        return [one.job_id for one in leases.held_by(tx, owner)]


def test_a_worker_is_known_by_what_it_holds(ledger):
    """Only running jobs of that very worker, in the order of the ledger."""
    ledger.submit(*(ledger.row(name) for name in "abcd"))
    claims = {name: ledger.claim(owner) for name, owner in zip("abcd", ("one", "two", "one", "one"), strict=True)}
    ledger.fail(claims["c"])
    assert _held(ledger, "one") == ledger.ids("a", "d")
    assert _held(ledger, "two") == ledger.ids("b")
    assert _held(ledger, "on") == []


def test_a_lease_runs_out_at_its_end_and_not_before(ledger):
    """A silent worker's jobs are found when their leases are over, to the microsecond; waiting and final ones never."""
    ledger.submit(*(ledger.row(name) for name in "abcd"))
    ledger.claim(lease_s=60)
    ledger.claim(lease_s=90.5)
    ledger.fail(ledger.claim(lease_s=1))
    assert _expired(ledger, 60) == []
    assert _expired(ledger, 60.000001) == ledger.ids("a")
    assert _expired(ledger, 10_000) == ledger.ids("a", "b")


def test_renewing_moves_the_end_of_all_that_a_worker_holds(ledger):
    """Its own running jobs, and nobody else's."""
    ledger.submit(*(ledger.row(name) for name in "abcd"))
    for owner in ("one", "two", "one"):
        ledger.claim(owner, lease_s=60)
    with ledger.database.write() as tx:
        leases.renew(tx, Lease("one", ledger.at(500)))
    assert _expired(ledger, 499) == ledger.ids("b")
    assert ledger.job("d").lease_expires_at is None


def test_an_abandoned_attempt_is_told_with_what_its_job_went_through(ledger):
    """Whether it was sent decides if it may have been billed; the counts before it decide what comes next."""
    ledger.submit(ledger.row("a"), ledger.row("b"))
    ledger.give_up(ledger.claim("old"), at=0)
    claims = {claim.custom_id: claim for claim in (ledger.claim("one"), ledger.claim("one"))}
    ledger.sent(claims["a"], at=7)
    one, two = ledger.ids("a", "b")
    with ledger.database.read() as tx:
        held = leases.held_by(tx, "one")
    most, batch = ledger.attempts("a")[1].reserved_micros, ledger.batch().id
    told = {"batch_id": batch, "reserved_micros": most, "is_settled": False, "is_answered": False}
    told |= {"provider": "openai", "started_at": ledger.at(0)}
    assert held == [
        Opened(one, 2, "one", "gpt-image-2", sent=True, failures=1, unknowns=1, **told),
        Opened(two, 1, "one", "gpt-image-2", sent=False, failures=0, unknowns=0, **told),
    ]
    assert [attempt.sent_at for attempt in ledger.attempts("a")] == [None, ledger.at(7)]


@pytest.mark.parametrize("outcome", Outcome)
def test_an_attempt_that_was_given_up_is_not_settled(ledger, outcome):
    """What ended without its answer may learn of it yet; any other end is for good."""
    ledger.submit(ledger.row("a"))
    claim = ledger.claim()
    with ledger.database.read() as tx:
        assert not leases.opened(tx, claim.job_id, claim.attempt).is_settled
    ledger.finish(claim, outcome, State.PENDING)
    given_up = {Outcome.UNKNOWN, Outcome.LOST, Outcome.STORAGE_FAILED, Outcome.SUPERSEDED}
    with ledger.database.read() as tx:
        opened = leases.opened(tx, claim.job_id, claim.attempt)
    assert opened.is_settled == (outcome not in given_up)
    assert opened.is_answered == (outcome in (Outcome.STORAGE_FAILED, Outcome.SUPERSEDED))


def test_any_attempt_can_be_looked_up(ledger):
    """What lies on disk may be of an old attempt, of one that is closed, or of another ledger."""
    ledger.submit(ledger.row("a"))
    old = ledger.claim("old")
    ledger.sent(old)
    ledger.give_up(old, Outcome.LOST, at=0)
    ledger.claim("new")
    with ledger.database.read() as tx:
        found = leases.opened(tx, old.job_id, 1)
        assert (found.attempt, found.worker, found.sent, found.failures) == (1, "old", True, 0)
        assert leases.opened(tx, old.job_id, 2).worker == "new"
        assert leases.opened(tx, old.job_id, 3) is None
        assert leases.opened(tx, 999, 1) is None
        assert closing.standing(tx, old.job_id, 2) is Standing.HELD
        assert closing.standing(tx, old.job_id, 1) is Standing.BUSY
        assert closing.standing(tx, 999, 1) is Standing.DONE
