"""Whether the provider can be reached and answers: in bad weather one probe at a time goes out, until one comes through."""

import time
from dataclasses import dataclass

from batchgen.core.outcome import Ending, Outcome

# So many answers in a row that say "not now" are no accident of single requests.
_STORM = 5


@dataclass(slots=True)
class Weather:
    """Fed with every ending. `backoff_base_s` and `backoff_cap_s` bound the pause between two probes."""

    backoff_base_s: float
    backoff_cap_s: float
    offline_since: float | None = None
    _refused_in_a_row: int = 0
    _probes: int = 0
    _next_probe_at: float = 0.0

    @property
    def is_bad(self) -> bool:
        """Whether only one request at a time should be out."""
        return self.offline_since is not None or self._refused_in_a_row >= _STORM

    def offline_s(self) -> float:
        """For how long nothing could be reached."""
        return 0.0 if self.offline_since is None else time.monotonic() - self.offline_since

    def observe(self, ending: Ending) -> float:
        """Take note of an attempt; returns the pause before the next probe, in seconds, 0 in good weather."""
        if ending.outcome is Outcome.OFFLINE:
            if self.offline_since is None:
                self.offline_since = time.monotonic()
        elif ending.outcome is Outcome.UNAVAILABLE or (ending.http_status or 0) >= 500:
            self.offline_since = None
            self._refused_in_a_row += 1
        elif ending.http_status is not None:
            self.offline_since = None
            self._refused_in_a_row = 0
        if not self.is_bad:
            self._probes = 0
            return 0.0
        now = time.monotonic()
        if now >= self._next_probe_at:
            # What was out together when the weather turned counts as one probe.
            pause = min(self.backoff_cap_s, self.backoff_base_s * 2.0 ** min(self._probes, 30))
            self._probes += 1
            self._next_probe_at = now + pause
        return self._next_probe_at - now
