"""What people ask the ledger: every figure is a sum over attempts, and what is not known is never zero."""

import dataclasses

import pytest

from batchgen.core.job import State
from batchgen.core.outcome import Outcome
from batchgen.core.retry import Verdict
from batchgen.errors import UnknownBatch
from batchgen.store import reports
from batchgen.store.reports import Failed, Failure, Money

_NOTHING = Money(0, 0, 0, 0, 0, 0, 0, 0, 0)
_USAGE = {"input_text_tokens": 10, "input_image_tokens": 0, "output_tokens": 100}
_DAY = 86_400


def _money(ledger, name="shop"):
    with ledger.database.read() as tx:
        return reports.money(tx, ledger.batch(name))


def _end(ledger, custom_id, outcome, *, sent=True, reserve=900, **more):
    ledger.submit(ledger.row(custom_id), batch=custom_id)
    claim = ledger.claim(names=[custom_id], reserve=reserve)
    if sent:
        ledger.sent(claim)
    state = State.SUCCEEDED if outcome is Outcome.SUCCEEDED else State.FAILED
    ledger.finish(claim, outcome, state, **more)
    return _money(ledger, custom_id)


# How one attempt ended, and what is known of the money of its batch.
_ONE = {
    "answered and priced": (
        {"outcome": Outcome.SUCCEEDED, "cost": 40, "usage": _USAGE},
        Money(1, 10, 0, 100, 40, 0, 0, 0, 0),
    ),
    "answered and free": ({"outcome": Outcome.SUCCEEDED, "cost": 0, "usage": _USAGE}, Money(1, 10, 0, 100, 0, 0, 0, 0, 0)),
    "answered without usage": ({"outcome": Outcome.SUCCEEDED}, Money(1, None, None, None, None, 0, 0, 1, 0)),
    "answered with half a usage": (
        {"outcome": Outcome.INVALID_REPLY, "cost": 40, "usage": {"output_tokens": 100}},
        Money(1, None, None, 100, 40, 0, 0, 0, 0),
    ),
    "a model without a price": (
        {"outcome": Outcome.SUCCEEDED, "reserve": None, "usage": _USAGE},
        Money(1, 10, 0, 100, None, 0, 0, 1, 0),
    ),
    "refused, free": ({"outcome": Outcome.REJECTED, "cost": 0}, Money(1, 0, 0, 0, 0, 0, 0, 0, 0)),
    "never sent": ({"outcome": Outcome.OFFLINE, "cost": 0, "sent": False}, _NOTHING),
    "perhaps billed": ({"outcome": Outcome.UNKNOWN}, Money(1, 0, 0, 0, 0, 1, 900, 0, 0)),
    "perhaps billed, without a price": (
        {"outcome": Outcome.UNKNOWN, "reserve": None},
        Money(1, 0, 0, 0, None, 1, None, 1, 0),
    ),
}


@pytest.mark.parametrize("case", _ONE)
def test_what_one_attempt_cost(ledger, case):
    """Each column by its own rule: a sum of known figures, 0 where nothing can have happened, else not known."""
    given, expected = _ONE[case]
    assert _end(ledger, "shop", **given) == expected


def test_an_untouched_batch_cost_nothing(ledger):
    """Nothing happened, so everything is known to be 0."""
    ledger.submit(ledger.row("a"))
    assert _money(ledger) == _NOTHING


def test_an_open_attempt_is_sent_and_costs_nothing_yet(ledger):
    """What is on its way counts as a request from the moment its body goes, and as money when it is closed."""
    ledger.submit(ledger.row("a"))
    claim = ledger.claim()
    assert _money(ledger) == _NOTHING
    ledger.sent(claim)
    assert _money(ledger) == dataclasses.replace(_NOTHING, sent=1)


def test_money_adds_up_over_all_attempts_of_a_batch(ledger):
    """Known and unknown sums stand beside each other; other batches do not enter; sums are plain integers."""
    ledger.submit(*(ledger.row(name) for name in "abcde"))
    ends = [
        (Outcome.SUCCEEDED, {"cost": 5_000_000_000, "usage": _USAGE}),
        (Outcome.INVALID_REPLY, {"cost": 2, "usage": _USAGE}),
        (Outcome.UNKNOWN, {}),
        (Outcome.UNKNOWN, {}),
        (Outcome.SUCCEEDED, {}),
    ]
    for reserve, (outcome, more) in zip((1, 10, 100, None, 10_000), ends, strict=True):
        claim = ledger.claim(reserve=reserve)
        ledger.sent(claim)
        ledger.finish(claim, outcome, State.FAILED, **more)
    _end(ledger, "other", Outcome.SUCCEEDED, cost=7, usage=_USAGE)
    money = _money(ledger)
    assert money == Money(5, 20, 0, 200, 5_000_000_002, 2, 100, 2, 0)
    assert {type(value) for value in dataclasses.astuple(money)} == {int}


def test_an_unknown_attempt_that_found_its_answer_is_known(ledger):
    """A late answer takes the place of the worst case, whether its image is used or not."""
    ledger.submit(ledger.row("a"))
    claim = ledger.claim(reserve=900)
    ledger.sent(claim)
    ledger.give_up(claim)
    assert (_money(ledger).unknown, _money(ledger).unknown_micros) == (1, 900)
    ledger.claim("other", at=200)
    ledger.finish(claim, Outcome.SUCCEEDED, State.SUCCEEDED, at=300, cost=40, usage=_USAGE)
    assert _money(ledger) == Money(1, 10, 0, 100, 40, 0, 0, 0, 0)


