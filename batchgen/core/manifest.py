"""The rows of a manifest as values: what a row says, and what is wrong with it. Reading text is for tabular and jsonlines."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from batchgen.core.fields import CUSTOM_ID, NO_COLUMNS, OURS, PRIORITY, Columns
from batchgen.core.parameters import PARAMETERS, Finding, Integer, Truth
from batchgen.core.request import Value
from batchgen.core.tutorials import TEXTS

# One row may hold this much text; what is longer is a broken quote or not a manifest.
MOST_ROW_CHARACTERS = 4_000_000

# Spreadsheets write them in capitals.
_TRUTHS = {"true": True, "false": False}
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}\.[0-9]{1,9}", re.ASCII)
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)
# Longer messages hold a text of the manifest, mostly at their beginning; what is wrong with it stands at the end.
_MOST_MESSAGE = 500
_HEAD, _TAIL = 80, 300
_MOST_FIELD = 80


def shortened(message: str) -> str:
    """A message that repeats what somebody wrote, without the middle of it where that is long."""
    return message if len(message) <= _MOST_MESSAGE else f"{message[:_HEAD]}... {message[-_TAIL:]}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend before the manifest can be stored. `line` counts from 1; 0 is the file as a whole."""

    file: str
    line: int
    field: str
    message: str

    @classmethod
    def of(cls, file: str, line: int, finding: Finding) -> "Problem":
        """A finding at its place, in bounded words: what is found in a cell of megabytes repeats them."""
        field = finding.field
        shown = field if len(field) <= _MOST_FIELD else f"{field[:_MOST_FIELD]}..."
        return cls(file, line, shown, shortened(finding.message))

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the cells that were given, by field; everything else as metadata; what is wrong with its form.

    `promptless` is a row of a file without the columns that make a prompt, which is told once and not of every row. `derived`
    names a row without a custom_id where its cells alone do not. `is_header` tells that it is no row but what is wrong with the
    header.
    """

    line: int
    cells: Mapping[str, Value]
    metadata: Mapping[str, Value]
    findings: tuple[Finding, ...] = ()
    promptless: bool = False
    columns: Columns = NO_COLUMNS
    derived: str = ""
    is_header: bool = False

    @property
    def custom_id(self) -> str | None:
        """The row's own key, where it has one."""
        given = self.cells.get(CUSTOM_ID)
        return given if isinstance(given, str) else None


class Unreadable(Exception):
    """Reading cannot go on after this line; `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def typed(field: str, text: str) -> Value:
    """A cell's text as the value its field takes; text that does not fit is left for the parameter rules to refuse.

    Of a field that only some provider knows, a number is one and `true` is a truth value, as a table cannot tell otherwise.
    """
    if field in ("prompt", CUSTOM_ID):
        return text
    stripped = text.strip()
    if field == PRIORITY:
        return int(stripped) if _WHOLE_NUMBER.fullmatch(stripped) else stripped
    if isinstance(PARAMETERS.get(field), Integer) and stripped.isascii() and stripped.isdecimal() and len(stripped) <= 9:
        return int(stripped)
    if isinstance(PARAMETERS.get(field), Truth):
        return _TRUTHS.get(stripped.lower(), stripped)
    if field not in OURS and field not in TEXTS:
        return _plain_value(stripped)
    return stripped


def _plain_value(text: str) -> Value:
    if text.lower() in _TRUTHS:
        return _TRUTHS[text.lower()]
    if _WHOLE_NUMBER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
