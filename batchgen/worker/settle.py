"""An attempt's end reaches the disk, then the ledger; the same steps settle what a dead worker left."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

import msgspec

from batchgen.artifacts.answers import Desk, Record, Room, to_artifacts
from batchgen.artifacts.image import NotAnImage, Picture, inspect
from batchgen.core import pricing, retry
from batchgen.core.artifact import Artifact, other_sizes
from batchgen.core.job import State
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.retry import Policy
from batchgen.core.usage import Usage
from batchgen.providers.base import Answer
from batchgen.store import closing, queue
from batchgen.store.closing import Closing
from batchgen.store.queue import Claim, Opened
from batchgen.worker.events import Closed, Reclaimed, Settled
from batchgen.worker.ledger import Ledger


@dataclass(frozen=True, slots=True)
class _Open:
    """What closing an attempt needs to know, whoever opened it."""

    job_id: int
    attempt: int
    model: str
    failures: int
    unknowns: int
    reserved_micros: int | None
    likely_micros: int | None


@dataclass(frozen=True, slots=True)
class Settler:
    """Closes attempts. `clock` gives aware UTC times."""

    ledger: Ledger
    policy: Policy
    clock: Callable[[], datetime]

    async def settle(self, claim: Claim, answer: Answer, desk: Desk) -> Settled:
        """Close an attempt that this worker made, keeping its images."""
        likely = pricing.likely_micros(claim.request, self.clock().date())
        ending, record = await asyncio.to_thread(_kept, claim, answer, desk, likely)
        reserved = pricing.worst_case_micros(claim.request, self.clock().date())
        attempt = _Open(claim.job_id, claim.attempt, claim.request.model, claim.failures, claim.unknowns, reserved, likely)
        if record is None:
            closed = await self._close(attempt, ending, None)
        else:
            closed = await self._bring_home(attempt, ending, record, desk)
        return Settled(claim=claim, **_facts(closed))

    async def settle_record(self, record: Record, desk: Desk) -> Reclaimed | None:
        """Close an attempt from what a dead worker left on disk; None if it is not of this ledger."""
        opened = await self.ledger.read(lambda tx: queue.opened(tx, record.job_id, record.attempt))
        if opened is None or opened.worker != desk.owner:
            # The worker had another ledger; what it left is settled by whoever opens that one.
            return None
        attempt, ending = _of(opened, record.likely_micros), _ending_of(record)
        if await asyncio.to_thread(desk.is_whole, record):
            closed = await self._bring_home(attempt, ending, record, desk)
        else:
            words = "the worker died while storing the answer"
            lost = replace(ending, outcome=Outcome.UNKNOWN, error_code="lost_answer", error_message=words)
            closed = await self._close(attempt, lost, None)
            await asyncio.to_thread(desk.discard, record)
        return Reclaimed(batch_id=opened.batch_id, **_facts(closed))

    async def give_up(self, opened: Opened) -> Reclaimed:
        """Close an attempt of a worker that is gone and left nothing of it on disk."""
        outcome = Outcome.UNKNOWN if opened.sent else Outcome.LOST
        ending = Ending(outcome, error_code="worker_died", error_message="the worker died before the answer was stored")
        closed = await self._close(_of(opened), ending, None)
        return Reclaimed(batch_id=opened.batch_id, **_facts(closed))

    async def _bring_home(self, attempt: _Open, ending: Ending, record: Record, desk: Desk) -> Closed:
        """Images that are safe on disk go to their place, then into the ledger, then their record goes."""
        if await self.ledger.read(lambda tx: closing.wants_images(tx, attempt.job_id, attempt.attempt)):
            # Where that fails the job keeps its lease and the desk its record, so that nobody buys the image again meanwhile.
            await asyncio.to_thread(desk.place, record)
            closed = await self._close(attempt, ending, record)
        else:
            closed = await self._close(attempt, ending, None)
        await asyncio.to_thread(desk.discard, record)
        return closed

    async def _close(self, attempt: _Open, ending: Ending, record: Record | None) -> Closed:
        fared = retry.Record(attempt.attempt, attempt.failures, attempt.unknowns)
        verdict = retry.decide(ending, fared, self.policy, random.random())  # noqa: S311  (jitter)
        now = self.clock()
        cost = pricing.cost_of(ending, attempt.model, now.date(), attempt.likely_micros)
        images, moved = (record.images, record.moved) if record else ([], [])
        end = Closing(ending, verdict, cost, tuple(images), tuple(moved))
        state = await self.ledger.write(lambda tx: closing.finish(tx, attempt.job_id, attempt.attempt, end, now))
        superseded = state is None
        return Closed(
            ending=replace(ending, outcome=Outcome.SUPERSEDED) if superseded else ending,
            state=State.RUNNING if state is None else state,
            images=0 if superseded else len(images),
            cost=cost,
            reserved_micros=attempt.reserved_micros,
        )


def _facts(closed: Closed) -> dict[str, Any]:
    return {part.name: getattr(closed, part.name) for part in fields(Closed)}


def _of(opened: Opened, likely_micros: int | None = None) -> _Open:
    fared = (opened.failures, opened.unknowns)
    return _Open(opened.job_id, opened.attempt, opened.model, *fared, opened.reserved_micros, likely_micros)


def _kept(claim: Claim, answer: Answer, desk: Desk, likely_micros: int | None) -> tuple[Ending, Record | None]:
    """Make the images of an answer durable; without usable ones there is no record."""
    ending, unread = answer.ending, answer.unread
    pictures: list[Picture] = []
    usable: list[bytes] = []
    broken: NotAnImage | None = None
    for data in answer.images:
        try:
            pictures.append(inspect(data))
            usable.append(data)
        except NotAnImage as error:
            broken, unread = error, answer.masked(data)
    # Good ones beside a broken one were paid for as well and are kept.
    if broken is not None and len(pictures) < claim.request.images:
        ending = replace(ending, outcome=Outcome.INVALID_REPLY, error_code="not_an_image", error_message=str(broken))
    if unread is not None and ending.outcome is Outcome.INVALID_REPLY:
        ending = _with_unread(claim, ending, unread, desk)
    if not pictures:
        return ending, None
    images = to_artifacts(Room(claim.folder, claim.custom_id, claim.have), pictures)
    ending = replace(ending, note=other_sizes(str(claim.request.parameters.get("size", "auto")), images))
    moved = [(path, desk.previous_path(path, claim.attempt)) for path in claim.replaces]
    record = _record(claim, ending, images, moved, likely_micros)
    try:
        desk.keep(record, usable)
    except OSError as error:
        return _storage_failed(ending, error), None
    return ending, record


def _with_unread(claim: Claim, ending: Ending, unread: bytes, desk: Desk) -> Ending:
    """Keep what could not be understood where a person can look at it, if there is room."""
    try:
        path = desk.keep_unread(claim.job_id, claim.attempt, unread)
    except OSError:
        return ending
    return replace(ending, error_message=f"{ending.error_message}; kept as {path}")


def _record(
    claim: Claim, ending: Ending, images: list[Artifact], moved: list[tuple[str, str]], likely_micros: int | None
) -> Record:
    return Record(
        job_id=claim.job_id,
        attempt=claim.attempt,
        wanted=claim.request.images,
        http_status=ending.http_status,
        request_id=ending.request_id,
        usage=msgspec.to_builtins(ending.usage),
        images=images,
        moved=moved,
        likely_micros=likely_micros,
        note=ending.note,
    )


def _ending_of(record: Record) -> Ending:
    """How the attempt ended whose answer lies on disk."""
    came, wanted = len(record.images), record.wanted
    whole = came >= wanted
    return Ending(
        Outcome.SUCCEEDED if whole else Outcome.INVALID_REPLY,
        http_status=record.http_status,
        error_code=None if whole else "too_few_images",
        error_message=None if whole else f"{came} of {wanted} images came",
        request_id=record.request_id,
        usage=msgspec.convert(record.usage, Usage),
        note=record.note,
    )


def _storage_failed(ending: Ending, error: OSError) -> Ending:
    message = f"the answer could not be stored: {error.strerror or error}"
    return replace(ending, outcome=Outcome.STORAGE_FAILED, error_code="storage_failed", error_message=message)
