"""What was spent, by whatever a person asks: the sums are always those of the attempts, and nothing unknown becomes zero."""

import random
from datetime import date, timedelta

import pytest

from batchgen.core.costs import HEADINGS, Period
from batchgen.core.job import State
from batchgen.core.outcome import Outcome
from batchgen.core.retry import Verdict
from batchgen.errors import WrongUsage
from batchgen.store import batches, costs, reports

_DAY = 86_400
_FIRST = date(2026, 11, 21)
# Names that a path of JSON, a pattern or a query would take for something else.
_COLUMNS = ("client", 'the "best" one', "a.b", "$[0]", "it's", "Größe 🦊", "back\\slash", "%")


def _spent(ledger, by, names=(), period=costs.ALWAYS):
    with ledger.database.read() as tx:
        return costs.spent(tx, by, batches.named(tx, names), period)


def _keys(found):
    return [(one.key, one.simulated, one.images, one.money.cost_micros) for one in found.entries]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("batch", [("shelf", False, 2, 1000), ("shop", False, 4, 110), ("sandbox-x", True, 2, 10_000)]),
        ("model", [("m1", False, 4, 1010), ("m2", False, 2, 100), ("m1", True, 2, 10_000)]),
        ("day", [("2026-11-21", False, 2, 10), ("2026-11-22", False, 4, 1100), ("2026-11-21", True, 2, 10_000)]),
        ("month", [("2026-11", False, 6, 1110), ("2026-11", True, 2, 10_000)]),
        ("provider", [("openai", False, 6, 1110), ("openai", True, 2, 10_000)]),
        ("lane", [("sync", False, 6, 1110), ("sync", True, 2, 10_000)]),
        ("outcome", [("succeeded", False, 6, 1110), ("succeeded", True, 2, 10_000)]),
    ],
)
def test_money_is_told_under_each_heading(spending, by, expected):
    """Days and months are those of UTC; simulated money is always apart and last."""
    assert _keys(_spent(spending, by)) == expected


@pytest.mark.parametrize("name", _COLUMNS)
def test_money_is_told_by_any_column_of_the_manifest(ledger, name):
    """Whatever its name is; the same text is the same value, and what has none comes last."""
    values = ("acme", 7, "7", True, "true", 1, "", None, 'quo"te\n')
    rows = [ledger.row(f"row-{n}", metadata={} if value is None else {name: value}) for n, value in enumerate(values)]
    ledger.submit(*rows)
    ledger.columns(name, "else")
    for n in range(len(values)):
        ledger.succeed(ledger.claim(), f"{n}.png", cost=10**n)
    expected = {"1": 10**5, "7": 110, "acme": 1, 'quo"te\n': 10**8, "true": 11_000, None: 11_000_000}
    assert {one.key: one.money.cost_micros for one in _spent(ledger, f"column:{name}").entries} == expected
    assert [one.key for one in _spent(ledger, f"column:{name}").entries] == list(expected)
    assert [one.key for one in _spent(ledger, "column:else").entries] == [None]


def test_a_column_that_no_manifest_has_is_told(spending):
    """With those that there are; a column of another batch is none of this one."""
    with pytest.raises(WrongUsage, match="no manifest has a column 'client' of its own; none has any"):
        _spent(spending, "column:client")
    spending.columns("shelf", "client", batch="shop")
    with pytest.raises(WrongUsage, match="a column 'Clients' of its own; there are shelf, client"):
        _spent(spending, "column:Clients")
    with pytest.raises(WrongUsage, match="none has any"):
        _spent(spending, "column:client", ["shelf"])


def test_a_column_is_found_in_any_case_if_it_is_the_only_one(ledger):
    """The very name comes first; of two that differ in nothing else none is guessed."""
    ledger.submit(ledger.row("a", metadata={"Client": "acme", "shelf": "upper", "Shelf": "lower"}))
    ledger.columns("Client", "shelf", "Shelf")
    ledger.succeed(ledger.claim(), "a.png", cost=1)
    for name, key in (("client", "acme"), ("shelf", "upper"), ("Shelf", "lower")):
        assert [one.key for one in _spent(ledger, f"column:{name}").entries] == [key]
    with pytest.raises(WrongUsage, match="no manifest has a column 'SHELF'"):
        _spent(ledger, "column:SHELF")


