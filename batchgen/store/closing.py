"""How an attempt ends in the ledger. A finish carries the number of its attempt and may lose: the fence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, case, exists, insert, literal, or_, select, update

from batchgen.core.artifact import Artifact
from batchgen.core.job import FINAL, State
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.pricing import Cost
from batchgen.core.retry import Verdict
from batchgen.store.tables import UtcTime, artifacts, attempts, jobs


@dataclass(frozen=True, slots=True)
class Closing:
    """How an attempt is written down."""

    ending: Ending
    verdict: Verdict
    cost: Cost
    artifacts: Sequence[Artifact] = ()
    moved: Sequence[tuple[str, str]] = ()  # (old path, new path) of images that made room


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


def wants_images(tx: Connection, job_id: int, attempt: int) -> bool:
    """Whether the images of this attempt would be taken: it holds the job, or it is late and the job still has none."""
    query = select(jobs.c.id).where(jobs.c.id == job_id, _may_finish(job_id, attempt, with_images=True))
    return tx.execute(query).first() is not None


def _may_finish(job_id: int, attempt: int, *, with_images: bool) -> ColumnElement[bool]:
    """The fence. Images that were paid for are also taken late, for the same request, whatever became of the job meanwhile.

    A newer attempt that is still out loses then. Not so where images of this attempt or of a newer one are there: they lie
    where these would go.
    """
    holds = and_(jobs.c.state == State.RUNNING, jobs.c.attempt == attempt)
    if not with_images:
        return holds
    bought = select(attempts.c.fingerprint).where(attempts.c.job_id == job_id, attempts.c.number == attempt).scalar_subquery()
    there = exists().where(artifacts.c.job_id == job_id, artifacts.c.attempt >= attempt, artifacts.c.replaced_at.is_(None))
    has_none = and_(jobs.c.state != State.SUCCEEDED, jobs.c.fingerprint == bought, ~there)
    return or_(holds, has_none)


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
        "cost_micros": closing.cost.micros,
        "cost_basis": closing.cost.basis,
        "note": ending.note,
        "outcome": Outcome.SUPERSEDED if too_late else ending.outcome,
        "finished_at": now,
    }
    given_up = attempts.c.outcome.in_((Outcome.UNKNOWN, Outcome.LOST, Outcome.STORAGE_FAILED))
    tx.execute(
        update(attempts)
        .where(attempts.c.job_id == job_id, attempts.c.number == attempt, or_(attempts.c.outcome.is_(None), given_up))
        .values(values)
    )


def _add_artifacts(tx: Connection, job_id: int, attempt: int, closing: Closing, now: datetime) -> None:
    for old, new in closing.moved:
        tx.execute(
            update(artifacts)
            .where(artifacts.c.job_id == job_id, artifacts.c.path == old, artifacts.c.replaced_at.is_(None))
            .values(path=new, replaced_at=now)
        )
    if closing.artifacts:
        owner = {"job_id": job_id, "attempt": attempt}
        tx.execute(insert(artifacts), [{**owner, **msgspec.structs.asdict(image)} for image in closing.artifacts])


def _later(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=seconds)
