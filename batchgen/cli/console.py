"""What goes to the terminal: data to stdout, everything else to stderr, and nothing that could steer the terminal."""

import enum
import io
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

import click

# Control characters (line feed and tab apart) and marks that reorder text: what users and servers write is data.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Loudness(enum.IntEnum):
    """How much is said on stderr."""

    QUIET = 0
    NORMAL = 1
    VERBOSE = 2


class Console:
    """Says things at a chosen loudness."""

    def __init__(self, loudness: Loudness) -> None:
        self.loudness = loudness

    def tell(self, text: str) -> None:
        """News of an ordinary run."""
        if self.loudness >= Loudness.NORMAL:
            click.echo(visible(text), err=True)

    def detail(self, text: str) -> None:
        """What only somebody who asked for it wants to read."""
        if self.loudness >= Loudness.VERBOSE:
            click.echo(visible(text), err=True)

    def need(self, text: str) -> None:
        """A person has to know this, however quiet the run is."""
        click.echo(visible(text), err=True)


def visible(text: str) -> str:
    """The text with everything that steers a terminal written out."""
    return _STEERING.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def one_line(text: str, most: int = 200) -> str:
    """A text as part of a line."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 3]}..."


def counted(number: int, noun: str) -> str:
    """A number and its noun: `1 row`, `1,632 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def data(text: str) -> None:
    """Print data for a person."""
    click.echo(visible(text))


def data_json(value: Any) -> None:
    """Print data for a program; JSON escapes what a terminal could take for an order."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=True))


def data_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Print data for a spreadsheet: a header and a line for each row."""
    from batchgen.exports.cells import cell, csv_writer

    stream = utf8_stdout()
    write = csv_writer(stream)
    # A file is exact, as that of an export.
    shown = visible if stream.isatty() else str
    write([shown(cell(name)) for name in columns])
    for row in rows:
        write([shown(str(cell(row[name]))) for name in columns])


def utf8_stdout() -> IO[str]:
    """Where files are written to; what a terminal's or a system's encoding cannot hold must not cost them."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    return sys.stdout


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Columns set under each other; those in `right` stand flush right."""
    lines = [list(headers), *([visible(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
