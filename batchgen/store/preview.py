"""What staged rows look like before anything is stored: the first of them, and those that ask for the same."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from batchgen.core.request import Request, restored
from batchgen.store.submission import Listed, staged

_MOST_LISTED = 10


@dataclass(frozen=True, slots=True)
class Preview:
    """A row as it would be stored; `provider` is who makes it, where the row says so."""

    line: int
    custom_id: str
    request: Request
    provider: str


def first_rows(tx: Connection, manifest: int, limit: int) -> Iterator[Preview]:
    """The first rows of a manifest that can be stored, in their order."""
    query = (
        select(staged).where(staged.c.manifest == manifest, staged.c.operation != "").order_by(staged.c.position).limit(limit)
    )
    for row in tx.execute(query):
        yield Preview(row.line, row.custom_id, restored(row.operation, row.model, row.request), row.provider)


def same_requests(tx: Connection, manifest: int) -> Listed:
    """The rows that ask for just what an earlier row asks for; the first ones as their lines."""
    number = func.row_number().over(partition_by=staged.c.fingerprint, order_by=staged.c.position)
    ranked = select(staged.c.line, number.label("n")).where(staged.c.manifest == manifest, staged.c.operation != "").subquery()
    again = select(ranked.c.line).where(ranked.c.n > 1)
    count = tx.execute(select(func.count()).select_from(again.subquery())).scalar_one()
    lines = tx.execute(again.order_by(ranked.c.line).limit(_MOST_LISTED)).scalars()
    return Listed(count, tuple(str(line) for line in lines))


def models(tx: Connection, manifest: int) -> list[tuple[str, str]]:
    """The models that the rows of a manifest ask for, each behind the provider that they name."""
    pair = (staged.c.provider, staged.c.model)
    named = select(*pair).where(staged.c.manifest == manifest, staged.c.operation != "").distinct().order_by(*pair)
    return [(row.provider, row.model) for row in tx.execute(named)]
