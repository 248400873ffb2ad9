"""Every prompt once, on a server with all its faults: does the ledger have, attempt by attempt, what the server billed?

    python -m bill.trial [--prompts FILE.tsv]

The server is a sandbox in a process of its own, whose log says what it used for each request. What that costs is reckoned by a
second reading of the reference (tests/tariff.py), since program and sandbox have one price table. Ends with 1 if a promise did
not hold.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sandbox_process import sandbox
from torture.books import Ledger, log_of

from . import rows
from .audit import Audit

_TESTS = Path(__file__).resolve().parents[1]
PROMPTS = _TESTS.parents[1] / "shared" / "data" / "parti_prompts.tsv"
# All that the sandbox knows of. Statuses that halt a run, as a refused key does, are represented by `quota`.
QUICK = (
    "400=0.01,408=0.005,500=0.02,503=0.02,504=0.02,524=0.01,moderation=0.01,reset=0.02,cut=0.02,"
    "bad_json=0.02,bad_base64=0.02,not_image=0.02,html=0.02,empty=0.02,fewer=0.03,stream_error=0.05,stream_end=0.05"
)
FAULTS = f"{QUICK},429=0.001,slow_down=0.001,drip=0.01,hang=0.005,quota=0.002"
_MOST_RUNS = 30
_MOST_TOLD = 20


def trial(prompts: Sequence[str], faults: str = FAULTS, runs: int = _MOST_RUNS) -> Audit:
    """Make them all, if that takes no more runs than so many, and put the books side by side."""
    with (
        tempfile.TemporaryDirectory(prefix="batchgen-bill-") as name,
        sandbox(
            folder := Path(name),
            "--faults",
            faults,
            BATCHGEN_RETRY__BACKOFF_BASE_S="0.05",
            BATCHGEN_PROVIDER__TIMEOUT_S="20",
        ) as environment,
    ):
        rows.write(prompts, folder)
        is_done = _make(folder, environment, runs)
        costs = json.loads(_run(folder, environment, "costs", "--json").stdout)
        with closing(Ledger(f"sqlite:///{folder / 'batchgen.db'}")) as ledger:
            attempts = ledger.attempts()
        log = folder / "log.jsonl"
        return Audit(attempts, [json.loads(line) for line in log.read_bytes().splitlines()], log_of(log), costs, is_done)


def _make(folder: Path, environment: dict[str, str], runs: int) -> bool:
    """What was refused, lost or halted by a fault is asked for again; True if all is made."""
    work = ["run", "m.csv"]
    for _ in range(runs):
        done = _run(folder, environment, *work, "--concurrency", "24")
        if done.returncode == 0:
            return True
        assert done.returncode in (1, 3), done.stderr[-2000:]
        work = ["resume", "m", "--unknown", "--rejected"]
    return False


def _run(folder: Path, environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "batchgen", "-q", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def main(path: Path) -> int:
    """All prompts of a file."""
    if not path.is_file():
        print(f"{path} is not there: name a TSV with prompts in its first column with --prompts", file=sys.stderr)
        return 2
    prompts, begun = rows.prompts_of(path), time.monotonic()
    audit = trial(prompts)
    counts = f"{len(prompts)} prompts, {len(audit.log)} requests, {len(audit.attempts)} attempts"
    print(f"{counts}, {time.monotonic() - begun:.0f} s")
    print(f"at the server: {dict(Counter(asked.fate for asked in audit.log).most_common())}")
    print(f"in the ledger: {dict(audit.bases)}")
    print(
        f"${audit.billed / 1e6:.6f} billed, ${audit.known / 1e6:.6f} known; unknown attempts account for the difference, "
        f"${audit.at_most / 1e6:.6f} at most"
    )
    broken = [*([] if audit.is_done else ["not everything is made"]), *audit.broken()]
    for words in broken[:_MOST_TOLD]:
        print(f"DOES NOT HOLD: {words}")
    print("the bill holds" if not broken else f"{len(broken)} promises were broken")
    return bool(broken)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompts", type=Path, default=PROMPTS)
    given = parser.parse_args()
    sys.exit(main(given.prompts))
