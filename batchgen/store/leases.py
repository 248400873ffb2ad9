"""What is running: who holds it, until when, and what a worker that went silent left."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, literal_column, select, update

from batchgen.core.job import State
from batchgen.core.outcome import GIVEN_UP, WITHOUT_IMAGES
from batchgen.store.tables import attempts, jobs

# Written out and no parameter: else the database cannot tell that the index of running rows will do.
IS_RUNNING = jobs.c.state == literal_column(f"'{State.RUNNING}'")


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds a job, and until when if nobody renews."""

    owner: str
    expires_at: datetime


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
    is_settled: bool  # closed for good: neither open nor given up
    is_answered: bool = False  # given up by its own worker: there is nothing to learn but that its images are there
    provider: str = ""  # empty also where it was not kept yet
    started_at: datetime = field(kw_only=True)


def renew(tx: Connection, lease: Lease) -> None:
    """Push the end of everything this worker holds."""
    tx.execute(update(jobs).where(IS_RUNNING, jobs.c.lease_owner == lease.owner).values(lease_expires_at=lease.expires_at))


def held_by(tx: Connection, owner: str) -> list[Opened]:
    """The running attempts of a worker."""
    return _opened_where(tx, and_(IS_RUNNING, jobs.c.lease_owner == owner))


def expired(tx: Connection, now: datetime) -> list[Opened]:
    """The running attempts of silent workers, whose leases have run out."""
    return _opened_where(tx, and_(IS_RUNNING, jobs.c.lease_expires_at < now))


def opened(tx: Connection, job_id: int, attempt: int) -> Opened | None:
    """One attempt, running or not; None if this ledger does not know it."""
    found = _opened_where(tx, and_(jobs.c.id == job_id, attempts.c.number == attempt), newest=False)
    return found[0] if found else None


def _opened_where(tx: Connection, condition: ColumnElement[bool], *, newest: bool = True) -> list[Opened]:
    of_job = attempts.c.job_id == jobs.c.id
    query = (
        select(attempts, jobs.c.failures, jobs.c.unknowns)
        .join(jobs, and_(of_job, attempts.c.number == jobs.c.attempt) if newest else of_job)
        .where(condition)
    )
    found = [
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
            row.outcome not in (None, *GIVEN_UP),
            row.outcome in WITHOUT_IMAGES,
            provider=row.provider or "",
            started_at=row.started_at,
        )
        for row in tx.execute(query)
    ]
    # Not sorted by the database: it would take the jobs in that order, all of them, to find the few that run.
    return sorted(found, key=lambda opened: opened.job_id)