_USAGE = {"input_text_tokens": 10, "input_image_tokens": 0, "output_tokens": 100}
# How an attempt ended: the number of retries, and what they cost.
_RETRIES = {
    "an image came": ({"outcome": Outcome.SUCCEEDED, "images": ["a.png"], "cost": 40}, (0, 0)),
    "half of the images came": ({"outcome": Outcome.INVALID_REPLY, "images": ["a.png"], "cost": 40}, (0, 0)),
    "billed, and no image": ({"outcome": Outcome.INVALID_REPLY, "cost": 40}, (1, 40)),
    "billed, and not stored": ({"outcome": Outcome.STORAGE_FAILED, "cost": 40}, (1, 40)),
    "billed, and nobody needed it": ({"outcome": Outcome.SUPERSEDED, "cost": 40}, (1, 40)),
    "free": ({"outcome": Outcome.RATE_LIMITED, "cost": 0}, (0, 0)),
    "perhaps billed": ({"outcome": Outcome.UNKNOWN}, (0, 0)),
    "without a price": ({"outcome": Outcome.INVALID_REPLY}, (0, None)),
}


@pytest.mark.parametrize("case", _RETRIES)
def test_what_was_billed_and_left_no_image_is_spent_on_retries(ledger, case):
    """It had to be asked for again, or has to be; what may have been billed is unknown and nothing else."""
    ended, expected = _RETRIES[case]
    ledger.submit(ledger.row("fox"))
    claim = ledger.claim()
    ledger.sent(claim)
    ledger.finish(claim, ended["outcome"], State.FAILED, **{name: value for name, value in ended.items() if name != "outcome"})
    (one,) = _spent(ledger, "batch").entries
    assert (one.retries, one.retry_micros) == expected


def test_an_image_that_made_room_for_a_newer_one_was_no_retry(ledger):
    """A person wanted it made again: both were used."""
    ledger.submit(ledger.row("a"))
    ledger.succeed(ledger.claim(), "a.png")
    ledger.submit(ledger.row("a", "else"))
    ledger.succeed_moving(ledger.claim(), ["a.png"], [("a.png", ".previous/a.png")])
    (one,) = _spent(ledger, "batch").entries
    assert (one.images, one.money.cost_micros, one.retries, one.retry_micros) == (2, 80, 0, 0)


def test_a_day_ends_at_midnight_of_utc(ledger):
    """An attempt belongs to the day it began in, whatever zone the server lives in; a period has both of its ends."""
    midnight = 12 * 3600 - 0.25
    for name, moment in (("before", midnight - 0.000001), ("after", midnight)):
        ledger.submit(ledger.row(name), batch=name)
        ledger.succeed(ledger.claim(at=moment), at=midnight + 5, cost=1)
    second = _FIRST + timedelta(days=1)
    assert [one.key for one in _spent(ledger, "day").entries] == ["2026-11-21", "2026-11-22"]
    for period, expected in (
        (Period(since=second), ["after"]),
        (Period(until=_FIRST), ["before"]),
        (Period(_FIRST, second), ["after", "before"]),
        (Period(date.min, date.max), ["after", "before"]),
        (Period(second + timedelta(days=1)), []),
    ):
        assert [one.key for one in _spent(ledger, "batch", period=period).entries] == expected
    with pytest.raises(WrongUsage, match="from 2026-11-22 until 2026-11-21 there is no day"):
        Period(second, _FIRST)


