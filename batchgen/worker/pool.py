"""The pool: a slot, then the pace, then the claim, in that order, until every job in scope is final.

It never holds a job that it cannot start. Halting stops the claiming; what is in flight is being paid for and is let finish.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from batchgen.artifacts.desk import Desk
from batchgen.artifacts.office import Office
from batchgen.core.budget import Full
from batchgen.core.job import State
from batchgen.core.outcome import Ending, Outcome
from batchgen.errors import DatabaseError, Halted
from batchgen.providers.base import Provider
from batchgen.store import leases, leftovers, queue, reports
from batchgen.store.queue import Claim, Filter
from batchgen.worker import halting, remainder
from batchgen.worker.attempt import Attempt, Tools
from batchgen.worker.budget import Budget
from batchgen.worker.copying import Copier
from batchgen.worker.events import Observer, Settled
from batchgen.worker.hearing import Hearing
from batchgen.worker.intake import Intake
from batchgen.worker.lease import Leases, worker_name
from batchgen.worker.ledger import Ledger
from batchgen.worker.pace import Pacer
from batchgen.worker.plan import Plan, Result
from batchgen.worker.recovery import Recovery
from batchgen.worker.reusing import Borrowing, Reuser
from batchgen.worker.scope import Run, Scope
from batchgen.worker.settle import Settler
from batchgen.worker.taking import Gates, Taking

# How often a worker with nothing to do looks at what others are doing.
_LOOK_S = 1.0
_AGAIN_S = 0.02
_WORTH_A_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Doors:
    """What a pool works with. `clock` gives aware UTC times."""

    ledger: Ledger
    provider: Provider
    office: Office
    clock: Callable[[], datetime]


class Pool:
    """One worker. `run` it once; `drain` and `abort` are called on its loop."""

    def __init__(self, plan: Plan, doors: Doors, observer: Observer, run: Run | None = None) -> None:
        self._plan = plan
        self._run = run or Run()
        self._run.join(self)
        self._ledger = doors.ledger
        self._provider = doors.provider
        self._office = doors.office
        self._clock = doors.clock
        self._observer = observer
        self._leases = Leases(worker_name(), doors.ledger, doors.clock)
        self._settler = Settler(doors.ledger, plan.policy, doors.clock, plan.catalog)
        self._recovery = Recovery(doors.office, self._settler)
        self._pacer = Pacer(plan.account, plan.limits, doors.clock)
        self._scope = Scope(plan, self._run)
        self._budget = Budget(self._scope, observer)
        self._gates = Gates(self._scope, self._pacer, self._budget, doors.clock)
        self._hearing = Hearing(plan, self._pacer, self._scope, observer, doors.clock)
        self._reuser: Reuser | None = None
        self._running: dict[asyncio.Task[Settled], Attempt | Borrowing] = {}
        self._stop = asyncio.Event()
        self._wake = asyncio.Event()
        self._error: BaseException | None = None
        self._tools: Tools
        self._copier: Copier
        self.result = Result()

    @property
    def in_flight(self) -> int:
        """How many attempts are out."""
        return len(self._running)

    def leave(self) -> None:
        """Bring no more work to the other pools of the run; to be called when `run` has ended, however it did."""
        self._run.leave(self)

    def look_again(self) -> None:
        """See whether something is due by now."""
        self._wake.set()

    def drain(self) -> None:
        """Claim nothing more; what is in flight is let finish."""
        self._stop.set()
        self._wake.set()

    def abort(self) -> None:
        """Stop waiting for answers: what was sent becomes unknown, what was not goes back."""
        self.drain()
        self._ledger.lose_patience()
        for attempt in self._running.values():
            attempt.stop_waiting()

    async def run(self) -> Result:
        """Work until every job in scope is final, or the run halts. Raises Halted where it cannot even begin."""
        desk = await self._open_desk()
        intake = Intake(desk, self._plan.catalog)
        self._copier = Copier(self._ledger, desk, self._stop, self._run.copying if self._plan.copies else None)
        is_clear = False
        try:
            await self._reclaim()
            await asyncio.to_thread(desk.refuse_links, self._plan.folders)
            renewing = asyncio.create_task(self._leases.keep_renewing(self._observer.alarm))
            try:
                self._tools = Tools(self._provider, self._settler, desk, intake, self._leases, self._hear)
                if self._plan.reuse is not None:
                    self._reuser = Reuser(self._plan.reuse, self._scope, self._leases, desk, self._clock)
                    await self._use_again(self._reuser)
                await self._budget.open(self._ledger, self._clock().date())
                await self._pacer.open(self._ledger, self._plan.images_today)
                await self._dispatch()
            finally:
                while self._running:
                    await asyncio.wait(self._running)
                renewing.cancel()
            is_clear = self._error is None
            if is_clear:
                await self._release_strays()
                await self._pacer.close(self._ledger)
                await self._copy_the_rest()
        except (DatabaseError, OSError) as error:
            raise _halted(error) from error
        finally:
            await self._copier.close()
            await asyncio.to_thread(intake.close)
            await asyncio.to_thread(desk.close, unsettled=not is_clear)
        if self._error is not None:
            raise self._error
        await self._explain_leftovers()
        return self.result

    async def _open_desk(self) -> Desk:
        try:
            return await asyncio.to_thread(self._office.open_desk, self._leases.owner)
        except OSError as error:
            raise _halted(error) from error

    async def _reclaim(self) -> bool:
        """Take over what dead workers left; what is settled by that counts as done by this run."""
        taken = await self._recovery.reclaim()
        if taken:
            self._observer.notice(f"took over {len(taken):,} job{'s' if len(taken) > 1 else ''} of a worker that died")
        for one in taken:
            if one.batch_id in self._plan.batches:
                self.result.add(one)
                self._observer.reclaimed(one)
        return bool(taken)

    async def _use_again(self, reuser: Reuser) -> None:
        """What was made before comes first: it costs nothing, and a halt for money or a key does not keep it back.

        What that lets go on may have been made before, too.
        """
        began = -1
        while began < self.result.reused and not self._stop.is_set():
            began = self.result.reused
            async for job_ids in reuser.pages(self._ledger):
                if self._stop.is_set() or self._scope.limit_reached:
                    break
                await self._borrow(reuser, job_ids)
                while self._running:
                    await asyncio.wait(self._running)
        if self.result.reused:
            self._observer.notice(f"made before and used again, for nothing: {self.result.reused:,}")

    async def _borrow(self, reuser: Reuser, job_ids: Sequence[int]) -> None:
        """Start those of these jobs for which there is something to use again."""
        async with self._run.turn():
            for claim in await self._ledger.write_first(lambda tx: reuser.take(tx, job_ids)):
                self._start(claim)

    async def _dispatch(self) -> None:
        look_first = False
        while not self._stop.is_set():
            self._wake.clear()
            is_used_up = self._pacer.day_left == 0
            slots = self._tools.desk.room(self._slots())
            if not slots and not self._running:
                raise self._tools.desk.disk_full()
            if len(self._running) >= slots or (is_used_up and self._running):
                await self._wake.wait()
                continue
            if look_first or is_used_up or self._pacer.wait_s() > _WORTH_A_LOOK_S:
                # Not asked at full speed: as long as there is work, the claim itself says so. Where the pace makes us wait, it
                # may be for nothing.
                wait_s = await self._wait_s()
                if wait_s is None:
                    return
                if wait_s > 0:
                    await self._nap(wait_s)
                    continue
            if await self._turn():
                look_first = not await self._claim(slots - len(self._running))
                if look_first:
                    # Another worker was faster, or holds the row that is due: not again at once.
                    await self._nap(_AGAIN_S)

    def _slots(self) -> int:
        return 1 if self._hearing.weather.is_bad else self._pacer.slots(self._plan.concurrency)

    async def _wait_s(self) -> float | None:
        """Seconds until it is worth trying to claim, or None when nothing is left to wait for."""
        if self._scope.is_spent:
            return None
        wanted = self._scope.filter()
        due = await self._ledger.read(lambda tx: queue.next_due(tx, wanted))
        if due is not None and self._pacer.day_left == 0:
            self.halt(halting.day_used_up(self._clock()))
            return None
        if due is not None:
            wait_s = max(0.0, (due - self._clock()).total_seconds())
            if wait_s > self._plan.longest_wait_s and not self._running:
                self.halt(halting.long_wait(due))
                return None
            return min(_LOOK_S, wait_s)
        if self._running:
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
        return not self._run.rest(self) or bool(left[State.RUNNING])

    async def _release_strays(self) -> bool:
        """Give back claims of this worker that it never heard of: the database went away while it was answering."""
        strays = await self._ledger.read(lambda tx: leases.held_by(tx, self._leases.owner))
        for opened in strays:
            await self._settler.give_up(opened)
        return bool(strays)

    async def _turn(self) -> bool:
        """Wait for a place in the pace; False if the run stops, a pause begins or the weather turns meanwhile."""
        if not self._pacer.is_free:
            turn = asyncio.ensure_future(self._pacer.turn())
            stop = asyncio.ensure_future(self._stop.wait())
            await asyncio.wait({turn, stop}, return_when=asyncio.FIRST_COMPLETED)
            for future in (turn, stop):
                future.cancel()
        return not self._stop.is_set() and self._pacer.is_free and len(self._running) < self._slots()

    async def _claim(self, free: int) -> bool:
        """Take what may start now and start it; False if nothing is due."""
        take, claims = await self._take(free)
        if take.full is not None and not claims:
            await self._make_do(take.full, free)
            return True
        if take.too_large and not self._running:
            self.halt(halting.day_too_short(take.too_large, self._plan.limits.images_per_day, self._clock()))
        elif take.too_large:
            # What is out may give images of the day back.
            await self._nap(_LOOK_S)
        return bool(claims) or take.has_to_wait

    async def _take(self, free: int, only: Sequence[int] | None = None) -> tuple[Taking, list[Claim]]:
        take = Taking(self._gates, self._leases, free, only, self._reuser)
        async with self._run.turn():
            claims = await self._ledger.write_first(take)
            take.tell_pacer(claims)
            for claim in claims:
                self._start(claim)
        return take, claims

    async def _make_do(self, full: Full, free: int) -> None:
        """A cap has no room for the next job in order: wait for what is open, make what fits all the same, or halt."""
        if self._running or full.may_free:
            if not self._running and not await self._release_strays():
                # What others have reserved settles when they do, or when they die.
                await self._reclaim()
            await self._nap(_LOOK_S)
            return
        scope, now = self._scope, self._clock()
        left = await self._ledger.read(lambda tx: remainder.look(tx, scope, self._budget.room(tx, now), now, free))
        if left.fitting:
            _, claims = await self._take(free, left.fitting)
            if not claims:
                # Somebody else was faster, or makes what these wait for.
                await self._nap(_AGAIN_S)
        elif left.due_at is None and left.jobs:
            self.halt(halting.cap_reached(left, now))
        else:
            await self._nap(_LOOK_S)

    def _start(self, claim: Claim) -> None:
        self._scope.claimed(claim)
        self._budget.claimed(claim)
        attempt: Attempt | Borrowing = Attempt(claim, self._tools)
        if claim.origin is not None and self._reuser is not None:
            attempt = Borrowing(claim, self._tools, self._reuser.spoiled)
        task = asyncio.create_task(attempt.run())
        self._running[task] = attempt
        task.add_done_callback(self._done)
        if self._stop.is_set():
            # The claim was under way when the stop came: it goes back, and nothing is sent.
            attempt.stop_waiting()
        self._observer.started(claim)

    def _done(self, task: asyncio.Task[Settled]) -> None:
        del self._running[task]
        self._wake.set()
        error = task.exception()
        if error is None:
            self._observe(task.result())
            return
        # The job keeps its lease: the next start settles it from what lies on disk.
        self._error = _halted(error) if isinstance(error, DatabaseError | OSError) else error
        self.drain()

    def _hear(self, claim: Claim, ending: Ending, age_s: float) -> None:
        halt = self._hearing.hear(claim, ending, age_s)
        if halt is not None:
            self.halt(halt)

    def _observe(self, settled: Settled) -> None:
        self._scope.settled(settled)
        self._budget.settled(settled)
        if settled.cost.micros == 0 and settled.claim.origin is None:
            # Nothing was billed, so nothing was made.
            self._pacer.give_back(settled.claim.request.images)
        self.result.add(settled)
        self._observer.settled(settled)
        if settled.images:
            self._copier.look_at(settled.claim.job_id)
        if settled.ending.outcome is Outcome.STORAGE_FAILED:
            # Whoever makes the next image, it could not be stored either.
            self._run.halt(halting.storage_failed(settled.ending))

    def halt(self, reason: str) -> None:
        """Drain, and say why; of several reasons the first one."""
        self.result.halted = self.result.halted or reason
        self.drain()

    async def _copy_the_rest(self) -> None:
        await self._copier.finish(self._plan.batches)
        if self._copier.failed:
            self._observer.notice(
                f"resized copies that could not be made: {len(self._copier.failed):,}; exports say why, as a remark"
            )

    async def _explain_leftovers(self) -> None:
        blocked = self._scope.blocked_models
        is_over = not self._stop.is_set() and not self._scope.limit_reached
        if self.result.halted is not None or not (blocked or is_over):
            return
        wanted = self._scope.filter()
        waiting = await self._ledger.read(lambda tx: leftovers.left_out(tx, wanted)) if blocked else 0
        children = await self._ledger.read(lambda tx: leftovers.waiting(tx, wanted))
        if waiting:
            self.result.halted = halting.models_blocked(blocked, waiting, children)
        elif children and is_over:
            self.result.halted, self.result.is_stuck = halting.nobody_makes(children), True

    async def _nap(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)


def _halted(error: DatabaseError | OSError) -> Halted:
    if isinstance(error, DatabaseError):
        return Halted(f"{error}; run again when it can be used")
    place = f"{error.filename}: " if error.filename else ""
    return Halted(f"images cannot be stored ({place}{error.strerror or error}); mend that or set another [storage] root")
