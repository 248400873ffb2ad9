"""How fast this process starts attempts: its part of the account's shared pace, evened out.

The rules are in `core/pace`, and what all processes share is in the ledger: it is looked at and changed in the transaction of
the claim, so that two workers never take the same place. Here is the waiting: one waiter at a time, for its place and then
for asyncio-throttle, which keeps the starts of one process apart when several places have become free meanwhile.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from asyncio_throttle.throttler import Throttler

from batchgen.core import pace as rules
from batchgen.core.pace import NOTHING_TOLD, Limits, Pace, Told, Weight
from batchgen.core.request import Request
from batchgen.store import paces
from batchgen.store.engine import Transaction
from batchgen.worker.ledger import Ledger

_Change = Callable[[Pace], Pace]

# The throttler keeps starts apart by less than the gap: the places themselves hold the rate.
_OF_THE_GAP = 0.8
_FIRST_SLOTS = 8
# Its polls must be short beside the gap.
_POLLS = 200


class Pacer:
    """One waiter at a time: `turn` before a claim, `claimed` after it. `clock` gives aware UTC times."""

    def __init__(self, account: str, limits: Limits, clock: Callable[[], datetime]) -> None:
        self.pace = Pace()
        self._account = account
        self._limits = limits
        self._clock = clock
        self._news: list[_Change] = []
        self._untold_images = 0
        self._throttler = Throttler(rate_limit=1, period=0.0)
        self._has_turn = False

    async def open(self, ledger: Ledger, images_today: int) -> None:
        """Look up what is known of the account; `images_today` is how many the ledger knows of this day (UTC)."""
        now = self._now()

        def begin(tx: Transaction) -> Pace:
            pace = rules.begin(paces.hold(tx, self._account), self._limits, now, images_today)
            paces.save(tx, self._account, pace)
            return pace

        self.pace = await ledger.write_first(begin)

    async def close(self, ledger: Ledger) -> None:
        """Leave what was learned to the next run."""
        if self._news:
            pace, news = await ledger.write_first(self.hold)
            self.adopt(pace, news)

    @property
    def is_limited(self) -> bool:
        """Whether starts wait for places."""
        return rules.is_limited(self.pace, self._limits)

    @property
    def is_free(self) -> bool:
        """Whether a start may happen at once and without asking."""
        return self.wait_s() <= 0 and (self._has_turn or not self.is_limited)

    def slots(self, most: int) -> int:
        """How many requests may be out: while a limit is being found out, all that are out may be refused together."""
        return min(most, _FIRST_SLOTS + self.pace.let_through) if self.pace.is_opening else most

    @property
    def day_left(self) -> int | None:
        """How many images the day (UTC) has left, None without a limit."""
        return rules.day_left(self.pace, self._limits, self._now())

    def wait_s(self) -> float:
        """Seconds until the next place is free, as far as this process knows."""
        return rules.wait_s(self.pace, self._now())

    async def turn(self) -> None:
        """Wait until the next start may happen."""
        while (left := self.wait_s()) > 0:  # noqa: ASYNC110  (a pause may be asked for meanwhile)
            await asyncio.sleep(left)
        if self.is_limited and not self._has_turn:
            await self._throttler.acquire()
            self._has_turn = True

    def hold(self, tx: Transaction) -> tuple[Pace, int]:
        """The shared pace with what was heard here since, locked and saved; and how much of that news it contains."""
        pace, news = paces.hold(tx, self._account), len(self._news)
        for change in self._news[:news]:
            pace = change(pace)
        if news:
            paces.save(tx, self._account, pace)
        return pace, news

    def fits(self, pace: Pace, request: Request) -> bool:
        """Whether the day has images left for a request, by the pace that is held."""
        left = rules.day_left(pace, self._limits, self._now())
        return left is None or request.images <= left

    def take(self, tx: Transaction, pace: Pace, weights: list[Weight]) -> Pace:
        """Take the places of what starts now."""
        now = self._now()
        for weight in weights:
            pace = rules.started(pace, self._limits, weight, now)
        paces.save(tx, self._account, pace)
        return pace

    def must_wait(self, pace: Pace) -> bool:
        """Whether another process has taken the place that seemed free."""
        return rules.wait_s(pace, self._now()) > 0

    def adopt(self, pace: Pace, news: int) -> None:
        """After the transaction: go on from what is shared now; so much news is in it."""
        del self._news[:news]
        for change in self._news:
            pace = change(pace)
        self.pace = rules.answered(pace, self._limits, self._untold_images) if self._untold_images else pace

    def claimed(self, weights: list[Weight]) -> None:
        """A turn was used."""
        if not weights or not self.is_limited:
            return
        self._has_turn = False
        gap = sum(rules.gap_s(self.pace, self._limits, weight) for weight in weights)
        self._throttler.period = gap * _OF_THE_GAP
        self._throttler.retry_interval = min(0.05, max(0.001, gap / _POLLS))

    def answered(self, images: int, told: Told) -> None:
        """An answer that was no refusal about speed."""
        if self.is_limited or told != NOTHING_TOLD:
            self._hear(lambda pace: rules.answered(pace, self._limits, images, told))
        else:
            # Nothing slows: the others need not know how much was let through, until a refusal comes.
            self.pace = rules.answered(self.pace, self._limits, images)
            self._untold_images += images

    def refused(self, age_s: float, told: Told) -> None:
        """A refusal about speed of a request that started so long ago."""
        now, let_through = self._now(), self._untold_images
        self._untold_images = 0
        if let_through:
            # Known here already, and without it the others would take the limit for a fraction of what it is.
            self._news.append(lambda pace: rules.answered(pace, self._limits, let_through))
        self._hear(lambda pace: rules.refused(pace, self._limits, started_at=now - age_s, now=now, told=told))

    def give_back(self, images: int) -> None:
        """Images of the day that certainly did not come."""
        if self._limits.images_per_day and images > 0:
            self._hear(lambda pace: rules.given_back(pace, images))

    def pause(self, seconds: float) -> bool:
        """Nobody starts for so long, here and elsewhere; True if nobody was waiting already."""
        now = self._now()
        is_new = self.pace.paused_until <= now
        if seconds > 0:
            self._hear(lambda pace: rules.paused(pace, seconds, now))
        return is_new

    def _hear(self, change: _Change) -> None:
        self.pace = change(self.pace)
        self._news.append(change)

    def _now(self) -> float:
        return self._clock().timestamp()
