"""Which jobs may still be claimed: the batches, less the models that are blocked, less what --limit leaves out."""

from dataclasses import dataclass, field

from batchgen.core.job import FINAL
from batchgen.store.queue import Claim, Filter
from batchgen.worker.events import Settled
from batchgen.worker.plan import Plan


@dataclass(slots=True)
class Scope:
    """Grows smaller as the run goes on."""

    plan: Plan
    blocked_models: dict[str, str] = field(default_factory=dict)  # model -> why
    images_left: int | None = None
    _started: set[int] = field(default_factory=set)
    _open: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.images_left = self.plan.images_today

    @property
    def limit_reached(self) -> bool:
        """Whether as many jobs were started as --limit allows; those may still be tried again."""
        return self.plan.limit is not None and len(self._started) >= self.plan.limit

    @property
    def is_spent(self) -> bool:
        """Whether nothing may be claimed any more that was not claimed before."""
        return self.limit_reached and not self._open

    @property
    def day_is_used_up(self) -> bool:
        """Whether the account's images of this day are spoken for."""
        return self.images_left is not None and self.images_left <= 0

    def filter(self) -> Filter:
        """For the claim."""
        return Filter(self.plan.batches, tuple(self.blocked_models), tuple(self._open) if self.limit_reached else None)

    def claimed(self, claim: Claim) -> None:
        """Count a start."""
        if self.plan.limit is not None:
            self._started.add(claim.job_id)
            self._open.add(claim.job_id)
        if self.images_left is not None:
            self.images_left -= claim.request.images

    def settled(self, settled: Settled) -> None:
        """Count an end; a day's images that did not come may be asked for again."""
        if settled.state in FINAL:
            self._open.discard(settled.claim.job_id)
        if self.images_left is not None:
            self.images_left += settled.claim.request.images - settled.images
        if settled.ending.blocked_model:
            self.blocked_models[settled.claim.request.model] = settled.ending.error_message or ""
