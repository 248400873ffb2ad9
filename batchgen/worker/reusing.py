"""Using again what was made before: the jobs are claimed like others, and their images come from the disk.

Nobody is asked, so neither the pace nor a cap has a say. The way of an image to its place is that of one that was paid for: a
record, a part, the place, the ledger.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import msgspec

from batchgen.artifacts import files
from batchgen.artifacts.answers import Record
from batchgen.artifacts.desk import Desk, NotAsStored
from batchgen.core.artifact import Artifact, Origin
from batchgen.core.outcome import Ending, Outcome
from batchgen.store import reuse
from batchgen.store.engine import Transaction
from batchgen.store.queue import Claim
from batchgen.store.reuse import Rules, Search
from batchgen.worker.attempt import Tools
from batchgen.worker.events import Settled
from batchgen.worker.keeping import Kept, ending_of
from batchgen.worker.lease import Leases, seconds
from batchgen.worker.ledger import Ledger
from batchgen.worker.scope import Scope


class Reuser:
    """Claims what can be used again. `clock` gives aware UTC times."""

    def __init__(self, rules: Rules, scope: Scope, leases: Leases, desk: Desk, clock: Callable[[], datetime]) -> None:
        self._rules = rules
        self._scope = scope
        self._leases = leases
        self._desk = desk
        self._clock = clock
        self.spoiled: set[Origin] = set()  # whose files are not what was stored

    async def pages(self, ledger: Ledger) -> AsyncIterator[Sequence[int]]:
        """All jobs that are due and of which something may have been made before, some at a time."""
        for part in self._scope.filter().parts():
            after = reuse.START
            while found := await ledger.read(partial(self._page, part, after)):
                after = found[-1]
                yield [job_id for _, job_id in found]

    def next(self, tx: Transaction, most: int) -> list[Claim]:
        """Those of the jobs that come next for which there is something by now: made since for another batch, or for a row that
        they waited for. Called as `take` is.
        """
        job_ids = reuse.among_due(tx, self._scope.filter(), self._rules, self._clock(), most)
        return self.take(tx, job_ids) if job_ids else []

    def take(self, tx: Transaction, job_ids: Sequence[int]) -> list[Claim]:
        """Claim those of these jobs for which there is something; called with a transaction, before all else in it."""
        wanted = self._scope.filter()
        if wanted.only_jobs is not None:
            # Another pool may have reached the limit since these were found.
            job_ids = [job_id for job_id in job_ids if job_id in wanted.only_jobs]
        wanted = replace(wanted, only_jobs=job_ids[: self._scope.most(len(job_ids))])
        search = Search(self._rules, wanted.provider, self._clock(), self._is_usable)
        return reuse.take(tx, wanted, self._leases.fresh(), search)

    def _page(self, part: tuple[int, Sequence[str]], after: tuple[int, int], tx: Transaction) -> list[tuple[int, int]]:
        return reuse.page(tx, part, self._rules, after)

    def _is_usable(self, origin: Origin) -> bool:
        return origin not in self.spoiled and all(map(self._desk.has, origin.images))


@dataclass(slots=True)
class Borrowing:
    """An attempt at a job that uses again what was made before. Run once."""

    claim: Claim
    tools: Tools
    spoiled: set[Origin]
    claimed_at: float = field(default_factory=seconds)

    async def run(self) -> Settled:
        """Have the images, settle. Raises DatabaseError if the ledger cannot be written, OSError if an image cannot be."""
        is_ours = partial(self.tools.leases.cover, self.claimed_at)
        kept = await asyncio.to_thread(have, self.claim, self.tools.desk, is_ours)
        if kept.ending.outcome is Outcome.RELEASED:
            assert self.claim.origin is not None
            self.spoiled.add(self.claim.origin)
        return await self.tools.settler.settle(self.claim, kept, self.tools.desk)

    def stop_waiting(self) -> None:
        """Nobody waits: it takes no longer than the disk does."""


def have(claim: Claim, desk: Desk, is_ours: Callable[[], bool]) -> Kept:
    """Bring the images of a claim's origin to its job, durably. Raises OSError where they cannot be stored: nothing is lost."""
    assert claim.origin is not None
    record = _record(claim, claim.origin, desk)
    (failure,) = desk.take_up([(record, [image.path for image in claim.origin.images])])
    if isinstance(failure, NotAsStored):
        return Kept(Ending(Outcome.RELEASED, error_code="origin_changed", error_message=f"{failure}; nothing was sent"))
    if failure is not None:
        raise failure
    if not is_ours():
        desk.hold()
        return Kept(ending_of(record), record)
    (failure,) = desk.place([record])
    if failure is not None:
        raise failure
    return Kept(ending_of(record), record, is_placed=True)


def _record(claim: Claim, origin: Origin, desk: Desk) -> Record:
    return Record(
        job_id=claim.job_id,
        attempt=claim.attempt,
        wanted=len(origin.images),
        http_status=None,
        request_id=None,
        usage={},
        images=[_placed(claim, image) for image in origin.images],
        moved=[(path, desk.previous_path(path, claim.attempt)) for path in claim.replaces],
        reused=True,
    )


def _placed(claim: Claim, image: Artifact) -> Artifact:
    extension = image.path.rpartition(".")[2]
    path = files.image_path(claim.folder, claim.custom_id, image.ordinal, extension)
    return msgspec.structs.replace(image, path=path)
