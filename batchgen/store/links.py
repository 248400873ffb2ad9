"""Staged rows that take the results of others: who takes from whom, in which order they can be understood, and who of them
would wait for itself. What the batch holds already counts as well.

A second temporary table beside the staged rows, so that memory stays level for a million of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    exists,
    insert,
    or_,
    select,
    text,
    update,
)

from batchgen.core.job import State
from batchgen.store import chains, submission
from batchgen.store.batches import Batch
from batchgen.store.submission import Listed, staged
from batchgen.store.tables import dependencies, jobs

_ROWS_AT_ONCE = 500

links = Table(
    "links",
    MetaData(),
    Column("manifest", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, primary_key=True, autoincrement=False),  # below 0: a job that is not in the manifest
    Column("place", BigInteger, primary_key=True, autoincrement=False),  # among the inputs of the row
    Column("line", Integer, nullable=False),
    Column("field", String(20), nullable=False),
    Column("source", Text, nullable=False),
    Column("key", String(500), nullable=False),
    Column("parent_key", String(500), nullable=False),
    Column("level", Integer, nullable=True),  # one more than its parents'; NULL: not known yet
    prefixes=["TEMPORARY"],
)

# Jobs that are not in the manifest, and from which its rows take something: they could wait for rows of it in their turn.
_ADD_HELD = """
    WITH RECURSIVE above(id) AS (
        SELECT jobs.id FROM links JOIN jobs ON jobs.batch_id = :batch AND jobs.custom_id_key = links.parent_key
        WHERE links.manifest = :manifest
        UNION SELECT dependencies.parent_id FROM above JOIN dependencies ON dependencies.job_id = above.id
    )
    INSERT INTO links (manifest, position, place, line, field, source, key, parent_key)
    SELECT :manifest, -child.id, parent.id, 0, '', '@' || parent.custom_id, child.custom_id_key, parent.custom_id_key
    FROM above JOIN dependencies ON dependencies.job_id = above.id
    JOIN jobs AS child ON child.id = above.id JOIN jobs AS parent ON parent.id = dependencies.parent_id
    WHERE NOT EXISTS (SELECT 1 FROM staged WHERE staged.manifest = :manifest AND staged.custom_id_key = child.custom_id_key)
"""


@dataclass(frozen=True, slots=True)
class Link:
    """What a row takes from another one. `parent` is what is known of that one: None if there is none."""

    position: int
    place: int
    line: int
    field: str
    source: str
    key: str
    parent_key: str
    parent: "Asked | None" = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a row asks for, as it is stored; nothing at all for one that cannot be."""

    operation: str
    model: str
    request: dict[str, Any]
    fingerprint: str


def prepare(tx: Connection) -> None:
    """Make the temporary table; it goes with the connection."""
    tx.execute(text("DROP TABLE IF EXISTS links"))
    links.create(tx)


def stage(tx: Connection, taken: Sequence[dict[str, Any]]) -> None:
    """Add links; the keys are the columns of the temporary table."""
    if taken:
        tx.execute(insert(links), taken)


def complete(tx: Connection, manifest: int, batch: Batch | None) -> None:
    """When all rows are staged and their ids are final: call the rows by them, and add what the batch holds."""
    same_row = and_(staged.c.manifest == links.c.manifest, staged.c.position == links.c.position)
    tx.execute(update(links).where(links.c.manifest == manifest, same_row).values(key=staged.c.custom_id_key))
    if batch is not None:
        tx.execute(text(_ADD_HELD), {"manifest": manifest, "batch": batch.id})
    for column in ("key", "parent_key", "level"):
        tx.execute(text(f"CREATE INDEX IF NOT EXISTS ix_links_{column} ON links (manifest, {column})"))


def every(tx: Connection, manifest: int, batch: Batch | None) -> Iterator[Link]:
    """All links of the rows by their places, with what their parents ask for."""
    return _paged(tx, manifest, batch, None)


def of_level(tx: Connection, manifest: int, batch: Batch | None, level: int) -> Iterator[Link]:
    """The same of one level. What their rows ask for may be changed meanwhile."""
    return _paged(tx, manifest, batch, level)


