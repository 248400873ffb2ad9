"""How commands end: exit codes, signals, what is said and what is never said."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from .conftest import Program, Server, clean_environment, prompts

_HEAVY = ("sqlalchemy", "aiohttp", "alembic", "PIL", "rich", "asyncio_throttle", "psycopg", "dotenv")


def test_help_loads_nothing_heavy() -> None:
    """--help answers without importing what only some commands need."""
    script = (
        "import sys\nfrom batchgen.cli.main import main\nsys.argv = ['batchgen', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {_HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=clean_environment(), check=True)
    assert "Commands:" in done.stdout
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "missing.csv"), "there is no manifest missing.csv"),
        (("run", "signs.csv"), "there is no API key"),
        (("run", "--batch", "nobody"), "there is no batch 'nobody'"),
        (("status", "nobody"), "there is no batch 'nobody'"),
        (("run", "--quality", "low"), "need a manifest"),
        (("submit", "signs.csv", "other.csv", "--name", "x"), "--name names one batch"),
        (("submit", "-"), "standard input needs --name"),
        (("--config", "none.toml", "status"), "there is no settings file none.toml"),
        (("--database", "mysql://x/y", "status"), "mysql is not a database"),
        (("--database", "sqlite:///no/such/folder/x.db", "status"), "there is no folder"),
        (("submit", "signs.csv", "--name", "a/b"), "cannot name a batch"),
        (("submit", "signs.csv", "--name", "sandbox-x"), "belong to the sandbox"),
        (("submit", "signs.csv", "--column", "colour=x"), "write FIELD=HEADER"),
        (("run", "signs.csv", "--provider", "nobody"), "nobody"),
        (("run", "signs.csv", "--provider", "sandboxx"), "do you mean sandbox?"),
        (("nonsense",), "nonsense"),
    ],
)
def test_wrong_usage_is_two_and_stores_nothing(program: Program, arguments: tuple[str, ...], words: str) -> None:
    """Whatever is typed wrong ends with 2, names the remedy, and stores nothing."""
    program.write("signs.csv", prompts(2))
    program.write("other.csv", prompts(2))
    done = program.run(*arguments, code=2)
    assert words in done.stderr
    assert done.stdout == ""
    assert program.json("status")["batches"] == []


def test_a_fault_that_nobody_knows_is_told_before_anything_is_stored(program: Program) -> None:
    """With the place where it stands; and help lists all that there are."""
    program.write("signs.csv", prompts(2))
    program.environment["BATCHGEN_SANDBOX__FAULTS"] = "foo=1"
    said = program.run("run", "signs.csv", "--provider", "sandbox", code=2).stderr
    assert said.startswith("batchgen: environment: [sandbox] faults: fault 'foo=1': 'foo' is not known. Known are ")
    assert program.json("status")["batches"] == []
    listed = set(re.findall(r"\w+", said.partition("Known are ")[2].partition(", and")[0]))
    assert len(listed) > 10
    assert listed <= set(re.findall(r"\w+", program.run("sandbox", "--help").stdout))


def test_a_refused_prompt_is_one_and_told_with_its_remedy(
    serve: Callable[..., Server], client: Callable[[Server], Program]
) -> None:
    """A forbidden prompt fails once, is not asked for again, and `failures` says what to do; the others are made."""
    server = serve()
    program = client(server)
    program.write("signs.csv", "custom_id,prompt\ngood,a cat\nbad,a [moderation] cat\n")
    done = program.run("run", "signs.csv", code=1)
    assert "1 failed in this run" in done.stderr
    assert len(server.requests()) == 2
    failures = program.json("failures", "signs")["failures"]
    assert [(failure["error_code"], failure["examples"]) for failure in failures] == [("moderation_blocked", ["bad"])]
    assert "safety system" in failures[0]["remedy"]
    again = program.run("run", "signs.csv", code=1)
    assert "0 failed in this run, 1 earlier" in again.stderr
    program.run("resume", "signs", code=1)
    assert len(server.requests()) == 2
    program.run("run", code=0)
    program.run("resume", "signs", "--rejected", code=1)
    assert len(server.requests()) == 3


def test_what_may_have_been_billed_is_asked_for_again_only_with_a_word(
    serve: Callable[..., Server], client: Callable[[Server], Program]
) -> None:
    """Held at the first lost answer: the job fails, a plain resume leaves it alone, and --unknown asks again."""
    server = serve("--faults", "reset=1")
    program = client(server)
    program.environment["BATCHGEN_RETRY__UNKNOWN"] = "hold"
    program.write("signs.csv", prompts(1))
    done = program.run("run", "signs.csv", code=1)
    assert "1 unknown attempt may have been billed" in done.stderr
    assert "1 may have been billed: resume asks again only with --unknown" in done.stderr
    assert "resume signs tries again" not in done.stderr
    assert "may have been billed" in program.run("costs").stdout
    program.run("resume", "signs", code=1)
    assert len(server.requests()) == 1
    program.run("resume", "signs", "--unknown", code=1)
    assert len(server.requests()) == 2
    assert program.json("status", "signs")["unknown_attempts"] == 2


@pytest.mark.parametrize(
    ("faults", "path", "words"),
    [
        ("401=1", "", "check the key"),
        ("quota=1", "", "no credit left"),
        ("404=1", "", "ask for access"),
        ("", "/nowhere", "base_url of the provider"),
    ],
)
def test_a_blocked_account_is_three_and_fails_no_job(
    serve: Callable[..., Server], client: Callable[[Server], Program], faults: str, path: str, words: str
) -> None:
    """A bad key, an empty account, a missing model or a wrong address halts with the remedy; no job fails or costs."""
    program = client(serve("--faults", faults))
    program.environment["OPENAI_BASE_URL"] += path
    program.write("signs.csv", prompts(50))
    done = program.run("-q", "run", "signs.csv", "--concurrency", "4", code=3)
    assert words in done.stderr
    status = program.json("status", "signs")
    assert (status["jobs"]["pending"], status["jobs"]["failed"], status["cost_usd"]) == (50, 0, "0.000000")


def test_ctrl_c_waits_for_what_is_in_flight(serve: Callable[..., Server], client: Callable[[Server], Program]) -> None:
    """SIGINT claims nothing more, lets the requests in flight finish, and ends with 130; nothing is left running."""
    server = serve("--latency", "0.5")
    program = client(server)
    program.write("signs.csv", prompts(40))
    process = program.start("run", "signs.csv", "--concurrency", "4")
    _until(lambda: len(server.requests()) >= 4)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopping: waiting for" in said
    assert said.endswith("stopped: the same command goes on where it was\n")
    status = program.json("status", "signs")
    assert status["jobs"]["running"] == status["unknown_attempts"] == 0
    assert status["jobs"]["succeeded"] == len(server.requests())


def test_a_second_signal_stops_at_once_and_what_was_sent_is_unknown(
    serve: Callable[..., Server], client: Callable[[Server], Program]
) -> None:
    """The second signal gives up on answers that have not come: those attempts may have been billed."""
    program = client(serve("--faults", "hang=1"))
    program.write("signs.csv", prompts(5))
    process = program.start("run", "signs.csv", "--concurrency", "3")
    _until(lambda: (program.folder / "batchgen.db").exists() and program.json("status")["totals"]["attempts"] == 3)
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    for line in process.stderr:
        if "stopping" in line:
            break
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    status = program.json("status", "signs")
    assert (status["unknown_attempts"], status["jobs"]["pending"], status["jobs"]["running"]) == (3, 5, 0)


def test_a_drain_timeout_ends_the_waiting(serve: Callable[..., Server], client: Callable[[Server], Program]) -> None:
    """One signal and a drain timeout do what two signals do: requests that hang are given up as unknown."""
    program = client(serve("--faults", "hang=1"))
    program.write("signs.csv", prompts(5))
    process = program.start("run", "signs.csv", "--concurrency", "2", "--drain-timeout", "0.2")
    _until(lambda: (program.folder / "batchgen.db").exists() and program.json("status")["totals"]["attempts"] == 2)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    status = program.json("status", "signs")
    assert (status["unknown_attempts"], status["jobs"]["running"]) == (2, 0)


def test_a_halted_run_still_prints_its_json(program: Program) -> None:
    """A script that asked for JSON gets it, with the reason, when the storage cannot be used."""
    program.write("signs.csv", prompts(2))
    program.write("images", "a file where the folder should be")
    said = program.json("run", "signs.csv", "--provider", "sandbox", code=3)
    assert "images cannot be stored" in said["halted"]
    assert said["batches"][0]["jobs"]["pending"] == 2


def test_failures_of_a_dead_worker_are_told_by_the_run_that_finds_them(
    serve: Callable[..., Server], client: Callable[[Server], Program]
) -> None:
    """A bare run that takes over a dead worker's jobs and has to fail them ends with 1, and says who had sent them."""
    program = client(serve("--faults", "hang=1"))
    program.environment["BATCHGEN_RETRY__UNKNOWN"] = "hold"
    program.write("signs.csv", prompts(2))
    process = program.start("run", "signs.csv")
    _until(lambda: (program.folder / "batchgen.db").exists() and program.json("status")["totals"]["attempts"] == 2)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)
    done = program.run("run", "--json", code=1)
    this_run = json.loads(done.stdout)["this_run"]
    assert (this_run["failed"], this_run["unknown_attempts"]) == (2, 2)
    assert "$0.000000, 2 unknown attempts of a worker that died may have been billed, $" in done.stderr


