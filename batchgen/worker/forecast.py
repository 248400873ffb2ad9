"""What a run is going to cost, told before its first request.

That request does not wait for a million rows to be read: a few thousand are looked at, and the rest is taken to be like them.
Where an amount is in question all of some more are, or as many from everywhere among what waits; then coming near to the
amount is enough to ask, since rows like these may have been missed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from batchgen.core.artifact import Origin
from batchgen.core.catalog import Catalogs
from batchgen.core.estimate import Estimate, Tally
from batchgen.core.output_tokens import Span
from batchgen.store import outlook, reports
from batchgen.store.batches import Batch
from batchgen.store.engine import Transaction
from batchgen.store.remaining import Remaining
from batchgen.store.reuse import Rules, Search, Wish, offers

# Where nothing depends on it, and where an amount is in question.
_LOOKED_AT, _WEIGHED = 2000, 10_000
# How much more all jobs may come to than such a part of them says.
_MISSED = 1.25


@dataclass(frozen=True, slots=True)
class Forecast:
    """`jobs` are to be started, `estimate` is of the `looked_at`; `above_micros` is the amount in question.

    Of those that were looked at, `made_before` are in no estimate: they are used again.
    """

    jobs: int
    looked_at: int
    estimate: Estimate
    above_micros: int | None = None
    made_before: int = 0

    @property
    def is_above(self) -> bool:
        """Whether they may pass the amount in question; what has no price may come to any."""
        if self.above_micros is None:
            return False
        most = self.cost.most if self.cost else 0
        return self.estimate.unpriced > 0 or most * (1 if self.looked_at == self.jobs else _MISSED) > self.above_micros

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
class Grounds:
    """What a forecast goes by: the prices of the day, who makes the jobs of a batch (by its id) that name nobody, and what that
    was made before is used again (None: nothing), if it is `usable`, as its files are.
    """

    now: datetime
    catalogs: Catalogs
    owners: Mapping[int, str]
    reuse: Rules | None = None
    usable: Callable[[Origin], bool] = lambda _origin: True

    def maker(self, job: Remaining) -> str:
        """Who makes a job."""
        return job.provider or self.owners[job.batch_id]

    def made_before(self, tx: Transaction, part: Sequence[Remaining], taken: set[tuple[int, int]]) -> set[int]:
        """The jobs of which something was made before; `taken` is what earlier parts take of that."""
        if self.reuse is None:
            return set()
        by_maker: dict[str, list[Wish]] = {}
        for one in part:
            if not one.is_begun:
                wish = Wish(one.job_id, one.batch_id, one.fingerprint, one.request)
                by_maker.setdefault(self.maker(one), []).append(wish)
        found: set[int] = set()
        for maker, wishes in by_maker.items():
            found |= offers(tx, wishes, Search(self.reuse, maker, self.now, self.usable, taken)).keys()
        return found


def forecast(
    tx: Transaction, batches: Sequence[Batch], limit: int | None, grounds: Grounds, above_micros: int | None = None
) -> Forecast:
    """Look at what is not done. `above_micros` is the amount in question, None without one."""
    waiting = sum(reports.unfinished(tx, [batch.id for batch in batches]).values())
    jobs = waiting if limit is None else min(waiting, limit)
    most, share = (_LOOKED_AT, 1.0) if above_micros is None else (_WEIGHED, _WEIGHED / max(jobs, 1))
    # A share of all that waits is looked at to its end, however many that turn out to be: the last rows may be the dear ones.
    stop = min(jobs, most) if above_micros is None or jobs < waiting else None
    if jobs < waiting and jobs <= most:
        # With a limit it matters which jobs are the first.
        coming = outlook.first(tx, batches, grounds.now, jobs)
    else:
        coming = islice(outlook.unfinished(tx, batches, share), stop)
    tally, looked_at, reused = Tally(grounds.catalogs), 0, 0
    taken: set[tuple[int, int]] = set()
    while part := list(islice(coming, _LOOKED_AT)):
        made = grounds.made_before(tx, part, taken)
        for one in part:
            if one.job_id not in made:
                tally.add(one.request, grounds.maker(one))
        looked_at += len(part)
        reused += len(made)
    # Jobs that somebody else has taken meanwhile are none of this run.
    estimate = tally.priced(grounds.now.date())
    return Forecast(jobs if jobs > most else looked_at, looked_at, estimate, above_micros, reused)
