"""`[models."NAME"]`: a model is added to the catalog, or one of it changed, without a release. What stands below a provider
holds there alone.

The facts are those of `core.catalog.Model`; a fact that is added there can be said here.
"""

import difflib
import re
from dataclasses import replace
from typing import Any, get_type_hints

import msgspec

from batchgen.core.catalog import VENDORS, Catalog, Model, SizeRule
from batchgen.core.output_tokens import FIGURES
from batchgen.core.parameters import PARAMETERS, Choice
from batchgen.errors import SettingsError
from batchgen.settings import prices as priced

# A rule of free sizes is said as "free".
_KINDS: dict[str, Any] = {**get_type_hints(Model), "sizes": tuple[str, ...]}
# What a person says is certain, so what is not certain cannot be said.
_FACTS = tuple(name for name in _KINDS if name not in ("name", "certain_sizes", "uncertain"))
_NEEDED = ("qualities", "sizes")
_CHOSEN_BY = {"qualities": "quality", "output_formats": "output_format", "fidelities": "input_fidelity"}

_SIZE = re.compile(r"[1-9][0-9]*x[1-9][0-9]*", re.ASCII)


def described(tables: Any, source: str, catalog: Catalog = VENDORS, *, below: str = "") -> Catalog:
    """A catalog with what the tables of models say, which stand below another table (`providers.gateway.`) or below none.

    Raises SettingsError with the place in `source`.
    """
    if not isinstance(tables, dict):
        raise SettingsError(f'{source}: {below}models must be a table for each model, like [{below}models."NAME"]')
    for name, table in tables.items():
        place = f'{source}: [{below}models."{name}"]'
        if not isinstance(table, dict):
            raise SettingsError(f"{place} must be a table with the facts of a model")
        facts = {key: _fact(key, value, place) for key, value in table.items()}
        _check_tokens_like(facts.get("tokens_like", ""), place)
        catalog = catalog.with_model(_model(catalog.find(name), name, facts, place))
    return catalog


def _model(known: Model | None, name: str, facts: dict[str, Any], place: str) -> Model:
    if known is None:
        missing = [key for key in _NEEDED if key not in facts]
        if missing:
            raise SettingsError(f"{place} is not in the catalog: say its {' and '.join(missing)} as well")
        return Model(name, **facts)
    if "price" in facts:
        facts = {**facts, "price": priced.laid_over(known.price, facts["price"])}
    settled = {_CHOSEN_BY.get(key) for key in facts}
    return replace(
        known,
        name=name,
        uncertain=tuple(pair for pair in known.uncertain if pair[0] not in settled),
        certain_sizes=known.certain_sizes or "sizes" in facts,
        # A table about a snapshot is about that one alone.
        **{"snapshots": known.snapshots if known.name == name else (), "tokens_like": known.tokens_like or known.name, **facts},
    )


def _fact(key: str, value: Any, place: str) -> Any:
    if key not in _FACTS:
        raise SettingsError(f"{place} {key} is no fact of a model; {_nearest(key, value)}")
    if key == "sizes":
        return _sizes(value, place)
    if key == "price":
        return priced.parse(value, f"{place} price")
    fact = _converted(key, value, place)
    if key == "batch_part" and not 0 <= fact <= 1:
        raise SettingsError(f"{place} {key} = {value!r}: must be a part of the price, from 0 to 1")
    kind = PARAMETERS.get(_CHOSEN_BY.get(key, ""))
    if not isinstance(kind, Choice):
        return fact
    for word in fact:
        if word not in kind.words:
            raise SettingsError(f"{place} {key}: {word}: must be one of {', '.join(kind.words)}")
    return _without_auto(fact)


def _check_tokens_like(name: str, place: str) -> None:
    if name and name not in FIGURES:
        known = ", ".join(FIGURES)
        raise SettingsError(f"{place} tokens_like = {name!r}: must be a model whose tokens are known: {known}")


def _converted(key: str, value: Any, place: str) -> Any:
    try:
        return msgspec.convert(value, _KINDS[key])
    except msgspec.ValidationError as error:
        raise SettingsError(f"{place} {key} = {value!r}: {error}") from None


def _sizes(value: Any, place: str) -> tuple[str, ...] | SizeRule:
    if value == "free":
        return SizeRule()
    if isinstance(value, str):
        raise SettingsError(f'{place} sizes = {value!r}: must be "free" or a list, like ["1024x1024"]')
    sizes = _without_auto(_converted("sizes", value, place))
    for size in sizes:
        if not _SIZE.fullmatch(size):
            raise SettingsError(f"{place} sizes: {size}: must be WIDTHxHEIGHT in pixels, like 1024x1024")
    return sizes


def _without_auto(words: tuple[str, ...]) -> tuple[str, ...]:
    """It is allowed always, and not listed in the catalog."""
    return tuple(word for word in words if word != "auto")


def _nearest(key: str, value: Any) -> str:
    if isinstance(value, dict):
        return 'a name that holds a dot stands in quotes, as in [models."gpt-image-2.5-flare"]'
    near = difflib.get_close_matches(key, _FACTS, n=1, cutoff=0.0)
    return f"the nearest is {near[0]}"
