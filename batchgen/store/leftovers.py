"""What is left of a provider's jobs when none can be claimed: made by others, waiting for others, or for a model."""

from typing import Any

from sqlalchemy import BindParameter, Connection, Select, bindparam, func, select

from batchgen.store.leases import IS_RUNNING
from batchgen.store.queue import IS_PENDING, Filter
from batchgen.store.tables import jobs

_THEIRS = (jobs.c.batch_id == bindparam("batch"), jobs.c.provider == bindparam("provider"))
_BLOCKED: BindParameter[Any] = bindparam("blocked", expanding=True)
_RUNNING = select(func.count()).where(*_THEIRS, IS_RUNNING)
_LEFT_OUT = select(func.count()).where(*_THEIRS, IS_PENDING, jobs.c.model.in_(_BLOCKED))
_WAITING = select(func.count()).where(*_THEIRS, IS_PENDING, jobs.c.waits_for > 0, jobs.c.model.not_in(_BLOCKED))


def running(tx: Connection, wanted: Filter) -> int:
    """How many are being made, by whomever."""
    return _count(tx, wanted, _RUNNING)


def left_out(tx: Connection, wanted: Filter) -> int:
    """How many wait for a model that is blocked."""
    return _count(tx, wanted, _LEFT_OUT, list(wanted.blocked_models))


def waiting(tx: Connection, wanted: Filter) -> int:
    """How many wait for the results of others, those of models that are blocked not counted."""
    return _count(tx, wanted, _WAITING, list(wanted.blocked_models))


def _count(tx: Connection, wanted: Filter, query: Select[Any], blocked: list[str] | None = None) -> int:
    chosen = {} if blocked is None else {"blocked": blocked}
    return sum(
        tx.execute(query, {"batch": batch_id, "provider": word, **chosen}).scalar_one()
        for batch_id, words in wanted.parts()
        for word in words
    )
