"""What an answer means for the next starts: the pace, the weather, models that are left out, and when the run must halt."""

from collections.abc import Callable
from datetime import datetime

from batchgen.core.outcome import Ending, Outcome
from batchgen.store.queue import Claim
from batchgen.worker import halting
from batchgen.worker.events import Observer
from batchgen.worker.lease import seconds
from batchgen.worker.opening import Opening
from batchgen.worker.pace import Pacer
from batchgen.worker.plan import Plan
from batchgen.worker.scope import Scope
from batchgen.worker.weather import Weather

_TOO_MANY_REQUESTS = 429
# A shorter wait is no news.
_WORTH_TELLING_S = 10.0


class Hearing:
    """Fed with every ending before its job can be claimed again, so that none slips through. `clock` gives aware UTC times."""

    def __init__(self, plan: Plan, pacer: Pacer, scope: Scope, observer: Observer, clock: Callable[[], datetime]) -> None:
        self._plan = plan
        self._pacer = pacer
        self._scope = scope
        self._observer = observer
        self._clock = clock
        self._opening = Opening()
        self._refused_in_a_row = 0
        self._slowed_at = 0.0
        self.weather = Weather(plan.policy.backoff_base_s, plan.policy.backoff_cap_s)

    def hear(self, claim: Claim, ending: Ending, age_s: float) -> str | None:
        """Take note of an attempt that began so long ago; returns why the run must halt, or None."""
        was_bad = self.weather.is_bad
        self._pacer.pause(self.weather.observe(ending))
        if self.weather.is_bad and not was_bad:
            self._observer.notice(f"the provider does not answer ({ending.error_message}); one request at a time tries again")
        if ending.outcome is Outcome.RATE_LIMITED:
            self._slow_down(ending, age_s)
        elif ending.http_status is not None:
            self._refused_in_a_row = 0
            self._pacer.answered(claim.request.images, ending.told)
        halt = halting.reason(ending, self._plan, self.weather.offline_s(), self._clock()) or self._opening.observe(ending)
        if halt is None and ending.blocked_model and self._scope.block(claim.request.model, ending.error_message or ""):
            self._observer.notice(f"{claim.request.model} is left out: {ending.error_message}")
        return halt

    def _slow_down(self, ending: Ending, age_s: float) -> None:
        asked_s = ending.retry_after_s
        if asked_s is None:
            asked_s = self._own_wait(age_s)
        if asked_s > self._plan.longest_wait_s:
            return  # the run halts; the next one shall not wait in silence for what a person may have mended
        if self._pacer.pause(asked_s) and asked_s >= _WORTH_TELLING_S:
            why = "the provider asks to wait" if ending.retry_after_s is not None else "refused again and again: waiting"
            self._observer.notice(f"{why} {asked_s:.0f} s ({ending.error_message})")
        if ending.http_status == _TOO_MANY_REQUESTS:
            self._pacer.refused(age_s, ending.told)

    def _own_wait(self, age_s: float) -> float:
        """How long to wait where nothing was asked for: longer each time, but what was out together counts as one."""
        now = seconds()
        if now - age_s >= self._slowed_at:
            self._refused_in_a_row += 1
            self._slowed_at = now
        policy = self._plan.policy
        return min(policy.backoff_cap_s, policy.backoff_base_s * 2.0 ** min(self._refused_in_a_row - 1, 30))
