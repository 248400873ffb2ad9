"""`batchgen costs`: what a person and a program are told of the money that was spent."""

import contextlib
import csv
import io
import json
import sqlite3
from collections.abc import Callable
from decimal import Decimal

import pytest

from .conftest import Program, Server

_HOSTILE = "\x1b[2J=1+1"
_DAY = "2026-11-21"
_CLIENTS = ("acme", "acme", "=1+1", _HOSTILE, "")


@pytest.fixture
def spending(serve: Callable[..., Server], client: Callable[[Server], Program]) -> Program:
    """A program that has bought five images for clients, and two more on the sandbox."""
    program = client(serve())
    rows = [{"custom_id": f"row-{n}", "prompt": f"sign {n}", "quality": "low", "client": who} for n, who in enumerate(_CLIENTS)]
    program.write("signs.jsonl", "\n".join(json.dumps(row) for row in rows))
    program.write("toys.csv", "custom_id,prompt,client\na,a toy,acme\nb,a bear,acme\n")
    program.run("run", "signs.jsonl")
    program.run("run", "toys.csv", "--provider", "sandbox")
    # All of one day, whatever the time is.
    with contextlib.closing(sqlite3.connect(program.folder / "batchgen.db")) as ledger, ledger:
        ledger.execute("UPDATE attempts SET started_at = ?", (f"{_DAY} 12:00:00.000000",))
    return program


def test_costs_are_told_by_a_column_as_a_table_json_and_csv(spending: Program) -> None:
    """The same figures three times: simulated money apart, no word that steers a terminal, no cell that computes."""
    whole = spending.json("status", "signs")["cost_usd"]
    told = spending.json("costs", "--by", "column:client")
    assert (told["by"], told["total"]["cost_usd"], told["total"]["images"]) == ("column:client", whole, 5)
    assert told["simulated_total"]["cost_usd"] == spending.json("status", "sandbox-toys")["cost_usd"]
    figures = [(one["column:client"], one["simulated"], one["images"], one["cost_usd"]) for one in told["costs"]]
    assert {(key, simulated, images) for key, simulated, images, _ in figures} == {
        *(("acme", False, 2), ("=1+1", False, 1), (_HOSTILE, False, 1), (None, False, 1), ("acme", True, 2))
    }
    assert (told["total"]["retry_cost_usd"], told["total"]["retry_share"], told["total"]["unknown_share"]) == ("0.000000", 0, 0)

    read = list(csv.DictReader(io.StringIO(spending.run("costs", "--by", "column:client", "--csv").stdout, newline="")))
    cells = [(row["column:client"], row["simulated"], int(row["images"]), row["cost_usd"]) for row in read]
    shown = {None: "", "=1+1": "'=1+1"}
    assert cells == [(shown.get(key, key), str(is_simulated).lower(), *rest) for key, is_simulated, *rest in figures]

    table = spending.run("costs", "--by", "column:client").stdout.splitlines()
    assert table[0].split() == ["column:client", "images", "requests", "retries", "cost"]
    assert [line.split()[0] for line in table[1:]] == ["\\x1b[2J=1+1", "=1+1", "acme", "(none)", "acme", "total"]
    assert f"${whole}" in table[-1]


def test_costs_are_told_of_some_batches_and_days(spending: Program) -> None:
    """Names and days narrow; a time without attempts, and words that make no sense, are told."""
    assert [one["batch"] for one in spending.json("costs", "signs", "--since", _DAY, "--until", _DAY)["costs"]] == ["signs"]
    assert spending.json("costs", "--until", "2020-02-29")["costs"] == []
    assert "nothing was spent yet of what you asked about" in spending.run("costs", "--until", "2020-02-29").stderr
    for arguments, words in (
        (("--by", "colour"), "none of batch, model, day, month, provider, lane, outcome, or column:NAME"),
        (("--by", "column:colour"), "no manifest has a column 'colour' of its own; there are client"),
        (("--since", "21.11.2026"), "does not match the format"),
        (("--since", "2026-11-22", "--until", "2026-11-21"), "there is no day"),
        (("--json", "--csv"), "give one of them"),
        (("nowhere",), "there is no batch 'nowhere'"),
        (("signs", "--check", "bill.csv"), "without names and without --by"),
    ):
        assert words in spending.run("costs", *arguments, code=2).stderr


def test_a_bill_is_checked(spending: Program) -> None:
    """0 where the ledger covers it, 1 where it does not, 2 where the file says too little."""
    real = spending.json("costs", "--by", "model")["costs"][0]
    spending.write("bill.csv", f"Day,Model,Amount\n{_DAY},{real['model']},{real['cost_usd']}\n{_DAY},some-text-model,3\n")
    fine = spending.run("costs", "--check", "bill.csv").stdout
    assert "the ledger and the bill agree on 1 of 1 figure" in fine
    assert "some-text-model" in fine
    spending.write("more.csv", f"Day,Model,Amount\n{_DAY},{real['model']},1\n")
    more = spending.run("costs", "--check", "more.csv", code=1).stdout
    assert "; short" in more
    assert "1 figure of the bill is more than the ledger says and calls unknown" in more
    spending.write("less.csv", f"Day,Model,Amount\n{_DAY},{real['model']},0\n")
    assert "1 figure of the bill is less than the ledger says" in spending.run("costs", "--check", "less.csv").stdout
    spending.write(
        "within.csv", f"Day,Model,Amount\n{_DAY},{real['model']},{Decimal(real['cost_usd']) + Decimal('0.000001')}\n"
    )
    within = spending.run("costs", "--check", "within.csv").stdout
    assert "1 figure of the bill is more than the ledger says, but within what it calls unknown or has rounded" in within
    (one,) = spending.json("costs", "--check", "more.csv", code=1)["compared"]
    assert (one["cost_usd"], one["billed_usd"], one["short"]) == (real["cost_usd"], "1.000000", True)
    (row,) = csv.DictReader(io.StringIO(spending.run("costs", "--check", "more.csv", "--csv", code=1).stdout))
    assert {name: row[name] for name in ("day", "billed_usd", "short")} == {
        "day": _DAY,
        "billed_usd": "1.000000",
        "short": "true",
    }
    spending.write("less.csv", "start_time,model,amount_value\n1,m,1\n")
    assert "there is no column date or day" in spending.run("costs", "--check", "less.csv", code=2).stderr
