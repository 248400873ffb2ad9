"""What was spent, added up under a heading. Nothing is read but attempts of the batches and the time that are asked about."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, Connection, Label, Row, and_, case, exists, func, or_, select

from batchgen.core.costs import ALWAYS, COLUMN, Period
from batchgen.errors import WrongUsage
from batchgen.store import batches as naming
from batchgen.store.batches import Batch
from batchgen.store.reports import MONEY, TRIED, UNPRICED, Money, known, money_of
from batchgen.store.tables import artifacts, attempts, batches, jobs

_ROWS_AT_ONCE = 1000
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Spent:
    """Money under one heading; no `key` is what has none there, as jobs without a value in a column.

    `retries` are attempts that were billed and left no image, so that it was or is to be asked for again; `retry_micros` is
    what they cost, a part of the money's cost. All images count that came, also those that made room for newer ones since.
    """

    key: str | None
    simulated: bool
    images: int
    money: Money
    retries: int
    retry_micros: int | None


@dataclass(frozen=True, slots=True)
class Costs:
    """What was spent by heading, real money first, and all of it. Real and simulated money are never added to each other."""

    by: str
    entries: Sequence[Spent]
    real: Spent
    simulated: Spent


_ITS_IMAGES = and_(artifacts.c.job_id == attempts.c.job_id, artifacts.c.attempt == attempts.c.number)
_HAS_NONE = ~exists().where(_ITS_IMAGES).correlate(attempts)
_IS_RETRY = and_(attempts.c.cost_micros > 0, _HAS_NONE)
_IMAGES = select(func.count()).select_from(artifacts).where(_ITS_IMAGES).correlate(attempts).scalar_subquery()
_COUNTED: tuple[Label[Any], ...] = (
    func.sum(_IMAGES).label("images"),
    func.count(case((_IS_RETRY, 1))).label("retries"),
    func.sum(case((_IS_RETRY, attempts.c.cost_micros))).label("retry_micros"),
    func.count(case((and_(UNPRICED, _HAS_NONE), 1))).label("unpriced_retries"),
)
# Sums in the order of these columns, behind the two that they are told by; a list, since there may be a row for each job.
_Sums = list[Any]
_NAMES = tuple(label.name for label in (*MONEY, *_COUNTED))
_NUMBERS = frozenset({"sent", "estimated", "unknown", "unpriced", "answered", "images", "retries", "unpriced_retries"})
_NOTHING: _Sums = [0 if name in _NUMBERS else None for name in _NAMES]
_WHOLE = attempts.join(jobs, jobs.c.id == attempts.c.job_id).join(batches, batches.c.id == jobs.c.batch_id)
_DAY: ColumnElement[Any] = func.date(attempts.c.started_at)

# What the attempts are grouped by, and what of that is the heading.
_VALUES: Mapping[str, tuple[ColumnElement[Any], Callable[[Any], str | None]]] = {
    "batch": (batches.c.name, str),
    "model": (attempts.c.model, str),
    "day": (_DAY, str),
    "month": (_DAY, lambda day: str(day)[:7]),
    "provider": (attempts.c.provider, lambda name: name),
    "lane": (attempts.c.lane, str),
    "outcome": (attempts.c.outcome, lambda outcome: outcome or "open"),
}


def spent(tx: Connection, by: str, chosen: Sequence[Batch] = (), period: Period = ALWAYS) -> Costs:
    """What was spent by one of `HEADINGS` or by `column:NAME`, a column of metadata; in the chosen batches, else in all.

    Raises WrongUsage for a column that these batches do not have.
    """
    value, key = _VALUES[by] if by in _VALUES else _column(tx, by, chosen)
    # Metadata are grouped by job: what is in them is not asked of the database, which would not know every name of a column.
    grouped = value if by in _VALUES else jobs.c.id
    query = (
        select(value.label("value"), batches.c.simulated, *MONEY, *_COUNTED)
        .select_from(_WHOLE)
        .where(*_within(period), *([jobs.c.batch_id.in_([batch.id for batch in chosen]), TRIED] if chosen else []))
        .group_by(grouped, batches.c.simulated)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    sums = _added(tx.execute(query), lambda value, simulated: (simulated, key(value)))
    entries = [_spent(text, simulated=simulated, sums=one) for (simulated, text), one in sums.items()]
    entries.sort(key=lambda one: (one.simulated, one.key is None, one.key or ""))
    return Costs(by, entries, *(_total(sums, simulated=simulated) for simulated in (False, True)))


def daily(tx: Connection, period: Period, provider: str, name_of: Callable[[str], str]) -> dict[tuple[date, str], Money]:
    """Real money by day and by `name_of` a model, of one provider and of attempts of which nobody kept who was asked."""
    query = (
        select(_DAY.label("day"), attempts.c.model, *MONEY)
        .select_from(_WHOLE)
        .where(
            *_within(period),
            batches.c.simulated.is_(False),
            or_(attempts.c.provider == provider, attempts.c.provider.is_(None)),
        )
        .group_by(_DAY, attempts.c.model)
    )
    sums = _added(tx.execute(query), lambda day, model: (date.fromisoformat(str(day)), name_of(model)))
    return {key: money_of(dict(zip(_NAMES, one, strict=False))) for key, one in sums.items()}


def _column(tx: Connection, by: str, chosen: Sequence[Batch]) -> tuple[ColumnElement[Any], Callable[[Any], str | None]]:
    name = by.removeprefix(COLUMN)
    there = dict.fromkeys(column for batch in chosen or naming.every(tx) for column in batch.metadata_columns)
    alike = [column for column in there if column.casefold() == name.casefold()]
    if name not in there and len(alike) == 1:
        name = alike[0]
    if name not in there:
        shown = ", ".join(list(there)[:_MOST_NAMED]) + (", ..." if len(there) > _MOST_NAMED else "")
        raise WrongUsage(
            f"no manifest has a column {name!r} of its own; " + (f"there are {shown}" if there else "none has any")
        )
    return jobs.c.metadata, lambda metadata: _as_text(metadata.get(name))


def _as_text(value: Any) -> str | None:
    """7 of a JSONL file and 7 of a CSV file are the same; an empty text is none."""
    return (value or None) if value is None or isinstance(value, str) else json.dumps(value)


def _within(period: Period) -> list[ColumnElement[bool]]:
    started = attempts.c.started_at
    conditions = []
    if period.since is not None:
        conditions.append(started >= datetime.combine(period.since, time.min, UTC))
    if period.until is not None:
        conditions.append(started <= datetime.combine(period.until, time.max, UTC))
    return conditions


def _added(rows: Iterable[Row[Any]], key: Callable[[Any, Any], Any]) -> dict[Any, _Sums]:
    """The sums of rows with the same key added up; there is no more in memory than keys."""
    found: dict[Any, _Sums] = {}
    for row in rows:
        first, second, *sums = tuple(row)
        of = key(first, second)
        found[of] = _both(found[of], sums) if of in found else sums
    return found


def _both(one: _Sums, other: _Sums) -> _Sums:
    """None is a sum of which nothing is known: it adds nothing."""
    return [b if a is None else a if b is None else a + b for a, b in zip(one, other, strict=True)]


def _total(sums: Mapping[Any, _Sums], *, simulated: bool) -> Spent:
    whole = _NOTHING
    for (is_simulated, _), one in sums.items():
        if is_simulated == simulated:
            whole = _both(whole, one)
    return _spent(None, simulated=simulated, sums=whole)


def _spent(key: str | None, *, simulated: bool, sums: _Sums) -> Spent:
    told = dict(zip(_NAMES, sums, strict=True))
    return Spent(
        key,
        simulated,
        int(told["images"]),
        money_of(told),
        told["retries"],
        known(told["retry_micros"], of=told["unpriced_retries"]),
    )
