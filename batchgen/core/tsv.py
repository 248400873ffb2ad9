"""Tab-separated text into records. A quote counts only if it encloses the whole cell: prompts begin with quotes of their own.

So `"G I G G L E" painted on a wall` is the text as it stands, and `"two ""big"" dogs"` is `two "big" dogs`.
"""

from collections import deque
from collections.abc import Iterator

from batchgen.core.manifest import MOST_ROW_CHARACTERS

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

    def take_many(self, count: int) -> list[str]:
        """The next lines, as many as have been looked at."""
        self.next_number += count
        return [self._ahead.popleft() for _ in range(count)]

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
        text = lines.take()
        if text is None:
            return
        cells: list[str] = []
        at = 0
        # Places and not copies of what is left: a line may be nothing but tabs.
        while at <= len(text):
            cell, text, at = _cell(text, at, lines)
            cells.append(cell)
        yield number, cells


def _cell(text: str, at: int, lines: _Lines) -> tuple[str, str, int]:
    """The cell that begins at a place; then in which text and where the next one does: behind its end if there is none."""
    if text.startswith('"', at):
        end = _closing_quote(text, at + 1)
        if end is None and text.find("\t", at) == -1:
            text, at, end = _spanning(text, at, lines)
        if end is not None and text[end + 1 : end + 2] in ("", "\t"):
            return text[at + 1 : end].replace('""', '"'), text, end + 2
    tab = text.find("\t", at)
    end = len(text) if tab == -1 else tab
    return text[at:end], text, end + 1


def _closing_quote(text: str, at: int) -> int | None:
    """Where the first quote stands, from a place on, that is not doubled."""
    at = text.find('"', at)
    while at != -1:
        if text[at + 1 : at + 2] != '"':
            return at
        at = text.find('"', at + 2)
    return None


def _spanning(text: str, at: int, lines: _Lines) -> tuple[str, int, int | None]:
    """The cell with the lines behind it up to a closing quote, taken from `lines`; all as it was if there is none.

    Text, beginning, closing quote. A tab inside would mean that another row has begun, so a quote that nobody closes
    swallows no row.
    """
    alone = text, at, None
    size = len(text) - at
    for distance in range(_MOST_LINES_OF_A_CELL):
        line = lines.peek(distance)
        if line is None:
            return alone
        # A doubled quote stands on one line, so each line can be searched by itself.
        end = _closing_quote(line, 0)
        size += 1 + (len(line) if end is None else end)
        if size > MOST_ROW_CHARACTERS or line.find("\t", 0, end) != -1:
            return alone
        if end is not None:
            if line[end + 1 : end + 2] not in ("", "\t"):
                return alone
            whole = "\n".join([text[at:], *lines.take_many(distance + 1)])
            return whole, 0, len(whole) - len(line) + end
    return alone
