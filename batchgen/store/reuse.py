"""What was made before for the same request, and may be used again instead of being bought.

A picture is known by who made it first, however often it was used since: a batch that has it already gets it a second time
only if that was asked for, since equal rows of one manifest are wanted as two pictures. Found by the fingerprint; of inputs
that are results of other rows the images themselves have to be the same, too.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)

from batchgen.core.artifact import Artifact, Origin
from batchgen.core.job import State
from batchgen.core.request import Input, Request, restored
from batchgen.store import chains, queue, spending
from batchgen.store.leases import Lease
from batchgen.store.queue import IS_PENDING, WAITS_FOR_NOBODY, Claim, Filter
from batchgen.store.tables import artifacts, attempts, batches, jobs

# How many jobs are claimed together.
AT_ONCE = 200
START = (-1, -1)
# So many results are looked at beyond those that are needed, since the files of some may be gone.
_MORE = 50


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be used again: what is not older (None: of any age), and with `within_batch` also by rows of one batch."""

    max_age: timedelta | None = None
    within_batch: bool = False

    def oldest(self, now: datetime) -> datetime:
        """Since when it must have been made."""
        return datetime.min.replace(tzinfo=now.tzinfo) if self.max_age is None else now - self.max_age


@dataclass(frozen=True, slots=True)
class Wish:
    """A job and what it asks for, with the results of others that it takes."""

    job_id: int
    batch_id: int
    fingerprint: str
    request: Request


@dataclass(frozen=True, slots=True)
class Search:
    """How to look for what can be used again: only what this provider made, and what is `usable`, as files are.

    `taken` are the pictures that this search has given away, each with the batch.
    """

    rules: Rules
    provider: str | None
    now: datetime
    usable: Callable[[Origin], bool] = lambda _origin: True
    taken: set[tuple[int, int]] = field(default_factory=set)


def page(tx: Connection, part: tuple[int, Sequence[str]], rules: Rules, after: tuple[int, int]) -> list[tuple[int, int]]:
    """The next jobs of a batch, by position and id, of which something may have been made before; `part` is of a filter."""
    batch_id, words = part
    query = _page(rules.within_batch)
    place = {"after_position": after[0], "after_id": after[1]}
    return [(row.position, row.id) for row in tx.execute(query, {"batch": batch_id, "words": list(words), **place})]


def among_due(tx: Connection, wanted: Filter, rules: Rules, now: datetime, most: int) -> list[int]:
    """Those of the jobs that are claimed next of which something may have been made before."""
    ids = [row.id for row in queue.due(tx, wanted, now, most, locked=False)]
    return list(tx.execute(_twins_among(rules.within_batch), {"ids": ids}).scalars()) if ids else []


def take(tx: Connection, wanted: Filter, lease: Lease, search: Search) -> list[Claim]:
    """Claim those of the jobs of a filter, which names them, for which there is something to use again.

    Nobody else does so meanwhile: two would give one picture to two rows.
    """
    spending.lock(tx)
    wanted = replace(wanted, apart=False)
    rows = queue.due(tx, wanted, search.now, len(wanted.only_jobs or ()))
    claims = [queue.claim_of(tx, row, lambda _request: 0, search.now) for row in rows]
    wishes = [Wish(one.job_id, one.batch_id, one.fingerprint, one.request) for one in claims if not one.have]
    origins = offers(tx, wishes, search)
    chosen = [replace(claim, origin=origins[claim.job_id]) for claim in claims if claim.job_id in origins]
    queue.open_attempts(tx, chosen, wanted.provider, lease, search.now)
    return chosen


def offers(tx: Connection, wishes: Iterable[Wish], search: Search) -> dict[int, Origin]:
    """What can be used again for each of these jobs, the oldest picture first."""
    by_batch: dict[int, list[Wish]] = {}
    for wish in wishes:
        if wish.request.is_whole:
            by_batch.setdefault(wish.batch_id, []).append(wish)
    found: dict[int, Origin] = {}
    for batch_id, some in by_batch.items():
        sources = _sources(tx, batch_id, some, search)
        for wish in some:
            origin = next(_fitting(tx, wish, sources, search), None)
            if origin is not None:
                search.taken.add((batch_id, origin.job_id))
                found[wish.job_id] = origin
    return found


def _fitting(
    tx: Connection, wish: Wish, sources: Mapping[str, Sequence[tuple[Row[Any], Origin]]], search: Search
) -> Iterator[Origin]:
    for source, origin in sources.get(wish.fingerprint, ()):
        is_free = search.rules.within_batch or (wish.batch_id, origin.job_id) not in search.taken
        if is_free and len(origin.images) >= wish.request.images and search.usable(origin) and _same(tx, wish, source):
            yield origin


def _same(tx: Connection, wish: Wish, source: Row[Any]) -> bool:
    """Whether the results of other rows that both take are the same images."""
    inputs = wish.request.inputs
    if not any(one.is_result for one in inputs):
        return True
    theirs = restored(source.operation, source.model, source.request).inputs
    made_from = chains.with_results(tx, source.batch_id, theirs, at=source.started_at)
    return all(map(_is_there, inputs)) and [one.sha256 for one in inputs] == [one.sha256 for one in made_from]


def _is_there(one: Input) -> bool:
    return one.path is not None or not one.is_result


