"""What of a job's request is not made yet: a request of several images may have brought some of them."""

from typing import Any

from sqlalchemy import Connection, Row, and_, select

from batchgen.core.request import Request, restored
from batchgen.store.tables import artifacts, attempts


def request_of(row: Row[Any]) -> Request:
    """What a row of `jobs` asks for."""
    return restored(row.operation, row.model, row.request)


def missing(tx: Connection, row: Row[Any]) -> tuple[Request, tuple[int, ...], tuple[str, ...]]:
    """What of a row's request is not made yet, the ordinals of what is, and the paths of what another request made."""
    request = request_of(row)
    have, replaces = _earlier_images(tx, row) if row.attempt else ((), ())
    if len(have) >= request.images:
        # The request was changed and changed back: what it made then is as old as the rest.
        have, replaces = (), _paths(tx, row.id)
    return request.asking_for(request.images - len(have)), have, replaces


def _earlier_images(tx: Connection, row: Row[Any]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The ordinals of the images of the job's present request, and the paths of those that another request made."""
    made = (
        select(artifacts.c.path, artifacts.c.ordinal, attempts.c.fingerprint)
        .join(attempts, and_(attempts.c.job_id == artifacts.c.job_id, attempts.c.number == artifacts.c.attempt))
        .where(artifacts.c.job_id == row.id, artifacts.c.replaced_at.is_(None))
    )
    images = tx.execute(made).all()
    mine = tuple(sorted(image.ordinal for image in images if image.fingerprint == row.fingerprint))
    return mine, tuple(image.path for image in images if image.fingerprint != row.fingerprint)


def _paths(tx: Connection, job_id: int) -> tuple[str, ...]:
    query = select(artifacts.c.path).where(artifacts.c.job_id == job_id, artifacts.c.replaced_at.is_(None))
    return tuple(tx.execute(query).scalars())
