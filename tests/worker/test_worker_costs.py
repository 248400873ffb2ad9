"""The price of an attempt is that of the day on which it was made."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hand import USAGE, Hand
from scripted_server import png

from batchgen.core import pricing
from batchgen.core.catalog import DEFAULT_MODEL, VENDORS


def test_an_answer_that_is_settled_later_has_the_price_of_its_day(bench):
    """A price that changes in between is that of the next attempts; who settles, and after what, makes no difference."""
    today, later = bench.clock().date(), timedelta(days=3)
    known = VENDORS.find(DEFAULT_MODEL)
    changed = replace(known.price[0], since=today + timedelta(days=1), image_out=Decimal(1))
    catalog = VENDORS.with_model(replace(known, price=(*known.price, changed)))
    due = pricing.cost_micros(DEFAULT_MODEL, USAGE, today, catalog)
    assert pricing.cost_micros(DEFAULT_MODEL, USAGE, today + later, catalog) != due
    batch = bench.submit(["bear,a bear", "fox,a fox"])
    own, other = (Hand(bench, name, lambda _: catalog) for name in ("worker-a", "worker-b"))
    own.claim(batch, lease_s=10**7)
    own.take_in(png(), is_ours=True)
    bear, kept = own.job, own.kept
    own.claim(batch, lease_s=10**7)
    own.take_in(png(), is_ours=True)
    bench.clock.ahead = later
    asyncio.run(own.settle(bear, kept))
    own.leave()
    asyncio.run(other.take_over())
    other.leave()
    assert [bench.job(batch, name).costs for name in ("bear", "fox")] == [[due], [due]]


def test_what_a_dead_worker_left_has_the_prices_of_its_provider(bench):
    """Whoever finds it, and whomever that one asks."""
    known = VENDORS.find(DEFAULT_MODEL)
    dear = VENDORS.with_model(replace(known, price=(replace(known.price[0], image_out=Decimal(300)),)))
    due = [pricing.cost_micros(DEFAULT_MODEL, USAGE, bench.clock().date(), catalog) for catalog in (dear, VENDORS)]
    batch = bench.submit(["bear,a bear", "fox,a fox"])
    own = Hand(bench, "worker-a")
    for _ in range(2):
        own.claim(batch, lease_s=10**7)
        own.take_in(png(), is_ours=True)
    own.leave()
    bench.sql("UPDATE attempts SET provider = 'gateway' WHERE job_id = (SELECT id FROM jobs WHERE custom_id = 'bear')")
    other = Hand(bench, "worker-b", lambda name: dear if name == "gateway" else VENDORS)
    asyncio.run(other.take_over())
    other.leave()
    assert [bench.job(batch, name).costs for name in ("bear", "fox")] == [[due[0]], [due[1]]]
