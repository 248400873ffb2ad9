"""An attempt's end reaches the disk, then the ledger; the same steps settle what a dead worker left."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from batchgen.artifacts.answers import Desk, Record, Room, StoredImage, stored_images
from batchgen.artifacts.image import NotAnImage, Picture, inspect
from batchgen.core import pricing, retry
from batchgen.core.job import State
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.retry import Policy
from batchgen.core.usage import Usage
from batchgen.providers.base import Answer
from batchgen.store import queue
from batchgen.store.queue import Artifact, Claim, Closing, Opened
from batchgen.worker.events import Settled
from batchgen.worker.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Settler:
    """Closes attempts. `clock` gives aware UTC times."""

    ledger: Ledger
    policy: Policy
    clock: Callable[[], datetime]

    async def settle(self, claim: Claim, answer: Answer, desk: Desk) -> Settled:
        """Close an attempt that this worker made, keeping its images."""
        ending, record = await asyncio.to_thread(_kept, claim, answer, desk)
        attempt = _Attempt(claim.job_id, claim.attempt, claim.request.model, claim.failures, claim.unknowns)
        if record is None:
            closed = await self._close(attempt, ending, None)
        else:
            closed = await self._bring_home(attempt, ending, record, desk)
        return Settled(
            claim=claim,
            ending=closed.ending,
            state=closed.state,
            images=closed.images,
            cost_micros=closed.cost_micros,
            reserved_micros=pricing.worst_case_micros(claim.request, self.clock().date()),
        )

    async def settle_record(self, record: Record, desk: Desk) -> bool:
        """Close an attempt from what a dead worker left on disk; False if it is not of this ledger."""
        opened = await self.ledger.read(lambda tx: queue.opened(tx, record.job_id, record.attempt))
        if opened is None or opened.worker != desk.owner:
            # The worker had another ledger; what it left is settled by whoever opens that one.
            return False
        attempt = _of(opened)
        ending = _ending_of(record)
        if await asyncio.to_thread(desk.is_whole, record):
            await self._bring_home(attempt, ending, record, desk)
            return True
        lost = replace(
            ending, outcome=Outcome.UNKNOWN, error_code="lost_answer", error_message="the worker died while storing the answer"
        )
        await self._close(attempt, lost, None)
        await asyncio.to_thread(desk.discard, record)
        return True

    async def give_up(self, opened: Opened) -> None:
        """Close an attempt of a worker that is gone and left nothing of it on disk."""
        outcome = Outcome.UNKNOWN if opened.sent else Outcome.LOST
        ending = Ending(outcome, error_code="worker_died", error_message="the worker died before the answer was stored")
        await self._close(_of(opened), ending, None)

    async def _bring_home(self, attempt: "_Attempt", ending: Ending, record: Record, desk: Desk) -> "_Closed":
        """Images that are safe on disk go to their place, then into the ledger, then their record goes."""
        if await self.ledger.read(lambda tx: queue.wants_images(tx, attempt.job_id, attempt.number)):
            try:
                await asyncio.to_thread(desk.place, record)
            except OSError as error:
                # The record stays: the next start settles the attempt from it.
                return await self._close(attempt, _storage_failed(ending, error), None)
            closed = await self._close(attempt, ending, record)
        else:
            closed = await self._close(attempt, ending, None)
        await asyncio.to_thread(desk.discard, record)
        return closed

    async def _close(self, attempt: "_Attempt", ending: Ending, record: Record | None) -> "_Closed":
        fared = retry.Record(attempt.number, attempt.failures, attempt.unknowns)
        verdict = retry.decide(ending, fared, self.policy, random.random())  # noqa: S311  (jitter)
        now = self.clock()
        cost = pricing.cost_of(ending, attempt.model, now.date())
        closing = Closing(
            ending,
            verdict,
            cost,
            artifacts=tuple(_artifact(image) for image in record.images) if record else (),
            moved=tuple(record.moved) if record else (),
        )
        state = await self.ledger.write(lambda tx: queue.finish(tx, attempt.job_id, attempt.number, closing, now))
        if state is None:
            return _Closed(replace(ending, outcome=Outcome.SUPERSEDED), State.RUNNING, 0, cost)
        return _Closed(ending, state, len(closing.artifacts), cost)


@dataclass(frozen=True, slots=True)
class _Closed:
    """How an attempt stands in the ledger now, where its job went, and how many images were added."""

    ending: Ending
    state: State
    images: int
    cost_micros: int | None


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What closing needs to know, whoever opened it."""

    job_id: int
    number: int
    model: str
    failures: int
    unknowns: int


def _of(opened: Opened) -> _Attempt:
    return _Attempt(opened.job_id, opened.attempt, opened.model, opened.failures, opened.unknowns)


def _kept(claim: Claim, answer: Answer, desk: Desk) -> tuple[Ending, Record | None]:
    """Make the images of an answer durable; without usable ones there is no record."""
    ending = answer.ending
    pictures: list[Picture] = []
    usable: list[bytes] = []
    broken: NotAnImage | None = None
    for data in answer.images:
        try:
            pictures.append(inspect(data))
            usable.append(data)
        except NotAnImage as error:
            broken = error
    # Good ones beside a broken one were paid for as well and are kept.
    if broken is not None and len(pictures) < claim.request.images:
        ending = replace(ending, outcome=Outcome.INVALID_REPLY, error_code="not_an_image", error_message=str(broken))
    if not pictures:
        return ending, None
    moved = [(path, desk.previous_path(path, claim.attempt)) for path in claim.replaces]
    record = _record(claim, ending, stored_images(Room(claim.folder, claim.custom_id, claim.have), pictures), moved)
    try:
        desk.keep(record, usable)
    except OSError as error:
        return _storage_failed(ending, error), None
    return ending, record


def _record(claim: Claim, ending: Ending, images: list[StoredImage], moved: list[tuple[str, str]]) -> Record:
    return Record(
        job_id=claim.job_id,
        attempt=claim.attempt,
        wanted=claim.request.images,
        http_status=ending.http_status,
        request_id=ending.request_id,
        usage=msgspec.to_builtins(ending.usage),
        images=images,
        moved=moved,
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
    )


def _storage_failed(ending: Ending, error: OSError) -> Ending:
    message = f"the answer could not be stored: {error.strerror or error}"
    return replace(ending, outcome=Outcome.STORAGE_FAILED, error_code="storage_failed", error_message=message)


def _artifact(image: StoredImage) -> Artifact:
    return Artifact(
        ordinal=image.ordinal,
        path=image.path,
        media_type=image.media_type,
        width=image.width,
        height=image.height,
        bytes=image.bytes,
        sha256=image.sha256,
    )
