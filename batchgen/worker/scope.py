"""Which jobs may still be claimed: the batches, less the models that are blocked, less what --limit leaves out."""

from dataclasses import dataclass, field
from datetime import date

from batchgen.core.job import FINAL
from batchgen.core.outcome import Outcome
from batchgen.store.queue import Claim, Filter
from batchgen.worker.events import Settled
from batchgen.worker.plan import Plan


@dataclass(slots=True)
class Scope:
    """Grows smaller as the run goes on."""

    plan: Plan
    blocked_models: dict[str, str] = field(default_factory=dict)  # model -> why
    _day: date | None = None
    _images_used: int = 0
    _started: set[int] = field(default_factory=set)
    _open: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._images_used = self.plan.images_today

    @property
    def limit_reached(self) -> bool:
        """Whether as many jobs were started as --limit allows; those may still be tried again."""
        return self.plan.limit is not None and len(self._started) >= self.plan.limit

    @property
    def is_spent(self) -> bool:
        """Whether nothing may be claimed any more that was not claimed before."""
        return self.limit_reached and not self._open

    def day_is_used_up(self, today: date) -> bool:
        """Whether the account's images of this day (UTC) are spoken for; a new day brings new ones."""
        if self._day != today:
            self._images_used = self._images_used if self._day is None else 0
            self._day = today
        return 0 < self.plan.images_per_day <= self._images_used

    def filter(self) -> Filter:
        """For the claim."""
        return Filter(self.plan.batches, tuple(self.blocked_models), tuple(self._open) if self.limit_reached else None)

    def most(self, free: int) -> int:
        """How many of so many free slots may be filled at once."""
        if self.plan.images_per_day:
            return 1
        if self.plan.limit is None or self.limit_reached:
            return free
        return min(free, self.plan.limit - len(self._started))

    def claimed(self, claim: Claim) -> None:
        """Count a start."""
        if self.plan.limit is not None:
            self._started.add(claim.job_id)
            self._open.add(claim.job_id)
        self._images_used += claim.request.images

    def block(self, model: str, why: str) -> bool:
        """Leave a model's jobs out; False if they were left out already."""
        if model in self.blocked_models:
            return False
        self.blocked_models[model] = why
        return True

    def settled(self, settled: Settled) -> None:
        """Count an end; a day's images that certainly did not come may be asked for again."""
        if settled.state in FINAL:
            self._open.discard(settled.claim.job_id)
        if settled.ending.outcome is not Outcome.UNKNOWN:
            self._images_used -= settled.claim.request.images - settled.images
