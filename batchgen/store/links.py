"""Staged rows that take the results of others: who takes from whom, in which order they can be understood, and who of them
would wait for itself. What the batch holds already counts as well.

A second temporary table beside the staged rows, so that memory stays level for a million of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    and_,
    bindparam,
    exists,
    insert,
    select,
    text,
    update,
)

from batchgen.store.batches import Batch
from batchgen.store.submission import staged
from batchgen.store.tables import jobs

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

_INDEXES = {"key": "key", "parent_key": "parent_key, key", "level": "level, position, key"}

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
    for name, columns in _INDEXES.items():
        tx.execute(text(f"CREATE INDEX IF NOT EXISTS ix_links_{name} ON links (manifest, {columns})"))
    # Else the planner would think that a manifest has few links, and walk all of them for each.
    tx.execute(text("ANALYZE links"))


def every(tx: Connection, manifest: int, batch: Batch | None, level: int | None = None) -> Iterator[Link]:
    """The links of the rows by their places, with what their parents ask for; of one level if one is given.

    What their rows ask for may be changed meanwhile.
    """
    after, query = -1, _PLACES if level is None else _PLACES_OF_LEVEL
    chosen = {} if level is None else {"level": level}
    while True:
        positions = list(tx.execute(query, {"manifest": manifest, "after": after, **chosen}).scalars())
        if positions:
            yield from _with_parents(tx, manifest, batch, positions)
        if len(positions) < _ROWS_AT_ONCE:
            return
        after = positions[-1]


# Built once: a long chain asks all of this for each of its rows.
_MINE = links.c.manifest == bindparam("manifest")
_PLACES = (
    select(links.c.position)
    .where(_MINE, links.c.position > bindparam("after"))
    .distinct()
    .order_by(links.c.position)
    .limit(_ROWS_AT_ONCE)
)
_PLACES_OF_LEVEL = _PLACES.where(links.c.level == bindparam("level"))
_AT_PLACES = (
    select(links)
    .where(_MINE, links.c.position.in_(bindparam("positions", expanding=True)))
    .order_by(links.c.position, links.c.place)
)
_ASKED = (staged.c.operation, staged.c.model, staged.c.request, staged.c.fingerprint)
_BY_KEY = select(staged.c.custom_id_key, *_ASKED).where(
    staged.c.manifest == bindparam("manifest"), staged.c.custom_id_key.in_(bindparam("keys", expanding=True))
)
_HELD_BY_KEY = select(jobs.c.custom_id_key, jobs.c.operation, jobs.c.model, jobs.c.request, jobs.c.fingerprint).where(
    jobs.c.batch_id == bindparam("batch"), jobs.c.custom_id_key.in_(bindparam("keys", expanding=True))
)
_BY_PLACE = select(staged.c.position, *_ASKED).where(
    staged.c.manifest == bindparam("manifest"), staged.c.position.in_(bindparam("positions", expanding=True))
)


def _with_parents(tx: Connection, manifest: int, batch: Batch | None, positions: Sequence[int]) -> Iterator[Link]:
    found = tx.execute(_AT_PLACES, {"manifest": manifest, "positions": positions}).all()
    keys = {row.parent_key for row in found}
    known = {row.custom_id_key: Asked(*row[1:]) for row in tx.execute(_BY_KEY, {"manifest": manifest, "keys": list(keys)})}
    others = keys - known.keys()
    if batch is not None and others:
        held = tx.execute(_HELD_BY_KEY, {"batch": batch.id, "keys": list(others)})
        known |= {row.custom_id_key: Asked(*row[1:]) for row in held}
    for row in found:
        yield _link(row, known.get(row.parent_key))


def _link(row: Any, parent: Asked | None = None) -> Link:
    return Link(row.position, row.place, row.line, row.field, row.source, row.key, row.parent_key, parent)


def names(tx: Connection, manifest: int, batch: Batch | None, most: int) -> dict[str, str]:
    """The custom_ids of the manifest, and of the batch, by their keys; nothing at all where there are more than so many."""
    queries = [select(staged.c.custom_id_key, staged.c.custom_id).where(staged.c.manifest == manifest)]
    if batch is not None:
        queries.append(select(jobs.c.custom_id_key, jobs.c.custom_id).where(jobs.c.batch_id == batch.id))
    found = [row for query in queries for row in tx.execute(query.limit(most + 1))]
    return {row.custom_id_key: row.custom_id for row in found} if len(found) <= most else {}


def advance(tx: Connection, manifest: int, level: int) -> bool:
    """Give this level to the rows whose parents all have one; False if there are none. From 1 on, one after the other."""
    return bool(tx.execute(_FIRST if level == 1 else _NEXT, {"manifest": manifest, "level": level}).rowcount)


# The rows are found before the first of them is changed: else SQLite would take a level that was just given for an old one.
_READY = """
    UPDATE links SET level = :level WHERE manifest = :manifest AND position IN (
        SELECT ready.position FROM links AS ready WHERE ready.manifest = :manifest AND +ready.level IS NULL AND NOT EXISTS (
            SELECT 1 FROM links AS mine JOIN links AS above
            ON above.manifest = :manifest AND above.key = mine.parent_key AND above.level IS NULL
            WHERE mine.manifest = :manifest AND mine.key = ready.key
        ){further}
    )
