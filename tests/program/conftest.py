"""The program as its users run it: processes, folders, exit codes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import copied
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PARTI = REPOSITORY.parent / "shared" / "data" / "parti_prompts.tsv"
KEY = "sk-test-0123456789abcdef-do-not-write-me"


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without anything that could steer the program."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("BATCHGEN_", "OPENAI_"))}
    return {**kept, "PYTHONPATH": str(REPOSITORY), **more}


@dataclass
class Program:
    """Runs commands in one folder."""

    folder: Path
    environment: dict[str, str]

    def start(self, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        """A process of its own group, so that it can be killed like a terminal kills it."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
        command = [sys.executable, "-m", "batchgen", *arguments]
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, **{**pipes, **options})

    def run(self, *arguments: str, code: int = 0, **options: Any) -> "subprocess.CompletedProcess[str]":
        """Run to the end, and see that it ends with this code and without a traceback."""
        if options:
            command = [sys.executable, "-m", "batchgen", *arguments]
            options = {"cwd": self.folder, "env": self.environment, "capture_output": True, "timeout": 200, **options}
            ended = subprocess.run(command, **options)
        else:
            ended = copied.run(arguments, self.folder, self.environment)
        done = subprocess.CompletedProcess(ended.args, ended.returncode, ended.stdout.decode(), ended.stderr.decode())
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Run a command with --json and read what it prints."""
        return json.loads(self.run(*arguments, "--json", code=code).stdout)

    def write(self, name: str, text: str) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program in an empty folder, without a key."""
    return Program(tmp_path, clean_environment())


@dataclass
class Server:
    """A sandbox in a process of its own."""

    url: str
    log: Path

    def requests(self) -> list[dict[str, Any]]:
        """What it was asked so far."""
        if not self.log.exists():
            return []
        whole_lines = self.log.read_text(encoding="utf-8").rpartition("\n")[0]
        return [json.loads(line) for line in whole_lines.splitlines()]


@pytest.fixture
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Start `batchgen sandbox` with options; it is stopped at the end of the test."""
    running = []

    def start(*options: str) -> Server:
        folder = tmp_path_factory.mktemp("sandbox")
        log = folder / "log.jsonl"
        process = Program(folder, clean_environment()).start("sandbox", "--port", "0", "--log", str(log), *options, stderr=None)
        running.append(process)
        assert process.stdout is not None
        return Server(process.stdout.readline().strip(), log)

    yield start
    for process in running:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture
def client(tmp_path: Path) -> Callable[[Server], Program]:
    """The program in an empty folder, with a key and pointed at a server."""

    def of(server: Server) -> Program:
        return Program(tmp_path, clean_environment(OPENAI_BASE_URL=server.url, OPENAI_API_KEY=KEY))

    return of


def prompts(count: int) -> str:
    """A manifest of so many cheap rows."""
    rows = "".join(f"row-{number},a small sign with the number {number},low\n" for number in range(1, count + 1))
    return f"custom_id,prompt,quality\n{rows}"
