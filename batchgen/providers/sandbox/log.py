"""The sandbox's own record of every generation and edit: one JSON line each, written before the answer is sent."""

import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec


@dataclass(slots=True)
class Line:
    """One request, filled in while it is handled. `status` None: no status was ever sent. `prompt` etc. as given if refused."""

    time: str
    request_id: str
    client_request_id: str | None
    operation: str
    prompt: Any = None
    model: Any = None
    size: Any = None
    quality: Any = None
    n: Any = None
    input_images: int = 0
    status: int | None = None
    outcome: str = ""
    input_text_tokens: int = 0
    input_image_tokens: int = 0
    output_tokens: int = 0
    billed: bool = False
    cost_micros: int | None = 0
    client_waiting: bool = True


class RequestLog:
    """A file that is only appended to; without a path it takes lines and forgets them."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file = -1

    def __enter__(self) -> "RequestLog":
        if self._path is not None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def write(self, line: Line) -> None:
        """Append one line in one write, unbuffered: neither a killed client nor a killed sandbox takes it back."""
        if self._file >= 0:
            os.write(self._file, msgspec.json.encode(line) + b"\n")
