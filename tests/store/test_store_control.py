"""What a person does: queue jobs again, or cancel them."""

import pytest

from batchgen.core.job import State
from batchgen.core.outcome import Outcome
from batchgen.core.retry import Verdict
from batchgen.errors import UnknownBatch
from batchgen.store import control
from batchgen.store.control import Also, Cancelled

_FAILED = {
    "unavailable": Outcome.UNAVAILABLE,
    "unknown": Outcome.UNKNOWN,
    "invalid": Outcome.INVALID_REPLY,
    "rejected": Outcome.REJECTED,
}


@pytest.fixture
def shop(ledger):
    """A batch with jobs in every state, failed ones for several reasons; another batch with a failed one."""
    ledger.submit(*(ledger.row(name) for name in (*_FAILED, "cancelled", "succeeded", "running", "pending")))
    for outcome in _FAILED.values():
        ledger.finish(ledger.claim(), outcome, Verdict(State.FAILED, failed=2, unknown=1))
    claim = ledger.claim()
    _cancel(ledger, "cancelled")
    ledger.fail(claim)
    ledger.succeed(ledger.claim())
    ledger.claim()
    ledger.submit(ledger.row("elsewhere"), batch="other")
    ledger.fail(ledger.claim(names=["other"]))
    return ledger


def _cancel(ledger, *custom_ids, at=50):
    with ledger.database.write() as tx:
        return control.cancel(tx, ledger.batch(), custom_ids, ledger.at(at))


def _requeue(ledger, **chosen):
    with ledger.database.write() as tx:
        return control.requeue(tx, ledger.batch(), ledger.at(60), Also(**chosen))


@pytest.mark.parametrize(
    ("chosen", "queued"),
    [
        ({}, {"unavailable", "invalid"}),
        ({"rejected": True}, {"unavailable", "invalid", "rejected"}),
        ({"unknown": True}, {"unavailable", "invalid", "unknown"}),
        ({"cancelled": True}, {"unavailable", "invalid", "cancelled"}),
        (
            {"rejected": True, "unknown": True, "cancelled": True},
            {"unavailable", "invalid", "rejected", "unknown", "cancelled"},
        ),
    ],
)
def test_failed_jobs_are_queued_again(shop, chosen, queued):
    """What was refused, what may have been billed and what was cancelled only if asked for; all else stays as it is."""
    before = {name: shop.job(name) for name in shop.states()}
    elsewhere = shop.job("elsewhere", "other")
    assert _requeue(shop, **chosen) == len(queued)
    for name, old in before.items():
        job = shop.job(name)
        if name not in queued:
            assert job == old
            continue
        assert (job.state, job.failures, job.unknowns, job.finished_at) == (State.PENDING, 0, 0, None)
        assert (job.available_at, job.attempt) == (shop.at(60), old.attempt)
    assert shop.job("elsewhere", "other") == elsewhere
    assert _requeue(shop, **chosen) == 0


def test_the_last_attempt_decides_whether_a_job_was_refused(ledger):
    """A job that was refused once, queued again and failed otherwise is not held back."""
    ledger.submit(ledger.row("a"))
    ledger.fail(ledger.claim(), Outcome.REJECTED)
    assert _requeue(ledger) == 0
    assert _requeue(ledger, rejected=True) == 1
    ledger.fail(ledger.claim(at=60))
    assert _requeue(ledger) == 1


def test_cancelling_a_batch_leaves_only_what_is_done_and_what_runs(shop):
    """Pending and failed jobs become cancelled, succeeded ones stay, running ones are marked."""
    elsewhere = shop.job("elsewhere", "other")
    assert _cancel(shop) == Cancelled(now=5, after_their_attempt=1)
    kept = {"succeeded": State.SUCCEEDED, "running": State.RUNNING}
    assert shop.states() == {name: kept.get(name, State.CANCELLED) for name in shop.states()}
    assert (shop.job("pending").finished_at, shop.job("running").cancel_requested) == (shop.at(50), True)
    assert shop.job("elsewhere", "other") == elsewhere
    assert shop.claim(names=["shop"], at=1000) is None


def test_single_jobs_are_cancelled_by_their_ids(shop):
    """Ids are known without regard to case, a repeated one counts once, and the same id in another batch is another job."""
    shop.submit(shop.row("pending"), batch="other")
    assert _cancel(shop, "PENDING", "pending", "Running", "succeeded") == Cancelled(now=1, after_their_attempt=1)
    states = shop.states()
    assert (states["pending"], states["running"], states["unknown"]) == (State.CANCELLED, State.RUNNING, State.FAILED)
    assert shop.job("running").cancel_requested
    assert shop.job("pending", "other").state == State.PENDING


def test_one_unknown_id_cancels_nothing(ledger):
    """More ids than fit into one question: the last one is unknown, and no job is touched."""
    names = [f"row {n}" for n in range(1200)]
    ledger.submit(*(ledger.row(name) for name in names))
    with pytest.raises(UnknownBatch, match=r"batch shop has no job 'Row 9999' among its 1,200"):
        _cancel(ledger, *names, "Row 9999")
    assert set(ledger.states().values()) == {State.PENDING}
    assert _cancel(ledger, *names) == Cancelled(1200, 0)


def test_an_id_of_another_batch_is_unknown(shop):
    """A job is cancelled in its own batch only."""
    with pytest.raises(UnknownBatch, match="elsewhere"):
        _cancel(shop, "elsewhere")


@pytest.mark.parametrize(("outcome", "state"), [(Outcome.SUCCEEDED, State.SUCCEEDED), (Outcome.UNAVAILABLE, State.CANCELLED)])
def test_a_running_job_is_let_finish(ledger, outcome, state):
    """Cancelled while it runs: its image makes it succeeded, anything else cancelled, and it can be queued again."""
    ledger.submit(ledger.row("a"))
    claim = ledger.claim()
    assert _cancel(ledger, "a") == Cancelled(0, 1)
    images = ["a.png"] if state is State.SUCCEEDED else []
    verdict = State.SUCCEEDED if state is State.SUCCEEDED else State.PENDING
    assert ledger.finish(claim, outcome, verdict, images=images) is state
    assert _requeue(ledger, cancelled=True) == (state is State.CANCELLED)


def test_a_cancelled_job_that_was_queued_again_is_worked_to_its_end(ledger):
    """The wish to cancel does not outlive the cancelling."""
    ledger.submit(ledger.row("a"))
    claim = ledger.claim()
    _cancel(ledger)
    ledger.fail(claim)
    _requeue(ledger, cancelled=True)
    assert ledger.fail(ledger.claim(at=60)) is State.FAILED
