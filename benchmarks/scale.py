"""A million rows: the time and the memory of every command that meets them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import manifest, processes
from benchmarks.processes import Ran
from benchmarks.speed import SMALL
from benchmarks.table import AtMost, Line

_PEAK_MB = 120
_GROWTH = 1.1


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows there are, how many of them are made, and how many are refused afterwards."""

    rows: int
    made: int
    refused: int


MANY = Size(1_000_000, 20_000, 5_000)
FEW = Size(10_000, 8_000, 2_000)


@dataclass(frozen=True, slots=True)
class Passage:
    """One ledger from its manifest to its export."""

    submit: Ran
    run: Ran
    export: Ran


def measure(rounds: int, scratch: Path, many: Size = MANY, few: Size = FEW) -> list[Line]:
    """One round of what takes long; `rounds` of what a person waits for."""
    folders = {size: scratch / str(size.rows) for size in (few, many)}
    for folder in folders.values():
        folder.mkdir()
    beside = _passage(folders[few], few)
    first_s = []
    passage = _passage(folders[many], many, before=lambda: first_s.extend(_first_requests(folders[many], rounds)))
    lines = [*_submit_lines(folders[many], many, passage.submit), *_memory_lines(many, passage, beside)]
    lines.append(Line(f"run with {many.rows:,} pending: the first request", first_s, "{:.2f} s", AtMost(1.5)))
    return [*lines, *_waiting_lines(folders[many], many, rounds), Line("export", [passage.export.seconds], "{:.1f} s")]


def _passage(folder: Path, size: Size, before: Callable[[], None] = lambda: None) -> Passage:
    path = manifest.write(folder, size.rows)
    submit = _told(processes.run(folder, "batchgen", "submit", path.name), f"submit {size.rows:,}")
    before()
    with processes.server(SMALL.size) as server:
        run = _told(processes.run(folder, *_run(size.made), base_url=server.base_url), f"run {size.made:,} of {size.rows:,}")
    with processes.server(SMALL.size, "--refuse") as server:
        processes.run(folder, *_run(size.refused), base_url=server.base_url, expected=1)
    command = ("batchgen", "export", manifest.NAME, "--format", "csv", "--to", "export.csv")
    return Passage(submit, run, _told(processes.run(folder, *command), f"export {size.rows:,}"))


def _run(limit: int) -> tuple[str, ...]:
    return ("batchgen", "run", "--batch", manifest.NAME, "--concurrency", str(SMALL.concurrency), "--limit", str(limit))


def _first_requests(folder: Path, rounds: int) -> list[float]:
    seconds = []
    for _ in range(rounds):
        with processes.server(SMALL.size) as server:
            ran = processes.run(folder, *_run(1), base_url=server.base_url)
            seconds.append(server.counts().first - ran.begun)
    return seconds


def _submit_lines(folder: Path, size: Size, submit: Ran) -> list[Line]:
    lines = [Line(f"submit {size.rows:,}", [submit.seconds], "{:.1f} s")]
    for words, options, target in (("", (), AtMost(4.0)), (" into the same indexes", ("--indexes",), None)):
        copy = folder / "copy.db"
        command = ("benchmarks.contenders.executemany", "batchgen.db", copy.name, *options)
        other = _told(processes.run(folder, *command), f"executemany{words}")
        copy.unlink()
        lines.append(Line(f"submit against executemany{words}", [submit.seconds / other.seconds], target=target))
    return lines


def _memory_lines(many: Size, passage: Passage, beside: Passage) -> list[Line]:
    lines = []
    pairs = (
        (f"submit {many.rows:,}", passage.submit, beside.submit),
        (f"run {many.made:,} of {many.rows:,}", passage.run, beside.run),
        (f"export {many.rows:,}", passage.export, beside.export),
    )
    for words, ran, small in pairs:
        lines.append(Line(f"{words}: peak memory", [ran.peak_mb], "{:.0f} MB", AtMost(_PEAK_MB)))
        lines.append(Line(f"{words}: peak memory against few rows", [ran.peak_mb / small.peak_mb], target=AtMost(_GROWTH)))
    return lines


def _waiting_lines(folder: Path, size: Size, rounds: int) -> list[Line]:
    asked = ((("status",), 0.5), (("status", manifest.NAME), 0.5), (("failures", manifest.NAME), 0.5), (("--help",), 0.3))
    lines = []
    for command, bound in asked:
        seconds = [processes.run(folder, "batchgen", *command).seconds for _ in range(rounds)]
        words = " ".join(command) + (f" at {size.rows:,} jobs" if command != ("--help",) else "")
        lines.append(Line(words, seconds, "{:.2f} s", AtMost(bound)))
    return lines


def _told(ran: Ran, words: str) -> Ran:
    print(f"{words}: {ran.seconds:.1f} s, {ran.peak_mb:.0f} MB", flush=True)
    return ran
