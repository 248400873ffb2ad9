"""What a pool starts next, and when: a slot, then the pace, then the claim, in that order, so that it never holds a job that it
cannot start; or why there is nothing to wait for any more.
"""

import asyncio
from collections.abc import Sequence

from batchgen.artifacts.desk import Desk
from batchgen.core.budget import Full
from batchgen.core.job import State
from batchgen.store import leftovers, queue, reports
from batchgen.store.queue import Claim, Filter
from batchgen.worker import halting, remainder
from batchgen.worker.flights import Flights
from batchgen.worker.lease import Leases
from batchgen.worker.ledger import Ledger
from batchgen.worker.recovery import Recovery
from batchgen.worker.reusing import Reuser
from batchgen.worker.taking import Gates, Taking

# How often a worker with nothing to do looks at what others are doing.
_LOOK_S = 1.0
_AGAIN_S = 0.02
_WORTH_A_LOOK_S = 0.1


class Dispatch:
    """One for a pool; `run` it once."""

    def __init__(self, gates: Gates, flights: Flights, ledger: Ledger, leases: Leases, recovery: Recovery) -> None:
        self._gates = gates
        self._plan, self._scope = gates.scope.plan, gates.scope
        self._pacer, self._budget, self._clock = gates.pacer, gates.budget, gates.clock
        self._flights = flights
        self._ledger = ledger
        self._leases = leases
        self._recovery = recovery
        self._reuser: Reuser | None = None

    async def use_again(self, reuser: Reuser) -> None:
        """What was made before comes first: it costs nothing, and a halt for money or a key does not keep it back.

        What that lets go on may have been made before, too; what is used again later is found when it is due.
        """
        self._reuser, flights = reuser, self._flights
        began = -1
        while began < flights.result.reused and not flights.stop.is_set():
            began = flights.result.reused
            async for job_ids in reuser.pages(self._ledger):
                if flights.stop.is_set() or self._scope.limit_reached:
                    break
                await self._borrow(reuser, job_ids)
                await flights.land()
        flights.tell_reused()

    async def run(self, desk: Desk) -> None:
        """Start what may start until nothing is left, or the flights are stopped. Raises OSError where `desk` has no room."""
        flights, look_first = self._flights, False
        while not flights.stop.is_set():
            flights.wake.clear()
            is_used_up = self._pacer.day_left == 0
            slots = desk.room(self._slots())
            if not slots and not flights:
                raise desk.disk_full()
            if len(flights) >= slots or (is_used_up and flights):
                await flights.wake.wait()
                continue
            if look_first or is_used_up or self._pacer.wait_s() > _WORTH_A_LOOK_S:
                # Not asked at full speed: as long as there is work, the claim itself says so. Where the pace makes us wait, it
                # may be for nothing.
                wait_s = await self._wait_s()
                if wait_s is None:
                    return
                if wait_s > 0:
                    await flights.nap(wait_s)
                    continue
            if await self._turn():
                look_first = not await self._claim(slots - len(flights))
                if look_first:
                    # Another worker was faster, or holds the row that is due: not again at once.
                    await flights.nap(_AGAIN_S)

    async def _borrow(self, reuser: Reuser, job_ids: Sequence[int]) -> None:
        """Start those of these jobs for which there is something to use again."""
        async with self._scope.run.turn():
            for claim in await self._ledger.write_first(lambda tx: reuser.take(tx, job_ids)):
                self._flights.start(claim, reuser)

    def _slots(self) -> int:
        return 1 if self._flights.one_at_a_time else self._pacer.slots(self._plan.concurrency)

    async def _wait_s(self) -> float | None:
        """Seconds until it is worth trying to claim, or None when nothing is left to wait for."""
        if self._scope.is_spent:
            return None
        wanted = self._scope.filter()
        due = await self._ledger.read(lambda tx: queue.next_due(tx, wanted))
        if due is not None and self._pacer.day_left == 0:
            self._flights.halt(halting.day_used_up(self._clock()))
            return None
        if due is not None:
            wait_s = max(0.0, (due - self._clock()).total_seconds())
            if wait_s > self._plan.longest_wait_s and not self._flights:
                self._flights.halt(halting.long_wait(due))
                return None
            return min(_LOOK_S, wait_s)
        if self._flights:
            return _LOOK_S
        is_made = await self._ledger.read(lambda tx: leftovers.running(tx, wanted))
        if is_made and await self._release_strays():
            return 0.0
        if self._scope.limit_reached or not (is_made or await self._waits_for_others(wanted)):
            return None
        # Somebody else works on them; should that worker die, they are ours.
        return 0.0 if await self._reclaim() else _LOOK_S

    async def _waits_for_others(self, wanted: Filter) -> bool:
        """Whether jobs wait for results that other providers may still make, in this run or in another one."""
        if not await self._ledger.read(lambda tx: leftovers.waiting(tx, wanted)):
            return False
        left = await self._ledger.read(lambda tx: reports.unfinished(tx, wanted.batches))
        return not self._scope.run.rest(self._flights) or bool(left[State.RUNNING])

    async def _release_strays(self) -> bool:
        return await self._recovery.release_strays(self._leases.owner)

    async def _reclaim(self) -> bool:
        return self._flights.took_over(await self._recovery.reclaim())

    async def _turn(self) -> bool:
        """Wait for a place in the pace; False if the run stops, a pause begins or the weather turns meanwhile."""
        if not self._pacer.is_free:
            turn = asyncio.ensure_future(self._pacer.turn())
            stop = asyncio.ensure_future(self._flights.stop.wait())
            await asyncio.wait({turn, stop}, return_when=asyncio.FIRST_COMPLETED)
            for future in (turn, stop):
                future.cancel()
        return not self._flights.stop.is_set() and self._pacer.is_free and len(self._flights) < self._slots()

    async def _claim(self, free: int) -> bool:
        """Take what may start now and start it; False if nothing is due."""
        take, claims = await self._take(free)
        if take.full is not None and not claims:
            await self._make_do(take.full, free)
            return True
        if take.too_large and not self._flights:
            self._flights.halt(halting.day_too_short(take.too_large, self._plan.limits.images_per_day, self._clock()))
        elif take.too_large:
            # What is out may give images of the day back.
            await self._flights.nap(_LOOK_S)
        return bool(claims) or take.has_to_wait

    async def _take(self, free: int, only: Sequence[int] | None = None) -> tuple[Taking, list[Claim]]:
        take = Taking(self._gates, self._leases, free, only, self._reuser)
        async with self._scope.run.turn():
            claims = await self._ledger.write_first(take)
            take.tell_pacer(claims)
            for claim in claims:
                self._flights.start(claim, self._reuser)
        return take, claims

    async def _make_do(self, full: Full, free: int) -> None:
        """A cap has no room for the next job in order: wait for what is open, make what fits all the same, or halt."""
        if self._flights or full.may_free:
            if not self._flights and not await self._release_strays():
                # What others have reserved settles when they do, or when they die.
                await self._reclaim()
            await self._flights.nap(_LOOK_S)
            return
        scope, now = self._scope, self._clock()
        left = await self._ledger.read(lambda tx: remainder.look(tx, scope, self._budget.room(tx, now), now, free))
        if left.fitting:
            _, claims = await self._take(free, left.fitting)
            if not claims:
                # Somebody else was faster, or makes what these wait for.
                await self._flights.nap(_AGAIN_S)
        elif left.due_at is None and left.jobs:
            self._flights.halt(halting.cap_reached(left, now))
        else:
            await self._flights.nap(_LOOK_S)
