"""The store from the event loop: calls run one after another on one thread, each in a transaction of its own.

A database that is away (locked by another program, restarted, on a full disk) is waited for: an answer in hand is not dropped
because the ledger cannot be reached. A commit whose fate is unknown is made again; the fence makes that harmless.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from batchgen.errors import DatabaseError
from batchgen.store.engine import Database, Transaction

_Result = TypeVar("_Result")

_AGAIN_S = 0.5


class Ledger:
    """Writes are durable when the call returns. Raises DatabaseError when the database is away for longer than `patience_s`.

    `tell` is called with a line when it goes away and when it is back.
    """

    def __init__(self, database: Database, *, patience_s: float = 0.0, tell: Callable[[str], None] | None = None) -> None:
        self._database = database
        self._patience_s = patience_s
        self._tell = tell
        self._away_since: float | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")

    async def write(self, change: Callable[[Transaction], _Result]) -> _Result:
        """Run a change in a transaction that writes."""

        def run() -> _Result:
            with self._database.write() as tx:
                return change(tx)

        return await self._patiently(run)

    async def read(self, question: Callable[[Transaction], _Result]) -> _Result:
        """Run a question in a transaction that does not write."""

        def run() -> _Result:
            with self._database.read() as tx:
                return question(tx)

        return await self._patiently(run)

    def lose_patience(self) -> None:
        """From now on a database that is away is not waited for."""
        self._patience_s = 0.0

    def close(self) -> None:
        """Wait for what is under way."""
        self._thread.shutdown()

    async def _patiently(self, run: Callable[[], _Result]) -> _Result:
        while True:
            try:
                result = await asyncio.get_running_loop().run_in_executor(self._thread, run)
            except DatabaseError as error:
                self._went_away(error)
            else:
                self._came_back()
                return result
            await asyncio.sleep(_AGAIN_S)

    def _went_away(self, error: DatabaseError) -> None:
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
            if self._tell is not None and self._patience_s:
                self._tell(f"{error}; waiting for it")
        if now - self._away_since >= self._patience_s:
            raise error

    def _came_back(self) -> None:
        if self._away_since is not None and self._tell is not None:
            self._tell("the database can be used again")
        self._away_since = None
