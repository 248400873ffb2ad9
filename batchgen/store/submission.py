"""Submitting: rows are staged in a temporary table, compared with the batch, and stored in one short transaction.

The temporary table keeps memory level for a million rows, lets the database find equal ids, and holds no lock on the
tables while a long file is being read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
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
    case,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)

from batchgen.core.job import State
from batchgen.store.batches import Batch
from batchgen.store.tables import JsonText, UtcTime, jobs

MOST_LISTED = 50

# What may change without anything being made again.
_BESIDE_THE_REQUEST = ("position", "metadata", "priority", "rewritten", "copy_size", "provider")
_MOST_REPEATED = 250

staged = Table(
    "staged",
    MetaData(),
    Column("manifest", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("line", Integer, nullable=False),
    Column("custom_id", String(300), nullable=False),
    Column("custom_id_key", String(500), nullable=False),
    Column("given", Boolean, nullable=False),
    Column("operation", String(20), nullable=False),
    Column("model", Text, nullable=False),
    Column("provider", String(100), nullable=False),
    Column("request", JsonText, nullable=False),
    Column("metadata", JsonText, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("rewritten", JsonText, nullable=False),
    Column("copy_size", String(20), nullable=False),
    prefixes=["TEMPORARY"],
)

# Equal rows without an id of their own are told apart by an ordinal, in the order of the file.
_NUMBER_EQUAL_ROWS = """
    UPDATE staged SET custom_id = custom_id || '-' || numbered.n, custom_id_key = custom_id_key || '-' || numbered.n
    FROM (
        SELECT position AS place, row_number() OVER (PARTITION BY custom_id_key ORDER BY position) AS n
        FROM staged WHERE manifest = :manifest AND NOT given
    ) AS numbered
    WHERE manifest = :manifest AND position = numbered.place AND numbered.n > 1
"""


@dataclass(frozen=True, slots=True)
class Repeated:
    """A row whose id stands on an earlier line already."""

    line: int
    custom_id: str
    first_line: int


@dataclass(frozen=True, slots=True)
class Listed:
    """How many there are, and the first of them by custom_id (or by line)."""

    count: int
    first: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A staged manifest beside what its batch holds already. `running` are those of `changed` that are being made."""

    rows: int
    new: int
    changed: Listed
    running: Listed
    gone: Listed


def prepare(tx: Connection) -> None:
    """Make the temporary table; it goes with the connection."""
    tx.execute(text("DROP TABLE IF EXISTS staged"))
    staged.create(tx)


