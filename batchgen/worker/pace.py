"""How fast attempts may start: the account's limits, and the pauses that the provider asks for.

Each start earns a gap before the next one, as long as the share of a minute that it takes of the tightest limit; so starts
are spread evenly and a request of n images takes n places. One waiter at a time asks asyncio-throttle, with one start a
period: its own way, all grants at the start of a window and polling by every waiter, never reaches the API.
"""

import asyncio
import time
from dataclasses import dataclass

from asyncio_throttle.throttler import Throttler

_MINUTE_S = 60.0
# A start that follows its turn at once is counted from the turn, so that the time of a claim is not lost to the pace.
_AT_ONCE_S = 0.1


@dataclass(frozen=True, slots=True)
class Limits:
    """The account's limits; 0 is not known and does not slow."""

    images_per_minute: int = 0
    requests_per_minute: int = 0
    tokens_per_minute: int = 0


@dataclass(frozen=True, slots=True)
class Weight:
    """What one request takes of the limits."""

    images: int
    tokens: int


def gap_s(limits: Limits, weight: Weight) -> float:
    """Seconds that the next start waits after one of this weight."""
    shares = (
        (weight.images, limits.images_per_minute),
        (1, limits.requests_per_minute),
        (weight.tokens, limits.tokens_per_minute),
    )
    return max((taken * _MINUTE_S / limit for taken, limit in shares if limit), default=0.0)


class Pace:
    """One waiter at a time: `turn` before a start, `started` after it. A turn that was not used stays."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.is_limited = gap_s(limits, Weight(images=1, tokens=1)) > 0
        self._throttler = Throttler(rate_limit=1, period=0.0)
        self._has_turn = False
        self._turn_at = 0.0
        self._paused_until = 0.0

    @property
    def is_free(self) -> bool:
        """Whether a start may happen at once and without asking."""
        return (self._has_turn or not self.is_limited) and self._paused_until <= time.monotonic()

    async def turn(self) -> None:
        """Wait until the next start may happen."""
        if self.is_limited and not self._has_turn:
            await self._throttler.acquire()
            self._has_turn, self._turn_at = True, time.monotonic()
        # Behind the throttler, since a pause may be asked for while it is being waited on.
        while (left := self._paused_until - time.monotonic()) > 0:  # noqa: ASYNC110  (a pause may grow meanwhile)
            await asyncio.sleep(left)

    async def started(self, weight: Weight) -> None:
        """Count a start: the next one waits in proportion to its weight."""
        if not self.is_limited:
            return
        gap = gap_s(self._limits, weight)
        if time.monotonic() - self._turn_at > min(_AT_ONCE_S, gap / 2):
            # The turn is old: there was nothing to start, or a pause. Counted from it, the next start would come too soon.
            self._throttler = Throttler(rate_limit=1, period=gap)
            await self._throttler.acquire()
        self._has_turn = False
        self._throttler.period = gap
        # The throttler polls; a poll that is long beside the gap would lose places.
        self._throttler.retry_interval = min(0.05, max(0.001, gap / 200))

    def pause(self, seconds: float) -> bool:
        """Nobody starts for so long; True if nobody was waiting already."""
        now = time.monotonic()
        is_new = self._paused_until <= now
        self._paused_until = max(self._paused_until, now + seconds)
        return is_new
