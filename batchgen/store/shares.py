"""Which providers the unfinished jobs of a batch name: each is found by a step in an index, however many jobs wait for it."""

from sqlalchemy import Connection, bindparam, select

from batchgen.store.batches import Batch
from batchgen.store.leases import IS_RUNNING
from batchgen.store.queue import IS_PENDING, WAITS_FOR_NOBODY
from batchgen.store.tables import dependencies, jobs

_OF_BATCH = jobs.c.batch_id == bindparam("batch")
_FIRST = select(jobs.c.provider).where(_OF_BATCH, IS_PENDING, WAITS_FOR_NOBODY).order_by(jobs.c.provider).limit(1)
_NEXT = _FIRST.where(jobs.c.provider > bindparam("last"))
_RUNNING = select(jobs.c.provider).where(_OF_BATCH, IS_RUNNING).distinct()

# Those that wait for others are not in the claim's index: they are found from whom they wait for.
_parents = jobs.alias("parents")
_CHILDREN = (
    select(jobs.c.provider)
    .join(dependencies, dependencies.c.job_id == jobs.c.id)
    .join(_parents, _parents.c.id == dependencies.c.parent_id)
    .where(_parents.c.batch_id == bindparam("batch"), _parents.c.has_children, IS_PENDING, jobs.c.waits_for > 0)
    .distinct()
)


def named(tx: Connection, batch: Batch) -> list[str]:
    """The words, in order; empty is that of jobs that name no provider."""
    found = {word for query in (_RUNNING, _CHILDREN) for word in tx.execute(query, {"batch": batch.id}).scalars()}
    word = tx.execute(_FIRST, {"batch": batch.id}).scalar_one_or_none()
    while word is not None:
        found.add(word)
        word = tx.execute(_NEXT, {"batch": batch.id, "last": word}).scalar_one_or_none()
    return sorted(found)
