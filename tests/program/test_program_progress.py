"""The line in which a run tells how far it is."""

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from batchgen.cli import progress
from batchgen.cli.console import Console, Loudness
from batchgen.core.job import State
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.pricing import Basis, Cost
from batchgen.core.request import Request
from batchgen.store.queue import Claim
from batchgen.worker.events import Settled

from .conftest import Program, prompts

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_jobs_that_wait_for_another_try_are_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a refusal until they are asked for again."""
    monkeypatch.setattr(progress, "_LINE_EVERY_S", 0.0)

    def tried(job: int, outcome: Outcome, state: State) -> None:
        claim = Claim(job, 1, "m", f"row-{job}", Request("generate", "gpt-image-2", "p", {}), 0, 0, started_at=NOW)
        watcher.started(claim)
        ended = Settled(
            claim=claim, ending=Ending(outcome), state=state, images=0, cost=Cost(0, Basis.COMPUTED), reserved_micros=None
        )
        watcher.settled(ended)

    with progress.watch(Console(Loudness.NORMAL), 3) as watcher:
        tried(1, Outcome.RATE_LIMITED, State.PENDING)
        tried(2, Outcome.RATE_LIMITED, State.PENDING)
        tried(1, Outcome.SUCCEEDED, State.SUCCEEDED)
        tried(2, Outcome.SUCCEEDED, State.SUCCEEDED)
    told = [re.split(r", [\d,]+/min", line)[0] for line in capsys.readouterr().err.splitlines()]
    assert told == [
        "0 of 3 made, 1 waiting to be tried again",
        "0 of 3 made, 2 waiting to be tried again",
        "1 of 3 made, 1 waiting to be tried again",
        "2 of 3 made",
    ]


@pytest.mark.parametrize("faults", ["", "moderation=1"])
def test_the_bar_of_a_run_that_failed_is_red(program: Program, faults: str) -> None:
    """And no other; the time that has passed does not stand before the word left without a word of its own."""
    program.write("signs.csv", prompts(2))
    program.environment |= {"BATCHGEN_SANDBOX__FAULTS": faults, "TERM": "xterm", "COLUMNS": "120"}
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "batchgen", "run", "signs.csv", "--provider", "sandbox"]
    process = subprocess.Popen(command, cwd=program.folder, env=program.environment, stderr=theirs, stdout=theirs)
    os.close(theirs)
    said = _all_of(ours).decode()
    process.wait(timeout=60)
    last = next(line for line in reversed(said.splitlines()) if "left" in line)
    assert "time" in last
    assert last.index("time") < last.index("left")
    assert ("\x1b[31m" in last.partition("of 2 made")[0]) == bool(faults)


def _all_of(terminal: int) -> bytes:
    parts = []
    # The other end of a terminal that has gone is an error on Linux.
    with suppress(OSError):
        while part := os.read(terminal, 65536):
            parts.append(part)
    os.close(terminal)
    return b"".join(parts)
