"""What people ask the ledger: counts, money, failures, one job. Each is a query; nothing is counted twice to be kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Label, Row, and_, case, func, literal_column, or_, select

from batchgen.core import identity
from batchgen.core.job import FINAL, State
from batchgen.core.outcome import REFUSED_HERE, Outcome
from batchgen.core.pricing import Basis
from batchgen.errors import UnknownBatch
from batchgen.store import chains
from batchgen.store.batches import Batch
from batchgen.store.tables import artifacts, attempts, batches, jobs


@dataclass(frozen=True, slots=True)
class Money:
    """What attempts cost, in USD micros. None is not known, never zero.

    `estimated` are attempts whose answer told no usage, a part of `cost_micros`; `unknown` are attempts that may have been
    billed, `unknown_micros` the most they can have cost; `unpriced` are attempts whose cost nobody can say.
    """

    sent: int
    input_text_tokens: int | None
    input_image_tokens: int | None
    output_tokens: int | None
    cost_micros: int | None
    unknown: int
    unknown_micros: int | None
    unpriced: int
    estimated: int


@dataclass(frozen=True, slots=True)
class Summary:
    """One batch in figures; `states` has every state. `reused` of its images were made before, for other jobs."""

    batch: Batch
    states: dict[State, int]
    artifacts: int
    money: Money
    reused: int = 0


@dataclass(frozen=True, slots=True)
class Failed:
    """How many jobs have failed; of those, refused by the API, with an answer that was lost and may have been billed, and for
    want of another job's result.
    """

    jobs: int
    rejected: int
    unknown: int
    by_others: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """Failed jobs with the same cause. No outcome: others failed, whose results they needed; `needs` are those that the
    examples needed.
    """

    outcome: Outcome | None
    error_code: str | None
    message: str | None
    jobs: int
    examples: tuple[str, ...]
    needs: tuple[str, ...] = ()


# A job's newest attempt, where that is what made it fail.
_LAST = and_(attempts.c.job_id == jobs.c.id, attempts.c.number == jobs.c.attempt, jobs.c.failed_by.is_(None))
_UNKNOWN = and_(attempts.c.outcome == Outcome.UNKNOWN, attempts.c.cost_micros.is_(None))
UNPRICED = and_(
    attempts.c.outcome.is_not(None),
    attempts.c.cost_micros.is_(None),
    or_(attempts.c.outcome != Outcome.UNKNOWN, attempts.c.reserved_micros.is_(None)),
)
_ANSWERED = attempts.c.outcome.in_((Outcome.SUCCEEDED, Outcome.INVALID_REPLY, Outcome.SUPERSEDED))
MONEY: tuple[Label[Any], ...] = (
    func.count(attempts.c.sent_at).label("sent"),
    func.sum(attempts.c.input_text_tokens).label("input_text_tokens"),
    func.sum(attempts.c.input_image_tokens).label("input_image_tokens"),
    func.sum(attempts.c.output_tokens).label("output_tokens"),
    func.sum(attempts.c.cost_micros).label("cost_micros"),
    func.count(case((attempts.c.cost_basis == Basis.ESTIMATED, 1))).label("estimated"),
    func.count(case((_UNKNOWN, 1))).label("unknown"),
    func.sum(case((_UNKNOWN, attempts.c.reserved_micros))).label("unknown_micros"),
    func.count(case((UNPRICED, 1))).label("unpriced"),
    func.count(case((_ANSWERED, 1))).label("answered"),
)


# Written out and no parameter: else the database cannot tell that the index of such jobs will do.
TRIED = jobs.c.attempt > literal_column("0")


def summary(tx: Connection, batch: Batch) -> Summary:
    """Everything `status` says of a batch."""
    counted = tx.execute(select(jobs.c.state, func.count()).where(jobs.c.batch_id == batch.id).group_by(jobs.c.state))
    states = dict.fromkeys(State, 0) | {State(state): count for state, count in counted}
    images = (
        select(func.count())
        .select_from(artifacts.join(jobs, jobs.c.id == artifacts.c.job_id))
        .where(jobs.c.batch_id == batch.id, TRIED, artifacts.c.replaced_at.is_(None))
    )
    again = (
        select(func.count())
        .select_from(
            artifacts.join(attempts, and_(attempts.c.job_id == artifacts.c.job_id, attempts.c.number == artifacts.c.attempt))
        )
        .where(attempts.c.batch_id == batch.id, attempts.c.origin_job_id.is_not(None), artifacts.c.replaced_at.is_(None))
    )
    count, reused = (tx.execute(query).scalar_one() for query in (images, again))
    return Summary(batch, states, count, money(tx, batch), reused)


def money(tx: Connection, batch: Batch) -> Money:
    """All attempts of a batch added up."""
    mine = (jobs.c.batch_id == batch.id, TRIED)
    query = select(*MONEY).select_from(attempts.join(jobs, jobs.c.id == attempts.c.job_id)).where(*mine)
    return money_of(tx.execute(query).one()._asdict())


def unfinished(tx: Connection, batch_ids: Sequence[int]) -> dict[State, int]:
    """How many jobs of these batches wait or run."""
    query = (
        select(jobs.c.state, func.count())
        .where(jobs.c.batch_id.in_(batch_ids), jobs.c.state.not_in(FINAL))
        .group_by(jobs.c.state)
    )
    return {State.PENDING: 0, State.RUNNING: 0} | {State(state): count for state, count in tx.execute(query)}


def failed(tx: Connection, batch: Batch) -> Failed:
    """How many jobs of a batch have failed, and why they would not be tried again without a word of a person."""
    by_api = and_(attempts.c.outcome == Outcome.REJECTED, func.coalesce(attempts.c.error_code, "").not_in(REFUSED_HERE))
    rejected, unknown = (func.count(case((why, 1))) for why in (by_api, attempts.c.outcome == Outcome.UNKNOWN))
    query = select(func.count(), rejected, unknown, func.count(jobs.c.failed_by)).select_from(jobs.outerjoin(attempts, _LAST))
    return Failed(*tx.execute(query.where(jobs.c.batch_id == batch.id, jobs.c.state == State.FAILED)).one())


def failures(tx: Connection, batch: Batch, examples: int) -> list[Failure]:
    """Why jobs failed, the commonest cause first, with some custom_ids for each."""
    mine = and_(jobs.c.batch_id == batch.id, jobs.c.state == State.FAILED)
    cause = (attempts.c.outcome, attempts.c.error_code)
    grouped = (
        select(*cause, func.min(attempts.c.error_message).label("message"), func.count().label("jobs"))
        .select_from(jobs.join(attempts, _LAST))
        .where(mine)
        .group_by(*cause)
        .order_by(func.count().desc(), *cause)
    )
    found = []
    for row in tx.execute(grouped).all():
        same = attempts.c.error_code == row.error_code if row.error_code is not None else attempts.c.error_code.is_(None)
        named = (
            select(jobs.c.custom_id)
            .select_from(jobs.join(attempts, _LAST))
            .where(mine, attempts.c.outcome == row.outcome, same)
            .order_by(jobs.c.position)
            .limit(examples)
        )
        ids = tuple(tx.execute(named).scalars())
        found.append(Failure(Outcome(row.outcome), row.error_code, row.message, row.jobs, ids))
    return found + _by_others(tx, mine, examples)


def _by_others(tx: Connection, mine: ColumnElement[bool], examples: int) -> list[Failure]:
    """Failed for want of other jobs' results; why those failed is told with them. Of each such job one child is an example
    before any other child is.
    """
    mine = and_(mine, jobs.c.failed_by.is_not(None))
    count, causes = tx.execute(select(func.count(), func.count(jobs.c.failed_by.distinct())).where(mine)).one()
    if not count:
        return []
    number = func.row_number().over(partition_by=jobs.c.failed_by, order_by=jobs.c.position)
    numbered = select(jobs.c.custom_id, jobs.c.failed_by, jobs.c.position, number.label("n")).where(mine).subquery()
    cause = jobs.alias("cause")
    query = (
        select(numbered.c.custom_id, cause.c.custom_id.label("needs"), cause.c.state)
        .join(cause, cause.c.id == numbered.c.failed_by)
        .order_by(numbered.c.n, numbered.c.position)
        .limit(examples)
    )
    found = sorted(tx.execute(query).all(), key=attrgetter("needs"))
    one = f"{found[0].needs} {'was cancelled' if found[0].state == State.CANCELLED else 'failed'}"
    message = one if causes == 1 else f"{causes:,} rows that they need failed or were cancelled"
    ids, needs = tuple(row.custom_id for row in found), tuple(row.needs for row in found)
    return [Failure(None, chains.PARENT_FAILED, message, count, ids, needs)]


def job(tx: Connection, batch: Batch, custom_id: str) -> tuple[Row[Any], list[Row[Any]], list[Row[Any]]]:
    """One job, its attempts in order, its files in order. Raises UnknownBatch if the batch has no such job."""
    query = select(jobs).where(jobs.c.batch_id == batch.id, jobs.c.custom_id_key == identity.fold(custom_id))
    row = tx.execute(query).first()
    if row is None:
        raise UnknownBatch(f"batch {batch.name} has no job {custom_id!r}; export lists them all")
    tries = tx.execute(select(attempts).where(attempts.c.job_id == row.id).order_by(attempts.c.number)).all()
    files = tx.execute(
        select(artifacts).where(artifacts.c.job_id == row.id).order_by(artifacts.c.attempt, artifacts.c.ordinal)
    ).all()
    return row, list(tries), list(files)


def names(tx: Connection, job_ids: Iterable[int]) -> dict[int, str]:
    """Jobs as `batch/custom_id`, by their ids."""
    ids = set(job_ids)
    if not ids:
        return {}
    query = select(jobs.c.id, batches.c.name, jobs.c.custom_id).join(batches, batches.c.id == jobs.c.batch_id)
    return {row.id: f"{row.name}/{row.custom_id}" for row in tx.execute(query.where(jobs.c.id.in_(ids)))}


def images_since(tx: Connection, moment: datetime, *, provider: str) -> int:
    """Images of a provider that came back since a moment, with those of which nobody kept who made them."""
    query = (
        select(func.count())
        .select_from(
            attempts.join(artifacts, and_(artifacts.c.job_id == attempts.c.job_id, artifacts.c.attempt == attempts.c.number))
        )
        .where(
            attempts.c.started_at >= moment,
            attempts.c.origin_job_id.is_(None),
            or_(attempts.c.provider == provider, attempts.c.provider.is_(None)),
        )
    )
    return tx.execute(query).scalar_one()


def money_of(sums: Mapping[str, Any]) -> Money:
    """The sums of `MONEY` by their labels."""
    return Money(
        sent=sums["sent"],
        input_text_tokens=known(sums["input_text_tokens"], of=sums["answered"]),
        input_image_tokens=known(sums["input_image_tokens"], of=sums["answered"]),
        output_tokens=known(sums["output_tokens"], of=sums["answered"]),
        cost_micros=known(sums["cost_micros"], of=sums["unpriced"]),
        unknown=sums["unknown"],
        unknown_micros=known(sums["unknown_micros"], of=sums["unknown"]),
        unpriced=sums["unpriced"],
        estimated=sums["estimated"],
    )


def known(total: Any, *, of: int) -> int | None:
    """A sum over nothing is 0 where nothing happened, and not known where something did."""
    if total is None:
        return None if of else 0
    return int(total)
