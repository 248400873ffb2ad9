"""Which providers the unfinished jobs of a batch name: each is found by a step in the index, however many jobs wait for it."""

from sqlalchemy import Connection, bindparam, literal_column, select

from batchgen.core.job import State
from batchgen.store.batches import Batch
from batchgen.store.leases import IS_RUNNING
from batchgen.store.tables import jobs

# Written out and no parameter: else the database cannot tell that the index of waiting jobs will do.
_IS_WAITING = (jobs.c.batch_id == bindparam("batch"), jobs.c.state == literal_column(f"'{State.PENDING}'"))
_FIRST = select(jobs.c.provider).where(*_IS_WAITING).order_by(jobs.c.provider).limit(1)
_NEXT = _FIRST.where(jobs.c.provider > bindparam("last"))
_RUNNING = select(jobs.c.provider).where(IS_RUNNING, jobs.c.batch_id == bindparam("batch")).distinct()


def named(tx: Connection, batch: Batch) -> list[str]:
    """The words, in order; empty is that of jobs that name no provider."""
    found = set(tx.execute(_RUNNING, {"batch": batch.id}).scalars())
    word = tx.execute(_FIRST, {"batch": batch.id}).scalar_one_or_none()
    while word is not None:
        found.add(word)
        word = tx.execute(_NEXT, {"batch": batch.id, "last": word}).scalar_one_or_none()
    return sorted(found)
