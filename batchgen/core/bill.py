"""A bill as CSV: what was billed by day and model, in USD.

The vendor documents no columns of its usage export, so a file is taken that names a day, a model and a cost.
"""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from batchgen.errors import WrongUsage

# What a column may be called, in any case; the first name is told.
NAMES: Mapping[str, tuple[str, ...]] = {
    "date": ("date", "day"),
    "model": ("model",),
    "cost": ("cost", "cost_usd", "amount"),
}
_DELIMITERS = ",;\t"
_MOST_USD = Decimal(10) ** 12


def read(lines: Iterable[str], label: str, name_of: Callable[[str], str]) -> dict[tuple[date, str], int]:
    """Billed USD micros by day of UTC and `name_of` the model; each sum is exact and rounded once.

    A time stands for its day, in UTC where it says no zone. Raises WrongUsage with `label`, line and column.
    """
    source = iter(lines)
    first = next(source, "").removeprefix("\ufeff")
    delimiter = max(_DELIMITERS, key=first.count)
    sums: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    try:
        (header,) = csv.reader([first], delimiter=delimiter) if first.strip() else ([],)
        columns = _columns(header, label)
        reader = csv.reader(source, delimiter=delimiter, strict=True)
        for cells in reader:
            if any(cells):
                day, model, usd = _row(cells, columns, f"{label}:{reader.line_num + 1}")
                sums[day, name_of(model)] += usd
    except csv.Error as error:
        raise WrongUsage(f"{label} cannot be read as CSV: {error}") from None
    if not sums:
        raise WrongUsage(f"{label} has no row")
    return {key: int((usd * 1_000_000).quantize(Decimal(1), rounding=ROUND_HALF_EVEN)) for key, usd in sums.items()}


def _columns(header: Sequence[str], label: str) -> dict[str, int]:
    """Where each column stands."""
    names = [name.strip().casefold() for name in header]
    found = {column: [index for index, name in enumerate(names) if name in NAMES[column]] for column in NAMES}
    missing = [" or ".join(NAMES[column]) for column, places in found.items() if not places]
    if missing:
        there = ", ".join(name for name in names if name) or "nothing"
        raise WrongUsage(
            f"{label}:1: there is no column {', and none '.join(missing)}; there is {there}: name them so in the file"
        )
    for column, places in found.items():
        if len(places) > 1:
            several = " and ".join(header[place].strip() for place in places)
            raise WrongUsage(f"{label}:1: {several} could all be the {column}: leave one of them in the file")
    return {column: places[0] for column, places in found.items()}


def _row(cells: Sequence[str], columns: Mapping[str, int], place: str) -> tuple[date, str, Decimal]:
    day, model, cost = (cells[index].strip() if index < len(cells) else "" for index in columns.values())
    if not model:
        raise WrongUsage(f"{place}: model: is empty")
    return _day(day, place), model, _usd(cost, place)


def _day(text: str, place: str) -> date:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC).date() if moment.tzinfo else moment.date()
    except (ValueError, OverflowError):
        raise WrongUsage(f"{place}: date: {text!r} is not a day; write it as 2026-11-21") from None


def _usd(text: str, place: str) -> Decimal:
    try:
        usd = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        usd = Decimal("NaN")
    if not usd.is_finite() or abs(usd) > _MOST_USD:
        raise WrongUsage(f"{place}: cost: {text!r} is not an amount of USD; write it as 0.0132")
    return usd
