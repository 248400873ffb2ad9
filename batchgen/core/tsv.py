"""Tab-separated text into records. A quote counts only if it encloses the whole cell: prompts begin with quotes of their own.

So `"G I G G L E" painted on a wall` is the text as it stands, and `"two ""big"" dogs"` is `two "big" dogs`.
"""

from collections import deque
from collections.abc import Iterator

# A cell that spans lines is looked for this far; a stray quote further up must not cost the rest of the file.
_MOST_LINES_OF_A_CELL = 200


class _Lines:
    """Lines without their ends, with a look ahead."""

    def __init__(self, source: Iterator[str], start: int) -> None:
        self._source = source
        self._ahead: deque[str] = deque()
        self.next_number = start

    def take(self) -> str | None:
        """The next line, or None at the end."""
        line = self._ahead.popleft() if self._ahead else self._read()
        if line is not None:
            self.next_number += 1
        return line

    def peek(self, distance: int) -> str | None:
        """The line that `take` would return after `distance` others."""
        while len(self._ahead) <= distance:
            line = self._read()
            if line is None:
                return None
            self._ahead.append(line)
        return self._ahead[distance]

    def _read(self) -> str | None:
        line = next(self._source, None)
        return None if line is None else line.rstrip("\r\n")


def records(source: Iterator[str], start: int) -> Iterator[tuple[int, list[str]]]:
    """Pairs of the line on which a record begins (the first line is `start`) and its cells."""
    lines = _Lines(source, start)
    while True:
        number = lines.next_number
        rest = lines.take()
        if rest is None:
            return
        cells: list[str] = []
        more: str | None = rest
        while more is not None:
            cell, more = _cell(more, lines)
            cells.append(cell)
        yield number, cells


def _cell(text: str, lines: _Lines) -> tuple[str, str | None]:
    """The first cell of a text, and what follows its tab; None where the record ends."""
    if text.startswith('"'):
        whole = text
        end = _closing_quote(text)
        if end is None:
            whole = _spanning(text, lines)
            end = _closing_quote(whole)
        if end is not None and (end + 1 == len(whole) or whole[end + 1] == "\t"):
            return whole[1:end].replace('""', '"'), whole[end + 2 :] if end + 1 < len(whole) else None
    cell, tab, rest = text.partition("\t")
    return cell, rest if tab else None


def _closing_quote(text: str) -> int | None:
    """Where the first quote stands that is not doubled, behind the one that opens."""
    at = text.find('"', 1)
    while at != -1:
        if text[at + 1 : at + 2] != '"':
            return at
        at = text.find('"', at + 2)
    return None


def _spanning(text: str, lines: _Lines) -> str:
    """The text with the lines behind it up to a closing quote, taken from `lines`; the text alone if there is none.

    A tab inside would mean that another row has begun, so a quote that nobody closes swallows no row.
    """
    if "\t" in text:
        return text
    whole = text
    for distance in range(_MOST_LINES_OF_A_CELL):
        line = lines.peek(distance)
        if line is None:
            return text
        whole = f"{whole}\n{line}"
        end = _closing_quote(whole)
        if "\t" in whole[:end]:
            return text
        if end is not None:
            if whole[end + 1 : end + 2] not in ("", "\t"):
                return text
            for _ in range(distance + 1):
                lines.take()
            return whole
    return text
