"""One attempt, from the claim to its settling. It can be told to stop waiting for an answer, but never drops one in hand."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from batchgen.artifacts.desk import Desk
from batchgen.artifacts.image import NotAnImage
from batchgen.core.outcome import Ending, Outcome
from batchgen.errors import DatabaseError
from batchgen.providers.base import Provider
from batchgen.providers.http import HttpReply
from batchgen.store import queue
from batchgen.store.engine import Transaction
from batchgen.store.queue import Claim
from batchgen.worker.chained import with_files
from batchgen.worker.events import Settled
from batchgen.worker.intake import Intake
from batchgen.worker.keeping import Arrival, Kept
from batchgen.worker.lease import Leases, seconds
from batchgen.worker.settle import Settler


@dataclass(frozen=True, slots=True)
class Tools:
    """What all attempts of a worker share. `heard` is told how one ended, before the ledger is and its job is free again.

    With `json_edits` files are sent within JSON.
    """

    provider: Provider
    settler: Settler
    desk: Desk
    intake: Intake
    leases: Leases
    heard: Callable[[Claim, Ending, float], None]  # the last is how many seconds ago it began
    json_edits: bool = False


class Attempt:
    """Made for one claim and run once."""

    def __init__(self, claim: Claim, tools: Tools) -> None:
        self.claim = claim
        self._tools = tools
        self._claimed_at = seconds()
        self._sent = False
        self._is_stopped = False
        self._previews = 0
        self._call: asyncio.Task[HttpReply | Ending] | None = None

    async def run(self) -> Settled:
        """Ask, read, settle. Raises DatabaseError if the ledger cannot be written."""
        try:
            reply = await self._ask()
        except asyncio.CancelledError:
            reply = self._unanswered("stopped", "stopped before the answer came")
        except _TakenAway:
            reply = Ending(
                Outcome.SUPERSEDED, error_code="taken_away", error_message="another worker has the job; nothing was sent"
            )
        except DatabaseError:
            raise
        except Exception as error:
            # A mistake of the program itself must not leave the job running, nor hide what may have been billed.
            await self._settle(Kept(self._unanswered("program_error", repr(error))))
            raise
        kept = Kept(reply) if isinstance(reply, Ending) else await self._tools.intake.keep(self._arrival(reply))
        self._tools.heard(self.claim, kept.ending, seconds() - self._claimed_at)
        return await self._settle(kept)

    async def _ask(self) -> HttpReply | Ending:
        request = with_files(self.claim.request, self._tools.desk.locate, json_edits=self._tools.json_edits)
        if isinstance(request, Ending):
            return request
        label = f"batchgen-{self.claim.job_id}-{self.claim.attempt}"
        send = self._tools.provider.send(request, label, self._mark_sent, self._keep_preview, once=self.claim.once)
        self._call = asyncio.create_task(send)
        if self._is_stopped:
            self._call.cancel()
        return await self._call

    def stop_waiting(self) -> None:
        """Give up on an answer that has not come; what has come is settled all the same."""
        self._is_stopped = True
        if self._call is not None:
            self._call.cancel()

    async def _settle(self, kept: Kept) -> Settled:
        return await self._tools.settler.settle(self.claim, kept, self._tools.desk)

    def _arrival(self, reply: HttpReply) -> Arrival:
        read = partial(self._tools.provider.read, reply, self.claim.request, self._tools.settler.clock())
        return Arrival(self.claim, reply.size, read, partial(self._tools.leases.cover, self._claimed_at))

    async def _keep_preview(self, preview: bytes) -> None:
        """For a person to look at: the image does not depend on it, and an attempt does not end by it."""
        self._previews += 1
        name = f"{self.claim.custom_id}~{self.claim.attempt}-{self._previews}"
        with suppress(OSError, NotAnImage):
            await asyncio.to_thread(self._tools.desk.keep_preview, self.claim.folder, name, preview)

    async def _mark_sent(self) -> None:
        now = self._tools.settler.clock()
        if not await self._tools.settler.ledger.join(_mark_sent, (self.claim.job_id, self.claim.attempt, now)):
            raise _TakenAway
        self._sent = True

    def _unanswered(self, code: str, words: str) -> Ending:
        if self._sent:
            return Ending(Outcome.UNKNOWN, error_code=code, error_message=f"{words}; it may have been billed")
        return Ending(Outcome.RELEASED, error_code=code, error_message=f"{words}; nothing was sent")


def _mark_sent(tx: Transaction, sent: Sequence[tuple[int, int, datetime]]) -> list[bool]:
    return queue.mark_sent(tx, [(job_id, number) for job_id, number, _ in sent], max(now for *_, now in sent))


class _TakenAway(Exception):
    """The lease ran out while this worker slept, and another one has the job."""
