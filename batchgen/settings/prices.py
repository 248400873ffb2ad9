"""`price` in `[models."NAME"]`: what a gateway or a contract takes, and from which day on.

A table, or a list of them where it changes. A price holds from its day on, one without a day always; what the program knows of
the days before stays.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any, get_type_hints

import msgspec

from batchgen.core.prices import Price
from batchgen.errors import SettingsError
from batchgen.settings import toml

_SOURCE = "settings"


# The rates are USD per million tokens.
_KINDS = {key: get_type_hints(Price)[key] for key in ("since", "text_in", "image_in", "image_out", "text_out")}
_NEEDED = ("text_in", "image_in", "image_out")


def parse(value: Any, place: str) -> tuple[Price, ...]:
    """The prices in the order of their days. Raises SettingsError with the place."""
    tables = value if isinstance(value, list) else [value]
    if not tables:
        raise SettingsError(f"{place} is empty: say text_in, image_in and image_out, in USD per million tokens")
    found = sorted((_price(toml.table(table, place), place) for table in tables), key=lambda price: price.since)
    for one, other in pairwise(found):
        if one.since == other.since:
            raise SettingsError(f"{place}: two prices hold from the same day: say since of each, like since = 2026-12-01")
    return tuple(found)


def laid_over(known: Sequence[Price], told: Sequence[Price]) -> tuple[Price, ...]:
    """Both in the order of their days; from the first one that was told on, no other counts."""
    return (*(price for price in known if price.since < told[0].since), *told)


def _price(told: dict[str, Any], place: str) -> Price:
    for key in told:
        if key not in _KINDS:
            raise SettingsError(f"{place}: {key} is no part of a price; the nearest is {toml.nearest(key, _KINDS)}")
    missing = [key for key in _NEEDED if key not in told]
    if missing:
        raise SettingsError(f"{place}: say {' and '.join(missing)} as well, in USD per million tokens")
    values = {key: _converted(key, value, place) for key, value in told.items()}
    return Price(**{"since": date.min, **values}, source=_SOURCE)


def _converted(key: str, value: Any, place: str) -> Any:
    try:
        found = msgspec.convert(value, _KINDS[key])
    except msgspec.ValidationError as error:
        raise SettingsError(f"{place}: {key} = {value!r}: {error}") from None
    if isinstance(found, Decimal) and not (found.is_finite() and found >= 0):
        raise SettingsError(f"{place}: {key} = {value!r}: must be an amount of USD, 0 or more")
    return found
