"""CSV and TSV: the dialect recognised from the header, rows with the line on which each begins."""

import csv
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from batchgen.core import fields, tsv
from batchgen.core.fields import NO_WORDS, Words
from batchgen.core.manifest import MOST_ROW_CHARACTERS, Row, Unreadable, typed
from batchgen.core.parameters import Finding
from batchgen.core.request import Value

# The line on which a record begins, and its cells or why it has none.
_Record = tuple[int, list[str] | Finding]

_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the cells of a file are told apart."""

    delimiter: str
    spaces_after: bool = False  # `a, "b"`: blanks before a quote do not belong to the cell


def rows(
    lines: Iterable[str],
    mapping: Mapping[str, str],
    words: Words = NO_WORDS,
    *,
    tabs_first: bool = False,
    prompted: bool = False,
) -> Iterator[Row]:
    """The rows below the header. `lines` keep their ends; `mapping` and `words` are those of `fields.match`.

    A header with problems comes first, as a row of findings; one that names no field is all that comes. No column of prompts is
    asked for where rows without one get theirs from elsewhere (`prompted`).
    """
    source = iter(lines)
    start, first = 1, next(source, "")
    while first and not first.strip():
        start, first = start + 1, next(source, "")
    if not first:
        raise Unreadable(0, "is empty")
    dialect = _recognise(first, mapping, tabs_first=tabs_first)
    records = _records(itertools.chain([first], source), dialect, start)
    line, header = next(records)
    if isinstance(header, Finding):
        raise Unreadable(line, header.message)
    columns = replace(fields.match(header, mapping, words), line=line)
    findings, promptless = columns.findings, not prompted and "prompt" not in dict(columns.fields)
    if promptless:
        remedy = "name yours with --column prompt=HEADER, or give a job file with a prompt for all rows"
        findings += (Finding("", f"there is no prompt column among {fields.listed(header)}; {remedy}"),)
    if findings:
        yield Row(line, {}, {}, findings, promptless, is_header=True)
    if not columns.fields and not prompted:
        # It is no manifest at all, and what is wrong with its rows would be noise.
        return
    for line, cells in records:
        if isinstance(cells, Finding):
            yield Row(line, {}, {}, (cells,), promptless)
        elif any(cells):
            row = _row(line, cells, header, columns)
            yield replace(row, promptless=True) if promptless else row


def _row(line: int, cells: Sequence[str], header: Sequence[str], columns: fields.Columns) -> Row:
    # Fewer cells than the header are common (spreadsheets leave out empty ones at the end): those are not given.
    width = len(cells)
    findings: list[Finding] = []
    if any(cells[len(header) :]):
        findings.append(Finding("", f"has {width} cells and the header {len(header)}: quote cells that hold the separator"))
    findings += [
        Finding("", f"cell {index + 1} has no name in the header")
        for index, name in enumerate(header[:width])
        if not name.strip() and cells[index]
    ]
    given: dict[str, Value] = {
        field: typed(field, cells[index]) for field, index in columns.fields if index < width and cells[index] != ""
    }
    metadata = {name: cells[index] for name, index in columns.metadata if index < width and cells[index] != ""}
    return Row(line, given, metadata, tuple(findings), columns=columns)


def _recognise(header: str, mapping: Mapping[str, str], *, tabs_first: bool) -> Dialect:
    """The delimiter under which the header names a prompt, else the one that makes most columns of it."""

    def merit(delimiter: str) -> tuple[bool, int, bool]:
        cells = [cell.strip().strip('"').casefold() for cell in header.split(delimiter)]
        wanted = mapping.get("prompt", "prompt").casefold()
        return wanted in cells, len(cells), tabs_first and delimiter == "\t"

    delimiter = max(_DELIMITERS, key=merit)
    return Dialect(delimiter, delimiter != "\t" and f"{delimiter} " in header)


def _records(lines: Iterator[str], dialect: Dialect, start: int) -> Iterator[_Record]:
    if dialect.delimiter == "\t":
        return tsv.records(lines, start)
    return _comma_separated(lines, start, dialect)


def _comma_separated(lines: Iterator[str], start: int, dialect: Dialect) -> Iterator[_Record]:
    csv.field_size_limit(MOST_ROW_CHARACTERS)
    reader = csv.reader(lines, delimiter=dialect.delimiter, skipinitialspace=dialect.spaces_after, strict=True)
    while True:
        line = start + reader.line_num
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # The reader begins afresh with the next line, so that the rows below are checked as well.
            yield line, Finding("", _csv_words(error))
        else:
            yield line, cells


def _csv_words(error: csv.Error) -> str:
    told = str(error)
    if "unexpected end of data" in told:
        return "a quote that opens in this row is never closed"
    if "expected after" in told:
        return "a quote inside a quoted cell must be doubled"
    if "field larger" in told:
        return f"a cell has more than {MOST_ROW_CHARACTERS:,} characters: is a quote left open?"
    if "new-line character" in told:
        return "its lines end in a way that cannot be read: save it with ends of line of Unix or Windows"
    return f"cannot be read as CSV: {told}"
