"""Resized copies of what a run has stored, made beside the work: no job waits for one, and none fails by it."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from batchgen.artifacts.copies import NotCopied
from batchgen.artifacts.desk import Desk
from batchgen.errors import DatabaseError
from batchgen.store import copies
from batchgen.store.copies import Resized
from batchgen.worker.ledger import Ledger

_THREADS = 2
_JOBS_AT_ONCE = 100
_COPIES_AT_ONCE = 20
# Where so many wait, the rest is left for the end of the run.
_MOST_WAITING = 10_000


class Copier:
    """Makes the copies that are missing, until `stop` is set: whoever stops a run does not wait for them, the next one does.

    `taken` are those that a copier of this run makes just now, or could not make: nobody else tries. It does nothing if it is
    None, where no size is rewritten.
    """

    def __init__(self, ledger: Ledger, desk: Desk, stop: asyncio.Event, taken: set[Resized] | None) -> None:
        self._ledger = ledger
        self._desk = desk
        self._stop = stop
        self._is_on = taken is not None
        self._taken = set() if taken is None else taken
        self._waiting: list[int] = []
        self._working: asyncio.Task[None] | None = None
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="copies")
        self.failed: set[Resized] = set()

    def look_at(self, job_id: int) -> None:
        """A job has got images: see to their copies soon."""
        if not self._is_on or self._stop.is_set() or len(self._waiting) >= _MOST_WAITING:
            return
        self._waiting.append(job_id)
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())

    async def finish(self, batches: Sequence[int]) -> None:
        """Make everything that is missing in these batches, be it of earlier runs. Raises DatabaseError."""
        await self._rest()
        after: Resized | None = None
        while self._is_on and not self._stop.is_set() and (part := await self._next(batches, after)):
            after = part[-1]
            await self._make(part)

    async def close(self) -> None:
        """Let what is under way end."""
        await self._rest()
        await asyncio.to_thread(self._threads.shutdown)

    async def _rest(self) -> None:
        if self._working is not None:
            await self._working

    async def _next(self, batches: Sequence[int], after: Resized | None) -> list[Resized]:
        return await self._ledger.read(lambda tx: copies.of_batches(tx, batches, after))

    async def _work(self) -> None:
        while self._waiting and not self._stop.is_set():
            ids, self._waiting = self._waiting[:_JOBS_AT_ONCE], self._waiting[_JOBS_AT_ONCE:]
            try:
                await self._make(await self._of_jobs(ids))
            except DatabaseError:
                # The run says so itself; the next one finds what is missing.
                return

    async def _of_jobs(self, ids: Sequence[int]) -> list[Resized]:
        return await self._ledger.read(lambda tx: copies.of_jobs(tx, ids))

    async def _make(self, found: Sequence[Resized]) -> None:
        loop = asyncio.get_running_loop()
        for start in range(0, len(found), _COPIES_AT_ONCE):
            if self._stop.is_set():
                return
            # What could not be made a minute ago is not tried again at the end.
            part = [one for one in found[start : start + _COPIES_AT_ONCE] if one not in self._taken]
            self._taken.update(part)
            failures = await asyncio.gather(*(loop.run_in_executor(self._threads, self._copy, one) for one in part))
            for one, failure in zip(part, failures, strict=True):
                if failure:
                    self.failed.add(one)
                    await self._remark(one, failure)
                else:
                    self._taken.discard(one)

    async def _remark(self, one: Resized, words: str) -> None:
        await self._ledger.write(lambda tx: copies.remark(tx, one, words))

    def _copy(self, one: Resized) -> str:
        """Why it could not be made, or an empty text."""
        try:
            self._desk.resize(one.path, one.size)
        except NotCopied as error:
            return str(error)
        return ""
