"""What is submitted: a file or standard input, as lines of text and then as rows. Nothing is judged here."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from batchgen.core import jsonlines, tabular
from batchgen.core.fields import NO_WORDS, Words
from batchgen.core.manifest import MOST_ROW_CHARACTERS, Row, Unreadable
from batchgen.core.parameters import Finding

_MOST_LINE_BYTES = 4 * MOST_ROW_CHARACTERS


@dataclass(frozen=True, slots=True)
class Origin:
    """The job file that names a manifest, with what stands in it."""

    path: Path
    content: bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """A file to submit, or standard input (`path` None). `named` tells whether a person chose the batch's name."""

    path: Path | None
    batch: str
    named: bool
    open: Callable[[], IO[bytes]]
    origin: Origin | None = None

    @property
    def label(self) -> str:
        """How the file with the rows is called in messages."""
        return "standard input" if self.path is None else str(self.path)

    @property
    def given(self) -> Path | None:
        """The file that was given to the command."""
        return self.path if self.origin is None else self.origin.path

    @property
    def given_label(self) -> str:
        """How the file that was given to the command is called in messages."""
        return "standard input" if self.given is None else str(self.given)

    @property
    def folder(self) -> Path:
        """What paths in it are relative to."""
        return Path.cwd() if self.path is None else self.path.resolve().parent


def text_lines(stream: IO[bytes], watch: Callable[[bytes], None], tell: Callable[[int, Finding], None]) -> Iterator[str]:
    """Text lines with their ends. A line that is not UTF-8 is a problem, and reading goes on."""
    number = 0
    while raw := stream.readline(_MOST_LINE_BYTES + 1):
        number += 1
        watch(raw)
        if len(raw) > _MOST_LINE_BYTES:
            raise Unreadable(number, f"is longer than {_MOST_LINE_BYTES:,} bytes: is this a manifest, and are its lines ended?")
        if number == 1:
            if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise Unreadable(0, "is UTF-16; save it as UTF-8 (in a spreadsheet: CSV UTF-8)")
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        try:
            yield raw.decode()
        except UnicodeDecodeError as error:
            tell(number, Finding("", f"byte {error.start + 1} is not UTF-8; save the file as UTF-8"))
            yield raw.decode(errors="replace")


def rows(
    lines: Iterator[str], manifest: Manifest, columns: Mapping[str, str], words: Words = NO_WORDS, *, prompted: bool
) -> Iterable[Row]:
    """The rows of a manifest, by its suffix, else by how it begins. `columns` and `words` are those of `fields.match`.

    `prompted` tells that rows without a prompt get one.
    """
    suffix = manifest.path.suffix.lower() if manifest.path else ""
    first = next(lines, "")
    whole = _again(first, lines)
    if suffix in (".jsonl", ".ndjson", ".json") or (suffix not in (".csv", ".tsv") and first.lstrip().startswith("{")):
        return jsonlines.rows(whole, columns, words)
    return tabular.rows(whole, columns, words, tabs_first=suffix == ".tsv", prompted=prompted)


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
    yield from rest
