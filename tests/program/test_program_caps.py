"""Caps on spending as a person meets them: options, words, exit codes, and what is left of each."""

import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from postgres import Postgres
from sqlalchemy import text

from batchgen.store import spending
from batchgen.store.engine import Database

from .conftest import Program, Server, prompts

_CAPS = "[budget]\nper_run_usd = 0.03\nper_batch_usd = 2.00\nper_day_usd = 1.00\nper_month_usd = 5\n"
# Of the sandbox: a low image of 196 tokens at $30 a million, and a short prompt.
_LEAST, _MOST = 0.00588, 0.00610


def test_a_run_stops_at_its_cap_and_the_next_one_goes_on(
    serve: Callable[..., Server], client: Callable[[Server], Program]
) -> None:
    """--max-cost counts instead of the settings: exit 3, how many remain and for how much; it holds for one run."""
    server = serve()
    program = client(server)
    program.write("config.toml", _CAPS)
    program.write("signs.csv", prompts(9))
    halted = program.run("run", "signs.csv", "--max-cost", "0.02", code=3).stderr
    assert "halted: --max-cost = 0.020000 ($0.01" in halted
    assert "6 remain, for $0.03" in halted
    assert len(server.requests()) == 3
    assert "Usage" not in halted
    assert "halted: [budget] per_run_usd = 0.030000" in program.run("resume", "signs", code=3).stderr
    assert len(server.requests()) == 8
    program.run("resume", "signs", "--max-cost", "0.02")
    assert len(server.requests()) == 9


def test_nothing_starts_while_another_process_claims_under_a_cap(
    serve: Callable[..., Server], client: Callable[[Server], Program], postgres: Postgres
) -> None:
    """On a PostgreSQL a claim waits for the lock of the caps before all else: what the other process starts is counted."""
    server, url = serve(), postgres.create()
    program = client(server)
    program.environment |= {"BATCHGEN_DATABASE__URL": url, "BATCHGEN_BUDGET__PER_DAY_USD": "1"}
    program.write("signs.csv", prompts(2))
    program.run("submit", "signs.csv")
    with closing(Database(url)) as database:
        with database.write() as tx:
            spending.lock(tx)
            run = program.start("run", "--batch", "signs")
            while not tx.execute(_WHO_WAITS).scalar_one():
                assert run.poll() is None, "it did not wait"
                time.sleep(0.02)
            assert server.requests() == []
        run.communicate(timeout=60)
    assert (run.returncode, len(server.requests())) == (0, 2)
    postgres.drop(url)


_WHO_WAITS = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def test_status_tells_what_is_left_of_each_cap(serve: Callable[..., Server], client: Callable[[Server], Program]) -> None:
    """Of the day, the month and each batch, and until when; without caps it says nothing of them."""
    program = client(serve())
    program.write("signs.csv", prompts(2))
    program.run("run", "signs.csv")
    assert program.json("status")["caps"] == []
    assert "cap per" not in program.run("status").stdout
    program.write("config.toml", _CAPS)
    caps = {told["cap"]: told for told in program.json("status", "signs")["caps"]}
    assert list(caps) == ["per_run_usd", "per_batch_usd", "per_day_usd", "per_month_usd"]
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    assert caps["per_day_usd"]["until"] == f"{tomorrow}T00:00:00+00:00"
    assert caps["per_batch_usd"]["batch"] == "signs"
    for name, usd in (("per_batch_usd", 2), ("per_day_usd", 1), ("per_month_usd", 5)):
        assert 2 * _LEAST < float(caps[name]["spent_usd"]) < 2 * _MOST
        assert float(caps[name]["left_usd"]) == pytest.approx(usd - float(caps[name]["spent_usd"]))
    text = program.run("status").stdout
    assert "cap per_run_usd: $0.030000 for each run" in text
    assert f"cap per_day_usd: $0.98{caps['per_day_usd']['left_usd'][4:]} of $1.000000 left (" in text
    assert f"; anew at {tomorrow} 00:00 UTC" in text


def test_simulated_money_counts_toward_no_cap(program: Program) -> None:
    """A run on the sandbox in the program itself is not held up, and whoever asks for a cap there is told so."""
    program.write("config.toml", "[budget]\nper_day_usd = 0\nper_month_usd = 0.00\n")
    program.write("signs.csv", prompts(3))
    told = program.run("run", "signs.csv", "--provider", "sandbox", "--max-cost", "0").stderr
    assert "simulated money counts toward no cap" in told
    (month,) = (told for told in program.json("status")["caps"] if told["cap"] == "per_month_usd")
    assert (month["spent_usd"], month["left_usd"]) == ("0.000000", "0.000000")


def test_a_model_without_a_price_needs_one_under_a_cap(
    serve: Callable[..., Server], client: Callable[[Server], Program]
) -> None:
    """Nothing is sent, exit 3, and the line names the model and where its price belongs."""
    server = serve()
    program = client(server)
    program.write("signs.csv", prompts(1))
    told = program.run("run", "signs.csv", "--model", "house-model", "--max-cost", "1", code=3).stderr
    assert 'house-model has none; give it one in [models."house-model"]' in told
    assert server.requests() == []


@pytest.mark.parametrize("usd", ["-1", "nan", "inf", "much", "0.0000001", "1e12"])
def test_what_is_no_amount_is_refused_with_its_place(program: Program, usd: str) -> None:
    """On the command line and in the settings, before anything is stored."""
    program.write("signs.csv", prompts(1))
    told = program.run("run", "signs.csv", "--provider", "sandbox", "--max-cost", usd, code=2).stderr
    assert f"Invalid value for '--max-cost': '{usd}'" in told
    literal = usd if usd in ("-1", "nan", "inf", "0.0000001", "1e12") else f'"{usd}"'
    program.write("config.toml", f"[budget]\nper_day_usd = {literal}\n")
    told = program.run("run", "signs.csv", "--provider", "sandbox", code=2).stderr
    assert "config.toml: [budget] per_day_usd = " in told
