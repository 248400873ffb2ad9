"""One attempt, from the claim to its settling. It can be told to stop waiting for an answer, but never drops one in hand."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from batchgen.artifacts.answers import Desk
from batchgen.core.outcome import Ending, Outcome
from batchgen.errors import DatabaseError
from batchgen.providers.base import Answer, Provider
from batchgen.providers.http import HttpReply
from batchgen.store import queue
from batchgen.store.queue import Claim
from batchgen.worker.events import Settled
from batchgen.worker.settle import Settler


class Attempt:
    """Made for one claim and run once. `heard` is told how it ended, before the ledger is and its job is free again."""

    def __init__(
        self, claim: Claim, provider: Provider, settler: Settler, desk: Desk, heard: Callable[[Claim, Ending], None]
    ) -> None:
        self.claim = claim
        self._provider = provider
        self._settler = settler
        self._desk = desk
        self._heard = heard
        self._sent = False
        self._is_stopped = False
        self._call: asyncio.Task[HttpReply | Ending] | None = None

    async def run(self) -> Settled:
        """Ask, read, settle. Raises DatabaseError if the ledger cannot be written."""
        label = f"batchgen-{self.claim.job_id}-{self.claim.attempt}"
        self._call = asyncio.create_task(self._provider.send(self.claim.request, label, self._mark_sent))
        if self._is_stopped:
            self._call.cancel()
        try:
            reply = await self._call
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
            await self._settler.settle(self.claim, Answer(self._unanswered("program_error", repr(error))), self._desk)
            raise
        answer = Answer(reply) if isinstance(reply, Ending) else await asyncio.to_thread(self._read, reply, self._settler.clock)
        self._heard(self.claim, answer.ending)
        return await self._settler.settle(self.claim, answer, self._desk)

    def stop_waiting(self) -> None:
        """Give up on an answer that has not come; what has come is settled all the same."""
        self._is_stopped = True
        if self._call is not None:
            self._call.cancel()

    def _read(self, reply: HttpReply, clock: Callable[[], datetime]) -> Answer:
        return self._provider.read(reply, self.claim.request, clock())

    async def _mark_sent(self) -> None:
        now = self._settler.clock()
        if not await self._settler.ledger.write(lambda tx: queue.mark_sent(tx, self.claim.job_id, self.claim.attempt, now)):
            raise _TakenAway
        self._sent = True

    def _unanswered(self, code: str, words: str) -> Ending:
        if self._sent:
            return Ending(Outcome.UNKNOWN, error_code=code, error_message=f"{words}; it may have been billed")
        return Ending(Outcome.RELEASED, error_code=code, error_message=f"{words}; nothing was sent")


class _TakenAway(Exception):
    """The lease ran out while this worker slept, and another one has the job."""
