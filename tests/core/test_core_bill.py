"""A bill as CSV: what is named is found, and what is missing is said."""

from datetime import date

import pytest

from batchgen.core import bill
from batchgen.errors import WrongUsage

_DAY = date(2026, 11, 21)


def _read(text):
    return bill.read(text.splitlines(keepends=True), "bill.csv", str.lower)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("date,model,cost\n2026-11-21,m,0.5\n", 500_000),
        ("\ufeffModel;Day;Amount\r\nM;2026-11-21;$0.5\r\n", 500_000),
        ('project\tcost_usd\tmodel\tdate\n"a ""b"""\t0.5\tm\t2026-11-21\n', 500_000),
        ("date,model,cost\n2026-11-21T23:59:59,m,1e-6\n2026-11-22T00:30:00+01:00,m,0.0000004\n", 1),
        # Halves of a micro are added up before they are rounded, and to even.
        ("date,model,cost\n2026-11-21,m,0.0000005\n\n2026-11-21,M,0.000001\n", 2),
        ("date,model,cost\n2026-11-21,m,2\n2026-11-21,m,-0.5\n", 1_500_000),
    ],
)
def test_what_was_billed_is_added_up_by_day_and_model(text, micros):
    """Columns are found by name in any case and order; a time is in UTC; sums are exact."""
    assert _read(text) == {(_DAY, "m"): micros}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "",
            "bill.csv:1: there is no column date or day, and none model, and none cost or cost_usd or amount; there is nothing",
        ),
        ("start_time,model,amount_value\n", "no column date or day, and none cost .*; there is start_time, model, amount_v"),
        ("date,day,model,cost\n", "bill.csv:1: date and day could all be the date"),
        ("date,model,cost\n", "bill.csv has no row"),
        ("date,model,cost\n21/11/2026,m,1\n", "bill.csv:2: date: '21/11/2026' is not a day; write it as 2026-11-21"),
        ("date,model,cost\n0001-01-01T00:00:00+01:00,m,1\n", "bill.csv:2: date: "),
        ("date,model,cost\n2026-11-21,m,1\n2026-11-21,,1\n", "bill.csv:3: model: is empty"),
        ("date,model,cost\n2026-11-21,m\n", "bill.csv:2: cost: '' is not an amount"),
        ("date,model,cost\n2026-11-21,m,nan\n", "bill.csv:2: cost: 'nan' is not an amount"),
        ("date,model,cost\n2026-11-21,m,1e400\n", "bill.csv:2: cost: '1e400' is not an amount"),
        ('date,model,cost\n"2026-11-21,m,1\n', "bill.csv cannot be read as CSV"),
    ],
)
def test_what_cannot_be_understood_is_told_by_its_place(text, words):
    """File, line and column, and what to write."""
    with pytest.raises(WrongUsage, match=words):
        _read(text)