"""
# Only what takes from the level before can have become ready: a long chain is not walked again for each of its rows. CROSS JOIN
# makes SQLite begin with that level, and + with the keys below it: when the table was analyzed, nobody had a level.
_IS_BELOW = """ AND ready.key IN (
            SELECT mine.key FROM links AS above CROSS JOIN links AS mine
            WHERE above.manifest = :manifest AND above.level = :level - 1
            AND mine.manifest = :manifest AND mine.parent_key = above.key
        )"""
_FIRST, _NEXT = text(_READY.format(further="")), text(_READY.format(further=_IS_BELOW))


def circle(tx: Connection, manifest: int) -> list[Link]:
    """Rows without a level that need each other, each the next one, beginning with the first in the manifest; or none."""
    here = tx.execute(_OPEN, {"manifest": manifest}).first()
    walked: dict[str, Link] = {}
    while here is not None and here.key not in walked:
        walked[here.key] = _link(here)
        here = tx.execute(_OPEN_AT, {"manifest": manifest, "at": here.parent_key}).first()
    if here is None:
        return []
    keys = list(walked)
    around = [walked[key] for key in keys[keys.index(here.key) :]]
    begin = min((link.line, place) for place, link in enumerate(around) if link.line)[1]
    return [*around[begin:], *around[:begin]]


_above = links.alias("above")
# A link to a parent that has no level either.
_ANY_OPEN = (
    select(links)
    .where(_MINE, links.c.level.is_(None))
    .where(exists().where(_above.c.manifest == links.c.manifest, _above.c.key == links.c.parent_key, _above.c.level.is_(None)))
    .order_by(links.c.position, links.c.place)
    .limit(1)
)
_OPEN = _ANY_OPEN.where(links.c.position >= 0)
_OPEN_AT = _ANY_OPEN.where(links.c.key == bindparam("at"))


def break_open(tx: Connection, manifest: int, around: Sequence[Link], level: int) -> None:
    """Give a level to the rows of a circle that was told, so that what only takes from them is not told as well."""
    for start in range(0, len(around), _ROWS_AT_ONCE):
        keys = [link.key for link in around[start : start + _ROWS_AT_ONCE]]
        tx.execute(update(links).where(links.c.manifest == manifest, links.c.key.in_(keys)).values(level=level))


def asked(tx: Connection, manifest: int, positions: Sequence[int]) -> dict[int, Asked]:
    """What staged rows ask for, by position."""
    return {row.position: Asked(*row[1:]) for row in tx.execute(_BY_PLACE, {"manifest": manifest, "positions": positions})}


def change(tx: Connection, manifest: int, rows: Sequence[dict[str, Any]]) -> None:
    """Write staged rows anew: `at`, `new_request`, `new_fingerprint`."""
    tx.execute(_CHANGE, [{"of_manifest": manifest, **row} for row in rows])


_CHANGE = (
    update(staged)
    .where(staged.c.manifest == bindparam("of_manifest"), staged.c.position == bindparam("at"))
    .values(request=bindparam("new_request"), fingerprint=bindparam("new_fingerprint"))
)
