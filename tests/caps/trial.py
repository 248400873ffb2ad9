"""Four processes on one PostgreSQL under a cap of one dollar a day: is it never passed, and is it used?

    python -m caps.trial [--runs N] [--database URL]

So many runs meet a server with faults, and so many one without; one of each is on SQLite beside them. Each has an empty ledger
and begins with all four processes at once. What was spent is what the server's own log says it would have billed. Ends with 1
if a promise did not hold.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from postgres import Postgres, started
from sandbox_process import sandbox
from torture.books import log_of

PROCESSES = 4
CAP_CENTS = 100
_MICROS_A_CENT = 10_000
_HALTED = 3
FAULTS = "cut=0.03,reset=0.03,504=0.02,500=0.05,empty=0.02,fewer=0.05,slow_down=0.02"


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one run under a cap: the server's bill, its requests, and how the processes ended and in which words."""

    cap_cents: int
    billed_micros: int
    requests: int
    codes: tuple[int, ...]
    said: str

    def broken(self, faults: str) -> Iterator[str]:
        """What does not hold."""
        cap_micros = self.cap_cents * _MICROS_A_CENT
        if self.billed_micros > cap_micros:
            yield f"the cap was passed: ${self.billed_micros / 1e6:.6f} were billed"
        if not faults and self.billed_micros <= 0.9 * cap_micros:
            yield f"the cap was not used: only ${self.billed_micros / 1e6:.6f} were billed"
        if set(self.codes) != {_HALTED} or f"per_day_usd = {cap_micros / 1e6:.6f}" not in self.said:
            yield f"not every process halted at the cap: {self.codes}, {self.said[-500:]}"


def trial(database: str, faults: str, cap_cents: int = CAP_CENTS, number: int = 0) -> Trial:
    """One run on an empty database; with each number other prompts meet the faults, in another order of prices."""
    today = datetime.now(UTC).date()
    with tempfile.TemporaryDirectory(prefix="batchgen-caps-") as name:
        folder = Path(name)
        _write_rows(folder / "m.csv", 2 * cap_cents, random.Random(number))
        options = ("--latency", "0.1", *(("--faults", faults) if faults else ()))
        with sandbox(folder, *options, BATCHGEN_RETRY__BACKOFF_BASE_S="0.1") as environment:
            environment["BATCHGEN_BUDGET__PER_DAY_USD"] = f"{cap_cents / 100:.2f}"
            command = [sys.executable, "-m", "batchgen", "--database", database]
            subprocess.run([*command, "-q", "submit", "m.csv"], cwd=folder, env=environment, check=True)
            work = [*command, "run", "--batch", "m", "--concurrency", "6"]
            pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
            running = [subprocess.Popen(work, cwd=folder, env=environment, **pipes) for _ in range(PROCESSES)]
            said = "".join(process.communicate()[1] for process in running)
        log = log_of(folder / "log.jsonl")
    if datetime.now(UTC).date() != today:
        raise Midnight
    billed = sum(asked.cost for asked in log if asked.billed)
    return Trial(cap_cents, billed, len(log), tuple(one.returncode for one in running), said)


class Midnight(Exception):
    """The day has turned meanwhile, and with it the cap: this run says nothing."""


def _write_rows(path: Path, count: int, chance: random.Random) -> None:
    """More than the cap lets through, of two prices; now and then two images in one request."""
    kinds = chance.choices(["low,1", "medium,1", "low,2"], [6, 3, 1], k=count)
    rows = [f"row-{n},a sign with the number {chance.randrange(10**6)},{kind}" for n, kind in enumerate(kinds)]
    path.write_text("\n".join(["custom_id,prompt,quality,n", *rows]) + "\n", encoding="utf-8")


def main(runs: int, database: str | None) -> int:
    """All runs, on the named server (which must allow new databases) or one out of a wheel, and one of each kind on SQLite."""
    if database is not None:
        os.environ["TEST_POSTGRES_URL"] = database
    broken: list[str] = []
    with started() as server, tempfile.TemporaryDirectory(prefix="batchgen-caps-") as folder:
        for kind, faults in (("none", ""), ("faults", FAULTS)):
            done = [_one(_postgres(server), kind, faults, number) for number in range(runs)]
            billed = [found.billed_micros / 1e6 for found in done if found]
            print(f"     {kind:6}  lowest ${min(billed):.6f}, highest ${max(billed):.6f} of {len(billed)}" if billed else "")
            done.append(_one(nullcontext(f"sqlite:///{folder}/{kind}.db"), f"{kind}, SQLite", faults, runs))
            broken += [words for found in done if found for words in found.broken(faults)]
    for words in broken:
        print(f"DOES NOT HOLD: {words}")
    print("the cap holds" if not broken else f"{len(broken)} promises were broken")
    return bool(broken)


@contextmanager
def _postgres(server: Postgres) -> Iterator[str]:
    url = server.create()
    try:
        yield url
    finally:
        server.drop(url)


def _one(database: AbstractContextManager[str], kind: str, faults: str, number: int) -> Trial | None:
    with database as url:
        try:
            done = trial(url, faults, number=number)
        except Midnight:
            print("     the day has turned")
            return None
    print(f"{number + 1:3}  {kind:6}  {done.requests:4} requests  ${done.billed_micros / 1e6:.6f} billed", flush=True)
    return done


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20, help="of each kind")
    parser.add_argument("--database")
    given = parser.parse_args()
    sys.exit(main(given.runs, given.database))