def _paged(tx: Connection, manifest: int, batch: Batch | None, level: int | None) -> Iterator[Link]:
    mine = and_(links.c.manifest == manifest, links.c.position >= 0, *([] if level is None else [links.c.level == level]))
    after = -1
    while True:
        places = select(links.c.position).where(mine, links.c.position > after).distinct().order_by(links.c.position)
        positions = list(tx.execute(places.limit(_ROWS_AT_ONCE)).scalars())
        if not positions:
            return
        yield from _with_parents(tx, manifest, batch, positions)
        after = positions[-1]


def _with_parents(tx: Connection, manifest: int, batch: Batch | None, positions: Sequence[int]) -> Iterator[Link]:
    mine = and_(links.c.manifest == manifest, links.c.position.in_(positions))
    found = tx.execute(select(links).where(mine).order_by(links.c.position, links.c.place)).all()
    keys = {row.parent_key for row in found}
    told = (staged.c.operation, staged.c.model, staged.c.request, staged.c.fingerprint)
    rows = tx.execute(
        select(staged.c.custom_id_key, *told).where(staged.c.manifest == manifest, staged.c.custom_id_key.in_(keys))
    )
    known = {row.custom_id_key: Asked(*row[1:]) for row in rows}
    if batch is not None and keys - known.keys():
        held = select(jobs.c.custom_id_key, jobs.c.operation, jobs.c.model, jobs.c.request, jobs.c.fingerprint)
        others = held.where(jobs.c.batch_id == batch.id, jobs.c.custom_id_key.in_(keys - known.keys()))
        known |= {row.custom_id_key: Asked(*row[1:]) for row in tx.execute(others)}
    for row in found:
        yield _link(row, known.get(row.parent_key))


def _link(row: Any, parent: Asked | None = None) -> Link:
    return Link(row.position, row.place, row.line, row.field, row.source, row.key, row.parent_key, parent)


def advance(tx: Connection, manifest: int, level: int) -> bool:
    """Give this level to the rows whose parents all have one; False if there are none. From 1 on, one after the other."""
    below, mine, above = links.alias("below"), links.alias("mine"), links.alias("above")
    is_open = (
        exists()
        .where(mine.c.manifest == manifest, mine.c.key == links.c.key)
        .where(above.c.manifest == manifest, above.c.key == mine.c.parent_key, above.c.level.is_(None))
    )
    ready = [links.c.manifest == manifest, links.c.level.is_(None), ~is_open]
    if level > 1:
        # Only what takes from the level before can have become ready: a long chain is not walked again for each of its rows.
        freed = select(mine.c.key).join(below, and_(below.c.manifest == manifest, below.c.key == mine.c.parent_key))
        ready.append(links.c.key.in_(freed.where(mine.c.manifest == manifest, below.c.level == level - 1)))
    return bool(tx.execute(update(links).where(*ready).values(level=level)).rowcount)


def circle(tx: Connection, manifest: int) -> list[Link]:
    """Rows without a level that need each other, each the next one, beginning with the first in the manifest; or none."""
    here = tx.execute(_open(manifest).where(links.c.position >= 0).limit(1)).first()
    walked: dict[str, Link] = {}
    while here is not None and here.key not in walked:
        walked[here.key] = _link(here)
        here = tx.execute(_open(manifest).where(links.c.key == here.parent_key).limit(1)).first()
    if here is None:
        return []
    keys = list(walked)
    around = [walked[key] for key in keys[keys.index(here.key) :]]
    begin = min((link.line, place) for place, link in enumerate(around) if link.line)[1]
    return [*around[begin:], *around[:begin]]


def _open(manifest: int) -> Select[Any]:
    """Links to parents that have no level either."""
    above = links.alias("above")
    is_open = exists().where(above.c.manifest == manifest, above.c.key == links.c.parent_key, above.c.level.is_(None))
    mine = (links.c.manifest == manifest, links.c.level.is_(None), is_open)
    return select(links).where(*mine).order_by(links.c.position, links.c.place)


