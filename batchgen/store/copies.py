"""Images beside which a copy in a smaller size belongs: their rows asked for one that no model makes, and it was rewritten."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, select, tuple_, update

from batchgen.store.tables import artifacts, attempts, jobs

_ROWS_AT_ONCE = 500
_KEY = (artifacts.c.job_id, artifacts.c.attempt, artifacts.c.ordinal)


@dataclass(frozen=True, slots=True)
class Resized:
    """An image of this path below the storage root, and the size (WxH) that its copy has."""

    job_id: int
    attempt: int
    ordinal: int
    path: str
    size: str


def of_jobs(tx: Connection, job_ids: Sequence[int]) -> list[Resized]:
    """The copies that belong to these jobs, a few hundred at most."""
    return _resized(tx.execute(_images().where(artifacts.c.job_id.in_(job_ids))))


def of_batches(tx: Connection, batches: Sequence[int], after: Resized | None = None) -> list[Resized]:
    """The next copies of these batches, some hundred behind the last one; none at the end."""
    query = _images().where(jobs.c.batch_id.in_(batches)).limit(_ROWS_AT_ONCE)
    if after is not None:
        query = query.where(tuple_(*_KEY) > (after.job_id, after.attempt, after.ordinal))
    return _resized(tx.execute(query))


def of_images(tx: Connection, paths: Sequence[str]) -> dict[str, str]:
    """The sizes of the copies that belong to images, by the images' paths."""
    return {found.path: found.size for found in _resized(tx.execute(_images().where(artifacts.c.path.in_(paths))))}


def remark(tx: Connection, resized: Resized, words: str) -> None:
    """Write down with the attempt that made an image why it has no copy; once."""
    mine = (attempts.c.job_id == resized.job_id) & (attempts.c.number == resized.attempt)
    told = tx.execute(select(attempts.c.remark).where(mine)).scalar_one_or_none()
    if told is None or words not in told:
        tx.execute(update(attempts).where(mine).values(remark=f"{told}; {words}" if told else words))


def _images() -> Select[Any]:
    return (
        select(*_KEY, artifacts.c.path, jobs.c.copy_size)
        .join(jobs, jobs.c.id == artifacts.c.job_id)
        .where(jobs.c.copy_size != "", artifacts.c.replaced_at.is_(None), artifacts.c.width.is_not(None))
        .order_by(*_KEY)
    )


def _resized(rows: Iterable[Row[Any]]) -> list[Resized]:
    return [Resized(row.job_id, row.attempt, row.ordinal, row.path, row.copy_size) for row in rows]
