"""The store from the event loop: calls run one after another on one thread, each in a transaction of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from batchgen.store.engine import Database, Transaction

_Result = TypeVar("_Result")


class Ledger:
    """Writes are durable when the call returns. Raises DatabaseError when the database is out of reach."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")

    async def write(self, change: Callable[[Transaction], _Result]) -> _Result:
        """Run a change in a transaction that writes."""

        def run() -> _Result:
            with self._database.write() as tx:
                return change(tx)

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    async def read(self, question: Callable[[Transaction], _Result]) -> _Result:
        """Run a question in a transaction that does not write."""

        def run() -> _Result:
            with self._database.read() as tx:
                return question(tx)

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    def close(self) -> None:
        """Wait for what is under way."""
        self._thread.shutdown()