def stage(tx: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Add rows; the keys are the columns of the temporary table."""
    if rows:
        tx.execute(insert(staged), rows)


def number_equal_rows(tx: Connection, manifest: int) -> None:
    """Make derived ids of equal rows differ."""
    tx.execute(text(_NUMBER_EQUAL_ROWS), {"manifest": manifest})
    # The comparison joins by key: without statistics the planner would take the wrong side as the outer one.
    tx.execute(text("CREATE INDEX IF NOT EXISTS ix_staged_key ON staged (manifest, custom_id_key)"))


def repeated(tx: Connection, manifest: int) -> tuple[int, list[Repeated]]:
    """How many rows repeat an id of an earlier one, and the first of them."""
    keys = select(func.count() - func.count(staged.c.custom_id_key.distinct())).where(staged.c.manifest == manifest)
    count = tx.execute(keys).scalar_one()
    if not count:
        return 0, []
    ranked = (
        select(
            staged.c.line,
            staged.c.custom_id,
            func.first_value(staged.c.line)
            .over(partition_by=staged.c.custom_id_key, order_by=staged.c.position)
            .label("first"),
            func.row_number().over(partition_by=staged.c.custom_id_key, order_by=staged.c.position).label("n"),
        )
        .where(staged.c.manifest == manifest)
        .subquery()
    )
    again = select(ranked).where(ranked.c.n > 1)
    rows = tx.execute(again.order_by(ranked.c.line).limit(_MOST_REPEATED))
    return count, [Repeated(row.line, row.custom_id, row.first) for row in rows]


def compare(tx: Connection, manifest: int, batch: Batch) -> Comparison:
    """What storing the staged rows would change."""
    mine = staged.c.manifest == manifest
    known = exists().where(jobs.c.batch_id == batch.id, jobs.c.custom_id_key == staged.c.custom_id_key)
    changed = changed_jobs(manifest, batch)
    gone = select(jobs.c.custom_id).where(
        jobs.c.batch_id == batch.id,
        ~exists().where(mine, staged.c.custom_id_key == jobs.c.custom_id_key),
    )
    return Comparison(
        rows=tx.execute(select(func.count()).select_from(staged).where(mine)).scalar_one(),
        new=tx.execute(select(func.count()).select_from(staged).where(mine, ~known)).scalar_one(),
        changed=listed(tx, changed),
        running=listed(tx, changed.where(jobs.c.state == State.RUNNING)),
        gone=listed(tx, gone),
    )


def alone(tx: Connection) -> None:
    """Keep other submissions out until the transaction ends; on SQLite it keeps them out by itself."""
    if tx.dialect.name == "postgresql":
        tx.execute(text("LOCK TABLE batches IN SHARE ROW EXCLUSIVE MODE"))


def store(tx: Connection, manifest: int, batch: Batch, now: datetime) -> int:
    """Add new rows, queue changed ones again, and refresh of the others what stands beside the request.

    Returns how many were queued again; a changed one that a worker has just claimed is left alone.
    """
    requeued = _requeue_changed(tx, manifest, batch, now)
    _refresh(tx, manifest, batch)
    copied = (
        *("position", "custom_id", "custom_id_key", "operation"),
        *("model", "provider", "request", "metadata", "fingerprint", "priority", "rewritten", "copy_size"),
    )
    fixed = {
        "batch_id": literal(batch.id),
        "state": literal(State.PENDING.value),
        "attempt": literal(0),
        "failures": literal(0),
        "unknowns": literal(0),
        "available_at": literal(now, UtcTime),
        "cancel_requested": literal(False),
        "waits_for": literal(0),
        "has_children": literal(False),
        "forgotten": literal(0),
        "created_at": literal(now, UtcTime),
    }
    known = exists().where(jobs.c.batch_id == batch.id, jobs.c.custom_id_key == staged.c.custom_id_key)
    rows = (
        select(*(staged.c[name] for name in copied), *fixed.values())
        .where(staged.c.manifest == manifest, ~known)
        .order_by(staged.c.position)
    )
    tx.execute(insert(jobs).from_select([*copied, *fixed], rows))
    return requeued


def changed_jobs(manifest: int, batch: Batch) -> Select[tuple[str]]:
    """Jobs whose rows ask for something else now, by custom_id."""
    return (
        select(jobs.c.custom_id)
        .join(staged, staged.c.custom_id_key == jobs.c.custom_id_key)
        .where(staged.c.manifest == manifest, jobs.c.batch_id == batch.id, jobs.c.fingerprint != staged.c.fingerprint)
    )


def rerouted(tx: Connection, manifest: int, batch: Batch) -> Listed:
    """Jobs that are not made yet, and whose rows name another provider than they did, or one, or none any more."""
    query = (
        select(jobs.c.custom_id)
        .join(staged, staged.c.custom_id_key == jobs.c.custom_id_key)
        .where(staged.c.manifest == manifest, jobs.c.batch_id == batch.id, jobs.c.provider != staged.c.provider)
    )
    return listed(tx, query.where(jobs.c.state != State.SUCCEEDED))


def _requeue_changed(tx: Connection, manifest: int, batch: Batch, now: datetime) -> int:
    changes = {name: staged.c[name] for name in ("operation", "model", "request", "fingerprint")}
    queued = {"state": State.PENDING, "failures": 0, "unknowns": 0, "cancel_requested": False, "finished_at": None}
    queued |= {"failed_by": None}
    return tx.execute(
        update(jobs)
        .where(
            jobs.c.batch_id == bindparam("batch"),
            staged.c.manifest == bindparam("staged_manifest"),
            staged.c.custom_id_key == jobs.c.custom_id_key,
            jobs.c.fingerprint != staged.c.fingerprint,
            jobs.c.state != State.RUNNING,
        )
        .values(**changes, **queued, available_at=now),
        {"batch": batch.id, "staged_manifest": manifest},
    ).rowcount


def _refresh(tx: Connection, manifest: int, batch: Batch) -> None:
    # A request of the same fingerprint may name a file that has been moved.
    is_same = jobs.c.fingerprint == staged.c.fingerprint
    tx.execute(
        update(jobs)
        .where(
            jobs.c.batch_id == bindparam("batch"),
            staged.c.manifest == bindparam("staged_manifest"),
            staged.c.custom_id_key == jobs.c.custom_id_key,
            or_(
                *(jobs.c[name] != staged.c[name] for name in _BESIDE_THE_REQUEST),
                and_(is_same, jobs.c.request != staged.c.request),
            ),
        )
        .values(
            **{name: staged.c[name] for name in _BESIDE_THE_REQUEST},
            request=case((is_same, staged.c.request), else_=jobs.c.request),
        ),
        {"batch": batch.id, "staged_manifest": manifest},
    )


def listed(tx: Connection, query: Select[tuple[str]]) -> Listed:
    """How many custom_ids of jobs a query finds, and the first of them."""
    count = tx.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    first = tx.execute(query.order_by(jobs.c.position).limit(MOST_LISTED)).scalars().all() if count else []
    return Listed(count, tuple(str(name) for name in first))