def test_a_summary_counts_jobs_images_and_money(ledger):
    """Every state is there, with 0 where no job is in it; images that made room do not count."""
    ledger.submit(*(ledger.row(name, n=2) for name in "abcd"))
    ledger.succeed(ledger.claim(), "a.png", "a~2.png")
    ledger.fail(ledger.claim(), cost=0)
    ledger.claim()
    ledger.submit(ledger.row("other"), batch="other")
    with ledger.database.read() as tx:
        found = reports.summary(tx, ledger.batch())
    none = dict.fromkeys(State, 0)
    assert found.states == none | {State.SUCCEEDED: 1, State.FAILED: 1, State.RUNNING: 1, State.PENDING: 1}
    assert (found.artifacts, found.money, found.batch) == (2, _money(ledger), ledger.batch())
    ledger.submit(ledger.row("a", "else"))
    moved = [("a.png", ".previous/a.png"), ("a~2.png", ".previous/a~2.png")]
    ledger.succeed_moving(ledger.claim(only=ledger.ids("a")), ["a.png"], moved)
    with ledger.database.read() as tx:
        assert reports.summary(tx, ledger.batch()).artifacts == 1


def test_what_is_left_and_what_failed(ledger):
    """Waiting, running and failed jobs of some batches; those of others do not count."""
    ledger.submit(*(ledger.row(name) for name in "abc"))
    ledger.submit(ledger.row("x"), ledger.row("y"), batch="other")
    ledger.fail(ledger.claim(names=["shop"]))
    ledger.claim(names=["shop"])
    ledger.succeed(ledger.claim(names=["other"]))
    shop, other = ledger.batch().id, ledger.batch("other").id
    with ledger.database.read() as tx:
        assert reports.unfinished(tx, [shop]) == {State.PENDING: 1, State.RUNNING: 1}
        assert reports.unfinished(tx, [shop, other]) == {State.PENDING: 2, State.RUNNING: 1}
        assert reports.unfinished(tx, []) == {State.PENDING: 0, State.RUNNING: 0}
        assert [reports.failed(tx, ledger.batch(name)) for name in ("shop", "other")] == [Failed(1, 0, 0), Failed(0, 0, 0)]


def test_failures_are_grouped_by_cause(ledger):
    """The commonest first, each with examples in the order of the file; only the last attempt of failed jobs counts."""
    ends = {"a": "busy", "b": "bad", "c": "busy", "d": None, "e": "busy", "f": "bad"}
    ledger.submit(*(ledger.row(name) for name in (*ends, "fine")))
    ledger.finish(ledger.claim(), Outcome.RATE_LIMITED, State.PENDING, at=0, error_code="slow")
    for _ in ends.values():
        claim = ledger.claim()
        code = ends[claim.custom_id]
        outcome = Outcome.REJECTED if code == "bad" else Outcome.UNAVAILABLE
        ledger.fail(claim, outcome, error_code=code, error_message=f"word of {claim.custom_id}")
    claim = ledger.claim()
    ledger.finish(claim, Outcome.UNAVAILABLE, State.PENDING, at=0, error_code="busy")
    ledger.succeed(ledger.claim())
    with ledger.database.read() as tx:
        assert reports.failures(tx, ledger.batch(), 2) == [
            Failure(Outcome.UNAVAILABLE, "busy", "word of a", 3, ("a", "c")),
            Failure(Outcome.REJECTED, "bad", "word of b", 2, ("b", "f")),
            Failure(Outcome.UNAVAILABLE, None, "word of d", 1, ("d",)),
        ]


def test_one_job_is_found_by_its_id_in_any_case(ledger):
    """Its row, its attempts and its files, in order; one that is not there is told."""
    ledger.submit(ledger.row("Fox", n=2))
    ledger.finish(ledger.claim(), Outcome.INVALID_REPLY, Verdict(State.PENDING, failed=1), at=0, images=["Fox.png"])
    ledger.succeed(ledger.claim(), "Fox~2.png")
    job, attempts, files = ledger.whole("FOX")
    assert (job.custom_id, [one.number for one in attempts]) == ("Fox", [1, 2])
    assert [(image.path, image.ordinal) for image in files] == [("Fox.png", 1), ("Fox~2.png", 2)]
    with pytest.raises(UnknownBatch, match="batch shop has no job 'bear'"):
        ledger.whole("bear")


def test_images_since_a_moment_are_counted_by_the_start_of_their_attempt(spending):
    """What counts against the images of a day: those of other providers never, replaced ones too."""
    spending.sql("UPDATE artifacts SET replaced_at = '2026-11-23' WHERE path = '2.png'")
    real = "(SELECT jobs.id FROM jobs JOIN batches ON batches.id = batch_id WHERE NOT simulated)"
    spending.sql(f"UPDATE attempts SET provider = CASE WHEN job_id IN {real} THEN 'azure' ELSE 'sandbox' END")
    with spending.database.read() as tx:
        counted = [reports.images_since(tx, spending.at(at), provider="azure") for at in (0, 10, 11, _DAY, _DAY + 1)]
        assert counted == [6, 6, 4, 4, 0]
        assert [reports.images_since(tx, spending.at(at), provider="sandbox") for at in (20, 21)] == [2, 0]
    # Of an older ledger nobody knows who made them: they count for everybody.
    spending.sql("UPDATE attempts SET provider = NULL")
    with spending.database.read() as tx:
        assert reports.images_since(tx, spending.at(20), provider="azure") == 6
