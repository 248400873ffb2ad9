"""The queue: claim, mark as sent, finish, renew, reclaim. A finish carries the number of its attempt and may lose.

`attempt` is the fencing token: whoever does not hold the newest attempt of a running job changes nothing of the job.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, exists, insert, literal, or_, select, update

from batchgen.core.job import FINAL, State
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.request import Request
from batchgen.core.retry import Verdict
from batchgen.store.tables import UtcTime, artifacts, attempts, batches, jobs


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to make one attempt. `folder` is the batch's name; the counts are those before this attempt."""

    job_id: int
    attempt: int
    folder: str
    custom_id: str
    request: Request
    failures: int
    unknowns: int
    have: int = 0  # images of this very request that came with earlier attempts
    replaces: tuple[str, ...] = ()  # paths of images that an earlier request of this job left


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds a job, and until when if nobody renews."""

    owner: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs may be claimed: batches in order, models that are blocked, and (if not None) only these jobs."""

    batches: Sequence[int]
    blocked_models: Collection[str] = ()
    only_jobs: Collection[int] | None = None


@dataclass(frozen=True, slots=True)
class Artifact:
    """An image on disk, as the ledger keeps it. `ordinal` counts from 1 within the job; `path` is below the root."""

    ordinal: int
    path: str
    media_type: str
    width: int | None
    height: int | None
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Closing:
    """How an attempt is written down. `cost_micros` is None where it is not known."""

    ending: Ending
    verdict: Verdict
    cost_micros: int | None
    artifacts: Sequence[Artifact] = ()
    moved: Sequence[tuple[str, str]] = ()  # (old path, new path) of images that made room


@dataclass(frozen=True, slots=True)
class Opened:
    """An attempt as it stands in the ledger, and how its job fared before it."""

    job_id: int
    attempt: int
    worker: str
    model: str
    sent: bool
    failures: int
    unknowns: int


def claim(
    tx: Connection, wanted: Filter, lease: Lease, now: datetime, reserve: Callable[[Request], int | None]
) -> Claim | None:
    """Take the next due job and open its attempt; None if nothing is due."""
    for batch_id in wanted.batches:
        row = _take(tx, _due(wanted, batch_id, now), lease)
        if row is not None:
            claimed = _claim(tx, row)
            tx.execute(insert(attempts).values(_opening(claimed, row.fingerprint, lease, now, reserve(claimed.request))))
            return claimed
    return None


def next_due(tx: Connection, wanted: Filter) -> datetime | None:
    """When the first claimable job is due, or None if there is none."""
    due = []
    for batch_id in wanted.batches:
        query = select(jobs.c.available_at).where(jobs.c.batch_id == batch_id, *_claimable(wanted))
        due.append(tx.execute(query.order_by(jobs.c.available_at).limit(1)).scalar_one_or_none())
    return min((moment for moment in due if moment is not None), default=None)


def mark_sent(tx: Connection, job_id: int, attempt: int, now: datetime) -> None:
    """From here on the attempt may be billed."""
    tx.execute(_attempt(update(attempts), job_id, attempt).values(sent_at=now))


def finish(tx: Connection, job_id: int, attempt: int, closing: Closing, now: datetime) -> State | None:
    """Close the attempt and move its job to the state returned; None if the job had been taken away.

    Then only the attempt is written, with what it cost.

    A job whose cancelling was asked for becomes cancelled, unless it has its image.
    """
    next_state = closing.verdict.state
    state: Any = next_state.value
    if next_state is not State.SUCCEEDED:
        state = case((jobs.c.cancel_requested, State.CANCELLED.value), else_=state)
    final = or_(jobs.c.cancel_requested, literal(next_state in FINAL))
    moved = tx.execute(
        update(jobs)
        .where(jobs.c.id == job_id, _may_finish(job_id, attempt, with_images=bool(closing.artifacts)))
        .values(
            state=state,
            finished_at=case((final, literal(now, UtcTime)), else_=None),
            available_at=_later(now, closing.verdict.delay_s),
            failures=jobs.c.failures + closing.verdict.failed,
            unknowns=jobs.c.unknowns + closing.verdict.unknown,
            cancel_requested=False,
            lease_owner=None,
            lease_expires_at=None,
        )
        .returning(jobs.c.state)
    ).scalar_one_or_none()
    _close(tx, job_id, attempt, closing, now, superseded=moved is None)
    if moved is None:
        return None
    _add_artifacts(tx, job_id, attempt, closing, now)
    return State(moved)


