"""Caps on spending: what is an amount, what fits, and that no order of starts and ends passes a cap."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.core.budget import NO_CAPS, Cap, Caps, Counted, Room, day_of, freed_at, micros_of, month_of


@pytest.mark.parametrize(
    ("usd", "micros"),
    [("0", 0), ("1.00", 1_000_000), ("0.1", 100_000), ("0.000001", 1), ("1e2", 100_000_000), ("2.50000000", 2_500_000)],
)
def test_an_amount_is_exact(usd, micros):
    """To the micro-dollar, without a detour over floating point."""
    assert micros_of(Decimal(usd)) == micros


@pytest.mark.parametrize("usd", ["-0.01", "-1", "NaN", "sNaN", "Infinity", "-Infinity", "1e9", "1e400"])
def test_what_nobody_can_mean_is_no_amount(usd):
    """Below zero, no number at all, more than any account may spend."""
    with pytest.raises(ValueError, match="from 0 to 100,000,000"):
        micros_of(Decimal(usd))


@pytest.mark.parametrize("usd", ["0.0000001", "1.0000000000000000000000000000000000001"])
def test_an_amount_that_would_be_rounded_is_refused(usd):
    """The ledger counts in micro-dollars."""
    with pytest.raises(ValueError, match="six decimal places"):
        micros_of(Decimal(usd))


FIVE = Counted(spent=2, reserved=1, unknown=2)

# Caps, what counts, the worst case of a start in batch 7, and the cap that it does not fit into.
FITS = {
    "no caps": (NO_CAPS, {"day": FIVE}, 10**12, None),
    "to the last micro": (Caps(per_day=10), {"day": FIVE}, 5, None),
    "one micro too much": (Caps(per_day=10), {"day": FIVE}, 6, Cap.DAY),
    "nothing may be spent": (Caps(per_month=0), {}, 1, Cap.MONTH),
    "what is free fits under nothing": (Caps(per_month=0), {}, 0, None),
    "of a run": (Caps(per_run=9), {"run": FIVE}, 5, Cap.RUN),
    "of its batch": (Caps(per_batch=9), {"batches": {7: FIVE, 8: Counted()}}, 5, Cap.BATCH),
    "of another batch": (Caps(per_batch=9), {"batches": {8: FIVE}}, 5, None),
    "the narrowest counts": (Caps(100, 100, 9, 100), {"day": FIVE, "month": FIVE}, 5, Cap.DAY),
    "one that frees nothing counts before one that may": (
        Caps(per_day=9, per_month=9),
        {"day": FIVE, "month": Counted(spent=9)},
        5,
        Cap.MONTH,
    ),
    "without a price": (Caps(per_run=10**12), {}, None, Cap.RUN),
    "without a price and without a cap": (NO_CAPS, {}, None, None),
}


@pytest.mark.parametrize("case", FITS)
def test_a_start_fits_or_does_not(case):
    """Spent, reserved and unknown together with its worst case may come to the cap and not beyond."""
    caps, counted, micros, cap = FITS[case]
    full = Room(caps, **counted).full(7, micros)
    assert (full and full.cap) == cap


@pytest.mark.parametrize(
    ("counted", "micros", "may_free"),
    [(FIVE, 9, True), (Counted(spent=9), 9, False), (Counted(unknown=9), 9, False), (FIVE, None, False)],
)
def test_only_what_is_open_is_worth_waiting_for(counted, micros, may_free):
    """What was spent or may have been billed frees nothing, and what has no price will never fit."""
    assert Room(Caps(per_day=9), day=counted).full(7, micros).may_free is may_free


def test_a_start_counts_toward_every_cap_at_once():
    """Its worst case is reserved for the run, the batch, the day and the month."""
    after = Room(Caps(9, 9, 9, 9)).after(7, 4)
    assert {after.counted(cap, 7) for cap in Cap} == {Counted(reserved=4)}
    assert after.counted(Cap.BATCH, 8) == Counted()


@pytest.mark.parametrize(
    ("now", "day", "month", "next_day", "next_month"),
    [
        ("2026-11-21T12:30:00.5", "2026-11-21", "2026-11-01", "2026-11-22", "2026-12-01"),
        ("2026-12-31T23:59:59.999999", "2026-12-31", "2026-12-01", "2027-01-01", "2027-01-01"),
        ("2027-01-31T00:00:00", "2027-01-31", "2027-01-01", "2027-02-01", "2027-02-01"),
        ("2028-02-29T01:00:00", "2028-02-29", "2028-02-01", "2028-03-01", "2028-03-01"),
    ],
)
def test_days_and_months_are_those_of_utc(now, day, month, next_day, next_month):
    """Where they begin, and when their caps begin anew; the other caps never do by themselves."""
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    begins = (day_of(moment), month_of(moment), freed_at(Cap.DAY, moment), freed_at(Cap.MONTH, moment))
    assert [f"{begin:%Y-%m-%d %H:%M:%S.%f}" for begin in begins] == [
        f"{begin} 00:00:00.000000" for begin in (day, month, next_day, next_month)
    ]
    assert freed_at(Cap.RUN, moment) is freed_at(Cap.BATCH, moment) is None


STARTS = st.lists(st.tuples(st.integers(1, 2), st.integers(0, 50), st.sampled_from(["unknown", "settled"]), st.floats(0, 1)))


@given(st.integers(0, 200), st.integers(0, 200), STARTS, st.randoms(use_true_random=False))
def test_no_order_of_starts_and_ends_passes_a_cap(per_day, per_batch, starts, chance):
    """However claims and settlements follow each other, what was billed at worst is never more than any cap."""
    caps = Caps(per_batch=per_batch, per_day=per_day)
    out: list[tuple[int, int, str, float]] = []  # batch, worst case, how it ends, which part of that is billed
    ended: dict[int, Counted] = {}
    while starts or out:
        if starts and (not out or chance.random() < 0.5):
            batch, micros, *rest = starts.pop()
            opened = {one: Counted(reserved=sum(o[1] for o in out if o[0] == one)) for one in (1, 2)}
            batches = {one: opened[one] + ended.get(one, Counted()) for one in (1, 2)}
            if Room(caps, day=batches[1] + batches[2], batches=batches).full(batch, micros) is None:
                out.append((batch, micros, *rest))
        else:
            batch, micros, how, part = out.pop(chance.randrange(len(out)))
            end = Counted(spent=int(micros * part)) if how == "settled" else Counted(unknown=micros)
            ended[batch] = ended.get(batch, Counted()) + end
        worst = [ended.get(one, Counted()).total + sum(o[1] for o in out if o[0] == one) for one in (1, 2)]
        assert max(worst) <= per_batch
        assert sum(worst) <= per_day
