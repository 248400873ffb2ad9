"""An answer reaches the disk, images and the record of what settles its attempt, before the ledger hears of it. In threads.

Where files cannot be placed, the job keeps its lease and the desk its record, so that nobody buys the image again meanwhile.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from batchgen.artifacts.answers import Record, Room, to_artifacts
from batchgen.artifacts.desk import Desk
from batchgen.artifacts.image import NotAnImage, Picture, inspect
from batchgen.core.artifact import Artifact, other_sizes
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.usage import Usage
from batchgen.providers.base import Answer
from batchgen.store.queue import Claim


@dataclass(frozen=True, slots=True)
class Kept:
    """How an attempt ended, and the record of what is on disk of it; its images may be in their places already."""

    ending: Ending
    record: Record | None = None
    is_placed: bool = False


def keep(claim: Claim, answer: Answer, desk: Desk, likely_micros: int | None, is_ours: Callable[[], bool]) -> Kept:
    """Make the images of an answer durable, and place them if nobody can have taken the job away (`is_ours`, asked last).

    Raises OSError where what is durable cannot be placed.
    """
    ending, record = _written(claim, answer, desk, likely_micros)
    if record is None:
        return Kept(ending)
    if is_ours():
        desk.place(record)
        return Kept(ending, record, is_placed=True)
    desk.hold()
    return Kept(ending, record)


def _written(claim: Claim, answer: Answer, desk: Desk, likely_micros: int | None) -> tuple[Ending, Record | None]:
    """Write the images of an answer; without usable ones there is no record."""
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
    ending = replace(ending, remark=other_sizes(str(claim.request.parameters.get("size", "auto")), images))
    moved = [(path, desk.previous_path(path, claim.attempt)) for path in claim.replaces]
    record = _record(claim, ending, images, moved, likely_micros)
    try:
        desk.write(record, usable)
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
        remark=ending.remark,
    )


def ending_of(record: Record) -> Ending:
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
        remark=record.remark,
    )


def _storage_failed(ending: Ending, error: OSError) -> Ending:
    message = f"the answer could not be stored: {error.strerror or error}"
    return replace(ending, outcome=Outcome.STORAGE_FAILED, error_code="storage_failed", error_message=message)
