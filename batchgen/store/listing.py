"""Every job of a batch in the order of its manifest, for exports: read in parts, so that memory does not grow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, func, select, tuple_

from batchgen.core.job import State
from batchgen.store import chains, reports
from batchgen.store.batches import Batch
from batchgen.store.tables import artifacts, attempts, jobs

_JOBS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Line:
    """One job as an export shows it. Costs are USD micros; None is not known."""

    custom_id: str
    state: State
    operation: str
    model: str
    request: Mapping[str, Any]  # prompt and parameters
    inputs: Mapping[str, Sequence[str]]  # role -> where its images are
    metadata: Mapping[str, Any]
    files: Sequence[str]
    attempts: int
    input_text_tokens: int | None
    input_image_tokens: int | None
    output_tokens: int | None
    cost_micros: int | None
    unknown_micros: int | None
    outcome: str | None
    error_code: str | None
    error_message: str | None
    remark: str | None
    priority: int
    rewritten: Sequence[str] = ()
    copy_size: str = ""
    provider: str | None = None  # who was asked last, or who is to be asked as the row says
    reused_from: str | None = None  # whose images these are, as `batch/custom_id`


def lines(tx: Connection, batch: Batch) -> Iterator[Line]:
    """All jobs of a batch by position."""
    after: tuple[int, int] | None = None
    while True:
        query = select(jobs).where(jobs.c.batch_id == batch.id).order_by(jobs.c.position, jobs.c.id).limit(_JOBS_AT_ONCE)
        if after is not None:
            query = query.where(tuple_(jobs.c.position, jobs.c.id) > tuple_(*after))
        part = tx.execute(query).all()
        if not part:
            return
        ids = [row.id for row in part]
        files, sums, last, remarks = _files(tx, ids), _sums(tx, ids), _last(tx, ids), _remarks(tx, ids)
        origins = _origins(tx, ids)
        causes = chains.causes(tx, [row.failed_by for row in part if row.failed_by is not None])
        for row in part:
            cause = causes.get(row.failed_by)
            total, newest = sums.get(row.id), last.get(row.id)
            failed = row.state != State.SUCCEEDED
            yield Line(
                custom_id=row.custom_id,
                state=State(row.state),
                operation=row.operation,
                model=row.model,
                request=row.request,
                inputs=_sources(row.request),
                metadata=row.metadata,
                files=files.get(row.id, []),
                attempts=total.sent if total else 0,
                input_text_tokens=total.input_text_tokens if total else 0,
                input_image_tokens=total.input_image_tokens if total else 0,
                output_tokens=total.output_tokens if total else 0,
                cost_micros=total.cost_micros if total else 0,
                unknown_micros=total.unknown_micros if total else None,
                outcome=newest.outcome if newest else None,
                error_code=chains.PARENT_FAILED if cause else newest.error_code if newest and failed else None,
                error_message=cause or (newest.error_message if newest and failed else None),
                remark="; ".join(remarks.get(row.id, ())) or None,
                priority=row.priority,
                rewritten=row.rewritten,
                copy_size=row.copy_size,
                provider=(newest.provider if newest else row.provider) or None,
                reused_from=origins.get(row.id),
            )
        after = (part[-1].position, part[-1].id)


def _sources(request: Mapping[str, Any]) -> dict[str, list[str]]:
    sources: dict[str, list[str]] = {}
    for one in request.get("inputs", ()):
        sources.setdefault(one["role"], []).append(one["source"])
    return sources


def _files(tx: Connection, ids: Sequence[int]) -> dict[int, list[str]]:
    query = (
        select(artifacts.c.job_id, artifacts.c.path)
        .where(artifacts.c.job_id.in_(ids), artifacts.c.replaced_at.is_(None))
        .order_by(artifacts.c.job_id, artifacts.c.attempt, artifacts.c.ordinal)
    )
    found: dict[int, list[str]] = {}
    for row in tx.execute(query):
        found.setdefault(row.job_id, []).append(row.path)
    return found


def _sums(tx: Connection, ids: Sequence[int]) -> dict[int, Any]:
    def total(column: ColumnElement[int]) -> Any:
        return func.sum(column).cast(BigInteger).label(column.name)  # PostgreSQL adds up to a decimal number

    unknown = and_(attempts.c.outcome == "unknown", attempts.c.cost_micros.is_(None))
    query = (
        select(
            attempts.c.job_id,
            func.count(attempts.c.sent_at).label("sent"),
            total(attempts.c.input_text_tokens),
            total(attempts.c.input_image_tokens),
            total(attempts.c.output_tokens),
            total(attempts.c.cost_micros),
            func.sum(attempts.c.reserved_micros).filter(unknown).cast(BigInteger).label("unknown_micros"),
        )
        .where(attempts.c.job_id.in_(ids))
        .group_by(attempts.c.job_id)
    )
    return {row.job_id: row for row in tx.execute(query)}


def _remarks(tx: Connection, ids: Sequence[int]) -> dict[int, list[str]]:
    query = select(attempts.c.job_id, attempts.c.remark).where(attempts.c.job_id.in_(ids), attempts.c.remark.is_not(None))
    found: dict[int, list[str]] = {}
    for row in tx.execute(query.order_by(attempts.c.job_id, attempts.c.number)):
        found.setdefault(row.job_id, []).append(row.remark)
    return found


def _origins(tx: Connection, ids: Sequence[int]) -> dict[int, str]:
    """Whose images jobs have, where those were made before."""
    brought = and_(attempts.c.job_id == artifacts.c.job_id, attempts.c.number == artifacts.c.attempt)
    query = (
        select(artifacts.c.job_id, attempts.c.origin_job_id)
        .join(attempts, brought)
        .where(artifacts.c.job_id.in_(ids), artifacts.c.replaced_at.is_(None), attempts.c.origin_job_id.is_not(None))
        .distinct()
    )
    of = {row.job_id: row.origin_job_id for row in tx.execute(query)}
    names = reports.names(tx, of.values())
    return {job_id: names[origin] for job_id, origin in of.items()}


def _last(tx: Connection, ids: Sequence[int]) -> dict[int, Any]:
    is_newest = and_(jobs.c.id == attempts.c.job_id, jobs.c.attempt == attempts.c.number, jobs.c.failed_by.is_(None))
    query = select(attempts).join(jobs, is_newest)
    return {row.job_id: row for row in tx.execute(query.where(jobs.c.id.in_(ids)))}
