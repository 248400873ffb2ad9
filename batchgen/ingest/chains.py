"""The rows of a manifest that take the results of others, when all of them are staged: what is wrong, and who they are.

Who a row is depends on its parents, so they are told from the top: those that need nobody, then their children, and so on.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from batchgen.core import chains
from batchgen.core.chains import Parent
from batchgen.core.parameters import Finding
from batchgen.core.request import RESULT, Request, restored
from batchgen.ingest.reading import Reading
from batchgen.store import links
from batchgen.store.batches import Batch
from batchgen.store.engine import Transaction
from batchgen.store.links import Asked, Link

_ROWS_AT_ONCE = 500
_MOST_CIRCLES = 50
# Every one of so many names is compared with so many that nobody has.
_MOST_NAMES = 2000
_MOST_GUESSES = 20


def check(session: Transaction, number: int, reading: Reading, batch: Batch | None, *, alone: bool = False) -> None:
    """Find what is wrong with the chains of a manifest, and make parents part of their children's fingerprints.

    `batch` is what it would be added to; `alone` tells that nobody has looked whether there is one.
    """
    if not reading.links:
        return
    links.complete(session, number, batch)
    guesses = _Guesses(session, number, batch)
    for link in links.every(session, number, batch):
        _check_parent(link, reading, guesses, alone=alone)
    level, circles = 1, 0
    while True:
        if links.advance(session, number, level):
            _tell_children(session, number, batch, level)
        elif circles < _MOST_CIRCLES and (around := links.circle(session, number)):
            names = [link.source.removeprefix(RESULT).partition("#")[0] for link in [around[-1], *around[:-1]]]
            reading.add(around[0].line, Finding(around[0].field, f"{around[0].source}: {chains.circle(names)}"))
            links.break_open(session, number, around, level)
            circles += 1
        else:
            break
        level += 1
    reading.problems.sort(key=lambda problem: problem.line)


class _Guesses:
    """Which row may be meant by a name that nobody has: told of the first ones, and where there are not too many to compare."""

    def __init__(self, session: Transaction, number: int, batch: Batch | None) -> None:
        self._place = (session, number, batch)
        self._names: dict[str, str] | None = None
        self._left = _MOST_GUESSES

    def meant(self, link: Link, wanted: Parent) -> str:
        """A question behind a semicolon, or an empty string."""
        if self._names is None:
            self._names = links.names(*self._place, _MOST_NAMES)
        if not self._left:
            return ""
        self._left -= 1
        # The row itself is never meant.
        others = {key: name for key, name in self._names.items() if key != link.key}
        question = chains.meant(link.source, wanted, others)
        return f"; {question}" if question else ""


def _check_parent(link: Link, reading: Reading, guesses: _Guesses, *, alone: bool) -> None:
    wanted = chains.parent(link.source)
    assert isinstance(wanted, Parent), "only what names a row is staged as a link"
    if link.parent is None and alone:
        words = f"is no row of this file; submit looks for it in the batch{guesses.meant(link, wanted)}"
        reading.warn(link.line, f"{link.field}: {link.source}: {words}")
    elif link.parent is None:
        words = f"no row here has this custom_id; a file of that name is written ./{link.source}"
        reading.add(link.line, Finding(link.field, f"{link.source}: {words}{guesses.meant(link, wanted)}"))
    elif link.parent.operation:
        request = _request(link.parent)
        unfit = chains.unfit_parent(wanted, request.images, str(request.parameters.get("output_format", "png")))
        if unfit:
            reading.add(link.line, Finding(link.field, f"{link.source}: {unfit}"))


def _tell_children(session: Transaction, number: int, batch: Batch | None, level: int) -> None:
    for part in _parts(links.every(session, number, batch, level)):
        rows = links.asked(session, number, [group[0].position for group in part])
        changed = [_changed(group, rows[group[0].position]) for group in part if group[0].position in rows]
        links.change(session, number, changed)


def _parts(found: Iterator[Link]) -> Iterator[list[list[Link]]]:
    """The links of some rows at a time, those of one row together."""
    part: list[list[Link]] = []
    for _, group in groupby(found, key=attrgetter("position")):
        part.append(list(group))
        if len(part) >= _ROWS_AT_ONCE:
            yield part
            part = []
    if part:
        yield part


def _changed(taken: Sequence[Link], row: Asked) -> dict[str, Any]:
    inputs = [dict(one) for one in row.request["inputs"]]
    for link in taken:
        wanted = chains.parent(link.source)
        if isinstance(wanted, Parent):
            inputs[link.place]["sha256"] = wanted.digest(link.parent.fingerprint if link.parent else "")
    request = {**row.request, "inputs": inputs}
    fingerprint = restored(row.operation, row.model, request).fingerprint
    return {"at": taken[0].position, "new_request": request, "new_fingerprint": fingerprint}


def _request(asked: Asked) -> Request:
    return restored(asked.operation, asked.model, asked.request)
