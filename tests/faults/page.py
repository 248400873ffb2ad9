"""The page of faults: every case put to the program, the figures of that very run as Markdown.

    python -m faults.page PATH

Ends with 1 if anything is not as its case expects.
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from .case import Became, Case
from .cases import CASES
from .trial import Trial, disagreements, put_to_trial

_AT_ONCE = 2
_INTRODUCTION = """\
# What becomes of a fault

Each row is a run of `batchgen` against a server that misbehaves as the first column says, and answers properly from then on:
a job that is tried again succeeds. The figures are what the run left in its ledger and what the server counted: how the
attempts ended, the state of the job or jobs, the exit code, the requests, the cost that is known, and beside it the most that
attempts without a known cost can have cost. An image costs $0.013220 by its usage; it is estimated at $0.013215 where the
answer came without usage, and is counted at $0.013260 at most where no whole answer came. Settings make the waits short:
backoff, timeout, patience.

`make faults` makes these runs, writes this page, and ends with 1 if a row is not as expected. `make test` makes the same
runs.
"""
_HEAD = "| fault | outcomes | job | exit | requests | known cost | unknown at most |\n|---|---|---|---|--:|--:|--:|\n"


def render(became: Callable[[Case], Became]) -> str:
    """The page, with what became of each case."""
    parts = [_INTRODUCTION]
    for title, cases in CASES.items():
        parts.append(f"\n## {title}\n\n{_HEAD}" + "".join(_row(case.fault, became(case)) for case in cases))
    return "".join(parts)


def _row(fault: str, became: Became) -> str:
    known = _dollars(became.known)
    if became.estimated:
        known += ", estimated" if became.estimated == became.known else f", of it {_dollars(became.estimated)} estimated"
    cells = (fault, became.outcomes, became.jobs, became.exit, str(became.requests), known, _dollars(became.at_most))
    return f"| {' | '.join(cells)} |\n"


def _dollars(micros: int) -> str:
    return f"${micros / 1_000_000:.6f}" if micros else "0"


async def _measure() -> dict[str, Trial]:
    """Put all cases to the program, two at once."""
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(case: Case) -> tuple[str, Trial]:
        with tempfile.TemporaryDirectory(prefix="batchgen-fault-") as name:
            async with free:
                return case.fault, await put_to_trial(case, Path(name))

    return dict(await asyncio.gather(*(one(case) for cases in CASES.values() for case in cases)))


def main(path: Path) -> int:
    """Measure, print, write, compare."""
    trials = asyncio.run(_measure())
    page = render(lambda case: trials[case.fault].became)
    path.parent.mkdir(exist_ok=True)
    path.write_text(page, encoding="utf-8")
    print(page)
    wrong = [
        f"{case.fault}: {words}"
        for cases in CASES.values()
        for case in cases
        for words in disagreements(case, trials[case.fault])
    ]
    print("\n".join(wrong) if wrong else f"{len(trials)} faults, each as expected", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
