"""The transaction of a claim: places of the shared pace and the jobs that start in them, both or neither, within the caps."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from batchgen.core import pricing
from batchgen.core.budget import Cap, Full
from batchgen.core.pace import Pace, Weight
from batchgen.core.request import Request
from batchgen.store import queue
from batchgen.store.engine import Transaction
from batchgen.store.queue import Claim
from batchgen.worker.budget import Budget
from batchgen.worker.lease import Leases
from batchgen.worker.pace import Pacer
from batchgen.worker.reusing import Reuser
from batchgen.worker.scope import Scope


@dataclass(frozen=True, slots=True)
class Gates:
    """What a start has to pass. `clock` gives aware UTC times."""

    scope: Scope
    pacer: Pacer
    budget: Budget
    clock: Callable[[], datetime]


class Taking:
    """Called with a transaction, and perhaps again with another one if the first came to nothing.

    `only` are the jobs to choose from; what `reuser` finds comes first and passes no gate. Where none was taken, `full` is the
    cap that the first in order does not fit into.
    """

    def __init__(
        self, gates: Gates, leases: Leases, free: int, only: Collection[int] | None = None, reuser: Reuser | None = None
    ) -> None:
        self._gates, self._leases, self._free, self._only, self._reuser = gates, leases, free, only, reuser
        self._refused: list[tuple[int, Full]] = []
        self._begin()

    def _begin(self) -> None:
        self.pace: Pace | None = None
        self.news = 0
        self.has_to_wait = False
        self.too_large = 0
        self.full: Full | None = None

    def __call__(self, tx: Transaction) -> list[Claim]:
        self._begin()
        pacer = self._gates.pacer
        if self._reuser is not None and (again := self._reuser.next(tx, self._free)):
            return again
        self._gates.budget.hold(tx)
        if not pacer.is_limited:
            return self._jobs(tx, self._free)
        self.pace, self.news = pace, _ = pacer.hold(tx)
        self.has_to_wait = pacer.must_wait(pace)
        claims = [] if self.has_to_wait else self._jobs(tx, 1)
        self.pace = pacer.take(tx, pace, [self._weight(claim.request) for claim in claims]) if claims else pace
        return claims

    def tell_pacer(self, claims: Sequence[Claim]) -> None:
        """After the transaction."""
        if self.pace is not None:
            self._gates.pacer.adopt(self.pace, self.news)
            self._gates.pacer.claimed([self._weight(claim.request) for claim in claims])

    def _jobs(self, tx: Transaction, free: int) -> list[Claim]:
        # Not before the locks are held: whoever had them is counted, and whoever gets them next counts this.
        self._now = self._gates.clock()
        claims = self._fitting(tx, self._gates.scope.most(free))
        if not claims and self.full is not None and self._gates.budget.forget(self._now):
            claims = self._fitting(tx, self._gates.scope.most(free))
        return claims

    def _fitting(self, tx: Transaction, most: int) -> list[Claim]:
        self.full, self._room = None, self._gates.budget.room(tx, self._now)
        wanted = self._gates.scope.filter()
        wanted = wanted if self._only is None else replace(wanted, only_jobs=self._only)
        while True:
            self._refused.clear()
            claims = queue.claim(tx, wanted, self._leases.fresh(), self._now, self._reserve, most=most, fits=self._fits)
            used_up = [batch_id for batch_id, full in self._refused if full.cap is Cap.BATCH]
            if claims or not used_up:
                return claims
            # This batch has had its share, and the others have theirs.
            wanted = replace(wanted, batches=[batch_id for batch_id in wanted.batches if batch_id not in used_up])

    def _fits(self, claim: Claim) -> bool:
        if self.pace is not None and not self._gates.pacer.fits(self.pace, claim.request):
            self.too_large = claim.request.images
            return False
        if not self._gates.budget.is_capped:
            return True
        full = self._room.full(claim.batch_id, claim.reserved_micros)
        if full is not None:
            self._refused.append((claim.batch_id, full))
            self.full = full if self.full is None or full.may_free else self.full
            return False
        self._room = self._room.after(claim.batch_id, claim.reserved_micros or 0)
        return True

    def _reserve(self, request: Request) -> int | None:
        return pricing.worst_case_micros(request, self._now.date(), self._gates.scope.plan.catalog)

    def _weight(self, request: Request) -> Weight:
        usage = pricing.most_usage(request, self._gates.scope.plan.catalog)
        tokens = (usage.input_text_tokens or 0) + (usage.input_image_tokens or 0) + (usage.output_tokens or 0)
        return Weight(request.images, tokens, len(request.inputs))
