"""Two workers on one ledger, killed at random moments; then everything is finished and the money is balanced.

    python -m torture.torture KILLS [DATABASE_URL]

The server is a sandbox with a log of its own, which knows what it would have billed. The balance holds when every job is done,
every artifact verifies, every billed request is an attempt that the ledger calls succeeded, superseded or unknown, and what the
server billed beyond the ledger's costs is covered by the unknown attempts' worst cases. Ends with 1 if it does not hold.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

_REPOSITORY = Path(__file__).resolve().parents[2]
_SEED = 20261121
_ROWS_AT_ONCE = 300
_WORKERS = 2
# Moments between two kills, in seconds: from "hardly begun" to "deep in the work".
_SHORTEST_S, _LONGEST_S = 0.3, 1.3
_BILLED_OUTCOMES = frozenset({"succeeded", "superseded", "unknown", "invalid_reply", "storage_failed"})


@dataclass
class Torture:
    """One folder, one ledger, one server."""

    folder: Path
    database: str
    environment: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    kills: int = 0

    def command(self, *arguments: str) -> list[str]:
        """The program on this ledger."""
        return [sys.executable, "-m", "batchgen", "--database", self.database, *arguments]

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run to the end."""
        return subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )

    def more_rows(self) -> None:
        """Give the workers something to do."""
        with (self.folder / "m.csv").open("a", encoding="utf-8") as manifest:
            if not self.rows:
                manifest.write("custom_id,prompt,quality,size\n")
            for number in range(self.rows, self.rows + _ROWS_AT_ONCE):
                manifest.write(f"row-{number},a sign that says {number},low,1024x640\n")
        self.rows += _ROWS_AT_ONCE
        self.run("submit", "m.csv").check_returncode()

    def status(self) -> dict[str, Any]:
        """What the program says of the batch."""
        found: dict[str, Any] = json.loads(self.run("status", "m", "--json").stdout)
        return found

    def kill_until(self, kills: int) -> None:
        """Keep two workers going and kill one of them again and again."""
        chance = random.Random(_SEED)
        workers: list[subprocess.Popen[bytes]] = []
        while self.kills < kills:
            while len(workers) < _WORKERS:
                workers.append(self._worker())
            time.sleep(chance.uniform(_SHORTEST_S, _LONGEST_S))
            victim = workers.pop(chance.randrange(len(workers)))
            if victim.poll() is None:
                os.killpg(victim.pid, signal.SIGKILL)
                self.kills += 1
            victim.wait()
            jobs = self.status()["jobs"]
            if jobs["pending"] + jobs["running"] < _ROWS_AT_ONCE / 3:
                self.more_rows()
        for worker in workers:
            worker.wait()

    def finish(self) -> None:
        """Resume until nothing is left; a job whose answer was lost twice has failed and needs a person to ask again."""
        for _ in range(10):
            if self.run("resume", "m").returncode == 0:
                return

    def _worker(self) -> "subprocess.Popen[bytes]":
        command = self.command("-q", "run", "--batch", "m", "--concurrency", "4")
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, start_new_session=True, stderr=subprocess.DEVNULL
        )


def balance(torture: Torture) -> list[str]:
    """Print the figures; returns what does not hold."""
    log = [json.loads(line) for line in (torture.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    billed = Counter(asked["client_request_id"] for asked in log if asked["billed"])
    billed_micros = sum(asked["cost_micros"] for asked in log if asked["billed"])
    attempts = _attempts(torture.database)
    known = sum(cost or 0 for _, cost, _ in attempts.values())
    at_most = sum(most for outcome, cost, most in attempts.values() if outcome == "unknown" and cost is None)
    status, verified = torture.status(), torture.run("verify", "m")
    outcomes = Counter(outcome for outcome, _, _ in attempts.values())
    print(f"kills {torture.kills}, jobs {torture.rows}, requests {len(log)}, attempts {dict(outcomes)}")
    print(f"billed by the server ${billed_micros / 1e6:.6f}, known ${known / 1e6:.6f}, unknown at most ${at_most / 1e6:.6f}")
    print(verified.stdout.strip().splitlines()[-1])
    checks = {
        "every job is done": status["jobs"]["succeeded"] == torture.rows,
        "every artifact verifies": verified.returncode == 0,
        "no file is unknown": "0 unknown" in verified.stdout,
        "no request was billed twice under one attempt": max(billed.values()) == 1,
        "every billed request is an attempt": all(attempts.get(name, ("",))[0] in _BILLED_OUTCOMES for name in billed),
        "what the ledger does not know is explained by unknown attempts": known <= billed_micros <= known + at_most,
    }
    return [name for name, holds in checks.items() if not holds]


def _attempts(url: str) -> dict[str, tuple[str, int | None, int]]:
    """Outcome, cost and worst case of every attempt, by the label that went with its request."""
    parsed = make_url(url)
    engine = create_engine(parsed.set(drivername="postgresql+psycopg") if parsed.get_backend_name() == "postgresql" else parsed)
    query = text("SELECT job_id, number, outcome, cost_micros, reserved_micros FROM attempts")
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    engine.dispose()
    return {f"batchgen-{row.job_id}-{row.number}": (row.outcome, row.cost_micros, row.reserved_micros) for row in rows}


def main(kills: int, database: str | None) -> int:
    """Torture, finish, balance."""
    with tempfile.TemporaryDirectory(prefix="batchgen-torture-") as name:
        folder = Path(name)
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("BATCHGEN_", "OPENAI_"))}
        environment["PYTHONPATH"] = str(_REPOSITORY)
        serve = [sys.executable, "-m", "batchgen", "-q", "sandbox", "--port", "0", "--latency", "0.03", "--log", "log.jsonl"]
        with subprocess.Popen(serve, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            environment |= {"OPENAI_BASE_URL": server.stdout.readline().strip(), "OPENAI_API_KEY": "sk-torture"}
            torture = Torture(folder, database or f"sqlite:///{folder / 'ledger.db'}", environment)
            try:
                torture.more_rows()
                torture.kill_until(kills)
                torture.finish()
                broken = balance(torture)
            finally:
                server.terminate()
    print("the balance holds" if not broken else f"DOES NOT HOLD: {'; '.join(broken)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
