"""The queue: claim, and mark as sent. What is running is in `leases`, how an attempt ends in `closing`.

Claiming, marking and finishing take many at once: at full speed the statements cost more than the rows.

`attempt` is the fencing token: whoever does not hold the newest attempt of a running job changes nothing of the job.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from itertools import takewhile
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)

from batchgen.core import identity
from batchgen.core.artifact import Origin
from batchgen.core.job import State
from batchgen.core.outcome import Outcome
from batchgen.core.request import Request
from batchgen.store import chains, unmade
from batchgen.store.leases import IS_RUNNING, Lease
from batchgen.store.tables import attempts, batches, jobs

# What a job has that names no provider: it goes where its batch goes.
UNNAMED = ("",)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to make one attempt. `folder` is the batch's name; the counts are those before this attempt.

    The inputs of its request that are results of other jobs are as those have made them. With an `origin` nobody is asked: its
    images are used again.
    """

    job_id: int
    attempt: int
    folder: str
    custom_id: str
    request: Request
    failures: int
    unknowns: int
    reserved_micros: int | None = None  # the most it can cost; None: the model has no price
    have: tuple[int, ...] = ()  # ordinals of images of this very request that came with earlier attempts
    replaces: tuple[str, ...] = ()  # paths of images that an earlier request of this job left
    once: str = ""  # the same for every attempt until a complete answer has come, see `identity.once`
    batch_id: int = 0
    fingerprint: str = ""
    origin: Origin | None = None
    started_at: datetime = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs may be claimed: batches in order, models that are blocked, and (if not None) only these jobs.

    `provider` is who makes them. `rows_for` are, by batch, the words in the column `provider` of its jobs that mean this one;
    where nothing is said of a batch, they are the jobs that name none. With `apart`, a row waits while
    one of its batch is being made that asks for the same.
    """

    batches: Sequence[int]
    blocked_models: Collection[str] = ()
    only_jobs: Collection[int] | None = None
    provider: str | None = None
    rows_for: Mapping[int, Sequence[str]] = field(default_factory=dict)
    apart: bool = False

    def parts(self) -> Iterator[tuple[int, Sequence[str]]]:
        """Each batch with the words that its jobs of this provider have."""
        return ((batch_id, self.rows_for.get(batch_id, UNNAMED)) for batch_id in self.batches)


def claim(
    tx: Connection,
    wanted: Filter,
    lease: Lease,
    now: datetime,
    reserve: Callable[[Request], int | None],
    *,
    most: int = 1,
    fits: Callable[[Claim], bool] = lambda _claim: True,
) -> list[Claim]:
    """Take the next due jobs, `most` at the utmost, and open their attempts: batches in order, then priority, then position.

    From the first one on that does not fit, none is taken.
    """
    rows = due(tx, wanted, now, most)
    if wanted.apart:
        rows = list({(row.batch_id, row.fingerprint): row for row in reversed(rows)}.values())[::-1]
    claims = list(takewhile(fits, (claim_of(tx, row, reserve, now) for row in rows)))
    open_attempts(tx, claims, wanted.provider, lease, now)
    return claims


def due(tx: Connection, wanted: Filter, now: datetime, most: int, *, locked: bool = True) -> list[Row[Any]]:
    """The next due jobs in their order; locked, without those that another worker has locked."""
    rows: list[Row[Any]] = []
    for batch_id, words in wanted.parts():
        rows += _due_of(tx, wanted, (batch_id, words), now, most - len(rows), locked=locked)
        if len(rows) >= most:
            break
    return rows


def open_attempts(tx: Connection, claims: Sequence[Claim], provider: str | None, lease: Lease, now: datetime) -> None:
    """Take the jobs of claims, whose rows are locked, and open their attempts; `provider` is who is asked."""
    if claims:
        tx.execute(_TAKE, {"ids": [claimed.job_id for claimed in claims], "owner": lease.owner, "until": lease.expires_at})
        tx.execute(_OPEN, [_opening(claimed, provider, lease, now) for claimed in claims])


def next_due(tx: Connection, wanted: Filter) -> datetime | None:
    """When the first claimable job is due, or None if there is none."""
    earliest, chosen = _earliest(*_narrowed(wanted)), _chosen(wanted)
    due = [
        tx.execute(earliest, {"batch": batch_id, "provider": word, **chosen}).scalar_one_or_none()
        for batch_id, words in wanted.parts()
        for word in words
    ]
    return min((moment for moment in due if moment is not None), default=None)


def mark_sent(tx: Connection, sent: Sequence[tuple[int, int]], now: datetime) -> list[bool]:
    """From here on these attempts (job, number) may be billed; False where the job was taken away: nothing may be sent then."""
    found = {(row.job_id, row.number) for row in tx.execute(_MARK, {"sent": sent, "now": now})}
    return [one in found for one in sent]


# Statements are built once: at full speed, building them again for every call costs more than all the rest.
# A state is written out and no parameter: else the database cannot tell that an index of that state's rows will do.
IS_PENDING = jobs.c.state == literal_column(f"'{State.PENDING}'")
WAITS_FOR_NOBODY = jobs.c.waits_for == literal_column("0")
_TAKE = (
    update(jobs)
    .where(jobs.c.id.in_(bindparam("ids", expanding=True)))
    .values(
        state=State.RUNNING, attempt=jobs.c.attempt + 1, lease_owner=bindparam("owner"), lease_expires_at=bindparam("until")
    )
)
_OPEN = insert(attempts)
_ENDS = (
    select(attempts.c.outcome, attempts.c.http_status)
    .where(attempts.c.job_id == bindparam("of_job"))
    .order_by(attempts.c.number)
)
_MARK = (
    update(attempts)
    .where(
        tuple_(attempts.c.job_id, attempts.c.number).in_(bindparam("sent", expanding=True)),
        attempts.c.outcome.is_(None),
        exists().where(jobs.c.id == attempts.c.job_id, IS_RUNNING, jobs.c.attempt == attempts.c.number),
    )
    .values(sent_at=bindparam("now"))
    .returning(attempts.c.job_id, attempts.c.number)
)


# Whoever is being made just now, in the same batch by the same provider.
_running = jobs.alias("running")
_BEING_MADE = select(_running.c.fingerprint).where(
    _running.c.state == literal_column(f"'{State.RUNNING}'"),
    _running.c.batch_id == bindparam("batch"),
    _running.c.provider == bindparam("provider"),
)


def _narrowed(wanted: Filter) -> tuple[bool, bool, bool]:
    return bool(wanted.blocked_models), wanted.only_jobs is not None, wanted.apart


def _claimable(blocked: bool, only: bool, apart: bool) -> list[ColumnElement[bool]]:
    conditions = [
        jobs.c.batch_id == bindparam("batch"),
        jobs.c.provider == bindparam("provider"),
        IS_PENDING,
        WAITS_FOR_NOBODY,
    ]
    if blocked:
        conditions.append(jobs.c.model.not_in(bindparam("blocked", expanding=True)))
    if only:
        conditions.append(jobs.c.id.in_(bindparam("only", expanding=True)))
    if apart:
        conditions.append(jobs.c.fingerprint.not_in(_BEING_MADE))
    return conditions


def _due_of(
    tx: Connection, wanted: Filter, part: tuple[int, Sequence[str]], now: datetime, most: int, *, locked: bool
) -> Sequence[Row[Any]]:
    """The first due jobs of a batch for this provider: those of one word stand in the index in their order."""
    query, chosen = _due(*_narrowed(wanted), locked), _chosen(wanted)
    batch_id, words = part
    found = [
        row
        for word in words
        for row in tx.execute(query, {"batch": batch_id, "provider": word, "now": now, "most": most, **chosen})
    ]
    return found if len(words) == 1 else sorted(found, key=_order)[:most]


def _order(row: Row[Any]) -> tuple[int, int, int, int]:
    return -row.priority, row.failures, row.position, row.id


def _chosen(wanted: Filter) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    if wanted.blocked_models:
        chosen["blocked"] = list(wanted.blocked_models)
    if wanted.only_jobs is not None:
        chosen["only"] = list(wanted.only_jobs)
    return chosen


@cache
def _due(blocked: bool, only: bool, apart: bool, locked: bool) -> Select[Any]:
    """The rows to take; where they are locked, what another worker has locked is its own."""
    told = (jobs.c.id, jobs.c.batch_id, jobs.c.custom_id, jobs.c.operation, jobs.c.model, jobs.c.request, jobs.c.fingerprint)
    stands = (jobs.c.priority, jobs.c.position, jobs.c.created_at, jobs.c.attempt, jobs.c.failures, jobs.c.unknowns)
    query = (
        select(*told, *stands, batches.c.name.label("folder"))
        .join(batches, batches.c.id == jobs.c.batch_id)
        .where(jobs.c.available_at <= bindparam("now"), *_claimable(blocked, only, apart))
        # What has failed comes behind what has not: in bad weather the probes shall not use up the tries of the first row.
        .order_by(jobs.c.priority.desc(), jobs.c.failures, jobs.c.position, jobs.c.id)
        .limit(bindparam("most"))
    )
    return query.with_for_update(skip_locked=True, of=jobs) if locked else query


@cache
def _earliest(blocked: bool, only: bool, apart: bool) -> Select[Any]:
    return select(func.min(jobs.c.available_at)).where(*_claimable(blocked, only, apart))


def claim_of(tx: Connection, row: Row[Any], reserve: Callable[[Request], int | None], now: datetime) -> Claim:
    """What a claim of a job would be; `row` is one of `due`."""
    request, have, replaces = unmade.missing(tx, row)
    if any(one.is_result for one in request.inputs):
        request = replace(request, inputs=chains.with_results(tx, row.batch_id, request.inputs))
    answers = identity.answered(_ends(tx, row.id)) if row.attempt else 0
    once = identity.once(row.created_at, row.id, row.fingerprint, request.images, answers)
    named, fared = (row.id, row.attempt + 1, row.folder, row.custom_id), (row.failures, row.unknowns)
    about = (row.batch_id, row.fingerprint)
    return Claim(*named, request, *fared, reserve(request), have, replaces, once, *about, started_at=now)


def _ends(tx: Connection, job_id: int) -> Iterator[tuple[Outcome | None, int | None]]:
    for end in tx.execute(_ENDS, {"of_job": job_id}):
        yield end.outcome and Outcome(end.outcome), end.http_status


def _opening(claimed: Claim, provider: str | None, lease: Lease, now: datetime) -> dict[str, Any]:
    return {
        "job_id": claimed.job_id,
        "number": claimed.attempt,
        "batch_id": claimed.batch_id,
        "model": claimed.request.model,
        "provider": provider,
        "fingerprint": claimed.fingerprint,
        "worker": lease.owner,
        "lane": "sync",
        "started_at": now,
        "reserved_micros": claimed.reserved_micros,
        "origin_job_id": claimed.origin.job_id if claimed.origin else None,
        "origin_attempt": claimed.origin.attempt if claimed.origin else None,
    }