@pytest.mark.parametrize("key", ["sk-one\n", "  sk-one\r\n"])
def test_a_key_with_a_line_break_behind_it_is_taken(
    serve: Callable[..., Server], client: Callable[[Server], Program], key: str
) -> None:
    """Copied secrets end in line breaks; one in the middle is no key and is refused before anything is stored."""
    program = client(serve())
    program.write("signs.csv", prompts(1))
    program.environment["OPENAI_API_KEY"] = "sk\none"
    assert "OPENAI_API_KEY holds characters" in program.run("run", "signs.csv", code=2).stderr
    program.environment["OPENAI_API_KEY"] = key
    program.run("run", "signs.csv")


def test_a_hangup_under_nohup_stops_nothing(serve: Callable[..., Server], client: Callable[[Server], Program]) -> None:
    """What was started with nohup goes on when its terminal closes."""
    server = serve("--latency", "0.1")
    program = client(server)
    program.write("signs.csv", prompts(30))
    command = ["nohup", sys.executable, "-m", "batchgen", "run", "signs.csv", "--concurrency", "4"]
    process = subprocess.Popen(
        command, cwd=program.folder, env=program.environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    _until(lambda: len(server.requests()) >= 4)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(server.requests()) == 30


def test_a_database_of_a_newer_program_is_refused(program: Program) -> None:
    """A newer database is told in a clear word, by `db check` and by every other command."""
    import sqlite3

    program.run("status")
    with sqlite3.connect(program.folder / "batchgen.db") as ledger:
        ledger.execute("UPDATE alembic_version SET version_num = '9999'")
    ledger.close()
    for arguments in (("db", "check"), ("status",), ("db", "upgrade")):
        assert "newer than this program" in program.run(*arguments, code=2).stderr


def test_db_check_and_upgrade(program: Program) -> None:
    """`db check` is 1 where there is no database and 0 behind `db upgrade`."""
    program.run("db", "check", code=1)
    assert not (program.folder / "batchgen.db").exists()
    program.run("db", "upgrade")
    program.run("db", "check")


def test_a_reader_that_goes_away_is_no_error(program: Program) -> None:
    """`batchgen export | head -1` ends quietly."""
    program.write("signs.csv", prompts(3000))
    program.run("submit", "signs.csv")
    command = f"{sys.executable} -m batchgen export signs --format csv | head -1"
    done = subprocess.run(
        command, shell=True, cwd=program.folder, env=program.environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("custom_id,state")
    assert done.stderr == ""


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        os.sched_yield()
