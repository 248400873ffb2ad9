"""Child processes: how long each took, and how much memory at most.

Linux counts into a child's peak what its parent held when the child was started: whoever imports this must stay small itself,
and does its own heavy work in children too.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

_REPOSITORY = Path(__file__).resolve().parents[1]
_LAST_WORDS = 2000
# Settings of whoever measures; without compiled modules each start would compile a source file for each import.
_NOT_A_USERS = ("BATCHGEN_", "OPENAI_", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True, slots=True)
class Ran:
    """A child that ended. `begun` is by the monotonic clock."""

    begun: float
    seconds: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Counts:
    """What a server saw; times by the monotonic clock."""

    requests: int
    refusals: int
    first: float
    last: float


class Child:
    """A Python module at work in a folder, its streams in files there. Not well: RuntimeError with its last words."""

    def __init__(self, folder: Path, *arguments: str, base_url: str = "", expected: int = 0) -> None:
        self._expected = expected
        self._words = folder / f"{time.monotonic_ns()}.stderr"
        with self._words.open("wb") as errors, (folder / "stdout").open("wb") as output:
            self._begun = time.monotonic()
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments], cwd=folder, env=_environment(base_url), stdout=output, stderr=errors
            )

    def wait(self) -> Ran:
        """Until it ends."""
        _, status, usage = os.wait4(self._process.pid, 0)
        ended = time.monotonic()
        self._process.returncode = os.waitstatus_to_exitcode(status)
        if self._process.returncode != self._expected:
            words = self._words.read_text(encoding="utf-8", errors="replace")[-_LAST_WORDS:]
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.returncode}: {words}")
        return Ran(self._begun, ended - self._begun, usage.ru_maxrss / 1024)


def run(folder: Path, *arguments: str, base_url: str = "", expected: int = 0) -> Ran:
    """A child from its start to its end."""
    return Child(folder, *arguments, base_url=base_url, expected=expected).wait()


class Server:
    """A running server."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def counts(self) -> Counts:
        """What it saw until now."""
        with urlopen(self.base_url.removesuffix("/v1") + "/counts") as reply:
            return Counts(**json.loads(reply.read()))


@contextmanager
def server(size: int, *options: str) -> Iterator[Server]:
    """A server of its own for one measure; `size` is the bytes of an image."""
    command = [sys.executable, "-m", "benchmarks.server", str(size), *options]
    with subprocess.Popen(command, env=_environment(""), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Server(process.stdout.readline().strip())
        finally:
            process.terminate()


def _environment(base_url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_A_USERS)}
    fixed = {"PYTHONPATH": str(_REPOSITORY), "OPENAI_API_KEY": "sk-benchmark"}
    return {**kept, **fixed, **({"OPENAI_BASE_URL": base_url} if base_url else {})}
