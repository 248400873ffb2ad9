"""How much of an account's limit is used, and how often the program is turned away.

A run waits most of its time, so several go on beside each other, each with a server of its own. They start one after another,
since starting is what takes the machine.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks import manifest, processes
from benchmarks.bucket import ideal_s
from benchmarks.processes import Child
from benchmarks.speed import SMALL
from benchmarks.table import AtMost, Line

_APART_S = 3.0


@dataclass(frozen=True, slots=True)
class Account:
    """So many rows under so many images a minute."""

    rows: int
    limit: int


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the program is told (`times` the limit, 0: nothing), how the server refuses, and what is to reach."""

    words: str
    times: int
    most_time: float
    most_refused: float
    hint: bool = True
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Fared:
    """Time against the ideal, and the share of requests that were refused, in percent."""

    time: float
    refused: float


_TOLD = Knowledge("told the limit", 1, 1.03, 0.5)
_TWO = Knowledge("two workers, told the limit", 1, 1.05, 0.5, workers=2)
_UNTOLD = Knowledge("told nothing", 0, 1.15, 5.0)
_UNTOLD_NO_HINT = Knowledge("told nothing, refusals without Retry-After", 0, 1.15, 5.0, hint=False)
_TOO_HIGH = Knowledge("told three times the limit", 3, 1.15, 5.0)

ACCOUNTS = (Account(60, 60), Account(500, 250), Account(3_000, 1_500))


def measure(rounds: int, scratch: Path, accounts: Sequence[Account] = ACCOUNTS) -> list[Line]:
    """Every account with every knowledge; two workers share the middle one."""
    shared = accounts[len(accounts) // 2]
    cases = [*((account, _TOLD) for account in accounts), (shared, _TWO)]
    cases += [(account, knowledge) for knowledge in (_UNTOLD, _UNTOLD_NO_HINT, _TOO_HIGH) for account in accounts]
    fared: list[list[Fared]] = [[] for _ in cases]
    for number in range(rounds):
        for column, one in zip(fared, _beside_each_other(scratch / str(number), cases), strict=True):
            column.append(one)
    return [line for case, column in zip(cases, fared, strict=True) for line in _lines(*case, column)]


def _beside_each_other(scratch: Path, cases: Sequence[tuple[Account, Knowledge]]) -> list[Fared]:
    folders = [scratch / str(number) for number in range(len(cases))]
    for (account, _), folder in zip(cases, folders, strict=True):
        folder.mkdir(parents=True)
        processes.run(folder, "batchgen", "submit", manifest.write(folder, account.rows).name)
    with ThreadPoolExecutor(len(cases)) as threads:
        running = []
        for case, folder in zip(cases, folders, strict=True):
            running.append(threads.submit(_once, folder, *case))
            time.sleep(_APART_S)
        return [one.result() for one in running]


def _once(folder: Path, account: Account, knowledge: Knowledge) -> Fared:
    options = ["--images-per-minute", str(account.limit), *([] if knowledge.hint else ["--no-hint"])]
    told = ["--images-per-minute", str(account.limit * knowledge.times)] if knowledge.times else []
    with processes.server(SMALL.size, *options) as server:
        begun = time.monotonic()
        command = ("batchgen", "run", "--batch", manifest.NAME, *told)
        workers = [Child(folder, *command, base_url=server.base_url) for _ in range(knowledge.workers)]
        for worker in workers:
            worker.wait()
        seconds = time.monotonic() - begun
        counts = server.counts()
    fared = Fared(seconds / ideal_s(account.rows, account.limit), 100 * counts.refusals / counts.requests)
    print(f"{_words(account, knowledge)}: {seconds:.1f} s, {counts.refusals} of {counts.requests} refused", flush=True)
    return fared


def _lines(account: Account, knowledge: Knowledge, fared: Sequence[Fared]) -> list[Line]:
    words = _words(account, knowledge)
    return [
        Line(f"{words}: time against the ideal", [one.time for one in fared], "{:.3f}", AtMost(knowledge.most_time)),
        Line(f"{words}: refused", [one.refused for one in fared], "{:.2f} %", AtMost(knowledge.most_refused)),
    ]


def _words(account: Account, knowledge: Knowledge) -> str:
    return f"{account.rows:,} rows at {account.limit:,}/min, {knowledge.words}"
