"""What is still to be made: jobs of batches, read in parts, so that memory does not grow with them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, cast, select, tuple_

from batchgen.core.request import Request
from batchgen.store import queue, unmade
from batchgen.store.leases import IS_RUNNING
from batchgen.store.queue import IS_PENDING, Filter
from batchgen.store.tables import jobs

_JOBS_AT_ONCE = 1000
_TOLD = (
    *(jobs.c.id, jobs.c.position, jobs.c.batch_id, jobs.c.operation, jobs.c.model, jobs.c.request, jobs.c.fingerprint),
    *(jobs.c.provider, jobs.c.attempt, jobs.c.waits_for, jobs.c.available_at),
)
# Neighbours in a manifest are alike, and rows at even distances as well: squares times the golden part of a prime, by that
# prime, lie everywhere and keep no distance. 64 bits hold each step.
_PRIME, _GOLDEN = 2**31 - 1, 1_327_217_884
_STIRRED = cast(jobs.c.position, BigInteger) * jobs.c.position % _PRIME * _GOLDEN % _PRIME


@dataclass(frozen=True, slots=True)
class Remaining:
    """A job that is not done, with what of its request is not made yet; `is_begun` tells that a part of it is.

    `due_at` is None while it waits for the results of others. `provider` is the one that its row names, empty for that of its
    batch.
    """

    job_id: int
    batch_id: int
    fingerprint: str
    provider: str
    request: Request
    is_begun: bool
    due_at: datetime | None


def remaining(tx: Connection, wanted: Filter) -> Iterator[Remaining]:
    """All jobs that may be claimed now or later: batches in order, then position."""
    for batch_id, words in wanted.parts():
        conditions = [IS_PENDING, jobs.c.provider.in_(words)]
        if wanted.blocked_models:
            conditions.append(jobs.c.model.not_in(wanted.blocked_models))
        if wanted.only_jobs is not None:
            conditions.append(jobs.c.id.in_(wanted.only_jobs))
        yield from _of(tx, batch_id, conditions)


def of_batch(tx: Connection, batch_id: int, share: float = 1.0) -> Iterator[Remaining]:
    """All jobs of a batch, whoever is to make them, in order of position; or about such a share, from everywhere among them.

    Before them comes what is being made: whoever does so may have died.
    """
    yield from _of(tx, batch_id, [IS_RUNNING])
    yield from _of(tx, batch_id, [IS_PENDING] if share >= 1 else [IS_PENDING, int(share * _PRIME) > _STIRRED])


def first_of_batch(tx: Connection, batch_id: int, words: Sequence[str], now: datetime, most: int) -> Iterator[Remaining]:
    """The same in the order in which jobs are claimed, for the first of those that are due, `most` of them; then the others.

    `words` are all that the column `provider` of its jobs says.
    """
    yield from _of(tx, batch_id, [IS_RUNNING])
    due = queue.due(tx, Filter([batch_id], rows_for={batch_id: words}), now, most, locked=False)
    found = {job.job_id: job for job in _of(tx, batch_id, [IS_PENDING, jobs.c.id.in_([row.id for row in due])])}
    yield from (found[row.id] for row in due if row.id in found)
    yield from (job for job in _of(tx, batch_id, [IS_PENDING]) if job.job_id not in found)


def _of(tx: Connection, batch_id: int, conditions: Sequence[ColumnElement[bool]]) -> Iterator[Remaining]:
    after: tuple[int, int] | None = None
    while part := tx.execute(_part(batch_id, conditions, after)).all():
        for row in part:
            request, have, _ = unmade.missing(tx, row)
            due_at = None if row.waits_for else row.available_at
            yield Remaining(row.id, row.batch_id, row.fingerprint, row.provider, request, bool(have), due_at)
        after = (part[-1].position, part[-1].id)


def _part(
    batch_id: int, conditions: Sequence[ColumnElement[bool]], after: tuple[int, int] | None
) -> Select[tuple[object, ...]]:
    query = (
        select(*_TOLD).where(jobs.c.batch_id == batch_id, *conditions).order_by(jobs.c.position, jobs.c.id).limit(_JOBS_AT_ONCE)
    )
    return query if after is None else query.where(tuple_(jobs.c.position, jobs.c.id) > tuple_(*after))
