"""The attempts of a pool that are out: each is started here, and how it ended is told to everybody who counts."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from batchgen.core.outcome import Ending, Outcome
from batchgen.errors import DatabaseError, Halted
from batchgen.store.queue import Claim
from batchgen.worker import halting
from batchgen.worker.attempt import Attempt, Tools
from batchgen.worker.copying import Copier
from batchgen.worker.events import Observer, Reclaimed, Settled
from batchgen.worker.hearing import Hearing
from batchgen.worker.plan import Result
from batchgen.worker.reusing import Borrowing, Reuser
from batchgen.worker.taking import Gates


class Flights:
    """The pool as the others of its run know it.

    `stop` is set when nothing more may be started, `wake` when something has changed; `error` is what went wrong on this side.
    """

    def __init__(self, gates: Gates, hearing: Hearing, observer: Observer) -> None:
        self._scope, self._pacer, self._budget = gates.scope, gates.pacer, gates.budget
        self._scope.run.join(self)
        self._hearing = hearing
        self._observer = observer
        self._out: dict[asyncio.Task[Settled], Attempt | Borrowing] = {}
        self._tools: Tools
        self._copier: Copier
        self.stop = asyncio.Event()
        self.wake = asyncio.Event()
        self.error: BaseException | None = None
        self.result = Result()

    def __len__(self) -> int:
        return len(self._out)

    @property
    def one_at_a_time(self) -> bool:
        """Whether the provider does not answer, so that one attempt has to find out for all."""
        return self._hearing.weather.is_bad

    def equip(self, tools: Tools, copier: Copier) -> None:
        """Hand over what attempts work with; before the first one."""
        self._tools = tools
        self._copier = copier

    def start(self, claim: Claim, reuser: Reuser | None = None) -> None:
        """Send an attempt out; `reuser` knows what cannot be used again of what was made before."""
        self._scope.claimed(claim)
        self._budget.claimed(claim)
        attempt: Attempt | Borrowing = Attempt(claim, self._tools)
        if claim.origin is not None and reuser is not None:
            attempt = Borrowing(claim, self._tools, reuser.spoiled)
        task = asyncio.create_task(attempt.run())
        self._out[task] = attempt
        task.add_done_callback(self._done)
        if self.stop.is_set():
            # The claim was under way when the stop came: it goes back, and nothing is sent.
            attempt.stop_waiting()
        self._observer.started(claim)

    def hear(self, claim: Claim, ending: Ending, age_s: float) -> None:
        """Take note of how an attempt ended that began so long ago, before its job is free again."""
        halt = self._hearing.hear(claim, ending, age_s)
        if halt is not None:
            self.halt(halt)

    def took_over(self, taken: Sequence[Reclaimed]) -> bool:
        """Count what dead workers left, as done by this run; returns whether there was anything."""
        if taken:
            self._observer.notice(f"took over {len(taken):,} job{'s' if len(taken) > 1 else ''} of a worker that died")
        for one in taken:
            if one.batch_id in self._scope.plan.batches:
                self.result.add(one)
                self._observer.reclaimed(one)
        return bool(taken)

    def tell_reused(self) -> None:
        """Say how much was used again, if anything."""
        if self.result.reused:
            self._observer.notice(f"made before and used again, for nothing: {self.result.reused:,}")

    def look_again(self) -> None:
        """See whether something is due by now."""
        self.wake.set()

    def halt(self, reason: str) -> None:
        """Drain, and say why; of several reasons the first one."""
        self.result.halted = self.result.halted or reason
        self.drain()

    def drain(self) -> None:
        """Start nothing more; what is out is let finish."""
        self.stop.set()
        self.wake.set()

    def stop_waiting(self) -> None:
        """Give up on the answers that have not come."""
        for attempt in self._out.values():
            attempt.stop_waiting()

    async def nap(self, seconds: float) -> None:
        """Wait so long, or until something has changed."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.wake.wait(), seconds)

    async def land(self) -> None:
        """Wait for all that is out."""
        while self._out:
            await asyncio.wait(self._out)

    def _done(self, task: asyncio.Task[Settled]) -> None:
        del self._out[task]
        self.wake.set()
        error = task.exception()
        if error is None:
            self._count(task.result())
            return
        # The job keeps its lease: the next start settles it from what lies on disk.
        self.error = halted(error) if isinstance(error, DatabaseError | OSError) else error
        self.drain()

    def _count(self, settled: Settled) -> None:
        self._scope.settled(settled)
        self._budget.settled(settled)
        if settled.cost.micros == 0 and settled.claim.origin is None:
            # Nothing was billed, so nothing was made.
            self._pacer.give_back(settled.claim.request.images)
        self.result.add(settled)
        self._observer.settled(settled)
        if settled.images:
            self._copier.look_at(settled.claim.job_id)
        if settled.ending.outcome is Outcome.STORAGE_FAILED:
            # Whoever makes the next image, it could not be stored either.
            self._scope.run.halt(halting.storage_failed(settled.ending))


def halted(error: DatabaseError | OSError) -> Halted:
    """What a run says that cannot go on without its database or its folder."""
    if isinstance(error, DatabaseError):
        return Halted(f"{error}; run again when it can be used")
    place = f"{error.filename}: " if error.filename else ""
    return Halted(f"images cannot be stored ({place}{error.strerror or error}); mend that or set another [storage] root")
