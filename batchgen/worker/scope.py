"""Which jobs may still be claimed: the batches, less the models that are blocked, less what --limit leaves out."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from batchgen.core.budget import NO_CAPS, NOTHING, Caps, Counted
from batchgen.core.job import FINAL
from batchgen.store.copies import Resized
from batchgen.store.queue import Claim, Filter
from batchgen.worker.events import Settled
from batchgen.worker.plan import Plan


class Member(Protocol):
    """A pool, as the others of its run know it."""

    def halt(self, reason: str) -> None:
        """Claim nothing more."""
        ...

    def look_again(self) -> None:
        """See whether something is due by now."""
        ...


@dataclass(slots=True)
class Run:
    """What all pools of one run share: how many jobs they may start together (None: all), what those may cost, and when all of
    them are done.

    A job may wait for the result of another provider's: a pool without work stays for as long as another one may bring it some.
    """

    limit: int | None = None
    caps: Caps = NO_CAPS
    counted: Counted = NOTHING  # toward the cap of a run: what its pools have started
    started: set[int] = field(default_factory=set)
    open: set[int] = field(default_factory=set)  # those of them that are not final
    copying: set[Resized] = field(default_factory=set)  # the copies that one of them makes, or could not make
    _moves: int = 0  # starts and ends of attempts
    _members: dict[Member, int] = field(default_factory=dict)  # how many moves there had been when it last found nothing to do
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def join(self, member: Member) -> None:
        """Be one of the pools, from before the first of them begins."""
        self._members[member] = -1

    def leave(self, member: Member) -> None:
        """Be one of them no more."""
        del self._members[member]

    def moved(self) -> None:
        """Something was started or has ended."""
        self._moves += 1

    def rest(self, member: Member) -> bool:
        """Find nothing to do; True if that holds for all of them since the last move, so that nobody brings work to anybody."""
        self._members[member] = self._moves
        behind = [other for other, moves in self._members.items() if 0 <= moves < self._moves]
        for other in behind:
            other.look_again()
        return all(moves == self._moves for moves in self._members.values())

    def turn(self) -> AbstractAsyncContextManager[object]:
        """To be held from the choice of jobs until they are counted, so that two pools do not both start the last one."""
        return nullcontext() if self.limit is None and self.caps.per_run is None else self._one_at_a_time

    def halt(self, reason: str) -> None:
        """Stop all pools."""
        for member in self._members:
            member.halt(reason)


@dataclass(slots=True)
class Scope:
    """Grows smaller as the run goes on."""

    plan: Plan
    run: Run = field(default_factory=Run)
    blocked_models: dict[str, str] = field(default_factory=dict)  # model -> why

    @property
    def limit_reached(self) -> bool:
        """Whether as many jobs were started as --limit allows; those may still be tried again."""
        return self.run.limit is not None and len(self.run.started) >= self.run.limit

    @property
    def is_spent(self) -> bool:
        """Whether nothing may be claimed any more that was not claimed before."""
        return self.limit_reached and not self.run.open

    def filter(self) -> Filter:
        """For the claim."""
        plan, only = self.plan, tuple(self.run.open) if self.limit_reached else None
        apart = plan.reuse is not None and plan.reuse.within_batch
        return Filter(plan.batches, tuple(self.blocked_models), only, plan.provider, plan.rows_for, apart)

    def most(self, free: int) -> int:
        """How many of so many free slots may be filled at once."""
        if self.run.limit is None or self.limit_reached:
            return free
        return min(free, self.run.limit - len(self.run.started))

    def claimed(self, claim: Claim) -> None:
        """Count a start."""
        self.run.moved()
        if self.run.limit is not None:
            self.run.started.add(claim.job_id)
            self.run.open.add(claim.job_id)

    def block(self, model: str, why: str) -> bool:
        """Leave a model's jobs out; False if they were left out already."""
        if model in self.blocked_models:
            return False
        self.blocked_models[model] = why
        return True

    def settled(self, settled: Settled) -> None:
        """Count an end."""
        self.run.moved()
        if settled.state in FINAL:
            self.run.open.discard(settled.claim.job_id)