def renew(tx: Connection, lease: Lease) -> None:
    """Push the end of everything this worker holds."""
    tx.execute(
        update(jobs)
        .where(jobs.c.state == State.RUNNING, jobs.c.lease_owner == lease.owner)
        .values(lease_expires_at=lease.expires_at)
    )


def held_by(tx: Connection, owner: str) -> list[Opened]:
    """The running attempts of a worker."""
    return _opened_where(tx, and_(jobs.c.state == State.RUNNING, jobs.c.lease_owner == owner))


def expired(tx: Connection, now: datetime) -> list[Opened]:
    """The running attempts of silent workers, whose leases have run out."""
    return _opened_where(tx, and_(jobs.c.state == State.RUNNING, jobs.c.lease_expires_at < now))


def opened(tx: Connection, job_id: int, attempt: int) -> Opened | None:
    """One attempt, running or not; None if this ledger does not know it."""
    found = _opened_where(tx, and_(jobs.c.id == job_id, attempts.c.number == attempt), newest=False)
    return found[0] if found else None


def wants_images(tx: Connection, job_id: int, attempt: int) -> bool:
    """Whether the images of this attempt would be taken: it holds the job, or it is late and the job still has none."""
    query = select(jobs.c.id).where(jobs.c.id == job_id, _may_finish(job_id, attempt, with_images=True))
    return tx.execute(query).first() is not None


def _may_finish(job_id: int, attempt: int, *, with_images: bool) -> ColumnElement[bool]:
    """The fence. Images that were paid for are also taken late, while the job waits or has failed with the same request.

    Not so where images of this attempt or of a newer one are there: they lie where these would go.
    """
    holds = and_(jobs.c.state == State.RUNNING, jobs.c.attempt == attempt)
    if not with_images:
        return holds
    bought = select(attempts.c.fingerprint).where(attempts.c.job_id == job_id, attempts.c.number == attempt).scalar_subquery()
    there = exists().where(artifacts.c.job_id == job_id, artifacts.c.attempt >= attempt, artifacts.c.replaced_at.is_(None))
    waits = and_(jobs.c.state.in_((State.PENDING, State.FAILED)), jobs.c.fingerprint == bought, ~there)
    return or_(holds, waits)


def _claimable(wanted: Filter) -> Iterable[Any]:
    yield jobs.c.state == State.PENDING
    if wanted.blocked_models:
        yield jobs.c.model.not_in(wanted.blocked_models)
    if wanted.only_jobs is not None:
        yield jobs.c.id.in_(wanted.only_jobs)


