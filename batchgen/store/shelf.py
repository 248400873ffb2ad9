"""Artifacts as files: what should lie below the storage root."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, tuple_

from batchgen.store.batches import Batch
from batchgen.store.tables import artifacts, jobs

_ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Shelved:
    """An image that was stored, be it replaced since or not."""

    custom_id: str
    path: str
    bytes: int
    sha256: str


def artifacts_of(tx: Connection, batch: Batch) -> Iterator[Shelved]:
    """Every artifact of a batch by job, read in parts."""
    key = (artifacts.c.job_id, artifacts.c.attempt, artifacts.c.ordinal)
    after: tuple[int, int, int] | None = None
    while True:
        query = (
            select(*key, jobs.c.custom_id, artifacts.c.path, artifacts.c.bytes, artifacts.c.sha256)
            .join(jobs, jobs.c.id == artifacts.c.job_id)
            .where(jobs.c.batch_id == batch.id)
            .order_by(*key)
            .limit(_ROWS_AT_ONCE)
        )
        if after is not None:
            query = query.where(tuple_(*key) > tuple_(*after))
        part = tx.execute(query).all()
        if not part:
            return
        yield from (Shelved(row.custom_id, row.path, row.bytes, row.sha256) for row in part)
        after = (part[-1].job_id, part[-1].attempt, part[-1].ordinal)


def known_paths(tx: Connection, paths: Sequence[str]) -> set[str]:
    """Those of the paths that are artifacts."""
    return set(tx.execute(select(artifacts.c.path).where(artifacts.c.path.in_(paths))).scalars())
