"""The ledger against a bill, for people and for programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchgen.cli import figures
from batchgen.cli.app import App
from batchgen.cli.console import counted, data, data_csv, data_json, one_line, table
from batchgen.core.costs import Period

if TYPE_CHECKING:
    from batchgen.verify.bill import Compared, Verdict

_SHORT = 1
_WIDEST = 60
_COLUMNS = (
    *("day", "model", "attempts", "cost_usd", "unknown_attempts", "unknown_cost_usd", "unpriced_attempts"),
    *("billed_usd", "difference_usd", "short"),
)


def check(app: App, path: Path, period: Period, *, as_json: bool, as_csv: bool) -> int:
    """Compare, tell what differs, and return the exit code: 1 where more was billed than the ledger can explain."""
    from batchgen.core.dialect import OPENAI
    from batchgen.verify import bill

    with app.project() as project, project.database.read() as tx:
        verdict = bill.check(tx, path, period, OPENAI)
    rows = [_entry(one) for one in verdict.compared]
    if as_json:
        data_json({"compared": rows, "left_out": verdict.left_out})
    elif as_csv:
        data_csv(_COLUMNS, [row | {"short": "true" if row["short"] else "false"} for row in rows])
    else:
        data(_as_text(verdict))
    return _SHORT if any(one.is_short for one in verdict.compared) else 0


def _entry(one: "Compared") -> dict[str, Any]:
    money = one.money
    return {
        "day": one.day.isoformat(),
        "model": one.model,
        "attempts": money.sent,
        "cost_usd": figures.exact(money.cost_micros),
        "unknown_attempts": money.unknown,
        "unknown_cost_usd": figures.exact(money.unknown_micros),
        "unpriced_attempts": money.unpriced,
        "billed_usd": figures.exact(one.billed_micros),
        "difference_usd": figures.exact(one.difference_micros),
        "short": one.is_short,
    }


def _as_text(verdict: "Verdict") -> str:
    """What differs in a table, and below it how much agrees."""
    different = [one for one in verdict.compared if one.difference_micros != 0]
    told = []
    if different:
        headers = ["day", "model", "billed", "difference", "ledger"]
        told.append(table(headers, [_row(one) for one in different], right=(2, 3)))
    agree = len(verdict.compared) - len(different)
    told.append(
        f"the ledger and the bill agree on {agree:,} of {counted(len(verdict.compared), 'figure')}, one for each model and day"
    )
    for count, words in (
        (sum(one.is_short for one in different), "more than the ledger says and calls unknown"),
        (sum(one.is_within for one in different), "more than the ledger says, but within what it calls unknown or has rounded"),
        (sum(one.is_less for one in different), "less than the ledger says"),
        (sum(one.difference_micros is None for one in different), "for attempts of which the ledger knows no cost"),
    ):
        if count:
            told.append(f"{counted(count, 'figure')} of the bill {'is' if count == 1 else 'are'} {words}")
    if verdict.left_out:
        told.append(f"left out, since they make no images here: {one_line(', '.join(verdict.left_out))}")
    return "\n".join(told)


def _row(one: "Compared") -> list[str]:
    difference = "unknown" if one.difference_micros is None else f"${figures.exact(one.difference_micros)}"
    return [
        one.day.isoformat(),
        one_line(one.model, _WIDEST),
        f"${figures.exact(one.billed_micros)}",
        difference,
        figures.cost_text(one.money, simulated=False) + ("; short" if one.is_short else ""),
    ]
