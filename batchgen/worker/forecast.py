"""What a run is going to cost, told before its first request.

That request does not wait for a million rows to be read: a few thousand are looked at, and the rest is taken to be like them.
Only where it matters whether some amount is passed are more of them read, until it is or none is left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice

from batchgen.core.catalog import Catalog
from batchgen.core.estimate import Estimate, Tally
from batchgen.core.job import State
from batchgen.core.output_tokens import Span
from batchgen.store import outlook, reports
from batchgen.store.batches import Batch
from batchgen.store.engine import Transaction
from batchgen.store.outlook import Coming
from batchgen.store.reuse import Rules, Search, Wish, offers

# Takes some 50 ms.
_LOOKED_AT = 2000


@dataclass(frozen=True, slots=True)
class Forecast:
    """`jobs` are to be started, `estimate` is of the first `looked_at`. `is_above` tells that they may pass the amount.

    Of those that were looked at, `made_before` are in no estimate: they are used again.
    """

    jobs: int
    looked_at: int
    estimate: Estimate
    is_above: bool = False
    made_before: int = 0

    @property
    def reused(self) -> int:
        """About how many jobs take what was made before."""
        return self._in_all(self.made_before)

    @property
    def images(self) -> int:
        """About how many images are to come."""
        return self._in_all(self.estimate.total.images)

    @property
    def unpriced(self) -> int:
        """About how many of them have no price."""
        return self._in_all(self.estimate.unpriced)

    @property
    def cost(self) -> Span | None:
        """USD micros; None if nothing has a price."""
        return None if self.estimate.cost is None else Span(*map(self._in_all, self.estimate.cost))

    def _in_all(self, count: int) -> int:
        return round(count * self.jobs / self.looked_at) if self.looked_at else 0


@dataclass(frozen=True, slots=True)
class Again:
    """What that was made before is used again; `owners` make the jobs of a batch, by its id, that name nobody."""

    rules: Rules
    owners: Mapping[int, str]
    now: datetime

    def found(self, tx: Transaction, part: Sequence[Coming], taken: set[tuple[int, int]]) -> set[int]:
        """The jobs of which something was made before, by what the ledger knows: files are not looked at."""
        by_maker: dict[str, list[Wish]] = {}
        for one in part:
            by_maker.setdefault(one.provider or self.owners[one.wish.batch_id], []).append(one.wish)
        found: set[int] = set()
        for maker, wishes in by_maker.items():
            found |= offers(tx, wishes, Search(self.rules, maker, self.now, taken=taken)).keys()
        return found


def forecast(
    tx: Transaction,
    batches: Sequence[Batch],
    limit: int | None,
    prices: tuple[Catalog, date],
    above_micros: int | None = None,
    *,
    again: Again | None = None,
) -> Forecast:
    """Look at what waits, at the prices of a day. `above_micros` is the amount in question, None without one.

    What has no price may come to any amount.
    """
    catalog, day = prices
    waiting = reports.unfinished(tx, [batch.id for batch in batches])[State.PENDING]
    jobs = waiting if limit is None else min(waiting, limit)
    waiting_jobs = islice(outlook.pending(tx, batches), jobs)
    tally, looked_at, reused = Tally(catalog), 0, 0
    taken: set[tuple[int, int]] = set()
    while True:
        part = list(islice(waiting_jobs, _LOOKED_AT))
        made = again.found(tx, part, taken) if again is not None else set()
        reused += len(made)
        for one in part:
            if one.wish.job_id not in made:
                tally.add(one.wish.request)
        looked_at += len(part)
        estimate = tally.priced(day)
        is_above = above_micros is not None and _may_pass(estimate, above_micros)
        if above_micros is None or is_above or len(part) < _LOOKED_AT:
            # Jobs that somebody else has taken meanwhile are none of this run.
            return Forecast(looked_at if len(part) < _LOOKED_AT else jobs, looked_at, estimate, is_above, reused)


def _may_pass(estimate: Estimate, micros: int) -> bool:
    return estimate.unpriced > 0 or (estimate.cost is not None and estimate.cost.most > micros)
