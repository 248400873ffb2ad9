"""The ledger against a bill: what differs by day and model, and whether the ledger says less than was billed."""

from datetime import date

import pytest

from batchgen.core.costs import ALWAYS, Period
from batchgen.core.job import State
from batchgen.core.outcome import Outcome
from batchgen.errors import WrongUsage
from batchgen.verify import bill

_DAY = 86_400
_FINE = {"outcome": Outcome.SUCCEEDED, "cost": 40}


def _made(ledger, custom_id, *, at=0, model="gpt-image-2", **ended):
    batch, provider = ended.pop("batch", "shop"), ended.pop("provider", "openai")
    ledger.submit(ledger.row(custom_id, model=model), batch=batch, simulated=batch == "toy")
    claim = ledger.claim(names=[batch], at=at, provider=provider, reserve=ended.pop("reserve", 900))
    ledger.sent(claim, at=at)
    ledger.finish(claim, ended.pop("outcome"), State.FAILED, at=at, **ended)


def _check(ledger, tmp_path, rows, period=ALWAYS):
    path = tmp_path / "bill.csv"
    path.write_text("date,model,cost\n" + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    with ledger.database.read() as tx:
        return bill.check(tx, path, period, "openai")


@pytest.mark.parametrize(
    ("ended", "billed", "difference", "short"),
    [
        (_FINE, 40, 0, False),
        (_FINE, 39, -1, False),
        (_FINE, 41, 1, False),
        (_FINE, 42, 2, True),
        ({"outcome": Outcome.REJECTED, "cost": 0}, 40, 40, True),
        ({"outcome": Outcome.UNKNOWN}, 901, 901, False),
        ({"outcome": Outcome.UNKNOWN}, 902, 902, True),
        ({"outcome": Outcome.UNKNOWN, "reserve": None}, 10**9, None, False),
        ({"outcome": Outcome.SUCCEEDED}, 10**9, None, False),
        (_FINE | {"provider": "azure"}, 40, 40, True),
        (_FINE | {"batch": "toy"}, 40, 40, True),
    ],
)
def test_what_was_billed_is_covered_by_what_is_spent_and_unknown(ledger, tmp_path, ended, billed, difference, short):
    """Half a micro an attempt is rounding; what others made and what was simulated covers nothing."""
    _made(ledger, "fox", **ended)
    (one,) = _check(ledger, tmp_path, [f"2026-11-21,gpt-image-2,{billed / 10**6:.6f}"]).compared
    assert (one.day, one.model, one.difference_micros, one.is_short) == (date(2026, 11, 21), "gpt-image-2", difference, short)


def test_days_and_models_are_those_of_both(ledger, tmp_path):
    """Snapshots are their model; other days, and models that make no image, do not count."""
    for n, (day, model) in enumerate(((0, "gpt-image-2"), (1, "gpt-image-1"), (2, "our-own"), (4, "gpt-image-2"))):
        _made(ledger, f"row-{n}", at=day * _DAY, model=model, **_FINE)
    rows = [
        "2026-11-21,gpt-image-2-2026-04-21,0.00003",
        "2026-11-21,gpt-image-2,0.00001",
        "2026-11-22,some-text-model,7",
        "2026-11-22,gpt-image-2,0.000005",
        "2026-11-23,our-own,0.00004",
        "2026-11-24,gpt-image-1,0",
    ]
    found = _check(ledger, tmp_path, rows)
    assert [(one.day.day, one.model, one.difference_micros) for one in found.compared] == [
        (21, "gpt-image-2", 0),
        (22, "gpt-image-1", -40),
        (22, "gpt-image-2", 5),
        (23, "our-own", 0),
        (24, "gpt-image-1", 0),
    ]
    assert found.left_out == ("some-text-model",)
    narrow = _check(ledger, tmp_path, rows, Period(date(2026, 11, 23), date(2026, 11, 23)))
    assert ([one.model for one in narrow.compared], narrow.left_out) == (["our-own"], ())


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "bill.csv cannot be read: "), (b"date,model\xff\n", "bill.csv is not UTF-8; save it as UTF-8")],
)
def test_a_file_that_cannot_be_read_is_told(ledger, tmp_path, content, words):
    """By its path."""
    path = tmp_path / "bill.csv"
    if content is not None:
        path.write_bytes(content)
    with ledger.database.read() as tx, pytest.raises(WrongUsage, match=words):
        bill.check(tx, path, ALWAYS, "openai")
