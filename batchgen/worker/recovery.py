"""What workers that died left behind: answers on disk are settled first, then their jobs are given up and taken back."""

import asyncio
from dataclasses import dataclass

from batchgen.artifacts.answers import Desk, Office
from batchgen.store import queue
from batchgen.worker.settle import Settler


@dataclass(frozen=True, slots=True)
class Recovery:
    """Looks after the dead: at once where this machine sees that they are, else when their leases have run out."""

    office: Office
    settler: Settler

    async def sweep(self) -> int:
        """Settle and take back everything that is abandoned; returns the number of jobs that were taken back."""
        taken = 0
        for desk in await asyncio.to_thread(self.office.dead_desks):
            is_clear = False
            try:
                taken += await self._clear(desk)
                is_clear = True
            finally:
                await asyncio.to_thread(desk.close, unsettled=not is_clear)
        now = self.settler.clock()
        for opened in await self.settler.ledger.read(lambda tx: queue.expired(tx, now)):
            await self.settler.give_up(opened)
            taken += 1
        return taken

    async def _clear(self, desk: Desk) -> int:
        settled = [await self.settler.settle_record(record, desk) for record in await asyncio.to_thread(desk.records)]
        held = await self.settler.ledger.read(lambda tx: queue.held_by(tx, desk.owner))
        for opened in held:
            await self.settler.give_up(opened)
        return sum(settled) + len(held)
