"""Answers from the event loop to the disk: small ones many at once in one thread, large ones a few beside each other.

With a thread for each, small ones would mostly wait for each other: every call to the system lets go of the interpreter, and
to get it back costs more than most of those calls. Large ones spend their time in decoding, hashing and writing, without it.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from batchgen.artifacts.desk import Desk
from batchgen.core.catalog import Catalog
from batchgen.worker.keeping import Arrival, Kept, keep
from batchgen.worker.together import Together

_THREADS = 4
# So much is worth a thread of its own.
_LOAD_BYTES = 1024 * 1024


class Intake:
    """Keeps what arrives; `catalog` says what an answer without usage should cost."""

    def __init__(self, desk: Desk, catalog: Catalog) -> None:
        self._desk = desk
        self._catalog = catalog
        self._arriving: Together[Arrival, Kept] = Together(
            self._keep, most=_LOAD_BYTES, weigh=lambda arrival: arrival.size, runs=_THREADS
        )
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="intake")

    async def keep(self, arrival: Arrival) -> Kept:
        """Decode, inspect and store an answer. Raises OSError where what is durable cannot be placed."""
        return await self._arriving.join(arrival)

    def close(self) -> None:
        """Wait for what is under way."""
        self._threads.shutdown()

    async def _keep(self, arrivals: Sequence[Arrival]) -> Sequence[Kept | Exception]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, keep, arrivals, self._desk, self._catalog)
