"""Jobs that a submission does not bring along, and which take the results of those that it does."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, exists, select, update

from batchgen.core.job import State
from batchgen.store.batches import Batch
from batchgen.store.links import Asked
from batchgen.store.submission import staged
from batchgen.store.tables import dependencies, jobs

_JOBS_AT_ONCE = 500
_MADE = (State.SUCCEEDED, State.RUNNING)


@dataclass(frozen=True, slots=True)
class Child:
    """A job with what those ask for that it takes from, by their keys; `is_made` also while it is being made."""

    id: int
    custom_id: str
    is_made: bool
    is_cancelled: bool
    asked: Asked
    parents: Mapping[str, Asked]


def beside(tx: Connection, manifest: int, batch: Batch) -> Iterator[Child]:
    """Children of the staged rows that are not staged themselves."""
    is_staged = exists().where(staged.c.manifest == manifest, staged.c.custom_id_key == jobs.c.custom_id_key)
    parent = jobs.alias("parent")
    brought = (
        select(dependencies.c.job_id)
        .join(parent, parent.c.id == dependencies.c.parent_id)
        .join(staged, staged.c.custom_id_key == parent.c.custom_id_key)
        .where(staged.c.manifest == manifest, parent.c.batch_id == batch.id, parent.c.has_children)
    )
    return _children(tx, jobs.c.id.in_(brought) & ~is_staged)


def below(tx: Connection, parents: Sequence[int]) -> Iterator[Child]:
    """Children of some jobs."""
    for start in range(0, len(parents), _JOBS_AT_ONCE):
        part = parents[start : start + _JOBS_AT_ONCE]
        yield from _children(tx, jobs.c.id.in_(select(dependencies.c.job_id).where(dependencies.c.parent_id.in_(part))))


def change(tx: Connection, job_id: int, request: Mapping[str, Any], fingerprint: str) -> None:
    """Write anew what a job asks for."""
    tx.execute(_CHANGE, {"at": job_id, "new_request": request, "new_fingerprint": fingerprint})


_CHANGE = (
    update(jobs)
    .where(jobs.c.id == bindparam("at"))
    .values(request=bindparam("new_request"), fingerprint=bindparam("new_fingerprint"))
)
_WANTS = (jobs.c.operation, jobs.c.model, jobs.c.request, jobs.c.fingerprint)
_TOLD = (jobs.c.id, jobs.c.custom_id, jobs.c.state, *_WANTS)


def _children(tx: Connection, which: ColumnElement[bool]) -> Iterator[Child]:
    after = 0
    while rows := tx.execute(select(*_TOLD).where(which, jobs.c.id > after).order_by(jobs.c.id).limit(_JOBS_AT_ONCE)).all():
        after = rows[-1].id
        found: dict[int, dict[str, Asked]] = {row.id: {} for row in rows}
        taken = (
            select(dependencies.c.job_id, jobs.c.custom_id_key, *_WANTS)
            .join(jobs, jobs.c.id == dependencies.c.parent_id)
            .where(dependencies.c.job_id.in_(list(found)))
        )
        for parent in tx.execute(taken):
            found[parent.job_id][parent.custom_id_key] = _asked(parent)
        for row in rows:
            stands = (row.state in _MADE, row.state == State.CANCELLED)
            yield Child(row.id, row.custom_id, *stands, _asked(row), found[row.id])


def _asked(row: Any) -> Asked:
    return Asked(row.operation, row.model, row.request, row.fingerprint)
