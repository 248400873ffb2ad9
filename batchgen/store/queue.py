"""The queue: claim, mark as sent, renew, and what is running. How an attempt ends is in `closing`.

`attempt` is the fencing token: whoever does not hold the newest attempt of a running job changes nothing of the job.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, insert, select, update

from batchgen.core.job import State
from batchgen.core.request import Request
from batchgen.store.tables import artifacts, attempts, batches, jobs


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
    have: tuple[int, ...] = ()  # ordinals of images of this very request that came with earlier attempts
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
class Opened:
    """An attempt as it stands in the ledger, and how its job fared before it."""

    job_id: int
    attempt: int
    worker: str
    model: str
    sent: bool
    failures: int
    unknowns: int
    batch_id: int
    reserved_micros: int | None


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


def mark_sent(tx: Connection, job_id: int, attempt: int, now: datetime) -> bool:
    """From here on the attempt may be billed; False if the job was taken away, and then nothing may be sent."""
    holds = exists().where(jobs.c.id == job_id, jobs.c.state == State.RUNNING, jobs.c.attempt == attempt)
    mine = (attempts.c.job_id == job_id, attempts.c.number == attempt, holds)
    return tx.execute(update(attempts).where(*mine).values(sent_at=now)).rowcount == 1


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


def request_of(row: Row[Any]) -> Request:
    """What a row of `jobs` asks for."""
    parameters = dict(row.request)
    prompt = parameters.pop("prompt")
    return Request(row.operation, row.model, prompt, parameters)


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
    request = request_of(row)
    have, replaces = _earlier_images(tx, row) if row.attempt > 1 else ((), ())
    if len(have) >= request.images:
        # The request was changed and changed back: what it made then is as old as the rest.
        have, replaces = (), _paths(tx, row.id)
    request = request.asking_for(request.images - len(have))
    return Claim(row.id, row.attempt, folder, row.custom_id, request, row.failures, row.unknowns, have, replaces)


def _earlier_images(tx: Connection, row: Row[Any]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The ordinals of the images of the job's present request, and the paths of those that another request made."""
    made = (
        select(artifacts.c.path, artifacts.c.ordinal, attempts.c.fingerprint)
        .join(attempts, and_(attempts.c.job_id == artifacts.c.job_id, attempts.c.number == artifacts.c.attempt))
        .where(artifacts.c.job_id == row.id, artifacts.c.replaced_at.is_(None))
    )
    images = tx.execute(made).all()
    mine = tuple(sorted(image.ordinal for image in images if image.fingerprint == row.fingerprint))
    return mine, tuple(image.path for image in images if image.fingerprint != row.fingerprint)


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


def _opened_where(tx: Connection, condition: ColumnElement[bool], *, newest: bool = True) -> list[Opened]:
    of_job = attempts.c.job_id == jobs.c.id
    query = (
        select(attempts, jobs.c.failures, jobs.c.unknowns, jobs.c.batch_id)
        .join(jobs, and_(of_job, attempts.c.number == jobs.c.attempt) if newest else of_job)
        .where(condition)
        .order_by(jobs.c.id)
    )
    return [
        Opened(
            row.job_id,
            row.number,
            row.worker,
            row.model,
            row.sent_at is not None,
            row.failures,
            row.unknowns,
            row.batch_id,
            row.reserved_micros,
        )
        for row in tx.execute(query)
    ]
