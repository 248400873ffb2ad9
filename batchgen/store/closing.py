"""How attempts end in the ledger, many at once. A finish carries the number of its attempt and may lose: the fence."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, insert, or_, select, update

from batchgen.core.artifact import Artifact
from batchgen.core.job import FINAL, State
from batchgen.core.outcome import GIVEN_UP, Ending, Outcome
from batchgen.core.pricing import Cost
from batchgen.core.retry import Verdict
from batchgen.store import chains
from batchgen.store.tables import artifacts, attempts, dependencies, jobs


@dataclass(frozen=True, slots=True)
class Closing:
    """How an attempt is written down."""

    ending: Ending
    verdict: Verdict
    cost: Cost
    artifacts: Sequence[Artifact] = ()
    moved: Sequence[tuple[str, str]] = ()  # (old path, new path) of images that made room


class Standing(Enum):
    """How a job stands to an answer that has come."""

    HELD = auto()  # its attempt still has the job
    FREE = auto()  # it is late, and the job has no image and nobody is making one
    BUSY = auto()  # it is late, and a newer attempt is out, which may yet fail
    DONE = auto()  # nobody needs it


@dataclass(frozen=True, slots=True)
class Finish:
    """An attempt that ends."""

    job_id: int
    attempt: int
    closing: Closing


@dataclass(frozen=True, slots=True)
class Moved:
    """Where a job went, None if it had been taken away; and how many that waited for it, or for those, failed with it."""

    state: State | None
    failed_with_it: int = 0


def finish(tx: Connection, ends: Sequence[Finish], now: datetime) -> list[Moved]:
    """Close attempts and move their jobs, and those that wait for their results.

    Where a job had been taken away only the attempt is written, with what it cost. A job whose cancelling was asked for becomes
    cancelled, unless it has its image.
    """
    moved: dict[tuple[int, int], Moved] = {}
    for together in _apart(ends):
        held = _held(tx, together)
        moved |= _finish_held(tx, [end for end in together if end.job_id in held], held, now)
        for end in together:
            if end.job_id not in held:
                moved[end.job_id, end.attempt] = _finish_late(tx, end, now)
    _close(tx, [(end, moved[end.job_id, end.attempt].state is None) for end in ends], now)
    _add_artifacts(tx, [end for end in ends if moved[end.job_id, end.attempt].state is not None], now)
    return [moved[end.job_id, end.attempt] for end in ends]


def _apart(ends: Sequence[Finish]) -> list[list[Finish]]:
    """In parts without two attempts of one job: the second finds what the first has made of it."""
    parts: list[dict[int, Finish]] = []
    for end in ends:
        part = next((part for part in parts if end.job_id not in part), None)
        if part is None:
            parts.append(part := {})
        part[end.job_id] = end
    return [list(part.values()) for part in parts]


def _held(tx: Connection, ends: Sequence[Finish]) -> dict[int, Any]:
    """The jobs that these attempts still hold, locked: whether a person wants them cancelled, and who waits for whom."""
    attempt_of = {end.job_id: end.attempt for end in ends}
    rows = tx.execute(_HELD, {"ids": list(attempt_of)})
    return {row.id: row for row in rows if row.attempt == attempt_of[row.id]}


_OF_JOB = (jobs.c.id, jobs.c.batch_id, jobs.c.cancel_requested, jobs.c.has_children, jobs.c.waits_for)
_HELD = (
    select(*_OF_JOB, jobs.c.attempt)
    .where(jobs.c.id.in_(bindparam("ids", expanding=True)), jobs.c.state == State.RUNNING)
    .order_by(jobs.c.id)  # always in one order, so that two workers never wait for each other
    .with_for_update()
)


def _finish_held(
    tx: Connection, ends: Sequence[Finish], held: Mapping[int, Any], now: datetime
) -> dict[tuple[int, int], Moved]:
    values = [_moved(end, now, cancel=held[end.job_id].cancel_requested) for end in ends]
    if values:
        tx.execute(_MOVE, values)
    states = [State(value["to_state"]) for value in values]
    moved = _move_children(tx, [(held[end.job_id], state) for end, state in zip(ends, states, strict=True)], now)
    return {(end.job_id, end.attempt): one for end, one in zip(ends, moved, strict=True)}


def _finish_late(tx: Connection, end: Finish, now: datetime) -> Moved:
    """The job was taken away; images that were paid for are used all the same where it has none."""
    if not end.closing.artifacts or standing(tx, end.job_id, end.attempt) is not Standing.FREE:
        return Moved(None)
    job = tx.execute(select(*_OF_JOB).where(jobs.c.id == end.job_id)).one()
    value = _moved(end, now, cancel=job.cancel_requested)
    tx.execute(_MOVE, [value])
    (moved,) = _move_children(tx, [(job, State(value["to_state"]))], now)
    if job.has_children and moved.state is State.SUCCEEDED:
        # It may have been given up as failed, and others with it.
        chains.revive(tx, job.batch_id, now)
    return moved


def _move_children(tx: Connection, moved: Sequence[tuple[Any, State]], now: datetime) -> list[Moved]:
    """Let the new states of jobs have their effect on those that wait for them.

    Asks nothing where no job has to do with another.
    """
    parents = [(job.id, state) for job, state in moved if job.has_children]
    done = [job_id for job_id, state in parents if state is State.SUCCEEDED]
    lost = [job_id for job_id, state in parents if state in (State.FAILED, State.CANCELLED)]
    # Its parent was queued again while it ran, and may have failed since.
    again = [job.id for job, state in moved if state is State.PENDING and job.waits_for]
    if done:
        chains.recount(tx, chains.children_of(done))
    fallen = chains.fail_waiting(tx, chains.parents.c.id.in_(lost), now) if lost else {}
    fallen |= chains.fail_waiting(tx, dependencies.c.job_id.in_(again), now) if again else {}
    with_it = Counter(fallen.values())
    return [Moved(State.FAILED if job.id in fallen else state, with_it[job.id]) for job, state in moved]


def _moved(end: Finish, now: datetime, *, cancel: bool) -> dict[str, Any]:
    """Where a job goes."""
    verdict = end.closing.verdict
    state = State.CANCELLED if cancel and verdict.state is not State.SUCCEEDED else verdict.state
    return {
        "of_job": end.job_id,
        "to_state": state,
        "finished_at": now if cancel or state in FINAL else None,
        "available_at": now + timedelta(seconds=verdict.delay_s),
        "more_failures": verdict.failed,
        "more_unknowns": verdict.unknown,
    }


_MOVE = (
    update(jobs)
    .where(jobs.c.id == bindparam("of_job"))
    .values(
        state=bindparam("to_state"),
        finished_at=bindparam("finished_at"),
        available_at=bindparam("available_at"),
        failures=jobs.c.failures + bindparam("more_failures"),
        unknowns=jobs.c.unknowns + bindparam("more_unknowns"),
        cancel_requested=False,
        failed_by=None,
        lease_owner=None,
        lease_expires_at=None,
    )
)


def standing(tx: Connection, job_id: int, attempt: int) -> Standing:
    """How a job stands to the images of this attempt. The job is locked: it stays so until the transaction ends."""
    # A statement of its own: what the next ones read is then what was committed before the lock was got.
    job = tx.execute(select(jobs).where(jobs.c.id == job_id).with_for_update()).first()
    if job is None:
        return Standing.DONE
    if job.state == State.RUNNING and job.attempt == attempt:
        return Standing.HELD
    bought = select(attempts.c.fingerprint).where(attempts.c.job_id == job_id, attempts.c.number == attempt)
    # Images of this attempt or of a newer one lie where these would go.
    there = select(artifacts.c.path).where(
        artifacts.c.job_id == job_id, artifacts.c.attempt >= attempt, artifacts.c.replaced_at.is_(None)
    )
    is_same = job.fingerprint == tx.execute(bought).scalar_one_or_none()
    if job.state == State.SUCCEEDED or not is_same or tx.execute(there.limit(1)).first() is not None:
        return Standing.DONE
    return Standing.BUSY if job.state == State.RUNNING else Standing.FREE


def _close(tx: Connection, ends: Sequence[tuple[Finish, bool]], now: datetime) -> None:
    """Write attempts down, each with whether it was superseded.

    One that is closed stays as it is, but one that was given up learns how it really ended. What may have been billed stays
    unknown, whoever has the job: else its worst case would be counted no more.
    """
    values = [
        _ended(end, now, superseded=superseded)
        for end, superseded in ends
        # Given up twice, by two workers that saw the same lease run out: the first has said all there is.
        if not (superseded and end.closing.ending.outcome is Outcome.LOST)
    ]
    if values:
        tx.execute(_END, values)


def _ended(end: Finish, now: datetime, *, superseded: bool) -> dict[str, Any]:
    ending, cost = end.closing.ending, end.closing.cost
    too_late = superseded and ending.outcome is not Outcome.UNKNOWN
    return {
        "of_job": end.job_id,
        "of_number": end.attempt,
        "http_status": ending.http_status,
        "error_code": ending.error_code,
        "error_message": ending.error_message,
        "provider_request_id": ending.request_id,
        "input_text_tokens": ending.usage.input_text_tokens,
        "input_image_tokens": ending.usage.input_image_tokens,
        "output_tokens": ending.usage.output_tokens,
        "output_text_tokens": ending.usage.output_text_tokens,
        "cost_micros": cost.micros,
        "cost_basis": cost.basis,
        "remark": ending.remark,
        "outcome": Outcome.SUPERSEDED if too_late else ending.outcome,
        "finished_at": now,
    }


_WRITTEN = (
    *("http_status", "error_code", "error_message", "provider_request_id"),
    *("input_text_tokens", "input_image_tokens", "output_tokens", "output_text_tokens"),
    *("cost_micros", "cost_basis", "remark", "outcome", "finished_at"),
)
_END = (
    update(attempts)
    .where(
        attempts.c.job_id == bindparam("of_job"),
        attempts.c.number == bindparam("of_number"),
        or_(attempts.c.outcome.is_(None), *(attempts.c.outcome == outcome for outcome in GIVEN_UP)),
    )
    .values({name: bindparam(name) for name in _WRITTEN})
)


def _add_artifacts(tx: Connection, ends: Sequence[Finish], now: datetime) -> None:
    for end in ends:
        for old, new in end.closing.moved:
            tx.execute(
                update(artifacts)
                .where(artifacts.c.job_id == end.job_id, artifacts.c.path == old, artifacts.c.replaced_at.is_(None))
                .values(path=new, replaced_at=now)
            )
    rows = [
        {"job_id": end.job_id, "attempt": end.attempt, **msgspec.structs.asdict(image)}
        for end in ends
        for image in end.closing.artifacts
    ]
    if rows:
        tx.execute(_ADD, rows)


_ADD = insert(artifacts)
