"""Artifacts as files: what should lie below the storage root, and what becomes of a job whose image is gone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, tuple_, update

from batchgen.core.job import State
from batchgen.core.request import Request
from batchgen.store import chains
from batchgen.store.batches import Batch
from batchgen.store.tables import artifacts, dependencies, jobs
from batchgen.store.unmade import request_of

_ROWS_AT_ONCE = 500
_KEY = (artifacts.c.job_id, artifacts.c.attempt, artifacts.c.ordinal)


@dataclass(frozen=True, slots=True)
class Shelved:
    """An image that was stored, be it replaced since or not, and the state of its job."""

    job_id: int
    attempt: int
    ordinal: int
    custom_id: str
    path: str
    bytes: int
    sha256: str
    replaced: bool
    state: State


def artifacts_of(tx: Connection, batch: Batch) -> Iterator[Shelved]:
    """Every artifact of a batch by job, read in parts."""
    after: tuple[int, int, int] | None = None
    while True:
        query = (
            select(artifacts, jobs.c.custom_id, jobs.c.state)
            .join(jobs, jobs.c.id == artifacts.c.job_id)
            .where(jobs.c.batch_id == batch.id)
            .order_by(*_KEY)
            .limit(_ROWS_AT_ONCE)
        )
        if after is not None:
            query = query.where(tuple_(*_KEY) > tuple_(*after))
        part = tx.execute(query).all()
        if not part:
            return
        for row in part:
            place = (row.job_id, row.attempt, row.ordinal)
            yield Shelved(*place, row.custom_id, row.path, row.bytes, row.sha256, row.replaced_at is not None, State(row.state))
        after = (part[-1].job_id, part[-1].attempt, part[-1].ordinal)


def known_paths(tx: Connection, paths: Sequence[str]) -> set[str]:
    """Those of the paths that are artifacts."""
    return set(tx.execute(select(artifacts.c.path).where(artifacts.c.path.in_(paths))).scalars())


def requests_of(tx: Connection, job_ids: Sequence[int]) -> Iterator[tuple[int, Request, tuple[int, str]]]:
    """What these jobs ask for, by id, each with its batch and the provider that it names."""
    for part in _parts(job_ids):
        for row in tx.execute(select(jobs).where(jobs.c.id.in_(part))):
            yield row.id, request_of(row), (row.batch_id, row.provider)


def forget(tx: Connection, gone: Sequence[Shelved]) -> set[int]:
    """Take images out of the ledger; what they cost stays with their attempts. Returns the jobs that lost one by this."""
    lost: set[int] = set()
    for start in range(0, len(gone), _ROWS_AT_ONCE):
        keys = [(image.job_id, image.attempt, image.ordinal, image.path) for image in gone[start : start + _ROWS_AT_ONCE]]
        # With the path: an image that has made room in the meantime lies elsewhere, and is not gone.
        deleted = delete(artifacts).where(tuple_(*_KEY, artifacts.c.path).in_(keys)).returning(artifacts.c.job_id)
        lost |= set(tx.execute(deleted).scalars())
    return lost


def queue_again(tx: Connection, job_ids: Sequence[int], now: datetime) -> None:
    """Jobs that were done, and whose images are gone, wait again; the next attempt asks for what is missing."""
    values = {"state": State.PENDING, "failures": 0, "unknowns": 0, "available_at": now, "finished_at": None}
    for part in _parts(job_ids):
        queued = update(jobs).where(jobs.c.id.in_(part), jobs.c.state == State.SUCCEEDED).values(values)
        parents = [row.id for row in tx.execute(queued.returning(jobs.c.id, jobs.c.has_children)) if row.has_children]
        if parents:
            chains.recount(tx, chains.children_of(parents))
        # A parent of their own may have come to a bad end meanwhile.
        chains.fail_waiting(tx, dependencies.c.job_id.in_(part), now)


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + _ROWS_AT_ONCE] for start in range(0, len(ids), _ROWS_AT_ONCE))
