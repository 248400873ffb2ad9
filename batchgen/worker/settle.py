"""An attempt's end reaches the ledger, and its job goes where the verdict says; so is settled what a dead worker left."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from batchgen.artifacts.answers import Record
from batchgen.artifacts.desk import Desk
from batchgen.core import pricing, retry
from batchgen.core.catalog import Catalogs, vendors
from batchgen.core.job import State
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.retry import Policy
from batchgen.store import closing, leases
from batchgen.store.closing import Closing, Finish, Moved, Standing
from batchgen.store.engine import Transaction
from batchgen.store.leases import Opened
from batchgen.store.queue import Claim
from batchgen.worker.events import Closed, Reclaimed, Settled
from batchgen.worker.keeping import Kept, ending_of
from batchgen.worker.ledger import Ledger


@dataclass(frozen=True, slots=True)
class _Open:
    """What closing an attempt needs to know, whoever opened it."""

    job_id: int
    attempt: int
    provider: str
    model: str
    failures: int
    unknowns: int
    reserved_micros: int | None
    likely_micros: int | None
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Settler:
    """Closes attempts. `clock` gives aware UTC times, `catalogs` the prices; its own attempts are those of `provider`."""

    ledger: Ledger
    policy: Policy
    clock: Callable[[], datetime]
    catalogs: Catalogs = vendors
    provider: str = ""

    async def settle(self, claim: Claim, kept: Kept, desk: Desk) -> Settled:
        """Close an attempt that this worker made, and whose answer is safe on disk."""
        attempt = _Open(
            claim.job_id,
            claim.attempt,
            self.provider,
            claim.request.model,
            claim.failures,
            claim.unknowns,
            claim.reserved_micros,
            kept.likely_micros,
            claim.started_at,
        )
        if kept.record is None or kept.is_placed:
            closed = await self._close(attempt, kept.ending, kept.record)
            if kept.record is not None:
                desk.settle(kept.record)
        else:
            closed = await self._bring_late(attempt, kept.ending, kept.record, desk)
        return Settled(claim=claim, **_facts(closed))

    async def settle_record(self, record: Record, desk: Desk) -> Reclaimed | None:
        """Close an attempt from what a dead worker left on disk; None if it is not of this ledger, or closed already."""
        opened = await self.ledger.read(lambda tx: leases.opened(tx, record.job_id, record.attempt))
        if opened is None or opened.worker != desk.owner:
            # The worker had another ledger; what it left is settled by whoever opens that one.
            return None
        is_whole = not opened.is_settled and await asyncio.to_thread(desk.is_whole, record)
        if opened.is_settled or (opened.is_answered and not is_whole):
            # The journal forgets only with a whole file: it still held what its worker had discarded.
            await asyncio.to_thread(desk.discard, record)
            return None
        attempt, ending = _of(opened, record.likely_micros), ending_of(record)
        if is_whole:
            closed = await self._bring_late(attempt, ending, record, desk)
            if opened.is_answered and closed.ending.outcome is Outcome.SUPERSEDED:
                return None  # still not needed, and told before
        else:
            words = "the worker died while storing the answer"
            # What was made before is on disk all the same, and nobody was asked for it.
            outcome = Outcome.LOST if record.reused else Outcome.UNKNOWN
            lost = replace(ending, outcome=outcome, error_code="lost_answer", error_message=words)
            closed = await self._close(attempt, lost, None)
            await asyncio.to_thread(desk.discard, record)
        return Reclaimed(batch_id=opened.batch_id, **_facts(closed))

    async def give_up(self, opened: Opened) -> Reclaimed:
        """Close an attempt of a worker that is gone and left nothing of it on disk."""
        outcome = Outcome.UNKNOWN if opened.sent else Outcome.LOST
        ending = Ending(outcome, error_code="worker_died", error_message="the worker died before the answer was stored")
        closed = await self._close(_of(opened), ending, None)
        return Reclaimed(batch_id=opened.batch_id, **_facts(closed))

    async def _bring_late(self, attempt: _Open, ending: Ending, record: Record, desk: Desk) -> Closed:
        """An answer whose job may have gone to somebody else: the files are placed under the lock of its row, or not at all.

        While a newer attempt is out the record stays, and the next start looks again.
        """
        end = self._end(attempt, ending, record)

        def bring(tx: Transaction) -> tuple[Standing, Moved]:
            standing = closing.standing(tx, attempt.job_id, attempt.attempt)
            is_wanted = standing in (Standing.HELD, Standing.FREE)
            if is_wanted:
                (failure,) = desk.place([record])
                if failure is not None:
                    raise failure
            chosen = end if is_wanted else replace(end, artifacts=(), moved=())
            return standing, closing.finish(tx, [Finish(attempt.job_id, attempt.attempt, chosen)], self.clock())[0]

        standing, moved = await self.ledger.write(bring)
        if standing is not Standing.BUSY:
            await asyncio.to_thread(desk.discard, record)
        return _closed(attempt, end, moved)

    async def _close(self, attempt: _Open, ending: Ending, record: Record | None) -> Closed:
        end = self._end(attempt, ending, record)
        moved = await self.ledger.join(self._finish, Finish(attempt.job_id, attempt.attempt, end))
        return _closed(attempt, end, moved)

    def _finish(self, tx: Transaction, ends: Sequence[Finish]) -> list[Moved]:
        return closing.finish(tx, ends, self.clock())

    def _end(self, attempt: _Open, ending: Ending, record: Record | None) -> Closing:
        fared = retry.Record(attempt.attempt, attempt.failures, attempt.unknowns)
        verdict = retry.decide(ending, fared, self.policy, random.random())  # noqa: S311  (jitter)
        # An attempt has the price of the day on which it was made, whenever it is settled.
        day = attempt.started_at.date()
        catalog = self.catalogs(attempt.provider)
        cost = pricing.cost_of(ending, attempt.model, day, attempt.likely_micros, catalog)
        images, moved = (record.images, record.moved) if record else ([], [])
        return Closing(ending, verdict, cost, tuple(images), tuple(moved))


def _closed(attempt: _Open, end: Closing, moved: Moved) -> Closed:
    superseded = moved.state is None
    return Closed(
        ending=replace(end.ending, outcome=Outcome.SUPERSEDED) if superseded else end.ending,
        state=State.RUNNING if moved.state is None else moved.state,
        failed_with_it=moved.failed_with_it,
        images=0 if superseded else len(end.artifacts),
        cost=end.cost,
        reserved_micros=attempt.reserved_micros,
    )


def _facts(closed: Closed) -> dict[str, Any]:
    return {part.name: getattr(closed, part.name) for part in fields(Closed)}


def _of(opened: Opened, likely_micros: int | None = None) -> _Open:
    return _Open(
        opened.job_id,
        opened.attempt,
        opened.provider,
        opened.model,
        opened.failures,
        opened.unknowns,
        opened.reserved_micros,
        likely_micros,
        opened.started_at,
    )
