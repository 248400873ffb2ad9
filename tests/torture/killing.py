"""Two workers and the commands beside them on one ledger, killed at random moments and at every named point."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crash_points import COMMANDING, RECOVERING

from .books import Ledger, safe_answers

ANY_MOMENT = "any moment"
IN_FLIGHT = 3
_WORKERS = 2
_ROWS_AT_ONCE, _FEW_ROWS = 100, 40
# Moments between two kills, in seconds: from "hardly begun" to "deep in the work".
_SHORTEST_S, _LONGEST_S = 0.3, 1.3
# How often a point is passed before it kills, at most; where less often, one worker does not pass it that often for sure.
_DEEPEST = 5
_DEPTHS = {
    "one of two images on disk": 3,
    "one of two images placed": 3,
    "the leases renewed in part": 3,
    "export: half a file written": _ROWS_AT_ONCE,
} | dict.fromkeys(RECOVERING, 1)
_TRIES = 5
# No worker lives longer; leases of two minutes may have to run out.
_PATIENCE_S = 400.0
# Ends of a worker that nobody killed: all is done, or some jobs have failed.
_ORDINARY_ENDS = (0, 1)


def turns(moments: int, points: Sequence[str], count: int, chance: random.Random) -> list[str]:
    """So many random moments and so many of these points, in a random order; each point comes at least once."""
    named: list[str] = []
    count = max(count, len(points))
    while len(named) < count:
        named += chance.sample(points, len(points))
    mixed = [ANY_MOMENT] * moments + named[:count]
    chance.shuffle(mixed)
    return mixed


@dataclass
class Torture:
    """One folder, one ledger, one server; `broken` are promises that were seen not to hold on the way.

    `safe` are the attempts whose answers were seen whole on disk, by their labels.
    """

    folder: Path
    database: str
    environment: dict[str, str]
    chance: random.Random
    rows: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    safe: set[str] = field(default_factory=set)
    _workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.database)

    def wanted(self) -> dict[str, int]:
        """How many images each row asks for."""
        return {f"row-{number}": 2 if number % 3 == 0 else 1 for number in range(self.rows)}

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """The program, to its end."""
        command = [sys.executable, "-m", "batchgen", "--database", self.database, *arguments]
        return subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)

    def begin(self) -> None:
        """Have a batch."""
        self._write_rows()
        self.run("submit", "m.csv").check_returncode()

    def kill(self, turn: str) -> None:
        """Kill something at this point, in the middle of the work."""
        if turn in COMMANDING:
            self._refill(_WORKERS)
            getattr(self, f"_kill_{turn.partition(':')[0]}")(turn)
        elif turn == ANY_MOMENT:
            self._kill_at_any_moment()
        else:
            self._kill_a_worker(turn)

    def finish(self) -> None:
        """Kill all at once, as a failing machine does, and resume until nothing is left.

        A job whose answer was lost twice has failed, and a person asks for it again.
        """
        while self._workers:
            self._kill_one(self._workers.pop())
        for _ in range(10):
            if self.run("resume", "m", "--unknown", "--concurrency", "16").returncode == 0:
                return

    def close(self) -> None:
        """Leave nothing running, whatever happened."""
        for worker in self._workers:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
                worker.wait()
        self.ledger.close()

    def _kill_at_any_moment(self) -> None:
        for _ in range(_TRIES):
            self._refill(_WORKERS)
            time.sleep(self.chance.uniform(_SHORTEST_S, _LONGEST_S))
            if self._kill_one(self._workers.pop(self.chance.randrange(len(self._workers)))):
                return

    def _kill_one(self, victim: "subprocess.Popen[bytes]") -> bool:
        """From outside; False if it had ended."""
        alive = victim.poll() is None
        if alive:
            os.killpg(victim.pid, signal.SIGKILL)
            self.kills[ANY_MOMENT] += 1
        self._bury(victim)
        return alive

    def _kill_a_worker(self, point: str) -> None:
        """One works on, the other one passes the point; what the dead left must be fresh where the point is about that."""
        depth = self.chance.randint(1, _DEPTHS.get(point, _DEEPEST))
        for _ in range(_TRIES):
            self._refill(_WORKERS - 1)
            if point in RECOVERING:
                self._dies("sent, not answered" if "claim" in point else "written, not placed", 1, *self._work())
            if self._dies(point, depth, *self._work()):
                return
            depth = 1

    def _kill_submit(self, point: str) -> None:
        """Nothing of a manifest is stored, and then all of it."""
        before = self.rows
        self._write_rows()
        self._dies(point, 1, "submit", "m.csv")
        if self.ledger.jobs() != before:
            self.broken.append(f"a killed submit left {self.ledger.jobs() - before} rows")
        self.run("submit", "m.csv").check_returncode()

    def _kill_resume(self, point: str) -> None:
        self._dies(point, 1, "resume", "m", "--unknown")

    def _kill_export(self, point: str) -> None:
        """The file that was there is as it was."""
        path = self.folder / "out.csv"
        before = path.read_bytes() if path.exists() else None
        export = ("export", "m", "--format", "csv", "--to", path.name)
        self._dies(point, self.chance.randint(1, _DEPTHS[point]), *export)
        if before != (path.read_bytes() if path.exists() else None):
            self.broken.append("a killed export left half a file under the name")
        self.run(*export).check_returncode()
        if len(path.read_text(encoding="utf-8").splitlines()) != self.rows + 1:
            self.broken.append("an export has not every row")

    def _dies(self, point: str, nth: int, *arguments: str) -> bool:
        """Run the program until it passes the point for the nth time; False if it ended before that."""
        victim = self._start("torture.dying_command", point, str(nth), "-q", "--database", self.database, *arguments)
        if self._bury(victim) != -signal.SIGKILL:
            return False
        self.kills[point] += 1
        return True

    def _refill(self, count: int) -> None:
        """At least so many workers, and work for them."""
        for worker in [one for one in self._workers if one.poll() is not None]:
            self._workers.remove(worker)
            self._bury(worker)
        if self.ledger.jobs("pending") < _FEW_ROWS:
            self._write_rows()
            self.run("submit", "m.csv").check_returncode()
        while len(self._workers) < count:
            self._workers.append(self._start("batchgen", "-q", "--database", self.database, *self._work()))

    def _work(self) -> list[str]:
        scope = self.chance.choice([["run", "--batch", "m"], ["resume", "m", "--unknown"]])
        return [*scope, "--concurrency", str(IN_FLIGHT)]

    def _start(self, *module: str) -> "subprocess.Popen[bytes]":
        with (self.folder / "said.txt").open("ab") as said:
            command = [sys.executable, "-m", *module]
            return subprocess.Popen(command, cwd=self.folder, env=self.environment, start_new_session=True, stderr=said)

    def _bury(self, worker: "subprocess.Popen[bytes]") -> int:
        """Wait for the end of a process, and see that it is one of those that can be."""
        try:
            code = worker.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
            self.broken.append("a worker did not end")
            return 0
        self.safe |= safe_answers(self.folder / "images")
        if code not in (*_ORDINARY_ENDS, -signal.SIGKILL):
            self.broken.append(f"a worker ended with {code}")
        return code

    def _write_rows(self) -> None:
        begun = self.rows > 0
        self.rows += _ROWS_AT_ONCE
        rows = [f"{name},a tile with {name},{images},low,1024x640\n" for name, images in self.wanted().items()]
        with (self.folder / "m.csv").open("a" if begun else "w", encoding="utf-8") as manifest:
            manifest.writelines(rows[-_ROWS_AT_ONCE:] if begun else ["custom_id,prompt,n,quality,size\n", *rows])
