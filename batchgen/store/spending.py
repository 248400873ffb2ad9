"""What counts toward the caps on spending: sums over the attempts of real batches, by the batch and by when they started.

Nothing is kept beside the attempts: an index answers from itself.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, select, text

from batchgen.core import budget
from batchgen.core.budget import Cap, Caps, Counted, Room
from batchgen.core.job import FINAL
from batchgen.store.queue import Filter
from batchgen.store.tables import attempts, batches, jobs

# Batches and attempts may be written down by different machines.
_CLOCKS_DIFFER = timedelta(hours=1)

# One process at a time claims under a cap: what it has counted holds until its reservations are written.
_POSTGRES_LOCK = 4_271_889_306
_TAKE_LOCK = text(f"SELECT pg_advisory_xact_lock({_POSTGRES_LOCK})")


def lock(tx: Connection) -> None:
    """Nobody else starts anything under a cap until the transaction ends. To be taken before every other lock.

    On SQLite whoever writes is alone anyhow.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(_TAKE_LOCK)


def counted(tx: Connection, since: datetime, until: datetime | None = None) -> dict[int, Counted]:
    """What counts of the attempts that started in a time (without its end), by batch."""
    rows = tx.execute(_SINCE, {"since": since}) if until is None else tx.execute(_WITHIN, {"since": since, "until": until})
    return {row.batch_id: Counted(int(row.spent), int(row.reserved), int(row.unknown)) for row in rows}


def room(tx: Connection, caps: Caps, batch_ids: Sequence[int], now: datetime) -> Room:
    """The caps and what counts toward them, but for that of a run, which only the run itself can tell."""
    sums = {cap: counted(tx, begin(tx, cap, batch_ids, now)) for cap in caps.of if cap is not Cap.RUN}
    day, month = (budget.total(sums.get(cap, {}).values()) for cap in (Cap.DAY, Cap.MONTH))
    return Room(caps, day=day, month=month, batches=sums.get(Cap.BATCH, {}))


def begin(tx: Connection, cap: Cap, batch_ids: Sequence[int], now: datetime) -> datetime:
    """From when on a start counts toward a cap: of batches, when the first of them was made."""
    if cap is Cap.BATCH:
        made = tx.execute(select(func.min(batches.c.created_at)).where(batches.c.id.in_(batch_ids))).scalar_one()
        return now if made is None else made - _CLOCKS_DIFFER
    return budget.day_of(now) if cap is Cap.DAY else budget.month_of(now)


def models(tx: Connection, wanted: Filter) -> list[str]:
    """The models by which a provider is still to make jobs."""
    found = [
        tx.execute(_MODELS, {"batch": batch_id, "providers": list(words)}).scalars()
        for batch_id, words in wanted.parts()
        if words
    ]
    return sorted({model for part in found for model in part})


_MODELS = (
    select(jobs.c.model)
    .where(
        jobs.c.batch_id == bindparam("batch"),
        jobs.c.provider.in_(bindparam("providers", expanding=True)),
        jobs.c.state.not_in(FINAL),
    )
    .distinct()
)
_IS_OPEN = attempts.c.outcome.is_(None)
_MAY_BE_BILLED = and_(attempts.c.outcome.is_not(None), attempts.c.cost_micros.is_(None))


def _at_most(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, attempts.c.reserved_micros))), 0)


_SINCE = (
    select(
        attempts.c.batch_id,
        func.coalesce(func.sum(attempts.c.cost_micros), 0).label("spent"),
        _at_most(_IS_OPEN).label("reserved"),
        _at_most(_MAY_BE_BILLED).label("unknown"),
    )
    .where(
        attempts.c.started_at >= bindparam("since"),
        attempts.c.batch_id.in_(select(batches.c.id).where(batches.c.simulated.is_(False))),
    )
    .group_by(attempts.c.batch_id)
)
_WITHIN = _SINCE.where(attempts.c.started_at < bindparam("until"))