def _any_ledger(ledger, rng):
    """Batches with jobs of many kinds, whose attempts ended in many ways, some of them in none yet."""
    for name, simulated in (("shop", False), ("shelf", False), ("sandbox-x", True)):
        rows = [
            ledger.row(
                f"row-{n}",
                model=rng.choice(("gpt-image-2", "gpt-image-1")),
                metadata={column: rng.choice(("acme", "=1+1", 7, "7", "")) for column in _COLUMNS if rng.random() < 0.5},
            )
            for n in range(6)
        ]
        ledger.submit(*rows, batch=name, simulated=simulated)
        ledger.columns(*_COLUMNS, batch=name)
        at = 0
        for _ in range(14):
            at += rng.randrange(1, 9 * _DAY)
            claim = ledger.claim(names=[name], at=at, provider=rng.choice(("openai", "azure")), reserve=rng.choice((None, 900)))
            if claim is None:
                break
            if rng.random() < 0.8:
                ledger.sent(claim)
            if rng.random() < 0.9:
                _end(ledger, claim, rng, at)


def _end(ledger, claim, rng, at):
    outcome = rng.choice(list(Outcome))
    images = [f"{claim.job_id}.{claim.attempt}.png"] if outcome is Outcome.SUCCEEDED else []
    verdict = Verdict(State.SUCCEEDED if images else rng.choice((State.PENDING, State.FAILED)))
    cost, usage = rng.choice((None, 0, rng.randrange(1, 10**12))), rng.choice(({}, _USAGE))
    ledger.finish(claim, outcome, verdict, at=at, images=images, cost=cost, usage=usage)


def _plain(money):
    return [money.sent, money.unknown, money.unpriced, money.estimated, money.cost_micros or 0, money.unknown_micros or 0]


def _sum(lists):
    return [sum(column) for column in zip(*lists, strict=True)]


@pytest.mark.parametrize("seed", range(4))
def test_all_headings_come_to_the_same(ledger, seed):
    """To the micro: what is told by any heading is together what status tells of the batches, and exports of their jobs."""
    _any_ledger(ledger, random.Random(seed))
    for simulated in (False, True):
        names = ["sandbox-x"] if simulated else ["shop", "shelf"]
        with ledger.database.read() as tx:
            status = [reports.money(tx, batch) for batch in batches.named(tx, names)]
        lines = [line for name in names for line in ledger.lines(name)]
        assert sum(line.cost_micros or 0 for line in lines) == sum(money.cost_micros or 0 for money in status)
        for by in (*HEADINGS, *(f"column:{name}" for name in _COLUMNS)):
            found = _spent(ledger, by)
            total = found.simulated if simulated else found.real
            mine = [one for one in found.entries if one.simulated == simulated]
            assert len({one.key for one in mine}) == len(mine)
            assert _plain(total.money) == _sum(_plain(money) for money in status) == _sum(_plain(one.money) for one in mine)
            assert total.images == sum(len(line.files) for line in lines) == sum(one.images for one in mine)
            assert (total.retry_micros or 0) == sum(one.retry_micros or 0 for one in mine)
            assert all(one.money.cost_micros is not None or one.money.unpriced for one in mine)
            assert all(one.money.unknown_micros is not None or one.money.unknown for one in mine)


@pytest.mark.parametrize("seed", range(2))
def test_days_and_batches_part_the_whole(ledger, seed):
    """Two periods that meet are together the same as all time, and so are all batches."""
    rng = random.Random(seed)
    _any_ledger(ledger, rng)
    whole = _spent(ledger, "column:client")
    last = _FIRST + timedelta(days=rng.randrange(40))
    parts = [_spent(ledger, "column:client", period=one) for one in (Period(until=last), Period(last + timedelta(days=1)))]
    named = [_spent(ledger, "model", [name]) for name in ("shop", "shelf", "sandbox-x")]
    for kind in ("real", "simulated"):
        for some in (parts, named):
            assert _sum(_plain(getattr(one, kind).money) for one in some) == _plain(getattr(whole, kind).money)


def test_where_nothing_was_spent_the_total_is_nothing(ledger):
    """Nothing is known to be zero, and is not unknown."""
    found = _spent(ledger, "batch")
    assert found.entries == []
    assert (found.real.money, found.real.retry_micros) == (reports.Money(0, 0, 0, 0, 0, 0, 0, 0, 0), 0)
