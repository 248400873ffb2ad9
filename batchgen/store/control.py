"""What a person does to jobs that exist: queue them again, or cancel them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select, update

from batchgen.core import identity
from batchgen.core.job import State
from batchgen.core.outcome import REFUSED_HERE, Outcome
from batchgen.errors import UnknownBatch
from batchgen.store import chains
from batchgen.store.batches import Batch
from batchgen.store.tables import attempts, jobs

_IDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Cancelled:
    """How many jobs became cancelled at once, and how many running ones will be when their attempt ends.

    `failed` are others that waited for the results of the former.
    """

    now: int
    after_their_attempt: int
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Also:
    """What is queued again only if a person says so: refused by the API, perhaps paid for already, cancelled."""

    rejected: bool = False
    unknown: bool = False
    cancelled: bool = False


def requeue(tx: Connection, batch: Batch, now: datetime, also: Also) -> int:
    """Failed jobs become pending with a clean record, and with them those that failed because of them. Returns how many.

    What was not even sent, because an input file had changed, was refused by nobody and is tried again.
    """
    held_back = [
        outcome for outcome, wanted in ((Outcome.REJECTED, also.rejected), (Outcome.UNKNOWN, also.unknown)) if not wanted
    ]
    left_out = exists().where(
        attempts.c.job_id == jobs.c.id,
        attempts.c.number == jobs.c.attempt,
        attempts.c.outcome.in_(held_back),
        func.coalesce(attempts.c.error_code, "").not_in(REFUSED_HERE),
    )
    wanted: list[ColumnElement[bool]] = [and_(jobs.c.state == State.FAILED, jobs.c.failed_by.is_(None), ~left_out)]
    if also.cancelled:
        wanted.append(jobs.c.state == State.CANCELLED)
    values = {"state": State.PENDING, "failures": 0, "unknowns": 0, "available_at": now, "finished_at": None}
    count = tx.execute(update(jobs).where(jobs.c.batch_id == batch.id, or_(*wanted)).values(values)).rowcount
    return count + chains.revive(tx, batch.id, now) if chains.has_any(tx, batch.id) else count


def cancel(tx: Connection, batch: Batch, custom_ids: Sequence[str], now: datetime) -> Cancelled:
    """Pending and failed jobs become cancelled, running ones when they end; without ids, all of the batch.

    Raises UnknownBatch for an id that the batch does not have; nothing is changed then.
    """
    mine = jobs.c.batch_id == batch.id
    if not custom_ids:
        return _with_children(tx, batch, [_cancel(tx, mine, now)], now)
    keys = [identity.fold(custom_id) for custom_id in custom_ids]
    _refuse_unknown(tx, batch, dict(zip(keys, custom_ids, strict=True)))
    parts = [keys[start : start + _IDS_AT_ONCE] for start in range(0, len(keys), _IDS_AT_ONCE)]
    done = [_cancel(tx, and_(mine, jobs.c.custom_id_key.in_(part)), now) for part in parts]
    return _with_children(tx, batch, done, now)


def _with_children(tx: Connection, batch: Batch, done: Sequence[Cancelled], now: datetime) -> Cancelled:
    """All that was cancelled, when what waits for it has failed."""
    failed = chains.fail_waiting(tx, chains.of_batch(batch.id), now) if chains.has_any(tx, batch.id) else {}
    return Cancelled(sum(part.now for part in done), sum(part.after_their_attempt for part in done), len(failed))


def _cancel(tx: Connection, which: ColumnElement[bool], now: datetime) -> Cancelled:
    idle = jobs.c.state.in_((State.PENDING, State.FAILED))
    # What waits may be moved by whoever ends its parent.
    chains.lock(tx, and_(which, idle, jobs.c.waits_for > 0))
    at_once = tx.execute(update(jobs).where(which, idle).values(state=State.CANCELLED, failed_by=None, finished_at=now))
    running = and_(which, jobs.c.state == State.RUNNING)
    # In the order in which workers end them: else each could hold what the other waits for.
    locked = select(jobs.c.id).where(running).order_by(jobs.c.id).with_for_update().subquery()
    tx.execute(select(func.count()).select_from(locked))
    later = tx.execute(update(jobs).where(running).values(cancel_requested=True))
    return Cancelled(at_once.rowcount, later.rowcount)


def _refuse_unknown(tx: Connection, batch: Batch, wanted: dict[str, str]) -> None:
    keys = list(wanted)
    for start in range(0, len(keys), _IDS_AT_ONCE):
        part = keys[start : start + _IDS_AT_ONCE]
        query = select(jobs.c.custom_id_key).where(jobs.c.batch_id == batch.id, jobs.c.custom_id_key.in_(part))
        known = set(tx.execute(query).scalars())
        missing = [wanted[key] for key in part if key not in known]
        if missing:
            total = tx.execute(select(func.count()).where(jobs.c.batch_id == batch.id)).scalar_one()
            raise UnknownBatch(f"batch {batch.name} has no job {missing[0]!r} among its {total:,}")
