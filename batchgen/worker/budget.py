"""The caps of a run: what counts toward them, looked up in the transaction of a claim, and what this process has started.

What started some time ago can only come to less: open attempts settle for at most what they have reserved. So it is summed
once, and a claim sums only what started since. Where a start does not fit by that, all of it is summed anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from batchgen.core import budget, pricing
from batchgen.core.budget import Cap, Counted, Room
from batchgen.core.output_tokens import UNPUBLISHED_FACTOR
from batchgen.core.pricing import dollars
from batchgen.errors import Halted
from batchgen.store import spending
from batchgen.store.engine import Transaction
from batchgen.store.queue import Claim
from batchgen.worker import halting
from batchgen.worker.events import Observer, Settled
from batchgen.worker.lease import LEASE_S
from batchgen.worker.ledger import Ledger
from batchgen.worker.scope import Scope

_NEVER = datetime.min.replace(tzinfo=UTC)
# No start is written down later than this, and no clock is behind by more: else leases would not hold either.
_LATE = timedelta(seconds=LEASE_S)
_MOVE_ON = timedelta(seconds=60)
# How soon summing again may come to less: what is open settles, and now and then an answer that was thought lost is found.
_SETTLED_SOON, _FOUND_SOON = timedelta(seconds=1), timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class _Past:
    """What started before `until`, by cap and batch, none of it summed before `summed_at`. `begin` is when a cap begins."""

    summed_at: datetime = _NEVER
    until: datetime = _NEVER
    begin: Mapping[Cap, datetime] = field(default_factory=dict)
    sums: Mapping[Cap, Mapping[int, Counted]] = field(default_factory=dict)

    @property
    def may_settle(self) -> bool:
        """Whether anything of it was open."""
        return any(part.reserved for parts in self.sums.values() for part in parts.values())


class Budget:
    """One for a pool. `hold` and `room` are called with a transaction, one after the other; the rest on the event loop."""

    def __init__(self, scope: Scope, observer: Observer) -> None:
        self.caps = scope.run.caps
        self._scope = scope
        self._observer = observer
        self._shared: list[Cap] = [cap for cap in self.caps.of if cap is not Cap.RUN]
        self._past = _Past()
        self._is_doubtful = False
        self._has_told = False

    @property
    def is_capped(self) -> bool:
        """Whether there is any cap."""
        return bool(self.caps.of)

    async def open(self, ledger: Ledger, day: date) -> None:
        """Raises Halted for models without a price: before anything is sent, and not when their turn comes."""
        if not self.is_capped:
            return
        wanted = self._scope.filter()
        models = await ledger.read(lambda tx: spending.models(tx, wanted))
        unpriced = [model for model in models if pricing.price_on(model, day, self._scope.plan.catalog) is None]
        if unpriced:
            raise Halted(halting.no_price(unpriced))

    def hold(self, tx: Transaction) -> None:
        """Keep all others from starting anything under a cap until the transaction ends; before any other lock is taken."""
        if self._shared:
            spending.lock(tx)

    def room(self, tx: Transaction, now: datetime) -> Room:
        """What counts toward the caps at this moment, or a bit more than that."""
        past = self._past = self._moved_on(tx, now)
        recent: dict[datetime, Mapping[int, Counted]] = {}
        counted = {}
        for cap in self._shared:
            since = max(past.until, past.begin[cap])
            if since not in recent:
                recent[since] = spending.counted(tx, since)
            counted[cap] = _added(past.sums[cap], recent[since])
        day, month = (budget.total(counted.get(cap, {}).values()) for cap in (Cap.DAY, Cap.MONTH))
        return Room(self.caps, self._scope.run.counted, day, month, counted.get(Cap.BATCH, {}))

    def forget(self, now: datetime) -> bool:
        """Let the next `room` sum everything anew; False if that would come to the same."""
        self._is_doubtful |= now - self._past.summed_at >= (_SETTLED_SOON if self._past.may_settle else _FOUND_SOON)
        return self._is_doubtful

    def claimed(self, claim: Claim) -> None:
        """Count a start, and say once where it reserves more than anybody knows it to cost."""
        self._scope.run.counted += Counted(reserved=claim.reserved_micros or 0)
        if (
            self.is_capped
            and not self._has_told
            and claim.origin is None
            and not pricing.is_published(claim.request, self._scope.plan.catalog)
        ):
            self._has_told = True
            self._observer.notice(_unpublished(claim))

    def settled(self, settled: Settled) -> None:
        """Count an end."""
        reserved, cost = settled.claim.reserved_micros or 0, settled.cost.micros
        end = Counted(reserved=-reserved, unknown=reserved) if cost is None else Counted(cost, -reserved)
        self._scope.run.counted += end
        if self.is_capped and cost is not None and cost > reserved:
            self._is_doubtful = True
            name = f"{settled.claim.folder}/{settled.claim.custom_id}"
            self._observer.alarm(f"{name} cost ${dollars(cost)}, more than the ${dollars(reserved)} that were reserved for it")

    def _moved_on(self, tx: Transaction, now: datetime) -> _Past:
        """The past as it is, with what has become past meanwhile, or summed anew for another day."""
        past, until = self._past, now - _LATE
        if self._is_doubtful or now.date() != past.summed_at.date() or now < past.summed_at:
            self._is_doubtful = False
            past = _Past(now, _NEVER, {cap: spending.begin(tx, cap, self._scope.plan.batches, now) for cap in self._shared})
        elif until - past.until < _MOVE_ON:
            return past
        sums = {}
        for cap, begin in past.begin.items():
            since = max(past.until, begin)
            more = spending.counted(tx, since, until) if since < until else {}
            sums[cap] = _added(past.sums.get(cap, {}), more)
        return replace(past, until=until, sums=sums)


def _added(one: Mapping[int, Counted], other: Mapping[int, Counted]) -> dict[int, Counted]:
    return {key: one.get(key, budget.NOTHING) + other.get(key, budget.NOTHING) for key in one.keys() | other.keys()}


def _unpublished(claim: Claim) -> str:
    request, images = claim.request, claim.request.images
    each = dollars((claim.reserved_micros or 0) // images)
    asked = (
        f"{request.model} at quality {request.parameters.get('quality', 'auto')}, size {request.parameters.get('size', 'auto')}"
    )
    return (
        f"how many tokens {asked} takes is not published: under a cap ${each} are reserved for an image, "
        f"{UNPUBLISHED_FACTOR} times the dearest figure that is known, and given back when its answer tells"
    )
