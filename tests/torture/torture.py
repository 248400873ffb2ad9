"""Kill again and again, finish everything, balance the money. Ends with 1 if the balance does not hold.

    python -m torture.torture [--kills N] [--database URL]

Half of the kills come at random moments, half at named points of the program (tests/crash_points.py), each of them at least
once. The server is a sandbox with a log of its own and a few faults; it knows what it would have billed. Without a database
there are two ledgers, SQLite and a PostgreSQL out of a wheel, which gets a quarter of the kills.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from crash_points import POINTS
from postgres import started
from sandbox_process import sandbox

from .balance import Balance, left_behind
from .books import log_of
from .killing import ANY_MOMENT, IN_FLIGHT, Torture, turns

_SEED = 20261121
_FAULTS = "cut=0.01,reset=0.01,500=0.02,504=0.005,fewer=0.04,empty=0.005,not_image=0.005,bad_base64=0.005"
_MOST_TOLD = 20


def torture(moments: int, points: Sequence[str], count: int = 0, *, database: str | None = None) -> list[str]:
    """Kill at so many moments and so many of these points, finish, balance; returns what does not hold."""
    folder = Path(tempfile.mkdtemp(prefix="batchgen-torture-"))
    begun = time.monotonic()
    with sandbox(folder, "--latency", "0.15", "--faults", _FAULTS, BATCHGEN_RETRY__BACKOFF_BASE_S="0.1") as environment:
        tortured = Torture(folder, database or f"sqlite:///{folder / 'ledger.db'}", environment, random.Random(_SEED))
        try:
            tortured.begin()
            for turn in turns(moments, points, count, tortured.chance):
                tortured.kill(turn)
            tortured.finish()
            broken = _balanced(tortured, points)
        finally:
            tortured.close()
    print(f"{time.monotonic() - begun:.0f} s")
    for words in broken[:_MOST_TOLD]:
        print(f"DOES NOT HOLD: {words}")
    if broken:
        print(f"everything is in {folder}")
    else:
        print("the balance holds")
        shutil.rmtree(folder)
    return broken


def _balanced(tortured: Torture, points: Sequence[str]) -> list[str]:
    """Print the figures; returns what does not hold."""
    ledger, log = tortured.ledger, log_of(tortured.folder / "log.jsonl")
    balance = Balance(ledger.attempts(), log, tortured.wanted(), ledger.images(), tortured.safe, IN_FLIGHT)
    root = tortured.folder / "images"
    verified = tortured.run("verify", "m")
    said = verified.stdout.strip().splitlines()[-1]
    on_disk = sum(1 for path in root.rglob("*") if path.is_file())
    _show(tortured.kills, balance, on_disk)
    print(said)
    checks = {
        "every job is done": ledger.jobs("succeeded") == ledger.jobs() == tortured.rows,
        "every artifact verifies and no file is unknown": verified.returncode == 0 and ", 0 unknown" in said,
        "the images on disk are those of the ledger": on_disk == sum(balance.images.values()),
        "every point was passed": all(tortured.kills[point] for point in points),
    }
    not_so = [f"not so: {name}" for name, holds in checks.items() if not holds]
    return [*not_so, *tortured.broken, *left_behind(root), *balance.broken()]


def _show(kills: Counter[str], balance: Balance, on_disk: int) -> None:
    for name in (ANY_MOMENT, *POINTS):
        if kills[name]:
            print(f"{kills[name]:5}  {name}")
    outcomes = Counter(attempt.outcome for attempt in balance.attempts.values())
    print(f"{kills.total()} kills, {len(balance.wanted)} jobs, {len(balance.log)} requests; attempts: {dict(outcomes)}")
    made, known = sum(asked.images for asked in balance.log), sum(a.images for a in balance.attempts.values())
    print(f"images: {made} billed by the server, {known} in the ledger, {on_disk} on disk")
    print(f"answers that were whole on disk when a process died: {len(balance.safe)}")
    missing = balance.billed_micros - balance.known_micros
    print(
        f"money: ${balance.billed_micros / 1e6:.6f} billed, ${balance.known_micros / 1e6:.6f} known; "
        f"${missing / 1e6:.6f} more is with unknown attempts, ${balance.at_most_micros / 1e6:.6f} at most"
    )


def main(kills: int, database: str | None) -> int:
    """One ledger if it is named, else both."""
    if database is not None:
        return bool(torture(kills - kills // 2, list(POINTS), kills // 2, database=database))
    print("SQLite")
    broken = torture(kills - kills // 2, list(POINTS), kills // 2)
    fewer = kills // 4
    print("\nPostgreSQL")
    with started() as server:
        broken += torture(fewer - fewer // 2, list(POINTS), fewer // 2, database=server.create())
    return bool(broken)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--database")
    given = parser.parse_args()
    sys.exit(main(given.kills, given.database))
