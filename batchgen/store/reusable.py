"""All that can be used again: how much it is, what it has saved, and forgetting it. No image and no cost is touched by that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, update

from batchgen.core.outcome import Outcome
from batchgen.store.reuse import is_reusable
from batchgen.store.tables import artifacts, attempts, batches, jobs

_ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Reusable:
    """What can be used again, by what the ledger knows: how many `jobs` have it, in how many `images`, of which so many
    `pictures` are different; and of those that were: what the first ones cost, USD micros.

    The cost of `unpriced` ones is not known.
    """

    jobs: int
    pictures: int
    images: int
    reused: int
    saved_micros: int
    unpriced: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A job whose result can be used again: when it was made first, and where its images are, with their sizes in bytes."""

    job_id: int
    made_at: datetime
    files: tuple[tuple[str, int], ...]


def stats(tx: Connection, oldest: datetime) -> dict[bool, Reusable]:
    """By whether it is simulated. What was made before `oldest` is too old."""
    kept = (
        select(
            batches.c.simulated,
            func.count(artifacts.c.job_id.distinct()).label("jobs"),
            func.count(artifacts.c.sha256.distinct()).label("pictures"),
            func.count(artifacts.c.job_id).label("images"),
        )
        .select_from(_made().join(batches, batches.c.id == jobs.c.batch_id))
        .where(is_reusable(jobs), _made_at >= oldest)
        .group_by(batches.c.simulated)
    )
    there = {row.simulated: row for row in tx.execute(kept)}
    used = {row.simulated: row for row in tx.execute(_USED)}
    return {kind: _told(there.get(kind), used.get(kind)) for kind in (False, True)}


def kept(tx: Connection) -> Iterator[Kept]:
    """All of it, read in parts."""
    after = 0
    query = select(jobs.c.id).where(is_reusable(jobs)).order_by(jobs.c.id).limit(_ROWS_AT_ONCE)
    while ids := tx.execute(query.where(jobs.c.id > after)).scalars().all():
        after = ids[-1]
        rows = tx.execute(select(jobs.c.id, _made_at.label("at"), artifacts).select_from(_made()).where(jobs.c.id.in_(ids)))
        found: dict[int, list[Any]] = {}
        for row in rows:
            found.setdefault(row.id, []).append(row)
        for job_id, images in found.items():
            yield Kept(job_id, max(one.at for one in images), tuple((one.path, one.bytes) for one in images))


def forget(tx: Connection, job_ids: Sequence[int]) -> int:
    """What these jobs have is not used again; returns how many could have been."""
    count = 0
    for start in range(0, len(job_ids), _ROWS_AT_ONCE):
        count += _forget(tx, jobs.c.id.in_(job_ids[start : start + _ROWS_AT_ONCE]))
    return count


def forget_pictures(tx: Connection, batch_id: int, job_ids: Sequence[int] = ()) -> int:
    """As `forget`, for a batch or some of its jobs, with everybody else who has the same pictures."""
    mine = [jobs.c.batch_id == batch_id, *([jobs.c.id.in_(job_ids)] if job_ids else [])]
    of_mine = attempts.join(jobs, jobs.c.id == attempts.c.job_id)
    pictures = select(_PICTURE).select_from(of_mine).where(*mine)
    used = attempts.alias("used")
    again = select(used.c.job_id).where(used.c.origin_job_id.in_(pictures.correlate(None)))
    return _forget(tx, or_(and_(*mine), jobs.c.id.in_(pictures.correlate(None)), jobs.c.id.in_(again)))


def _forget(tx: Connection, which: ColumnElement[bool]) -> int:
    return tx.execute(update(jobs).where(which, is_reusable(jobs)).values(forgotten=jobs.c.attempt)).rowcount


_PICTURE = func.coalesce(attempts.c.origin_job_id, attempts.c.job_id)
_first = attempts.alias("first")
# A result that was used again is as old as the picture.
_made_at = func.coalesce(_first.c.finished_at, attempts.c.finished_at, type_=attempts.c.finished_at.type)
_IS_ORIGIN = and_(_first.c.job_id == attempts.c.origin_job_id, _first.c.number == attempts.c.origin_attempt)


def _made() -> Any:
    """Jobs with their images, and with the attempts that made those."""
    return (
        jobs.join(artifacts, and_(artifacts.c.job_id == jobs.c.id, artifacts.c.replaced_at.is_(None)))
        .join(attempts, and_(attempts.c.job_id == artifacts.c.job_id, attempts.c.number == artifacts.c.attempt))
        .outerjoin(_first, _IS_ORIGIN)
    )


def _used() -> Select[Any]:
    images = (
        select(func.count())
        .select_from(artifacts)
        .where(artifacts.c.job_id == attempts.c.job_id, artifacts.c.attempt == attempts.c.number)
        .correlate(attempts)
        .scalar_subquery()
    )
    return (
        select(
            batches.c.simulated,
            func.sum(images).label("images"),
            func.coalesce(func.sum(_first.c.cost_micros), 0).label("saved"),
            (func.count() - func.count(_first.c.cost_micros)).label("unpriced"),
        )
        .select_from(attempts.join(_first, _IS_ORIGIN).join(batches, batches.c.id == attempts.c.batch_id))
        .where(attempts.c.origin_job_id.is_not(None), attempts.c.outcome == Outcome.REUSED)
        .group_by(batches.c.simulated)
    )


_USED = _used()


def _told(there: Any, used: Any) -> Reusable:
    amounts = (there.jobs, there.pictures, there.images) if there else (0, 0, 0)
    return Reusable(*amounts, *((int(used.images), int(used.saved), used.unpriced) if used else (0, 0, 0)))
