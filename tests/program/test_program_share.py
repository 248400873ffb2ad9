"""Two workers on one ledger."""

import json

import pytest

from .conftest import Program, prompts


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return "sqlite:///shared.db"
    url: str = request.getfixturevalue("postgres").create()
    return url


def test_two_runs_at_once_share_the_work(program: Program, ledger: str) -> None:
    """Two runs of one batch make every image once between them, and both end well."""
    program.write("signs.csv", prompts(120))
    program.run("--database", ledger, "submit", "signs.csv", "--provider", "sandbox")
    command = ("--database", ledger, "run", "--batch", "sandbox-signs", "--concurrency", "4", "--json")
    both = [program.start(*command) for _ in range(2)]
    said = [json.loads(process.communicate(timeout=100)[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(one["this_run"]["succeeded"] for one in said) == 120
    status = program.json("--database", ledger, "status", "sandbox-signs")
    assert (status["jobs"]["succeeded"], status["attempts"], status["unknown_attempts"]) == (120, 120, 0)
    exported = program.run("--database", ledger, "export", "sandbox-signs", "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line)["custom_id"] for line in exported] == [f"row-{number}" for number in range(1, 121)]
