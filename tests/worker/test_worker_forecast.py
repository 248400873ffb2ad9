"""What a run will cost is told at once, however many jobs wait; and whether it passes an amount is told for certain."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hand import Hand

from batchgen.core.catalog import vendors
from batchgen.core.output_tokens import Span
from batchgen.worker import forecast as forecasting
from batchgen.worker.forecast import Grounds, forecast

GROUNDS = Grounds(datetime(2026, 11, 21, tzinfo=UTC), vendors, dict.fromkeys(range(9), ""))
ROWS = 2500
# The prompt's eight bytes, what its encoding adds, and the published tokens.
EACH = (2 + 6) * 5 + 439 * 30


@pytest.fixture
def batch(bench):
    """More jobs than are looked at where nothing depends on it."""
    return bench.submit([f"job-{number:04},fox {number:04}" for number in range(ROWS)])


@pytest.mark.parametrize(
    ("limit", "amount", "looked_at", "is_above"),
    [
        (None, None, 2000, False),
        (None, 100 * EACH, ROWS, True),
        (None, ROWS * EACH - 1, ROWS, True),
        (None, ROWS * EACH, ROWS, False),
        (2100, 2100 * EACH - 1, 2100, True),
        (2100, 2100 * EACH, 2100, False),
        (300, None, 300, False),
        (300, 299 * EACH, 300, True),
    ],
)
def test_a_forecast_reads_no_more_than_it_must(bench, batch, limit, amount, looked_at, is_above):
    """Two thousand stand for all, until an amount is in question: then all of some thousands more are read, to be certain."""
    with bench.database.read() as tx:
        found = forecast(tx, [batch], limit, GROUNDS, amount)
    jobs = limit or ROWS
    assert (found.jobs, found.images, found.cost) == (jobs, jobs, Span.exactly(jobs * EACH))
    assert (found.looked_at, found.is_above) == (looked_at, is_above)


@pytest.mark.parametrize("limit", [None, 2000])
def test_of_very_many_a_part_is_weighed(bench, batch, monkeypatch, limit):
    """It comes from everywhere, counts for all that are to be started, and near the amount is enough to be asked."""
    monkeypatch.setattr(forecasting, "_WEIGHED", 400)
    jobs = limit or ROWS
    with bench.database.read() as tx:
        near, far = (forecast(tx, [batch], limit, GROUNDS, round(part * jobs * EACH)) for part in (1.2, 1.3))
    assert (near.is_above, far.is_above) == (True, False)
    assert 300 < near.looked_at < 500
    assert (near.jobs, near.images, near.cost) == (jobs, jobs, Span.exactly(jobs * EACH))


def test_dear_rows_at_the_end_are_met(bench, monkeypatch):
    """The last fiftieth of a manifest costs more than all the rest: whoever looked at the first rows alone would not ask."""
    monkeypatch.setattr(forecasting, "_WEIGHED", 1000)
    rows = [f"job-{number:04},fox,{'low' if number < 2450 else 'max'}" for number in range(ROWS)]
    batch = bench.submit(rows, columns="custom_id,prompt,quality")
    # 2,450 of 196 tokens and 50 of 7,024, and the text of all.
    exact = (2450 * 196 + 50 * 7024) * 30 + ROWS * 7 * 5
    with bench.database.read() as tx:
        found = forecast(tx, [batch], None, GROUNDS, round(exact * 0.9))
    assert found.is_above
    assert abs(found.cost.most / exact - 1) < 0.2


def test_a_limit_starts_the_first_by_priority(bench):
    """What is told of is what will be made: dear rows that come first though they stand last."""
    rows = [f"cheap-{number},fox,low,0" for number in range(9)] + [f"dear-{number},fox,high,5" for number in range(3)]
    batch = bench.submit(rows, columns="custom_id,prompt,quality,priority")
    grounds = replace(GROUNDS, now=bench.clock())
    with bench.database.read() as tx:
        first, all_but_one, whole = (forecast(tx, [batch], limit, grounds) for limit in (3, 11, None))
    dear, cheap = 3 * (7 * 5 + 1756 * 30), 9 * (7 * 5 + 196 * 30)
    assert (first.jobs, first.cost, whole.cost) == (3, Span.exactly(dear), Span.exactly(dear + cheap))
    assert all_but_one.cost == Span.exactly(dear + cheap * 8 // 9)


def test_what_is_being_made_counts(bench):
    """Whoever makes it may have died, and then this run buys it."""
    batch = bench.submit(["bear,a bear", "fox,a fox"])
    hand = Hand(bench, "one")
    hand.claim(batch)
    with bench.database.read() as tx:
        found = forecast(tx, [batch], None, GROUNDS)
    hand.die()
    assert (found.jobs, found.images) == (2, 2)


def test_what_has_no_price_may_pass_any_amount(bench):
    """A model that nobody knows is asked about; where nobody asks it is told."""
    batch = bench.submit(["bear,a bear,mine", "fox,a fox,mine"], columns="custom_id,prompt,model")
    with bench.database.read() as tx:
        asked, told = (forecast(tx, [batch], None, GROUNDS, amount) for amount in (10**9, None))
    assert (asked.is_above, told.is_above) == (True, False)
    assert (told.cost, told.unpriced, told.images) == (None, 2, 2)


def test_nothing_waits(bench):
    """There is nothing to tell."""
    with bench.database.read() as tx:
        found = forecast(tx, [], None, GROUNDS, 1)
    assert (found.jobs, found.images, found.is_above) == (0, 0, False)
