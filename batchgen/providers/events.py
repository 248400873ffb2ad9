"""Server-sent events, taken apart in whatever pieces they come. What an event means is no matter here."""

from collections.abc import Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name, empty where it has none, and its data. One that has not ended may be whole or not."""

    name: str
    data: bytes | memoryview
    has_ended: bool = True


class Splitter:
    """Feed it what comes. Lines end in LF, CRLF or CR; comments and fields that say nothing to us are left out.

    An image is one line of megabytes in many pieces: they are put together once, and the line is not copied again.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._is_behind_cr = False
        self._name = ""
        self._data: list[memoryview] = []

    def feed(self, part: bytes) -> Iterator[Event]:
        """The events that end in this part."""
        if self._is_behind_cr:
            part = part.removeprefix(b"\n")
        self._is_behind_cr = part.endswith(b"\r")
        for piece in part.splitlines(keepends=True):
            self._pieces.append(piece.rstrip(b"\r\n"))
            if len(self._pieces[-1]) < len(piece):
                yield from self._line()

    def rest(self) -> Iterator[Event]:
        """The event that was under way at the end, whole or not: a server may save the blank line behind the last one."""
        yield from (replace(event, has_ended=False) for event in (*self._line(), *self._event()))

    def _line(self) -> Iterator[Event]:
        line = b"".join(self._pieces)
        self._pieces.clear()
        if not line:
            yield from self._event()
        elif line.startswith(b"data:"):
            self._data.append(memoryview(line)[6 if line.startswith(b"data: ") else 5 :])
        elif line.startswith(b"event:"):
            self._name = line[6:].strip().decode(errors="replace")

    def _event(self) -> Iterator[Event]:
        if self._data:
            yield Event(self._name, self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
        self._name, self._data = "", []
