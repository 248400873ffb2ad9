"""Answers a second, beside others, and the memory that large images take. All take turns, round after round.

Small files stay until the end: a file system that has just deleted thousands of them makes new ones slowly.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks import manifest, processes
from benchmarks.processes import Ran
from benchmarks.table import AtLeast, AtMost, Line, ratios

_PROGRAM = "batchgen"
_KEPT_BYTES = 64 * 1024
_OTHERS = ("plain", "tuned", "official")


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked for: so many images of so many bytes, so many at once."""

    words: str
    size: int
    rows: int
    concurrency: int


SMALL = Load("4 KB", 4 * 1024, 5_000, 64)
LARGE = Load("2 MB", 2 * 1024 * 1024, 1_500, 16)


def small(rounds: int, scratch: Path, load: Load = SMALL) -> list[Line]:
    """Where the program's own work counts."""
    ran = _compete(rounds, scratch, load)
    targets = {"plain": AtLeast(0.6), "official": AtLeast(2.5)}
    return _lines(load, ran, targets)


def large(rounds: int, scratch: Path, load: Load = LARGE) -> list[Line]:
    """Where the bytes count."""
    ran = _compete(rounds, scratch, load)
    targets = {"plain": AtLeast(1.1), "tuned": AtLeast(0.8), "official": AtLeast(2.5)}
    peaks = [one.peak_mb for one in ran[_PROGRAM]]
    memory = Line(f"{load.words}: peak memory", peaks, "{:.0f} MB", AtMost(60 + 8 * load.concurrency))
    return [*_lines(load, ran, targets), memory]


def _lines(load: Load, ran: dict[str, list[Ran]], targets: dict[str, AtLeast]) -> list[Line]:
    rates = {name: [load.rows / one.seconds for one in runs] for name, runs in ran.items()}
    of_mine = [
        Line(f"{load.words}: {_PROGRAM} against {name}", ratios(rates[_PROGRAM], rates[name]), target=targets.get(name))
        for name in _OTHERS
    ]
    return [*of_mine, *(Line(f"{load.words}: answers/s of {name}", rates[name], "{:,.0f}") for name in rates)]


def _compete(rounds: int, scratch: Path, load: Load) -> dict[str, list[Ran]]:
    names = (_PROGRAM, *_OTHERS)
    ran: dict[str, list[Ran]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names:
            folder = scratch / f"{number}-{name}"
            folder.mkdir()
            one = _once(name, folder, load)
            print(
                f"round {number + 1}, {load.words}, {name}: {load.rows / one.seconds:,.0f}/s, {one.peak_mb:.0f} MB", flush=True
            )
            ran[name].append(one)
            if load.size > _KEPT_BYTES:
                shutil.rmtree(folder)
    return ran


def _once(name: str, folder: Path, load: Load) -> Ran:
    path = manifest.write(folder, load.rows)
    if name == _PROGRAM:
        processes.run(folder, _PROGRAM, "submit", path.name)
        command = [_PROGRAM, "run", "--batch", manifest.NAME, "--concurrency", str(load.concurrency)]
    with processes.server(load.size) as server:
        if name != _PROGRAM:
            command = [f"benchmarks.contenders.{name}", server.base_url, path.name, "images", str(load.concurrency)]
        os.sync()  # what another left to be written must not be paid for here
        ran = processes.run(folder, *command, base_url=server.base_url)
    made = sum(1 for _ in (folder / "images").rglob("*.png"))
    assert made == load.rows, f"{name} made {made} of {load.rows}"
    return ran
