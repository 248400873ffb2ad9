"""A matrix: lists of values, each of which is tried with each of the others for every row of a manifest."""

import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from batchgen.core import fields, identity, parameters
from batchgen.core.fields import CUSTOM_ID, FIELDS
from batchgen.core.manifest import typed
from batchgen.core.parameters import Finding
from batchgen.core.request import Value
from batchgen.core.template import as_text

# A row becomes so many at most: every one of them is an image that is paid for.
MOST_COMBINATIONS = 10_000


@dataclass(frozen=True, slots=True)
class Combination:
    """One choice of values: those called like a field of the request, all others, and what they add to a row's name.

    `words` are all of them for a template, by their folded names.
    """

    name: str
    fields: Mapping[str, Value]
    metadata: Mapping[str, Value]
    words: Mapping[str, str]


# Of a manifest without a matrix.
NO_CHOICE = Combination("", {}, {}, {})


def problems(table: Mapping[str, Sequence[Value]]) -> Iterator[Finding]:
    """What makes this table no matrix, by its keys; an empty field is the table as a whole.

    Words of the tutorials pass: whether somebody rewrites them is not known here.
    """
    sound = True
    for key, values in table.items():
        for message in (*_of_key(key, table), *_of_values(key, values)):
            sound = False
            yield Finding(key, message)
    count = math.prod(len(values) for values in table.values())
    if count > MOST_COMBINATIONS:
        yield Finding("", f"makes {count:,} rows of every one: {MOST_COMBINATIONS:,} are the most")
    elif sound:
        yield from _equal_names(table)


def combinations(table: Mapping[str, Sequence[Value]]) -> tuple[Combination, ...]:
    """Every combination of a table without problems, the last key changing fastest."""
    return tuple(_combination(dict(zip(table, choice, strict=True))) for choice in itertools.product(*table.values()))


def taking(choices: Iterable[Combination], words: Collection[str]) -> tuple[Combination, ...]:
    """The same with these words as fields, which some provider takes: as metadata all their values would ask for the same."""
    return tuple(_taking(choice, words) for choice in choices)


def _taking(choice: Combination, words: Collection[str]) -> Combination:
    taken = {key: word for key in choice.metadata if (word := fields.mappable(key, words)) in words}
    others = {key: value for key, value in choice.metadata.items() if key not in taken}
    varied = {str(word): choice.metadata[key] for key, word in taken.items()}
    return replace(choice, fields={**choice.fields, **varied}, metadata=others)


def _combination(choice: Mapping[str, Value]) -> Combination:
    of_fields = {field: _typed(field, value) for key, value in choice.items() if (field := fields.canonical(key))}
    metadata = {key.strip(): value for key, value in choice.items() if fields.canonical(key) is None}
    words = {key.casefold(): as_text(value) for key, value in (of_fields | metadata).items()}
    return Combination(_name(choice.values()), of_fields, metadata, words)


def _typed(field: str, value: Value) -> Value:
    return typed(field, value) if isinstance(value, str) else value


def _name(values: Iterable[Value]) -> str:
    return "-".join(identity.slug(as_text(value)) for value in values)


def _of_key(key: str, table: Mapping[str, Sequence[Value]]) -> Iterator[str]:
    word = key.strip().casefold()
    field = fields.canonical(key)
    if not word:
        yield "is no name of a column"
    elif field == CUSTOM_ID:
        yield "cannot be varied: the names of the images are made of the row's own and the values"
    elif field == "prompt":
        yield "cannot be varied: write one prompt above the tables, with {column} for what the matrix varies"
    elif [known.strip().casefold() for known in table].count(word) > 1:
        yield "stands twice"
    elif field is None and (meant := fields.near(word, FIELDS)):
        yield f"is not a field; if you mean {meant}, write that; if not, choose another word"


def _of_values(key: str, values: Sequence[Value]) -> Iterator[str]:
    if not values:
        yield "has no values"
    if any(isinstance(value, str) and not value.strip() for value in values):
        yield "holds an empty text"
    if any(isinstance(value, float) and not math.isfinite(value) for value in values):
        yield "holds what is not a number"
    field = fields.canonical(key)
    for value in values if field in parameters.PARAMETERS else ():
        yield from (finding.message for finding in parameters.unfit(str(field), _typed(str(field), value), translate=True))
    seen: dict[str, Value] = {}
    for value in values:
        name = identity.fold(_name([value]))
        if name in seen:
            yield f"{seen[name]!r} and {value!r} would both be {name} in the names of images; let them begin with other words"
        seen.setdefault(name, value)


def _equal_names(table: Mapping[str, Sequence[Value]]) -> Iterator[Finding]:
    seen: dict[str, tuple[Value, ...]] = {}
    for choice in itertools.product(*table.values()):
        name = identity.fold(_name(choice))
        if name in seen:
            one, other = (", ".join(map(as_text, values)) for values in (seen[name], choice))
            yield Finding("", f"{one} and {other} would both be {name} in the names of images; choose other words")
            return
        seen[name] = choice
