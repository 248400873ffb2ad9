"""The listing: every job once, in the order of the manifest, with sums that agree with the reports."""

import json

import pytest

from batchgen.core.job import State
from batchgen.core.outcome import Outcome
from batchgen.core.retry import Verdict
from batchgen.store import reports

_USAGE = {"input_text_tokens": 10, "input_image_tokens": 1, "output_tokens": 100}


@pytest.mark.parametrize("rows", [0, 1, 499, 500, 501, 1203])
def test_every_job_is_listed_once_in_the_order_of_the_file(ledger, rows):
    """Read in parts: none is left out and none comes twice at the seams."""
    ledger.submit(*(ledger.row(f"{n}") for n in range(rows)))
    assert [line.custom_id for line in ledger.lines()] == [f"{n}" for n in range(rows)]


def test_jobs_at_one_place_are_all_listed(ledger):
    """Rows that are gone from the file keep their old places, so a place can be taken several times."""
    for age in ("oldest", "old", "new"):
        ledger.submit(*(ledger.row(f"{age} {n}") for n in range(400)))
    listed = [line.custom_id for line in ledger.lines()]
    assert listed == [f"{age} {n}" for n in range(400) for age in ("oldest", "old", "new")]


def test_a_job_that_nobody_touched(ledger):
    """Nothing happened: zeros that are known, and no outcome."""
    ledger.submit(ledger.row("a", "a fox", metadata={"Shelf": "7"}, size="1024x1024"))
    line = ledger.lines()[0]
    assert (line.custom_id, line.state, line.model) == ("a", State.PENDING, "gpt-image-2")
    assert (line.request, line.metadata) == ({"prompt": "a fox", "size": "1024x1024"}, {"Shelf": "7"})
    assert (line.files, line.attempts, line.cost_micros, line.unknown_micros) == ([], 0, 0, None)
    assert (line.input_text_tokens, line.input_image_tokens, line.output_tokens) == (0, 0, 0)
    assert (line.outcome, line.error_code, line.error_message) == (None, None, None)


def test_a_job_adds_up_its_attempts(ledger):
    """Tokens and money of all tries, requests that were sent, the files in place, and no error once it succeeded."""
    ledger.submit(ledger.row("a", n=2))
    ledger.finish(ledger.claim(), Outcome.OFFLINE, State.PENDING, at=0, cost=0)
    claim = ledger.claim(reserve=900)
    ledger.sent(claim)
    ledger.finish(claim, Outcome.UNKNOWN, Verdict(State.PENDING, failed=1, unknown=1), at=0)
    for outcome, state, image in (
        (Outcome.INVALID_REPLY, State.PENDING, "a.png"),
        (Outcome.SUCCEEDED, State.SUCCEEDED, "a~2.png"),
    ):
        claim = ledger.claim()
        ledger.sent(claim)
        ledger.finish(claim, outcome, state, at=0, cost=3_000_000_000, usage=_USAGE, images=[image], error_code="odd")
    line = ledger.lines()[0]
    assert (line.attempts, line.files, line.cost_micros, line.unknown_micros) == (3, ["a.png", "a~2.png"], 6_000_000_000, 900)
    assert (line.input_text_tokens, line.input_image_tokens, line.output_tokens) == (20, 2, 200)
    assert (line.state, line.outcome, line.error_code) == (State.SUCCEEDED, "succeeded", None)


def test_figures_are_plain_integers(ledger):
    """Sums of either database can be written as JSON."""
    ledger.submit(ledger.row("a"), ledger.row("b"))
    ledger.finish(ledger.claim(), Outcome.SUCCEEDED, State.SUCCEEDED, cost=40, usage=_USAGE, images=["a.png"])
    ledger.finish(ledger.claim(), Outcome.UNKNOWN, State.FAILED)
    for line in ledger.lines():
        values = {name: getattr(line, name) for name in line.__slots__}
        assert json.loads(json.dumps(values)) == values
        figures = (line.cost_micros, line.unknown_micros, line.output_tokens, line.input_text_tokens)
        assert {type(value) for value in figures} <= {int, type(None)}


def test_a_failed_job_says_why(ledger):
    """The newest attempt's outcome, code and message; what is not known of its cost is not zero."""
    ledger.submit(ledger.row("a"))
    ledger.finish(ledger.claim(), Outcome.UNAVAILABLE, State.PENDING, at=0, error_code="old", error_message="old")
    ledger.fail(ledger.claim(reserve=900), Outcome.UNKNOWN, error_code="no_reply", error_message="reset")
    line = ledger.lines()[0]
    assert (line.state, line.outcome, line.error_code, line.error_message) == (State.FAILED, "unknown", "no_reply", "reset")
    assert (line.cost_micros, line.unknown_micros) == (None, 900)


def test_images_that_made_room_are_not_listed(ledger):
    """After --update only the new request's files belong to the job."""
    ledger.submit(ledger.row("a"))
    ledger.succeed(ledger.claim(), "a.png")
    ledger.submit(ledger.row("a", "else"))
    ledger.succeed_moving(ledger.claim(), ["a.webp"], [("a.png", ".previous/a.png")])
    assert ledger.lines()[0].files == ["a.webp"]


def test_a_listing_adds_up_to_the_summary(ledger):
    """Exports agree with status: every column summed over all jobs is the batch's figure."""
    ledger.submit(*(ledger.row(f"{n}") for n in range(620)))
    with ledger.database.read() as tx:
        batch = ledger.batch()
    for n in range(12):
        claim = ledger.claim(reserve=900 + n)
        ledger.sent(claim)
        outcome = (Outcome.SUCCEEDED, Outcome.UNKNOWN, Outcome.UNAVAILABLE)[n % 3]
        paid = {"cost": 40 + n, "usage": _USAGE} if n % 3 == 0 else {"cost": 0} if n % 3 == 2 else {}
        ledger.finish(claim, outcome, State.FAILED, **paid)
    with ledger.database.read() as tx:
        found = reports.summary(tx, batch)
    lines = ledger.lines()
    for column in ("input_text_tokens", "input_image_tokens", "output_tokens", "cost_micros", "unknown_micros"):
        assert sum(getattr(line, column) or 0 for line in lines) == getattr(found.money, column)
    assert sum(line.attempts for line in lines) == found.money.sent == 12
    assert {state: sum(line.state is state for line in lines) for state in State} == found.states
