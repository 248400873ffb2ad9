"""What is still to be made: the pending jobs of batches, read in parts, so that memory does not grow with them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, select, tuple_

from batchgen.core.request import Request
from batchgen.store import queue
from batchgen.store.queue import IS_PENDING, Filter
from batchgen.store.tables import jobs

_JOBS_AT_ONCE = 1000
_TOLD = (jobs.c.id, jobs.c.position, jobs.c.batch_id, jobs.c.operation, jobs.c.model, jobs.c.request, jobs.c.fingerprint)


@dataclass(frozen=True, slots=True)
class Remaining:
    """A job that nobody is working on. `due_at` is None while it waits for the results of others."""

    job_id: int
    batch_id: int
    request: Request
    due_at: datetime | None


def remaining(tx: Connection, wanted: Filter) -> Iterator[Remaining]:
    """All jobs that may be claimed now or later: batches in order, then position."""
    for batch_id, words in wanted.parts():
        after: tuple[int, int] | None = None
        while part := tx.execute(_part(batch_id, words, wanted, after)).all():
            for row in part:
                request, *_ = queue.missing(tx, row)
                yield Remaining(row.id, row.batch_id, request, None if row.waits_for else row.available_at)
            after = (part[-1].position, part[-1].id)


def _part(batch_id: int, words: Sequence[str], wanted: Filter, after: tuple[int, int] | None) -> Select[tuple[object, ...]]:
    query = (
        select(*_TOLD, jobs.c.attempt, jobs.c.waits_for, jobs.c.available_at)
        .where(jobs.c.batch_id == batch_id, jobs.c.provider.in_(words), IS_PENDING)
        .order_by(jobs.c.position, jobs.c.id)
        .limit(_JOBS_AT_ONCE)
    )
    if wanted.blocked_models:
        query = query.where(jobs.c.model.not_in(wanted.blocked_models))
    if wanted.only_jobs is not None:
        query = query.where(jobs.c.id.in_(wanted.only_jobs))
    return query if after is None else query.where(tuple_(jobs.c.position, jobs.c.id) > tuple_(*after))
