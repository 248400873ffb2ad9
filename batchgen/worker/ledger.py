"""The store from the event loop: one thread makes one transaction after another, and calls that wait meanwhile share the next.

A database that is away (locked by another program, restarted, on a full disk) is waited for: an answer in hand is not dropped
because the ledger cannot be reached. A commit whose fate is unknown is made again; the fence makes that harmless.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from batchgen.errors import DatabaseError
from batchgen.store.engine import Database, Transaction
from batchgen.worker.together import Together

_Result = TypeVar("_Result")
_Item = TypeVar("_Item")

_AGAIN_S = 0.5
# More calls in one transaction make it no faster, and the last of them wait longer.
_MOST_TOGETHER = 100

# A change, and one item for it.
_Call = tuple[Callable[[Transaction, Sequence[Any]], Sequence[Any]], Any]


class Ledger:
    """Writes are durable when the call returns. Raises DatabaseError when the database is away for longer than `patience_s`.

    `tell` is called with a line when it goes away and when it is back.
    """

    def __init__(self, database: Database, *, patience_s: float = 0.0, tell: Callable[[str], None] | None = None) -> None:
        self._database = database
        self._patience_s = patience_s
        self._tell = tell
        self._away_since: float | None = None
        self._writing: Together[_Call, Any] = Together(self._write_together, most=_MOST_TOGETHER)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")

    async def join(self, change: Callable[[Transaction, Sequence[_Item]], Sequence[_Result]], item: _Item) -> _Result:
        """Run a change that takes any number of items and answers each: whoever waits with the same change shares the call,
        and whoever waits at all the transaction. Alone, nobody waits for company."""
        result: _Result = await self._writing.join((change, item))
        return result

    async def write(self, change: Callable[[Transaction], _Result]) -> _Result:
        """Run a change that stands for itself; it may share a transaction all the same."""
        return await self.join(_each, change)

    async def write_first(self, change: Callable[[Transaction], _Result]) -> _Result:
        """As `write`, before everything else in its transaction: it takes locks that all processes share.

        Behind an end, whose jobs are locked by then, two processes could each hold what the other waits for.
        """
        return await self.join(_each_first, change)

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

    async def _write_together(self, calls: Sequence[_Call]) -> Sequence[Any]:
        try:
            return await self._patiently(lambda: self._transact(calls))
        except DatabaseError:
            raise
        except Exception as error:
            if len(calls) == 1:
                return [error]
            # One of them cannot be done; the others shall not suffer from having waited beside it.
            return [result for call in calls for result in await self._write_together([call])]

    def _transact(self, calls: Sequence[_Call]) -> list[Any]:
        shared: dict[Any, list[int]] = {}
        for place, (change, _) in enumerate(calls):
            shared.setdefault(change, []).append(place)
        results: list[Any] = [None] * len(calls)
        with self._database.write() as tx:
            for change, places in sorted(shared.items(), key=lambda one: one[0] is not _each_first):
                answers = change(tx, [calls[place][1] for place in places])
                for place, answer in zip(places, answers, strict=True):
                    results[place] = answer
        return results

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


def _each(tx: Transaction, changes: Sequence[Callable[[Transaction], Any]]) -> list[Any]:
    return [change(tx) for change in changes]


def _each_first(tx: Transaction, changes: Sequence[Callable[[Transaction], Any]]) -> list[Any]:
    return _each(tx, changes)
