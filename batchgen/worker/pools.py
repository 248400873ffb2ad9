"""Several pools side by side, one for each provider: what stops one of them, a key or a quota, does not stop the others."""

import asyncio
from collections.abc import Mapping

from batchgen.errors import Halted
from batchgen.store.queue import Claim
from batchgen.worker.events import Observer, Reclaimed, Settled
from batchgen.worker.plan import Result
from batchgen.worker.pool import Pool


class Pools:
    """To whoever watches and stops it, one worker. `pools` are by the names of their providers; `run` it once."""

    def __init__(self, pools: Mapping[str, Pool]) -> None:
        self._pools = pools

    @property
    def in_flight(self) -> int:
        """How many attempts are out."""
        return sum(pool.in_flight for pool in self._pools.values())

    def drain(self) -> None:
        """Claim nothing more; what is in flight is let finish."""
        for pool in self._pools.values():
            pool.drain()

    def abort(self) -> None:
        """Stop waiting for answers."""
        for pool in self._pools.values():
            pool.abort()

    async def run(self) -> Result:
        """Work until every job in scope is final or its pool has halted, which the result tells."""
        working = [asyncio.create_task(_to_its_end(pool)) for pool in self._pools.values()]
        _, left = await asyncio.wait(working, return_when=asyncio.FIRST_EXCEPTION)
        if left:
            # The program itself has failed in one of them.
            self.drain()
            await asyncio.wait(left)
        results = [task.result() for task in working]
        if len(results) == 1:
            return results[0]
        whole = Result()
        # The cause is told before what follows from it.
        for name, result in sorted(zip(self._pools, results, strict=True), key=lambda one: one[1].is_stuck):
            whole.merge(result, label=name)
        return whole


async def _to_its_end(pool: Pool) -> Result:
    try:
        await pool.run()
    except Halted as halt:
        pool.result.halted = str(halt)
    finally:
        pool.leave()
    return pool.result


class Labelled:
    """Watches one pool of several for somebody who watches them all: what is said is said of its provider."""

    def __init__(self, observer: Observer, label: str) -> None:
        self._label = label
        self._observer = observer

    def started(self, claim: Claim) -> None:
        """See `Observer`."""
        self._observer.started(claim)

    def settled(self, settled: Settled) -> None:
        """See `Observer`."""
        self._observer.settled(settled)

    def reclaimed(self, reclaimed: Reclaimed) -> None:
        """See `Observer`."""
        self._observer.reclaimed(reclaimed)

    def notice(self, text: str) -> None:
        """See `Observer`."""
        self._observer.notice(f"{self._label}: {text}")

    def alarm(self, text: str) -> None:
        """See `Observer`."""
        self._observer.alarm(f"{self._label}: {text}")
