"""What a run will cost is told at once, however many jobs wait; and whether it passes an amount is told for certain."""

from datetime import date

import pytest

from batchgen.core.catalog import VENDORS
from batchgen.core.output_tokens import Span
from batchgen.worker.forecast import forecast

PRICES = (VENDORS, date(2026, 11, 21))
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
        (None, 100 * EACH, 2000, True),
        (None, 2100 * EACH, ROWS, True),
        (None, ROWS * EACH - 1, ROWS, True),
        (None, ROWS * EACH, ROWS, False),
        (2000, 2000 * EACH - 1, 2000, True),
        (2000, 2000 * EACH, 2000, False),
        (300, None, 300, False),
        (300, 299 * EACH, 300, True),
    ],
)
def test_a_forecast_reads_no_more_than_it_must(bench, batch, limit, amount, looked_at, is_above):
    """A few thousand stand for all, until an amount is in question: then as many as it takes to know."""
    with bench.database.read() as tx:
        found = forecast(tx, [batch], limit, PRICES, amount)
    jobs = limit or ROWS
    assert (found.jobs, found.images, found.cost) == (jobs, jobs, Span.exactly(jobs * EACH))
    assert (found.looked_at, found.is_above) == (looked_at, is_above)


def test_what_has_no_price_may_pass_any_amount(bench):
    """A model that nobody knows is asked about; where nobody asks it is told."""
    batch = bench.submit(["bear,a bear,mine", "fox,a fox,mine"], columns="custom_id,prompt,model")
    with bench.database.read() as tx:
        asked, told = (forecast(tx, [batch], None, PRICES, amount) for amount in (10**9, None))
    assert (asked.is_above, told.is_above) == (True, False)
    assert (told.cost, told.unpriced, told.images) == (None, 2, 2)


def test_nothing_waits(bench):
    """There is nothing to tell."""
    with bench.database.read() as tx:
        found = forecast(tx, [], None, PRICES, 1)
    assert (found.jobs, found.images, found.is_above) == (0, 0, False)
