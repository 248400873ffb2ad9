"""The table of outcomes: what a job does next, what it counted, and when it is due again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.core.job import FINAL, State
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.retry import Policy, Record, Verdict, decide

RETRY = Policy(max_attempts=3, backoff_base_s=2.0, backoff_cap_s=60.0, retry_unknown=True)
HOLD = Policy(max_attempts=3, backoff_base_s=2.0, backoff_cap_s=60.0, retry_unknown=False)

FIRST = Record(attempt=1, failures=0, unknowns=0)
LAST = Record(attempt=3, failures=2, unknowns=0)
ONCE_UNKNOWN = Record(attempt=2, failures=1, unknowns=1)

# outcome, policy, record: state, failures counted, unknowns counted. The delay is checked apart.
TABLE = [
    *((Outcome.SUCCEEDED, RETRY, record, State.SUCCEEDED, 0, 0) for record in (FIRST, LAST)),
    *((Outcome.REUSED, RETRY, record, State.SUCCEEDED, 0, 0) for record in (FIRST, LAST)),
    *((Outcome.REJECTED, RETRY, record, State.FAILED, 0, 0) for record in (FIRST, LAST)),
    *((Outcome.RATE_LIMITED, RETRY, record, State.PENDING, 0, 0) for record in (FIRST, LAST)),
    *((Outcome.OFFLINE, RETRY, record, State.PENDING, 0, 0) for record in (FIRST, LAST)),
    (Outcome.UNAVAILABLE, RETRY, FIRST, State.PENDING, 1, 0),
    (Outcome.UNAVAILABLE, RETRY, ONCE_UNKNOWN, State.PENDING, 1, 0),
    (Outcome.UNAVAILABLE, RETRY, LAST, State.FAILED, 1, 0),
    (Outcome.INVALID_REPLY, RETRY, FIRST, State.PENDING, 1, 0),
    (Outcome.INVALID_REPLY, RETRY, LAST, State.FAILED, 1, 0),
    (Outcome.UNKNOWN, RETRY, FIRST, State.PENDING, 1, 1),
    (Outcome.UNKNOWN, RETRY, ONCE_UNKNOWN, State.FAILED, 1, 1),
    (Outcome.UNKNOWN, RETRY, LAST, State.FAILED, 1, 1),
    (Outcome.UNKNOWN, HOLD, FIRST, State.FAILED, 1, 1),
    (Outcome.UNAVAILABLE, HOLD, FIRST, State.PENDING, 1, 0),
    *((Outcome.ACCOUNT_BLOCKED, RETRY, record, State.PENDING, 0, 0) for record in (FIRST, LAST)),
    *((Outcome.STORAGE_FAILED, RETRY, record, State.PENDING, 0, 0) for record in (FIRST, LAST)),
    *((Outcome.RELEASED, RETRY, record, State.PENDING, 0, 0) for record in (FIRST, LAST)),
    *((Outcome.LOST, HOLD, record, State.PENDING, 0, 0) for record in (FIRST, LAST)),
    *((Outcome.SUPERSEDED, RETRY, record, State.PENDING, 0, 0) for record in (FIRST, LAST)),
]


@pytest.mark.parametrize(("outcome", "policy", "record", "state", "failed", "unknown"), TABLE)
def test_the_table_of_outcomes(outcome, policy, record, state, failed, unknown):
    """Every line of the design's table, at the first attempt and at the last."""
    verdict = decide(Ending(outcome), record, policy, 0.5)
    assert (verdict.state, verdict.failed, verdict.unknown) == (state, failed, unknown)


def test_every_outcome_is_in_the_table():
    """A new outcome needs a decision here."""
    assert {row[0] for row in TABLE} == set(Outcome)


@pytest.mark.parametrize("tries", range(1, 6))
def test_a_job_is_tried_as_often_as_the_policy_says(tries):
    """The last failure that is allowed makes it fail, and none before."""
    policy = Policy(tries, 1.0, 60.0, retry_unknown=True)
    states = [decide(Ending(Outcome.UNAVAILABLE), Record(n + 1, n, 0), policy, 0.0).state for n in range(tries)]
    assert states == [State.PENDING] * (tries - 1) + [State.FAILED]


# failures (or attempts before this one) -> the longest wait
CEILINGS = [(0, 2.0), (1, 4.0), (2, 8.0), (4, 32.0), (5, 60.0), (30, 60.0), (5000, 60.0)]
PATIENT = Policy(10_000, 2.0, 60.0, retry_unknown=True)


@pytest.mark.parametrize(("earlier", "ceiling"), CEILINGS)
def test_backoff_doubles_up_to_the_cap(earlier, ceiling):
    """Full jitter: anywhere between nothing and a ceiling that doubles."""
    for chance in (0.0, 0.25, 0.999):
        failed = decide(Ending(Outcome.UNAVAILABLE), Record(earlier + 1, earlier, 0), PATIENT, chance)
        assert failed.delay_s == pytest.approx(ceiling * chance)
        limited = decide(Ending(Outcome.RATE_LIMITED), Record(earlier + 1, 0, 0), PATIENT, chance)
        assert limited.delay_s == pytest.approx(ceiling * chance)


WAITING = [Outcome.RATE_LIMITED, Outcome.UNAVAILABLE, Outcome.INVALID_REPLY, Outcome.OFFLINE, Outcome.UNKNOWN]


@pytest.mark.parametrize("outcome", WAITING)
@pytest.mark.parametrize("asked", [0.0, 12.0, 3600.0])
def test_a_wait_that_was_asked_for_is_kept(outcome, asked):
    """Never sooner than asked, also above the cap of our own backoff, and hardly later."""
    for chance in (0.0, 0.999):
        verdict = decide(Ending(outcome, retry_after_s=asked), FIRST, RETRY, chance)
        assert asked <= verdict.delay_s <= asked + 0.5


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome not in WAITING])
def test_what_does_not_wait_is_due_at_once(outcome):
    """What halts the run, or is final, leaves no delay behind."""
    assert decide(Ending(outcome, retry_after_s=None), FIRST, RETRY, 0.9).delay_s == 0.0


@given(
    st.sampled_from(list(Outcome)),
    st.builds(Record, st.integers(1, 10**6), st.integers(0, 10**6), st.integers(0, 3)),
    st.builds(Policy, st.integers(1, 100), st.floats(0, 1e4), st.floats(0, 1e5), st.booleans()),
    st.floats(0, 1, exclude_max=True),
    st.one_of(st.none(), st.floats(0, 1e6)),
)
def test_a_verdict_is_always_one_the_ledger_can_keep(outcome, record, policy, chance, asked):
    """Never running, never in the past, never later than asked or capped; only a final state is without a next try."""
    verdict = decide(Ending(outcome, retry_after_s=asked), record, policy, chance)
    assert verdict.state in (State.PENDING, State.SUCCEEDED, State.FAILED)
    longest = policy.backoff_cap_s if asked is None else asked + policy.backoff_base_s
    assert 0.0 <= verdict.delay_s <= longest
    assert verdict.unknown == int(outcome is Outcome.UNKNOWN)
    if verdict.state in FINAL:
        assert verdict == Verdict(verdict.state, 0.0, verdict.failed, verdict.unknown)
    if verdict.failed and verdict.state is State.PENDING:
        assert record.failures + 1 < policy.max_attempts