def _sources(tx: Connection, batch_id: int, wishes: Sequence[Wish], search: Search) -> dict[str, list[tuple[Row[Any], Origin]]]:
    """Jobs that have what is wished for, each with its images, by fingerprint."""
    asked = {
        "batch": batch_id,
        "fingerprints": list({wish.fingerprint for wish in wishes}),
        "made_by": search.provider or "",
        "oldest": search.rules.oldest(search.now),
        "most": len(wishes) + _MORE,
    }
    rows = tx.execute(_having(search.rules.within_batch), asked).all()
    images: dict[int, list[Artifact]] = {row.id: [] for row in rows}
    if rows:
        for one in tx.execute(_IMAGES, {"ids": list(images)}):
            facts = (one.path, one.media_type, one.width, one.height, one.bytes, one.sha256)
            images[one.job_id].append(Artifact(one.ordinal, *facts))
    found: dict[str, list[tuple[Row[Any], Origin]]] = {}
    for row in rows:
        origin = Origin(row.origin_job_id, row.origin_attempt, tuple(images[row.id]))
        found.setdefault(row.fingerprint, []).append((row, origin))
    return found


_IMAGES = (
    select(artifacts)
    .where(artifacts.c.job_id.in_(bindparam("ids", expanding=True)), artifacts.c.replaced_at.is_(None))
    .order_by(artifacts.c.job_id, artifacts.c.ordinal)
)
_source = jobs.alias("source")
_made = attempts.alias("made")  # the attempt that brought the images to the source
_first = attempts.alias("first")  # and the one that made them: the same, if it did not use them again itself


def is_reusable(job: Any) -> ColumnElement[bool]:
    """Of the table of jobs or an alias of it; as its index says it."""
    return and_(job.c.state == literal_column(f"'{State.SUCCEEDED}'"), job.c.attempt > job.c.forgotten)


def _twin(within_batch: bool) -> ColumnElement[bool]:
    """Whether a job asks for what another one has; for a first look."""
    same = exists().where(_source.c.fingerprint == jobs.c.fingerprint, is_reusable(_source))
    return same if within_batch else same.where(_source.c.batch_id != jobs.c.batch_id)


@cache
def _page(within_batch: bool) -> Select[Any]:
    place = tuple_(bindparam("after_position"), bindparam("after_id"))
    return (
        select(jobs.c.position, jobs.c.id)
        .where(
            jobs.c.batch_id == bindparam("batch"),
            jobs.c.provider.in_(bindparam("words", expanding=True)),
            IS_PENDING,
            WAITS_FOR_NOBODY,
            tuple_(jobs.c.position, jobs.c.id) > place,
            _twin(within_batch),
        )
        .order_by(jobs.c.position, jobs.c.id)
        .limit(AT_ONCE)
    )


@cache
def _twins_among(within_batch: bool) -> Select[Any]:
    return select(jobs.c.id).where(jobs.c.id.in_(bindparam("ids", expanding=True)), _twin(within_batch))


def _lives(attempt: Any) -> ColumnElement[bool]:
    """Whether images that an attempt brought are in their places."""
    return exists().where(
        artifacts.c.job_id == attempt.c.job_id, artifacts.c.attempt == attempt.c.number, artifacts.c.replaced_at.is_(None)
    )


def _is_in_batch() -> ColumnElement[bool]:
    """Whether the batch has the picture already, made by itself or used again, or is about to have it."""
    used = attempts.alias("used")
    again = exists().where(
        used.c.batch_id == bindparam("batch"),
        used.c.origin_job_id == _first.c.job_id,
        or_(used.c.outcome.is_(None), _lives(used)),
    )
    return or_(and_(_first.c.batch_id == bindparam("batch"), _lives(_first)), again)


@cache
def _having(within_batch: bool) -> Select[Any]:
    """Jobs with what is wished for, the first ones of each fingerprint."""
    image = artifacts.alias("image")
    of_batch = select(batches.c.simulated).where(batches.c.id == bindparam("batch")).scalar_subquery()
    number = func.row_number().over(partition_by=_source.c.fingerprint, order_by=_source.c.id)
    told = (_source.c.id, _source.c.batch_id, _source.c.fingerprint, _source.c.operation, _source.c.model, _source.c.request)
    who = (_made.c.started_at, _first.c.job_id.label("origin_job_id"), _first.c.number.label("origin_attempt"))
    is_first = and_(
        _first.c.job_id == func.coalesce(_made.c.origin_job_id, _made.c.job_id),
        _first.c.number == func.coalesce(_made.c.origin_attempt, _made.c.number),
    )
    found = (
        select(*told, *who, number.label("n"))
        .join(batches, batches.c.id == _source.c.batch_id)
        .join(image, and_(image.c.job_id == _source.c.id, image.c.ordinal == 1, image.c.replaced_at.is_(None)))
        .join(_made, and_(_made.c.job_id == image.c.job_id, _made.c.number == image.c.attempt))
        .join(_first, is_first)
        .where(
            _source.c.fingerprint.in_(bindparam("fingerprints", expanding=True)),
            is_reusable(_source),
            batches.c.simulated == of_batch,
            func.coalesce(_made.c.provider, "") == bindparam("made_by"),
            _first.c.finished_at >= bindparam("oldest"),
        )
    )
    numbered = (found if within_batch else found.where(~_is_in_batch())).subquery()
    return select(numbered).where(numbered.c.n <= bindparam("most")).order_by(numbered.c.fingerprint, numbered.c.n)