def _due(wanted: Filter, batch_id: int, now: datetime) -> Select[tuple[int]]:
    return (
        select(jobs.c.id)
        .where(jobs.c.batch_id == batch_id, jobs.c.available_at <= now, *_claimable(wanted))
        .order_by(jobs.c.available_at, jobs.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


def _take(tx: Connection, due: Select[tuple[int]], lease: Lease) -> Row[Any] | None:
    # Not IN: PostgreSQL may plan that as a join that asks for the next due job again and again, and take them all.
    return tx.execute(
        update(jobs)
        .where(jobs.c.id == due.scalar_subquery())
        .values(state=State.RUNNING, attempt=jobs.c.attempt + 1, lease_owner=lease.owner, lease_expires_at=lease.expires_at)
        .returning(jobs)
    ).first()


def _claim(tx: Connection, row: Row[Any]) -> Claim:
    folder = tx.execute(select(batches.c.name).where(batches.c.id == row.batch_id)).scalar_one()
    parameters = dict(row.request)
    prompt = parameters.pop("prompt")
    request = Request(row.operation, row.model, prompt, parameters)
    have, replaces = _earlier_images(tx, row) if row.attempt > 1 else (0, ())
    if have >= request.images:
        # The request was changed and changed back: what it made then is as old as the rest.
        have, replaces = 0, _paths(tx, row.id)
    request = request.asking_for(request.images - have)
    return Claim(row.id, row.attempt, folder, row.custom_id, request, row.failures, row.unknowns, have, replaces)


def _earlier_images(tx: Connection, row: Row[Any]) -> tuple[int, tuple[str, ...]]:
    """How many images of the job's present request there are, and the paths of those that another request made."""
    made = (
        select(artifacts.c.path, attempts.c.fingerprint)
        .join(attempts, and_(attempts.c.job_id == artifacts.c.job_id, attempts.c.number == artifacts.c.attempt))
        .where(artifacts.c.job_id == row.id, artifacts.c.replaced_at.is_(None))
    )
    images = tx.execute(made).all()
    others = tuple(image.path for image in images if image.fingerprint != row.fingerprint)
    return len(images) - len(others), others


def _paths(tx: Connection, job_id: int) -> tuple[str, ...]:
    query = select(artifacts.c.path).where(artifacts.c.job_id == job_id, artifacts.c.replaced_at.is_(None))
    return tuple(tx.execute(query).scalars())


def _opening(claimed: Claim, fingerprint: str, lease: Lease, now: datetime, reserved: int | None) -> dict[str, Any]:
    return {
        "job_id": claimed.job_id,
        "number": claimed.attempt,
        "model": claimed.request.model,
        "fingerprint": fingerprint,
        "worker": lease.owner,
        "lane": "sync",
        "started_at": now,
        "reserved_micros": reserved,
    }


def _close(tx: Connection, job_id: int, attempt: int, closing: Closing, now: datetime, *, superseded: bool) -> None:
    """An attempt that is closed stays as it is, but one that was given up learns how it really ended.

    What may have been billed stays unknown, whoever has the job: else its worst case would be counted no more.
    """
    ending = closing.ending
    too_late = superseded and ending.outcome is not Outcome.UNKNOWN
    values = {
        "http_status": ending.http_status,
        "error_code": ending.error_code,
        "error_message": ending.error_message,
        "provider_request_id": ending.request_id,
        "input_text_tokens": ending.usage.input_text_tokens,
        "input_image_tokens": ending.usage.input_image_tokens,
        "output_tokens": ending.usage.output_tokens,
        "output_text_tokens": ending.usage.output_text_tokens,
        "cost_micros": closing.cost_micros,
        "outcome": Outcome.SUPERSEDED if too_late else ending.outcome,
        "finished_at": now,
    }
    given_up = attempts.c.outcome.in_((Outcome.UNKNOWN, Outcome.LOST, Outcome.STORAGE_FAILED))
    tx.execute(_attempt(update(attempts), job_id, attempt).where(or_(attempts.c.outcome.is_(None), given_up)).values(values))


def _add_artifacts(tx: Connection, job_id: int, attempt: int, closing: Closing, now: datetime) -> None:
    for old, new in closing.moved:
        tx.execute(
            update(artifacts)
            .where(artifacts.c.job_id == job_id, artifacts.c.path == old, artifacts.c.replaced_at.is_(None))
            .values(path=new, replaced_at=now)
        )
    if closing.artifacts:
        columns = ("ordinal", "path", "media_type", "width", "height", "bytes", "sha256")
        rows = [{name: getattr(image, name) for name in columns} for image in closing.artifacts]
        tx.execute(insert(artifacts), [{"job_id": job_id, "attempt": attempt, **row} for row in rows])


def _opened_where(tx: Connection, condition: ColumnElement[bool], *, newest: bool = True) -> list[Opened]:
    of_job = attempts.c.job_id == jobs.c.id
    query = (
        select(attempts, jobs.c.failures, jobs.c.unknowns)
        .join(jobs, and_(of_job, attempts.c.number == jobs.c.attempt) if newest else of_job)
        .where(condition)
        .order_by(jobs.c.id)
    )
    return [
        Opened(row.job_id, row.number, row.worker, row.model, row.sent_at is not None, row.failures, row.unknowns)
        for row in tx.execute(query)
    ]


def _attempt(statement: Any, job_id: int, attempt: int) -> Any:
    return statement.where(attempts.c.job_id == job_id, attempts.c.number == attempt)


def _later(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=seconds)