def break_open(tx: Connection, manifest: int, around: Sequence[Link], level: int) -> None:
    """Give a level to the rows of a circle that was told, so that what only takes from them is not told as well."""
    for start in range(0, len(around), _ROWS_AT_ONCE):
        keys = [link.key for link in around[start : start + _ROWS_AT_ONCE]]
        tx.execute(update(links).where(links.c.manifest == manifest, links.c.key.in_(keys)).values(level=level))


def asked(tx: Connection, manifest: int, positions: Sequence[int]) -> dict[int, Asked]:
    """What staged rows ask for, by position."""
    told = (staged.c.operation, staged.c.model, staged.c.request, staged.c.fingerprint)
    query = select(staged.c.position, *told).where(staged.c.manifest == manifest, staged.c.position.in_(positions))
    return {row.position: Asked(*row[1:]) for row in tx.execute(query)}


def change(tx: Connection, manifest: int, rows: Sequence[dict[str, Any]]) -> None:
    """Write staged rows anew: `at`, `new_request`, `new_fingerprint`."""
    tx.execute(
        update(staged)
        .where(staged.c.manifest == bindparam("of_manifest"), staged.c.position == bindparam("at"))
        .values(request=bindparam("new_request"), fingerprint=bindparam("new_fingerprint")),
        [{"of_manifest": manifest, **row} for row in rows],
    )


def made_from_changed(tx: Connection, manifest: int, batch: Batch) -> Listed:
    """Jobs that are done and would be made again, since what they were made from is to be made again."""
    row, job = staged.alias("parent_row"), jobs.alias("parent_job")
    is_parent_changed = (
        exists()
        .where(links.c.manifest == manifest, links.c.position == staged.c.position)
        .where(row.c.manifest == manifest, row.c.custom_id_key == links.c.parent_key)
        .where(job.c.batch_id == batch.id, job.c.custom_id_key == links.c.parent_key, job.c.fingerprint != row.c.fingerprint)
    )
    done = submission.changed_jobs(manifest, batch).where(jobs.c.state == State.SUCCEEDED, is_parent_changed)
    return submission.listed(tx, done)


def connect(tx: Connection, manifest: int, batch: Batch, now: datetime) -> None:
    """When the rows are stored: let their jobs depend on just those whose results they take, and wait or fail accordingly."""
    if not _has_links(tx, manifest) and not chains.has_any(tx, batch.id):
        return
    child, parent = jobs.alias("child"), jobs.alias("parent")
    taken = (
        select(child.c.id, parent.c.id)
        .select_from(links)
        .join(child, and_(child.c.batch_id == batch.id, child.c.custom_id_key == links.c.key))
        .join(parent, and_(parent.c.batch_id == batch.id, parent.c.custom_id_key == links.c.parent_key))
        .where(links.c.manifest == manifest)
    )
    is_known = exists().where(dependencies.c.job_id == child.c.id, dependencies.c.parent_id == parent.c.id)
    in_manifest = and_(staged.c.manifest == manifest, staged.c.custom_id_key == jobs.c.custom_id_key)
    mine = select(jobs.c.id).join(staged, in_manifest).where(jobs.c.batch_id == batch.id)
    is_taken = taken.where(child.c.id == dependencies.c.job_id, parent.c.id == dependencies.c.parent_id).exists()
    tx.execute(delete(dependencies).where(dependencies.c.job_id.in_(mine), ~is_taken))
    tx.execute(insert(dependencies).from_select(["job_id", "parent_id"], taken.where(~is_known).distinct()))
    is_parent = exists().where(dependencies.c.parent_id == jobs.c.id)
    tx.execute(update(jobs).where(jobs.c.batch_id == batch.id, ~jobs.c.has_children, is_parent).values(has_children=True))
    has_parents = exists().where(dependencies.c.job_id == jobs.c.id)
    chains.recount(tx, select(jobs.c.id).where(jobs.c.batch_id == batch.id, or_(jobs.c.waits_for > 0, has_parents)))
    chains.revive(tx, batch.id, now)


def _has_links(tx: Connection, manifest: int) -> bool:
    return tx.execute(select(links.c.line).where(links.c.manifest == manifest).limit(1)).first() is not None
