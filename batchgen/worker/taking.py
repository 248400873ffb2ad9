"""The transaction of a claim: places of the shared pace and the jobs that start in them, both or neither."""

from collections.abc import Sequence
from datetime import datetime

from batchgen.core import pricing
from batchgen.core.pace import Pace, Weight
from batchgen.core.request import Request
from batchgen.store import queue
from batchgen.store.engine import Transaction
from batchgen.store.queue import Claim
from batchgen.worker.lease import Leases
from batchgen.worker.pace import Pacer
from batchgen.worker.scope import Scope


class Taking:
    """Called with a transaction, and perhaps again with another one if the first came to nothing."""

    def __init__(self, scope: Scope, pacer: Pacer, leases: Leases, now: datetime, free: int) -> None:
        self._scope, self._pacer, self._leases, self._now, self._free = scope, pacer, leases, now, free
        self.pace: Pace | None = None
        self.news = 0
        self.has_to_wait = False
        self.too_large = 0

    def __call__(self, tx: Transaction) -> list[Claim]:
        self.pace, self.news, self.has_to_wait, self.too_large = None, 0, False, 0
        if not self._pacer.is_limited:
            return self._jobs(tx, self._free)
        self.pace, self.news = pace, _ = self._pacer.hold(tx)
        self.has_to_wait = self._pacer.must_wait(pace)
        claims = [] if self.has_to_wait else self._jobs(tx, 1)
        self.pace = self._pacer.take(tx, pace, [self._weight(claim.request) for claim in claims]) if claims else pace
        return claims

    def tell_pacer(self, claims: Sequence[Claim]) -> None:
        """After the transaction."""
        if self.pace is not None:
            self._pacer.adopt(self.pace, self.news)
            self._pacer.claimed([self._weight(claim.request) for claim in claims])

    def _jobs(self, tx: Transaction, free: int) -> list[Claim]:
        wanted, lease, most = self._scope.filter(), self._leases.fresh(), self._scope.most(free)
        return queue.claim(tx, wanted, lease, self._now, self._reserve, most=most, fits=self._fits)

    def _fits(self, request: Request) -> bool:
        if self.pace is None or self._pacer.fits(self.pace, request):
            return True
        self.too_large = request.images
        return False

    def _reserve(self, request: Request) -> int | None:
        return pricing.worst_case_micros(request, self._now.date(), self._scope.plan.catalog)

    def _weight(self, request: Request) -> Weight:
        usage = pricing.most_usage(request, self._scope.plan.catalog)
        tokens = (usage.input_text_tokens or 0) + (usage.input_image_tokens or 0) + (usage.output_tokens or 0)
        return Weight(request.images, tokens, len(request.inputs))
