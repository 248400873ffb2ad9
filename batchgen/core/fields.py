"""Which column of a manifest means what: the request's fields, the near misses, and everything else as metadata."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from batchgen.core import tutorials
from batchgen.core.parameters import PARAMETERS, Finding
from batchgen.core.request import IMAGE, MARKUP, MASK

# `id` stands in where there is no custom_id.
CUSTOM_ID = "custom_id"
_ALIAS = "id"

# Jobs with more of it are made first; it is no part of the request.
PRIORITY = "priority"

# Who makes it; it is no part of the request either. Without one it is made by whoever makes the batch.
PROVIDER = "provider"

# None of these changes what is made.
BESIDE_THE_REQUEST = frozenset({CUSTOM_ID, PRIORITY, PROVIDER})

# What is to be done with the inputs; it is seen from them where a row does not say it.
OPERATION = "operation"

# Columns that name input images: many in one, or one in each.
INPUTS: tuple[str, ...] = (IMAGE, MASK, MARKUP)
_ONE_EACH = tuple(f"{IMAGE}_{number}" for number in range(1, 17))
INPUT_COLUMNS: tuple[str, ...] = (IMAGE, *_ONE_EACH, MASK, MARKUP)

# The fields of a request, in the order in which help and exports show them.
REQUEST_FIELDS: tuple[str, ...] = ("prompt", "model", *PARAMETERS)
FIELDS: tuple[str, ...] = (CUSTOM_ID, PRIORITY, PROVIDER, *REQUEST_FIELDS, OPERATION, *INPUTS)

# Every word that means the same whoever makes the image.
OURS = frozenset({*FIELDS, *_ONE_EACH})

_NEAR = 0.8  # similarity of difflib above which a header is taken for a misspelt field
_SHORTEST_NEAR = 4  # shorter words are near to everything
_MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class Slot:
    """Under what name a row keeps the value of a column: that of a field, or the header of its metadata."""

    name: str
    is_field: bool


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each field stands in a row, and which columns come back as metadata.

    `names` are the headers without their blanks, `slots` the columns by every name they answer to; `line` is where a table has
    its header, 0 where each row brings its own.
    """

    fields: tuple[tuple[str, int], ...]
    metadata: tuple[tuple[str, int], ...]
    findings: tuple[Finding, ...]
    names: tuple[str, ...]
    slots: Mapping[str, Slot]
    line: int = 0

    def find(self, name: str) -> Slot | None:
        """The column of that name in any case, else the one that carries the field of that name; None if there is none."""
        return self.slots.get(name.strip().casefold())


@dataclass(frozen=True, slots=True)
class Words:
    """Words that are taken as fields as well: in every manifest, and in one that names a provider for each row.

    They are written as a body holds them, and are found in a header however it joins and capitalises them.
    """

    always: tuple[str, ...] = ()
    by_row: tuple[str, ...] = ()

    def among(self, fields: Iterable[str]) -> tuple[str, ...]:
        """Those that are taken beside these fields."""
        return (*self.always, *self.by_row) if PROVIDER in fields else self.always


NO_WORDS = Words()

# What a row has that could not be read.
NO_COLUMNS = Columns((), (), (), (), {})


def canonical(field: str) -> str | None:
    """The field that a word means, in any case, or None."""
    folded = field.strip().casefold()
    if folded == _ALIAS:
        return CUSTOM_ID
    return folded if folded in OURS else None


def mappable(word: str, words: Iterable[str] = ()) -> str | None:
    """The field that a person can map to a column, or away from one of their own; None for any other word.

    `words` are those that are taken as fields as well.
    """
    plain = tutorials.plain(word)
    for known in words:
        if tutorials.plain(known) == plain:
            return known
    return canonical(word) or (plain if plain in tutorials.FIELDS else None)


def near(word: str, known: Iterable[str]) -> str | None:
    """The one of the known words that was probably meant."""
    if len(word) < _SHORTEST_NEAR:
        return None
    matches = difflib.get_close_matches(word.strip().casefold(), list(known), n=1, cutoff=_NEAR)
    return matches[0] if matches else None


def listed(names: Sequence[str]) -> str:
    """Names of columns for a message: the first ones, and how many more there are."""
    more = len(names) - _MOST_LISTED
    told = ", ".join(name.strip() or "(empty)" for name in names[:_MOST_LISTED])
    return f"{told} and {more:,} more" if more > 0 else told


def match(headers: Sequence[str], mapping: Mapping[str, str], words: Words = NO_WORDS) -> Columns:
    """Assign a header's columns; `mapping` is field -> header, with an empty header for a field that no column carries."""
    names = [header.strip() for header in headers]
    findings = [*_twice(names)]
    taken: dict[str, int] = {}
    for field, header in mapping.items():
        if header and header in names:
            taken[field] = names.index(header)
        elif header:
            findings.append(Finding(field, f"there is no column {header!r} for it; the columns are {listed(names)}"))
    mapped = set(taken.values())
    by_word = {name.casefold(): index for index, name in reversed(list(enumerate(names))) if index not in mapped}
    for field, word in (*((name, name) for name in (*FIELDS, *_ONE_EACH)), (CUSTOM_ID, _ALIAS)):
        if field not in taken and field not in mapping and word in by_word:
            taken[field] = by_word[word]
    by_plain = {tutorials.plain(word): index for word, index in by_word.items()}
    for word in words.among(taken):
        if word not in mapping and word not in taken and tutorials.plain(word) in by_plain:
            taken[word] = by_plain[tutorials.plain(word)]
    used = set(taken.values())
    findings += [
        finding for index, name in enumerate(names) if name and index not in used for finding in _suspicious(name, mapping)
    ]
    if CUSTOM_ID in taken and canonical(mapping.get(CUSTOM_ID, CUSTOM_ID)) is None:
        # Of a matrix the custom_ids are longer than what stands in the column, by which people group and look things up.
        used.discard(taken[CUSTOM_ID])
    rest = [(name, index) for index, name in enumerate(names) if name and index not in used]
    return Columns(tuple(taken.items()), tuple(rest), tuple(findings), tuple(names), _slots(names, taken, rest))


def _slots(names: Sequence[str], taken: Mapping[str, int], rest: Iterable[tuple[str, int]]) -> dict[str, Slot]:
    """A column by its header, and a field by its own name too where no other column has that."""
    fields = {field: Slot(field, is_field=True) for field in taken}
    alias = {_ALIAS: fields[CUSTOM_ID]} if CUSTOM_ID in taken else {}
    headers = {names[index].casefold(): fields[field] for field, index in taken.items()}
    return {**alias, **fields, **headers, **{name.casefold(): Slot(name, is_field=False) for name, _ in rest}}


def _twice(names: Sequence[str]) -> Iterable[Finding]:
    seen: set[str] = set()
    for name in names:
        if name and name.casefold() in seen:
            yield Finding(name, "stands twice in the header")
        seen.add(name.casefold())


def _suspicious(name: str, mapping: Mapping[str, str]) -> Iterable[Finding]:
    word, dead = name.casefold(), tutorials.plain(name)
    if dead in tutorials.FIELDS and dead not in mapping:
        yield Finding(name, f"{tutorials.FIELDS[dead]}; if the column is your own, say --column {dead}=")
        return
    # `id` beside a custom_id, and what --column gave away, are the person's own columns.
    if canonical(word) is not None or dead in tutorials.FIELDS:
        return
    meant = near(word, (field for field in FIELDS if field not in mapping))
    if meant is not None:
        yield Finding(
            name, f"is not a field; if you mean {meant}, write that; if the column is your own, say --column {meant}="
        )
