"""Cells of a CSV that any reader takes as they are meant, and a spreadsheet never computes."""

import csv
from collections.abc import Callable, Sequence
from typing import IO, Any

# What a spreadsheet takes for a formula when a cell begins so.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_writer(stream: IO[str]) -> Callable[[Sequence[Any]], None]:
    """What writes one row; texts of others are to go through `cell` first."""
    plain = csv.writer(stream, lineterminator="\n")
    # A lone carriage return is quoted only where it is part of the line's end: without quotes no reader takes it.
    quoted = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)

    def write(row: Sequence[Any]) -> None:
        (quoted if any(isinstance(one, str) and "\r" in one for one in row) else plain).writerow(row)

    return write


def cell(value: Any) -> Any:
    """Nothing for None, and an apostrophe before what a spreadsheet would compute: a prompt is data. Numbers are none."""
    if isinstance(value, str) and value.startswith(_FORMULA) and not _is_number(value):
        return f"'{value}"
    return "" if value is None else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
