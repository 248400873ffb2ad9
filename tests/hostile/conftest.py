"""Hostile surroundings for the program as its users run it: a server that says what a test wants, and bounds on memory."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from program.conftest import Program, Server, clean_environment, client, program, prompts, serve
from scripted_server import Behaviour, ScriptedServer, images

__all__ = ["KEY", "Measured", "Program", "Server", "Stage", "client", "measured", "program", "prompts", "serve", "until"]

KEY = "sk-live-Zq7vT2mX9wLr4KpD8sHn3BcYf6JgUe1A"
BOUND_S = 60.0

# Starts the program in a process of its own, so that what is measured is not the memory of the tests.
_MEASURE = """
import json, resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "batchgen", *sys.argv[1:]], capture_output=True, text=True, timeout=60)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([done.returncode, done.stdout, done.stderr, peak / (2**20 if sys.platform == "darwin" else 2**10)]))
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """How a command ended, and the most memory it had."""

    code: int
    stdout: str
    stderr: str
    megabytes: float


def measured(program: Program, *arguments: str) -> Measured:
    """Run a command to its end and see how much memory it took."""
    command = [sys.executable, "-c", _MEASURE, *arguments]
    done = subprocess.run(
        command, cwd=program.folder, env=program.environment, capture_output=True, text=True, check=True, timeout=150
    )
    return Measured(*json.loads(done.stdout))


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, within a bound."""
    deadline = time.monotonic() + BOUND_S
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        os.sched_yield()


class Stage:
    """A scripted server in a thread, so that it plays while the test watches a process."""

    def __init__(self, script: list[Behaviour], then: Behaviour) -> None:
        self.server = ScriptedServer(list(script), then)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def open(self) -> None:
        """Listen."""
        self._thread.start()
        self._wait(self.server.start())

    def close(self) -> None:
        """Cut everybody off."""
        self._wait(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(BOUND_S)
        self._loop.close()

    @property
    def url(self) -> str:
        """The base URL."""
        return self.server.base

    def release(self) -> None:
        """Let those go on that hang."""
        self._loop.call_soon_threadsafe(self.server.release.set)

    def arrived(self, count: int) -> None:
        """Wait until so many requests have come in whole."""
        until(lambda: len(self.server.seen) >= count)

    def client(self, folder: Path, **environment: str) -> Program:
        """The program in a folder, with the key, pointed at this server."""
        return Program(folder, clean_environment(OPENAI_BASE_URL=self.url, OPENAI_API_KEY=KEY, **environment))

    def _wait(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(BOUND_S)


@pytest.fixture
def stage() -> Iterator[Callable[..., Stage]]:
    """Open servers that play a script and then answer everything alike; they are closed at the end of the test."""
    opened = []

    def start(*script: Behaviour, then: Behaviour | None = None) -> Stage:
        one = Stage(list(script), then or images())
        opened.append(one)
        one.open()
        return one

    yield start
    for one in opened:
        one.close()
