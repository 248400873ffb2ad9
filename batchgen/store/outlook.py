"""What is going to be made: staged rows and stored jobs as requests, one after the other, with what is known of their inputs.

Read in parts, so that memory does not grow with them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from msgspec import structs
from sqlalchemy import Connection, Select, and_, bindparam, literal_column, select

from batchgen.core import chains as naming
from batchgen.core.chains import Parent
from batchgen.core.job import State
from batchgen.core.request import Input, Request, restored
from batchgen.core.sizes import edges_of
from batchgen.store import remaining, shares
from batchgen.store.batches import Batch
from batchgen.store.remaining import Remaining
from batchgen.store.submission import staged
from batchgen.store.tables import jobs

_ROWS_AT_ONCE = 1000


def staged_rows(tx: Connection, manifest: int, batch: Batch | None) -> Iterator[tuple[Request, str, bool]]:
    """The rows of a manifest, each with the provider that it names, and whether the batch has made just that."""
    after = -1
    while part := tx.execute(_staged_part(manifest, batch), {"after": after}).all():
        for row in part:
            request = _with_sizes(tx, restored(row.operation, row.model, row.request), manifest, batch)
            yield request, row.provider, row.state == State.SUCCEEDED and row.made == row.fingerprint
        after = part[-1].position


def unfinished(tx: Connection, batches: Sequence[Batch], share: float = 1.0) -> Iterator[Remaining]:
    """What remains to be made of batches, in their order and that of their manifests; or about such a share of it."""
    for batch in batches:
        for job in remaining.of_batch(tx, batch.id, share):
            yield replace(job, request=_with_sizes(tx, job.request, None, batch))


def first(tx: Connection, batches: Sequence[Batch], now: datetime, most: int) -> Iterator[Remaining]:
    """The jobs that are made next, `most` of them."""
    coming = (
        replace(job, request=_with_sizes(tx, job.request, None, batch))
        for batch in batches
        for job in remaining.first_of_batch(tx, batch.id, shares.named(tx, batch), now, most)
    )
    return islice(coming, most)


def _staged_part(manifest: int, batch: Batch | None) -> Select[Any]:
    same_name = and_(jobs.c.batch_id == (batch.id if batch else None), jobs.c.custom_id_key == staged.c.custom_id_key)
    told = (staged.c[name] for name in ("position", "operation", "model", "provider", "request", "fingerprint"))
    known = (jobs.c.state, jobs.c.fingerprint.label("made"))
    return (
        select(*told, *(known if batch else (literal_column("NULL").label(name) for name in ("state", "made"))))
        .select_from(staged.outerjoin(jobs, same_name) if batch else staged)
        .where(staged.c.manifest == manifest, staged.c.operation != "", staged.c.position > bindparam("after"))
        .order_by(staged.c.position)
        .limit(_ROWS_AT_ONCE)
    )


def _with_sizes(tx: Connection, request: Request, manifest: int | None, batch: Batch | None) -> Request:
    """Results of other rows have the size that those are asked for."""
    if not any(one.is_result for one in request.inputs):
        return request
    return replace(request, inputs=tuple(_with_size(tx, one, manifest, batch) for one in request.inputs))


def _with_size(tx: Connection, one: Input, manifest: int | None, batch: Batch | None) -> Input:
    parent = naming.parent(one.source) if one.is_result else None
    if not isinstance(parent, Parent):
        return one
    asked = None
    if manifest is not None:
        row = select(staged.c.request).where(staged.c.manifest == manifest, staged.c.custom_id_key == parent.key)
        asked = tx.execute(row).scalar_one_or_none()
    if asked is None and batch is not None:
        job = select(jobs.c.request).where(jobs.c.batch_id == batch.id, jobs.c.custom_id_key == parent.key)
        asked = tx.execute(job).scalar_one_or_none()
    edges = edges_of(str((asked or {}).get("size", "")))
    return structs.replace(one, width=edges[0], height=edges[1]) if edges else one
