"""What is left when the next job in order does not fit under a cap: jobs further behind that do, or the bill for all."""

from dataclasses import dataclass, replace
from datetime import datetime

from batchgen.core import pricing
from batchgen.core.budget import Full, Room
from batchgen.store.engine import Transaction
from batchgen.store.remaining import remaining
from batchgen.worker.scope import Scope


@dataclass(frozen=True, slots=True)
class Remainder:
    """`fitting` are due jobs that fit in together. Where there are none it is known of all: how many jobs there are, what they
    cost at most, how many of them have no price, when the first one is due that fits, and what the first one does not fit into.
    """

    fitting: tuple[int, ...] = ()
    jobs: int = 0
    micros: int = 0
    unpriced: int = 0
    due_at: datetime | None = None
    full: Full | None = None


def look(tx: Transaction, scope: Scope, room: Room, now: datetime, most: int) -> Remainder:
    """Go through the jobs until `most` fitting ones are found."""
    found = Remainder()
    for job in remaining(tx, scope.filter()):
        cost = pricing.worst_case_micros(job.request, now.date(), scope.plan.catalog)
        found = replace(found, jobs=found.jobs + 1, micros=found.micros + (cost or 0), unpriced=found.unpriced + (cost is None))
        full = room.full(job.batch_id, cost)
        if cost is None or job.due_at is None:
            continue
        if full is not None:
            found = replace(found, full=found.full or full)
        elif job.due_at > now:
            found = replace(found, due_at=min(job.due_at, found.due_at or job.due_at))
        else:
            found = replace(found, fitting=(*found.fitting, job.job_id))
            room = room.after(job.batch_id, cost)
        if len(found.fitting) == most:
            break
    return found
