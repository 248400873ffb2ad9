"""The pool: one worker for one provider, from the opening of its desk until every job in scope is final.

Halting stops the claiming; what is in flight is being paid for and is let finish.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from batchgen.artifacts.desk import Desk
from batchgen.artifacts.office import Office
from batchgen.errors import DatabaseError
from batchgen.providers.base import Provider
from batchgen.store import leftovers
from batchgen.worker import halting
from batchgen.worker.attempt import Tools
from batchgen.worker.budget import Budget
from batchgen.worker.copying import Copier
from batchgen.worker.dispatch import Dispatch
from batchgen.worker.events import Observer
from batchgen.worker.flights import Flights, halted
from batchgen.worker.hearing import Hearing
from batchgen.worker.intake import Intake
from batchgen.worker.lease import Leases, worker_name
from batchgen.worker.ledger import Ledger
from batchgen.worker.pace import Pacer
from batchgen.worker.plan import Plan, Result
from batchgen.worker.recovery import Recovery
from batchgen.worker.reusing import Reuser
from batchgen.worker.scope import Run, Scope
from batchgen.worker.settle import Settler
from batchgen.worker.taking import Gates


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
        self._doors = doors
        self._ledger = doors.ledger
        self._observer = observer
        self._leases = Leases(worker_name(), doors.ledger, doors.clock)
        self._settler = Settler(doors.ledger, plan.policy, doors.clock, plan.catalogs, plan.provider or "")
        self._recovery = Recovery(doors.office, self._settler)
        self._pacer = Pacer(plan.account, plan.limits, doors.clock)
        self._scope = Scope(plan, run or Run())
        self._budget = Budget(self._scope, observer)
        gates = Gates(self._scope, self._pacer, self._budget, doors.clock)
        hearing = Hearing(plan, self._pacer, self._scope, observer, doors.clock)
        self._flights = Flights(gates, hearing, observer)
        self._dispatch = Dispatch(gates, self._flights, doors.ledger, self._leases, self._recovery)

    @property
    def in_flight(self) -> int:
        """How many attempts are out."""
        return len(self._flights)

    @property
    def result(self) -> Result:
        """What has been done so far."""
        return self._flights.result

    def leave(self) -> None:
        """Bring no more work to the other pools of the run; to be called when `run` has ended, however it did."""
        self._scope.run.leave(self._flights)

    def drain(self) -> None:
        """Claim nothing more; what is in flight is let finish."""
        self._flights.drain()

    def abort(self) -> None:
        """Stop waiting for answers: what was sent becomes unknown, what was not goes back."""
        self.drain()
        self._ledger.lose_patience()
        self._flights.stop_waiting()

    async def run(self) -> Result:
        """Work until every job in scope is final, or the run halts. Raises Halted where it cannot even begin."""
        desk = await self._open_desk()
        intake = Intake(desk, self._plan.catalog)
        copier = Copier(self._ledger, desk, self._flights.stop, self._scope.run.copying if self._plan.copies else None)
        is_clear = False
        try:
            self._flights.took_over(await self._recovery.reclaim())
            await asyncio.to_thread(desk.refuse_links, self._plan.folders)
            heard, json_edits = self._flights.hear, self._plan.json_edits
            tools = Tools(self._doors.provider, self._settler, desk, intake, self._leases, heard, json_edits)
            self._flights.equip(tools, copier)
            await self._work(desk)
            is_clear = self._flights.error is None
            if is_clear:
                await self._recovery.release_strays(self._leases.owner)
                await self._pacer.close(self._ledger)
                await self._copy_the_rest(copier)
        except (DatabaseError, OSError) as error:
            raise halted(error) from error
        finally:
            await copier.close()
            await asyncio.to_thread(intake.close)
            await asyncio.to_thread(desk.close, unsettled=not is_clear)
        if self._flights.error is not None:
            raise self._flights.error
        await self._explain_leftovers()
        return self.result

    async def _open_desk(self) -> Desk:
        try:
            return await asyncio.to_thread(self._doors.office.open_desk, self._leases.owner)
        except OSError as error:
            raise halted(error) from error

    async def _work(self, desk: Desk) -> None:
        renewing = asyncio.create_task(self._leases.keep_renewing(self._observer.alarm))
        try:
            if self._plan.reuse is not None:
                await self._dispatch.use_again(Reuser(self._plan.reuse, self._scope, self._leases, desk, self._doors.clock))
            await self._budget.open(self._ledger, self._doors.clock().date())
            await self._pacer.open(self._ledger, self._plan.images_today)
            await self._dispatch.run(desk)
        finally:
            await self._flights.land()
            renewing.cancel()

    async def _copy_the_rest(self, copier: Copier) -> None:
        await copier.finish(self._plan.batches)
        if copier.failed:
            self._observer.notice(
                f"resized copies that could not be made: {len(copier.failed):,}; exports say why, as a remark"
            )

    async def _explain_leftovers(self) -> None:
        blocked = self._scope.blocked_models
        is_over = not self._flights.stop.is_set() and not self._scope.limit_reached
        if self.result.halted is not None or not (blocked or is_over):
            return
        wanted = self._scope.filter()
        waiting = await self._ledger.read(lambda tx: leftovers.left_out(tx, wanted)) if blocked else 0
        children = await self._ledger.read(lambda tx: leftovers.waiting(tx, wanted))
        if waiting:
            self.result.halted = halting.models_blocked(blocked, waiting, children)
        elif children and is_over:
            self.result.halted, self.result.is_stuck = halting.nobody_makes(children), True
