"""What a request does: a picture out of words, out of pictures and words, or a variation of one picture."""

from collections.abc import Mapping, Sequence

from batchgen.core.dialect import Dialect
from batchgen.core.inputs import Reference
from batchgen.core.parameters import PARAMETERS, Finding
from batchgen.core.request import EDIT, GENERATE, IMAGE, VARIATION, Value

_OPERATION = "operation"
_INSTEAD = "write edit, with a prompt like 'a variation of this image'"
# What a variation took beside its picture while the vendor had it (SDK 3.52.0, `resources/images.py`).
_OF_VARIATIONS = ("n", "size", "user")


def problems(operation: Value, named: Sequence[Reference], dialect: Dialect) -> list[Finding]:
    """Why this cannot be done with these images by a provider of that dialect."""
    if operation == VARIATION:
        return _variation(named, dialect)
    if operation not in (GENERATE, EDIT):
        return [Finding(_OPERATION, f"{str(operation)[:40]!a}: must be {GENERATE} or {EDIT}, or be left out")]
    if operation == EDIT and not named:
        return [Finding(_OPERATION, f"{EDIT} needs an input image: name it in the column image")]
    if operation == GENERATE and named:
        return [Finding(_OPERATION, f"{GENERATE} takes no input images: write {EDIT}, or leave it out")]
    return []


def too_much_for_a_variation(cells: Mapping[str, Value], dialect: Dialect) -> list[Finding]:
    """What a row says that a variation cannot take."""
    known = ("prompt", *(name for name in PARAMETERS if name not in (*_OF_VARIATIONS, *dialect.accepts)))
    return [Finding(name, f"is not taken by a variation: leave it empty, or {_INSTEAD}") for name in known if name in cells]


def of_a_variation(fields: Mapping[str, Value], cells: Mapping[str, Value]) -> dict[str, Value]:
    """The fields that go with a variation; what is said for all rows, as a quality always is, is left out of it."""
    kept = (*_OF_VARIATIONS, *cells)
    return {name: value for name, value in fields.items() if name in kept or name not in PARAMETERS}


def _variation(named: Sequence[Reference], dialect: Dialect) -> list[Finding]:
    if dialect.official:
        return [Finding(_OPERATION, f"{VARIATION}: the API has no variations any more: {_INSTEAD}")]
    if not dialect.variations:
        own = "where a provider still has it, its table [providers.NAME] says variations = true"
        return [Finding(_OPERATION, f"{VARIATION}: the API has no variations any more: {_INSTEAD}; {own}")]
    if [one.role for one in named] != [IMAGE] or named[0].is_link:
        told = f"{VARIATION} is made of one image, a file or a result, without a mask: name it in the column image"
        return [Finding(_OPERATION, told)]
    return []
