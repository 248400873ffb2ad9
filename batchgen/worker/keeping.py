"""Answers reach the disk, images and the records of what settles their attempts, before the ledger hears of them. In threads.

Where files cannot be placed, the job keeps its lease and the desk its record, so that nobody buys the image again meanwhile.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from batchgen.artifacts.answers import Record, Room, to_artifacts
from batchgen.artifacts.desk import Desk
from batchgen.artifacts.image import NotAnImage, Picture, inspect
from batchgen.core import pricing
from batchgen.core.artifact import Artifact, other_sizes
from batchgen.core.catalog import VENDORS, Catalog
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.usage import Usage
from batchgen.providers.base import Answer
from batchgen.store.queue import Claim


@dataclass(frozen=True, slots=True)
class Arrival:
    """An answer of so many bytes; `read` understands it, `is_ours` tells whether nobody can have taken its job away."""

    claim: Claim
    size: int
    read: Callable[[], Answer]
    is_ours: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Kept:
    """How an attempt ended, and the record of what is on disk of it; its images may be in their places already.

    `likely_micros` is what it should cost, where the answer did not say.
    """

    ending: Ending
    record: Record | None = None
    is_placed: bool = False
    likely_micros: int | None = None


@dataclass(slots=True)
class _Draft:
    """An answer on its way: what is known of it so far, and the images that are to be written."""

    arrival: Arrival
    kept: Kept
    images: Sequence[bytes]
    failure: Exception | None = None

    @property
    def record(self) -> Record:
        assert self.kept.record is not None, "only what has images is written"
        return self.kept.record


def keep(arrivals: Sequence[Arrival], desk: Desk, catalog: Catalog = VENDORS) -> list[Kept | Exception]:
    """Make the images of answers durable, and place those whose jobs nobody can have taken away.

    What went wrong with one of them stands in its place: OSError where what is durable cannot be placed.
    """
    drafts = [_drafted(arrival, desk, catalog) for arrival in arrivals]
    written = _write([draft for draft in drafts if isinstance(draft, _Draft) and draft.images], desk)
    ours: list[_Draft] = []
    others: list[_Draft] = []
    for draft in written:
        (ours if draft.arrival.is_ours() else others).append(draft)
    if ours:
        _place(ours, desk)
    if others:
        _hold(others, desk)
    return [draft.failure or draft.kept if isinstance(draft, _Draft) else draft for draft in drafts]


def _drafted(arrival: Arrival, desk: Desk, catalog: Catalog) -> _Draft | Exception:
    try:
        return _Draft(arrival, *_read(arrival, desk, catalog))
    except Exception as error:
        # A mistake with one answer must not touch those that happen to be beside it.
        return error


def _write(drafts: Sequence[_Draft], desk: Desk) -> list[_Draft]:
    """Returns those that are on disk."""
    failures = desk.write([(draft.record, draft.images) for draft in drafts]) if drafts else []
    for draft, failure in zip(drafts, failures, strict=True):
        if failure is not None:
            draft.kept = replace(draft.kept, ending=_storage_failed(draft.kept.ending, failure), record=None)
    return [draft for draft in drafts if draft.kept.record is not None]


def _place(drafts: Sequence[_Draft], desk: Desk) -> None:
    for draft, failure in zip(drafts, desk.place([draft.record for draft in drafts]), strict=True):
        draft.kept, draft.failure = replace(draft.kept, is_placed=True), failure


def _hold(drafts: Sequence[_Draft], desk: Desk) -> None:
    try:
        desk.hold()
    except OSError as error:
        for draft in drafts:
            draft.failure = error


def _read(arrival: Arrival, desk: Desk, catalog: Catalog) -> tuple[Kept, Sequence[bytes]]:
    """An answer as it is to be written, and its usable images."""
    claim, answer = arrival.claim, arrival.read()
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
    day, is_told = claim.started_at.date(), ending.usage.output_tokens is not None
    likely = None if is_told else pricing.likely_micros(claim.request, day, catalog)
    if not pictures:
        return Kept(ending, likely_micros=likely), ()
    images = to_artifacts(Room(claim.folder, claim.custom_id, claim.have), pictures)
    remarks = (ending.remark, other_sizes(str(claim.request.parameters.get("size", "auto")), images))
    ending = replace(ending, remark="; ".join(filter(None, remarks)) or None)
    moved = [(path, desk.previous_path(path, claim.attempt)) for path in claim.replaces]
    return Kept(ending, _record(claim, ending, images, moved, likely), likely_micros=likely), usable


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
    if record.reused:
        return Ending(Outcome.REUSED)
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
