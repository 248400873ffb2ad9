"""The distinct prompts of staged rows, and what was said of them: in a temporary table, so that memory stays level.

Only `check` asks, whose rows are in a file of SQLite of its own.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    func,
    insert,
    select,
    text,
    type_coerce,
    update,
)

from batchgen.store.submission import staged
from batchgen.store.tables import JsonText

_asked = Table(
    "asked",
    MetaData(),
    Column("number", Integer, primary_key=True, autoincrement=False),  # the position of the first row with this prompt
    Column("prompt", Text, nullable=False, unique=True),
    Column("flags", JsonText, nullable=True),  # what it is flagged as
    prefixes=["TEMPORARY"],
)


@dataclass(frozen=True, slots=True)
class Flagged:
    """A row whose prompt is flagged, with the categories."""

    line: int
    custom_id: str
    categories: Sequence[str]


def collect(tx: Connection, manifest: int, providers: Collection[str] | None = None) -> int:
    """Find the distinct prompts of a manifest; how many there are. Only of rows with these words for a provider, if given."""
    tx.execute(text("DROP TABLE IF EXISTS asked"))
    _asked.create(tx)
    prompt = _prompt()
    mine = _is_sound(manifest) if providers is None else _is_sound(manifest) & staged.c.provider.in_(providers)
    rows = select(func.min(staged.c.position), prompt).where(mine).group_by(prompt)
    tx.execute(insert(_asked).from_select(["number", "prompt"], rows))
    return tx.execute(select(func.count()).select_from(_asked)).scalar_one()


def left_out(tx: Connection, manifest: int) -> dict[str, int]:
    """How many rows have a prompt that was not collected, by the providers that they name."""
    query = (
        select(staged.c.provider, func.count())
        .outerjoin(_asked, _asked.c.prompt == _prompt())
        .where(_is_sound(manifest), _asked.c.number.is_(None))
        .group_by(staged.c.provider)
        .order_by(staged.c.provider)
    )
    return {row[0]: row[1] for row in tx.execute(query)}


def prompts(tx: Connection, after: int, most: int) -> list[tuple[int, str]]:
    """The next prompts behind a number, each with its own."""
    query = select(_asked.c.number, _asked.c.prompt).where(_asked.c.number > after).order_by(_asked.c.number).limit(most)
    return [(row.number, row.prompt) for row in tx.execute(query)]


def flag(tx: Connection, found: Mapping[int, Sequence[str]]) -> None:
    """Write down the categories of prompts, by their numbers."""
    if found:
        change = update(_asked).where(_asked.c.number == bindparam("of")).values(flags=bindparam("told", type_=JsonText))
        tx.execute(change, [{"of": number, "told": list(categories)} for number, categories in found.items()])


def flagged(tx: Connection, manifest: int, most: int) -> tuple[int, list[Flagged]]:
    """How many rows have a flagged prompt, and the first of them."""
    query = (
        select(staged.c.line, staged.c.custom_id, _asked.c.flags)
        .join(_asked, _asked.c.prompt == _prompt())
        .where(_is_sound(manifest), _asked.c.flags.is_not(None))
    )
    count = tx.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    first = tx.execute(query.order_by(staged.c.position).limit(most))
    return count, [Flagged(row.line, row.custom_id, tuple(row.flags)) for row in first]


def _prompt() -> ColumnElement[str]:
    prompt: ColumnElement[str] = type_coerce(staged.c.request, JSON)["prompt"].as_string()
    return prompt


def _is_sound(manifest: int) -> ColumnElement[bool]:
    return (staged.c.manifest == manifest) & (staged.c.operation != "")
