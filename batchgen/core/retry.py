"""What a job does after an attempt: a pure function of how it ended, how often it failed, and the policy.

This is the only place that decides to try again; neither the HTTP client nor a provider does.
"""

from dataclasses import dataclass

from batchgen.core.job import State
from batchgen.core.outcome import Ending, Outcome


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits of trying. Times are seconds; `retry_unknown` allows one more attempt after an unknown one."""

    max_attempts: int
    backoff_base_s: float
    backoff_cap_s: float
    retry_unknown: bool


@dataclass(frozen=True, slots=True)
class Record:
    """How a job fared so far; the two counts are those since a person last queued it, without this attempt."""

    attempt: int  # the number of this attempt, from 1
    failures: int
    unknowns: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The job's next state, when it is due again (seconds from now), and what the attempt counted as."""

    state: State
    delay_s: float = 0.0
    failed: int = 0
    unknown: int = 0


_COUNTS_NOTHING = frozenset(
    {Outcome.ACCOUNT_BLOCKED, Outcome.STORAGE_FAILED, Outcome.RELEASED, Outcome.LOST, Outcome.SUPERSEDED}
)
_WAITED_OUT = frozenset({Outcome.RATE_LIMITED, Outcome.OFFLINE})


def decide(ending: Ending, record: Record, policy: Policy, chance: float) -> Verdict:
    """`chance` is a fresh random number in [0, 1): full jitter, so that a fleet does not come back in step."""
    outcome = ending.outcome
    if outcome in (Outcome.SUCCEEDED, Outcome.REUSED):
        return Verdict(State.SUCCEEDED)
    if outcome is Outcome.REJECTED:
        return Verdict(State.FAILED)
    if outcome in _COUNTS_NOTHING:
        return Verdict(State.PENDING)
    if outcome in _WAITED_OUT:
        return Verdict(State.PENDING, _delay(ending, record.attempt - 1, policy, chance))
    unknown = int(outcome is Outcome.UNKNOWN)
    exhausted = record.failures + 1 >= policy.max_attempts
    held = unknown and (record.unknowns >= 1 or not policy.retry_unknown)
    if exhausted or held:
        return Verdict(State.FAILED, failed=1, unknown=unknown)
    return Verdict(State.PENDING, _delay(ending, record.failures, policy, chance), failed=1, unknown=unknown)


def _delay(ending: Ending, earlier: int, policy: Policy, chance: float) -> float:
    if ending.retry_after_s is not None:
        # Exactly what was asked for, plus a little that differs from job to job.
        return ending.retry_after_s + policy.backoff_base_s * chance * 0.25
    ceiling = min(policy.backoff_cap_s, policy.backoff_base_s * 2.0 ** min(earlier, 30))
    return ceiling * chance
