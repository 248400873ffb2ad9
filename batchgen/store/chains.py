"""Jobs that take the results of others: they wait until their parents have succeeded, and fail with them.

Two things hold whenever a transaction ends: `waits_for` counts a job's parents that have not succeeded, and no pending job has
a parent that is failed or cancelled. Whoever makes a job succeed, or takes its success back, counts its children anew with
their rows locked: of two at once the later one sees what the earlier one did.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace
from sqlalchemy import CTE, ColumnElement, Connection, Select, and_, exists, func, select, update

from batchgen.core import chains
from batchgen.core.chains import Parent
from batchgen.core.job import State
from batchgen.core.request import Input
from batchgen.store.tables import artifacts, attempts, dependencies, jobs

PARENT_FAILED = "parent_failed"

parents = jobs.alias("parents")
_IS_LOST = parents.c.state.in_((State.FAILED, State.CANCELLED))


def has_any(tx: Connection, batch_id: int) -> bool:
    """Whether jobs of a batch take the results of others."""
    return tx.execute(select(jobs.c.id).where(jobs.c.batch_id == batch_id, jobs.c.has_children).limit(1)).first() is not None


def of_batch(batch_id: int) -> ColumnElement[bool]:
    """The parents of a batch, for `fail_waiting`."""
    return and_(parents.c.batch_id == batch_id, parents.c.has_children)


def children_of(job_ids: Sequence[int]) -> Select[tuple[int]]:
    """The jobs that take the results of these."""
    return select(dependencies.c.job_id).where(dependencies.c.parent_id.in_(job_ids))


def recount(tx: Connection, children: Select[tuple[int]]) -> None:
    """Let jobs wait for those of their parents that have not succeeded."""
    waited_for = (
        select(func.count())
        .select_from(dependencies.join(parents, parents.c.id == dependencies.c.parent_id))
        .where(dependencies.c.job_id == jobs.c.id, parents.c.state != State.SUCCEEDED)
        .correlate(jobs)
        .scalar_subquery()
    )
    _lock(tx, children)
    tx.execute(
        update(jobs).where(jobs.c.id.in_(children.correlate(None)), jobs.c.waits_for != waited_for).values(waits_for=waited_for)
    )


def fail_waiting(tx: Connection, lost: ColumnElement[bool], now: datetime) -> dict[int, int]:
    """Fail what waits, directly or not, for jobs that are failed or cancelled; `lost` says which ones are looked at.

    It is about `parents` and `dependencies`. Returns the jobs that failed by this, each with the one that is the cause.
    """
    fallen = _fallen(lost)
    _lock(tx, select(fallen.c.id))
    why = select(fallen.c.id, func.min(fallen.c.cause).label("cause")).group_by(fallen.c.id).subquery()
    failed = (
        update(jobs)
        .where(jobs.c.id == why.c.id, jobs.c.state == State.PENDING)
        .values(state=State.FAILED, failed_by=why.c.cause, finished_at=now)
        .returning(jobs.c.id, jobs.c.failed_by)
    )
    return {row.id: row.failed_by for row in tx.execute(failed)}


def _fallen(lost: ColumnElement[bool]) -> CTE:
    """Pending jobs below lost ones, each with the job that is the cause."""
    first = (
        select(dependencies.c.job_id.label("id"), func.coalesce(parents.c.failed_by, parents.c.id).label("cause"))
        .join(parents, parents.c.id == dependencies.c.parent_id)
        .join(jobs, jobs.c.id == dependencies.c.job_id)
        .where(lost, _IS_LOST, jobs.c.state == State.PENDING)
        .cte("fallen", recursive=True)
    )
    further = (
        select(dependencies.c.job_id, first.c.cause)
        .join(first, first.c.id == dependencies.c.parent_id)
        .join(jobs, jobs.c.id == dependencies.c.job_id)
        .where(jobs.c.state == State.PENDING)
    )
    return first.union(further)


def revive(tx: Connection, batch_id: int, now: datetime) -> int:
    """Queue again what failed by jobs that are no longer failed or cancelled, and fail again what another parent keeps back.

    Returns how many are queued again.
    """
    is_still_lost = exists().where(parents.c.id == jobs.c.failed_by, _IS_LOST)
    values = {"state": State.PENDING, "failures": 0, "unknowns": 0, "available_at": now, "finished_at": None, "failed_by": None}
    freed = and_(jobs.c.batch_id == batch_id, jobs.c.state == State.FAILED, jobs.c.failed_by.is_not(None), ~is_still_lost)
    lock(tx, freed)
    revived = tx.execute(update(jobs).where(freed).values(values)).rowcount
    return revived - len(fail_waiting(tx, of_batch(batch_id), now))


def lock(tx: Connection, which: ColumnElement[bool]) -> None:
    """Lock jobs in the one order in which everybody does: else each could hold what the other waits for."""
    _lock(tx, select(jobs.c.id).where(which))


def _lock(tx: Connection, ids: Select[Any]) -> None:
    if tx.dialect.name == "postgresql":
        locked = (
            select(jobs.c.id).where(jobs.c.id.in_(ids.correlate(None))).order_by(jobs.c.id).with_for_update(of=jobs).subquery()
        )
        tx.execute(select(func.count()).select_from(locked))


def with_results(tx: Connection, batch_id: int, inputs: Sequence[Input], *, at: datetime | None = None) -> tuple[Input, ...]:
    """The inputs with what is known of the results among them; one whose image the ledger does not have stays as it is, and so
    does one that was not there yet `at` a moment.
    """
    wanted = {one.source: chains.parent(one.source) for one in inputs if one.is_result}
    keys = {parent.key for parent in wanted.values() if isinstance(parent, Parent)}
    query = (
        select(jobs.c.custom_id_key, artifacts)
        .join(artifacts, artifacts.c.job_id == jobs.c.id)
        .where(jobs.c.batch_id == batch_id, jobs.c.custom_id_key.in_(keys), artifacts.c.replaced_at.is_(None))
        .order_by(artifacts.c.attempt)
    )
    if at is not None:
        brought = and_(attempts.c.job_id == artifacts.c.job_id, attempts.c.number == artifacts.c.attempt)
        query = query.join(attempts, brought).where(attempts.c.finished_at <= at)
    made = {(row.custom_id_key, row.ordinal): row for row in tx.execute(query)}
    return tuple(_with_result(one, wanted.get(one.source), made) for one in inputs)


def _with_result(one: Input, parent: Parent | str | None, made: Mapping[tuple[str, int], Any]) -> Input:
    row = made.get((parent.key, parent.ordinal)) if isinstance(parent, Parent) else None
    if row is None:
        return one
    facts = {name: getattr(row, name) for name in ("sha256", "media_type", "width", "height", "bytes", "path")}
    return replace(one, **facts)


def causes(tx: Connection, job_ids: Sequence[int]) -> dict[int, str]:
    """What is told of children that these jobs made fail, by the jobs' ids."""
    if not job_ids:
        return {}
    last = and_(attempts.c.job_id == jobs.c.id, attempts.c.number == jobs.c.attempt)
    query = (
        select(jobs.c.id, jobs.c.custom_id, jobs.c.state, attempts.c.error_message)
        .select_from(jobs.outerjoin(attempts, last))
        .where(jobs.c.id.in_(set(job_ids)))
    )
    return {row.id: _message(row) for row in tx.execute(query)}


def _message(row: Any) -> str:
    if row.state == State.CANCELLED:
        return f"{row.custom_id} was cancelled"
    return f"{row.custom_id} failed" + (f": {row.error_message}" if row.error_message else "")


def waited_for(tx: Connection, job_id: int) -> list[str]:
    """The parents of a job that have not succeeded, by custom_id."""
    query = (
        select(parents.c.custom_id)
        .join(dependencies, dependencies.c.parent_id == parents.c.id)
        .where(dependencies.c.job_id == job_id, parents.c.state != State.SUCCEEDED)
        .order_by(parents.c.position)
    )
    return list(tx.execute(query).scalars())
