"""Puts one case to the program: a server with its script, `batchgen` as a process of its own, then a look at the ledger."""

import asyncio
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import copied
from scripted_server import unused_port

from .behaviours import FaultServer
from .case import Became, Case

_REPOSITORY = Path(__file__).resolve().parents[2]
_KEY = "sk-faults-0123456789-do-not-follow"
# Nothing takes as long; a program that waits for ever is ended.
_BOUND_S = 60.0
# Short waits between attempts, so that a night of them takes a second.
_SETTINGS = {"BATCHGEN_RETRY__BACKOFF_BASE_S": "0.02", "BATCHGEN_RETRY__BACKOFF_CAP_S": "0.05"}
_FAILURES = frozenset({"unavailable", "unknown", "invalid_reply"})


@dataclass(frozen=True, slots=True)
class Trial:
    """What was seen. `attempts` and `jobs` are rows of the ledger."""

    became: Became
    attempts: Sequence[dict[str, Any]]
    jobs: Sequence[dict[str, Any]]
    said: str
    kept: int  # files that an attempt's error names and that their owner alone can read
    left: Sequence[str]  # other files of answers on their way
    asks: tuple[int, ...]
    crowd: tuple[int, ...]
    strayed: int  # requests that another host saw
    authorized: bool  # all others carried the key


async def put_to_trial(case: Case, folder: Path) -> Trial:
    """Run the case's commands in an empty folder, to their end."""
    (folder / "m.csv").write_text(case.manifest, encoding="utf-8")
    server, other = FaultServer(list(case.script), case.then, port=unused_port()), FaultServer()
    await other.start()
    server.elsewhere = other.base.replace("127.0.0.1", "localhost")
    if case.opens == "":
        await server.start()
    try:
        async with asyncio.timeout(_BOUND_S):
            runs = [await _run(case, command, folder, server) for command in case.commands]
    finally:
        # Who hangs may go home.
        server.release.set()
        await server.stop()
        await other.stop()
    return _seen(runs, folder, server, len(other.seen))


async def _run(case: Case, command: str, folder: Path, server: FaultServer) -> tuple[int, str]:
    """The exit code and what was said."""
    if not case.opens:
        ended = await asyncio.to_thread(copied.run, command.split(), folder, _environment(case, server))
        return ended.returncode, (ended.stdout + ended.stderr).decode()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "batchgen", *command.split()),
        cwd=folder,
        env=_environment(case, server),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said = []
    try:
        async for line in process.stdout:
            said.append(line.decode())
            if case.opens and case.opens in said[-1]:
                await server.start()
        return await process.wait(), "".join(said)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _environment(case: Case, server: FaultServer) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("BATCHGEN_", "OPENAI_"))}
    ours = {"PYTHONPATH": str(_REPOSITORY), "OPENAI_BASE_URL": server.base, "OPENAI_API_KEY": _KEY}
    return {**kept, **ours, **_SETTINGS, **case.settings}


def _seen(runs: Sequence[tuple[int, str]], folder: Path, server: FaultServer, strayed: int) -> Trial:
    attempts = _rows(folder, "SELECT * FROM attempts ORDER BY finished_at, job_id, number")
    jobs = _rows(folder, "SELECT * FROM jobs ORDER BY id")
    kept, left = _on_the_way(folder, [attempt["error_message"] or "" for attempt in attempts])
    became = Became(
        outcomes=_in_a_row([attempt["outcome"] for attempt in attempts]),
        jobs=_states([job["state"] for job in jobs]),
        exit=", then ".join(str(code) for code, _ in runs),
        requests=len(server.seen),
        known=sum(attempt["cost_micros"] or 0 for attempt in attempts),
        estimated=sum(attempt["cost_micros"] for attempt in attempts if attempt.get("cost_basis") == "estimated"),
        at_most=sum(attempt["reserved_micros"] for attempt in attempts if attempt["cost_micros"] is None),
    )
    return Trial(
        became=became,
        attempts=attempts,
        jobs=jobs,
        said="".join(words for _, words in runs),
        kept=kept,
        left=left,
        asks=tuple(seen.json.get("n", 1) for seen in server.seen if seen.body is not None),
        crowd=tuple(server.crowd),
        strayed=strayed,
        authorized=all(seen.headers.get("Authorization") == f"Bearer {_KEY}" for seen in server.seen),
    )


def _on_the_way(folder: Path, errors: Sequence[str]) -> tuple[int, list[str]]:
    files = [path for path in (folder / ".images.answers").rglob("*") if path.is_file() and path.name != "lock"]
    kept = [path for path in files if any(error.endswith(str(path)) for error in errors) and path.stat().st_mode & 0o77 == 0]
    return len(kept), [path.name for path in files if path not in kept]


def _rows(folder: Path, query: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(folder / "batchgen.db")) as ledger:
        ledger.row_factory = sqlite3.Row
        return [dict(row) for row in ledger.execute(query)]


def _in_a_row(outcomes: Sequence[str]) -> str:
    """Equal ones together. How often a server that is away was looked for depends on how long it was."""
    groups = [(outcome, len(list(group))) for outcome, group in groupby(outcomes)]
    return ", ".join(
        f"{outcome} again and again" if outcome == "offline" else outcome if count == 1 else f"{outcome} ×{count}"
        for outcome, count in groups
    )


def _states(states: Sequence[str]) -> str:
    if len(states) == 1:
        return states[0]
    return ", ".join(f"{count} {state}" for state, count in sorted(Counter(states).items()))


def disagreements(case: Case, trial: Trial) -> list[str]:
    """Where what was seen is not what the case expects; empty if all is as it should be."""
    errors = [attempt["error_message"] or "" for attempt in trial.attempts]
    notes = [attempt.get("remark") or "" for attempt in trial.attempts]
    checks = {
        f"became {trial.became}, not {case.becomes}": trial.became == case.becomes,
        f"{case.says!r} was not said": case.says in trial.said,
        f"{case.message!r} is not the first error, {errors[:1]}": case.message in errors[0],
        f"{case.note!r} was not noted": any(case.note in note for note in notes),
        f"{trial.kept} replies were kept, not {case.kept}": trial.kept == case.kept,
        f"left on the desk: {trial.left}": not trial.left,
        f"images asked for: {trial.asks}, not {case.asks}": case.asks in ((), trial.asks),
        f"open at each arrival: {trial.crowd}, not {case.crowd}": case.crowd in ((), trial.crowd),
        "another host was asked": trial.strayed == 0,
        "a request did not carry the key": trial.authorized,
        "a traceback or the key was shown": "Traceback" not in trial.said and _KEY not in trial.said,
        "failures are not those of the outcome table": len(case.commands) > 1 or _counts_failures(trial),
    }
    return [words for words, holds in checks.items() if not holds]


def _counts_failures(trial: Trial) -> bool:
    """Only some outcomes count against `max_attempts`."""
    counted = Counter(attempt["job_id"] for attempt in trial.attempts if attempt["outcome"] in _FAILURES)
    return all(job["failures"] == counted[job["id"]] for job in trial.jobs)
