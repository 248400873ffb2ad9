"""Batches by name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from batchgen.core import identity
from batchgen.errors import UnknownBatch, WrongUsage
from batchgen.store.tables import batches


@dataclass(frozen=True, slots=True)
class Batch:
    """A named set of jobs. `manifest_path` is None for one that came from standard input.

    `provider` is who makes those that name none, empty for whoever the settings name.
    """

    id: int
    name: str
    simulated: bool
    provider: str
    manifest_path: str | None
    metadata_columns: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """Which file was submitted: its absolute path (None for standard input), its hash, its metadata columns."""

    path: str | None
    sha256: str
    columns: tuple[str, ...]


def by_name(tx: Connection, name: str) -> Batch | None:
    """The batch of that name without regard to case, or None."""
    row = tx.execute(select(batches).where(batches.c.name_key == identity.fold(name))).first()
    return None if row is None else _batch(row)


def named(tx: Connection, names: Iterable[str]) -> list[Batch]:
    """The batches of those names, in that order. Raises UnknownBatch with the nearest name there is."""
    found = []
    for name in names:
        batch = by_name(tx, name)
        if batch is None:
            raise UnknownBatch(_unknown(tx, name))
        found.append(batch)
    return found


def in_scope(tx: Connection, names: Sequence[str], *, simulated: bool, chosen: bool) -> list[Batch]:
    """What a run works on: the named batches, or every real one, or every simulated one for a run on the sandbox.

    A batch is simulated or real for ever. `chosen` tells that a person named the provider; else named batches decide.
    Raises WrongUsage where a real and a simulated one would meet.
    """
    if not names:
        return every(tx, simulated=simulated)
    found = list({batch.id: batch for batch in named(tx, names)}.values())
    wanted = simulated if chosen or simulated else found[0].simulated
    for batch in found:
        if batch.simulated != wanted:
            kind, other = ("simulated", "real") if batch.simulated else ("real", "simulated")
            raise WrongUsage(f"batch {batch.name} is {kind} and cannot be part of a run on {other} ones")
    return found


def every(tx: Connection, *, simulated: bool | None = None) -> list[Batch]:
    """All batches, oldest first; only real or only simulated ones if asked."""
    query = select(batches).order_by(batches.c.id)
    if simulated is not None:
        query = query.where(batches.c.simulated == simulated)
    return [_batch(row) for row in tx.execute(query)]


def create(tx: Connection, name: str, *, simulated: bool, now: datetime) -> Batch:
    """A new batch without jobs."""
    values = {
        "name": name,
        "name_key": identity.fold(name),
        "simulated": simulated,
        "provider": "",
        "manifest_path": None,
        "manifest_sha256": "",
        "metadata_columns": [],
        "created_at": now,
    }
    row = tx.execute(insert(batches).values(values).returning(batches)).one()
    return _batch(row)


def give(tx: Connection, batch: Batch, provider: str) -> Batch:
    """From now on this provider makes what does not name one."""
    tx.execute(update(batches).where(batches.c.id == batch.id).values(provider=provider))
    return replace(batch, provider=provider)


def record_manifest(tx: Connection, batch: Batch, manifest: ManifestFile) -> None:
    """Keep which file the batch was last submitted from; columns that are new to it come behind the known ones."""
    columns = dict.fromkeys((*batch.metadata_columns, *manifest.columns))
    values = {"manifest_path": manifest.path, "manifest_sha256": manifest.sha256, "metadata_columns": list(columns)}
    tx.execute(update(batches).where(batches.c.id == batch.id).values(values))


def _batch(row: Row[Any]) -> Batch:
    return Batch(row.id, row.name, row.simulated, row.provider, row.manifest_path, tuple(row.metadata_columns), row.created_at)


def _unknown(tx: Connection, name: str) -> str:
    names: Sequence[str] = [batch.name for batch in every(tx)]
    if identity.SANDBOX_PREFIX + identity.fold(name) in {identity.fold(known) for known in names}:
        return f"there is no batch {name!r}; there is {identity.SANDBOX_PREFIX}{name}, made on the sandbox"
    if not names:
        return f"there is no batch {name!r}, nor any other: submit a manifest first"
    shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    return f"there is no batch {name!r}; there are {shown}"
