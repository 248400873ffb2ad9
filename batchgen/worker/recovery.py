"""What workers that died left behind: answers on disk are settled first, then their jobs are given up and taken back."""

import asyncio
from dataclasses import dataclass

from batchgen.artifacts.desk import Desk
from batchgen.artifacts.office import Office
from batchgen.core.outcome import Outcome
from batchgen.store import leases
from batchgen.worker.events import Reclaimed
from batchgen.worker.settle import Settler


@dataclass(frozen=True, slots=True)
class Recovery:
    """Looks after the dead: at once where this machine sees that they are, else when their leases have run out."""

    office: Office
    settler: Settler

    async def reclaim(self) -> list[Reclaimed]:
        """Settle and take back everything that is abandoned. Raises OSError where a dead worker's folder cannot be used."""
        taken: list[Reclaimed] = []
        for desk in await asyncio.to_thread(self.office.dead_desks):
            is_clear = False
            try:
                taken += await self._clear(desk)
                is_clear = True
            finally:
                await asyncio.to_thread(desk.close, unsettled=not is_clear)
        now = self.settler.clock()
        for opened in await self.settler.ledger.read(lambda tx: leases.expired(tx, now)):
            given_up = await self.settler.give_up(opened)
            if given_up.ending.outcome is not Outcome.SUPERSEDED:  # else another worker has just done so
                taken.append(given_up)
        return taken

    async def release_strays(self, owner: str) -> bool:
        """Give back claims of this worker that it never heard of: the database went away while it was answering."""
        strays = await self.settler.ledger.read(lambda tx: leases.held_by(tx, owner))
        for opened in strays:
            await self.settler.give_up(opened)
        return bool(strays)

    async def _clear(self, desk: Desk) -> list[Reclaimed]:
        settled = [await self.settler.settle_record(record, desk) for record in await asyncio.to_thread(desk.records)]
        held = await self.settler.ledger.read(lambda tx: leases.held_by(tx, desk.owner))
        given_up = [await self.settler.give_up(opened) for opened in held]
        return [one for one in settled if one is not None] + given_up
