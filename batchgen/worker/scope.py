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
    _started: set[int] = field(default_factory=set)
    _open: set[int] = field(default_factory=set)

    @property
    def limit_reached(self) -> bool:
        """Whether as many jobs were started as --limit allows; those may still be tried again."""
        return self.plan.limit is not None and len(self._started) >= self.plan.limit

    @property
    def is_spent(self) -> bool:
        """Whether nothing may be claimed any more that was not claimed before."""
        return self.limit_reached and not self._open

    def filter(self) -> Filter:
        """For the claim."""
        return Filter(self.plan.batches, tuple(self.blocked_models), tuple(self._open) if self.limit_reached else None)

    def most(self, free: int) -> int:
        """How many of so many free slots may be filled at once."""
        if self.plan.limit is None or self.limit_reached:
            return free
        return min(free, self.plan.limit - len(self._started))

    def claimed(self, claim: Claim) -> None:
        """Count a start."""
        if self.plan.limit is not None:
            self._started.add(claim.job_id)
            self._open.add(claim.job_id)

    def block(self, model: str, why: str) -> bool:
        """Leave a model's jobs out; False if they were left out already."""
        if model in self.blocked_models:
            return False
        self.blocked_models[model] = why
        return True

    def settled(self, settled: Settled) -> None:
        """Count an end."""
        if settled.state in FINAL:
            self._open.discard(settled.claim.job_id)
