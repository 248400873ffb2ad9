"""Submitting: rows are compared with what the batch holds, and stored all or none."""

from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from batchgen.core.dialect import Dialect
from batchgen.core.job import State
from batchgen.core.outcome import Outcome
from batchgen.errors import ManifestError
from batchgen.ingest.reading import Terms
from batchgen.ingest.source import Manifest
from batchgen.ingest.submit import submit
from batchgen.store import batches, submission
from batchgen.store.submission import MOST_LISTED, Listed, Repeated

_NONE = Listed(0, ())


def test_rows_are_stored_in_the_order_of_the_file(ledger):
    """More rows than are staged at once: all of them, in order, each with its own request."""
    rows = [ledger.row(f"row {n}", f"prompt {n}", metadata={"n": n}) for n in range(2500)]
    assert ledger.submit(*rows) == submission.Comparison(2500, 2500, _NONE, _NONE, _NONE)
    lines = ledger.lines()
    assert [line.custom_id for line in lines] == [f"row {n}" for n in range(2500)]
    assert all(line.request == {"prompt": f"prompt {n}"} and line.metadata == {"n": n} for n, line in enumerate(lines))
    assert ledger.submit(*rows) == submission.Comparison(2500, 0, _NONE, _NONE, _NONE)


def test_a_new_job_waits_and_is_due_at_once(ledger):
    """A row becomes a pending job without an attempt or a failure."""
    ledger.submit(ledger.row("a"), at=5)
    job = ledger.job("a")
    assert (job.state, job.attempt, job.failures, job.unknowns) == (State.PENDING, 0, 0, 0)
    assert (job.available_at, job.created_at, job.finished_at, job.lease_owner) == (ledger.at(5), ledger.at(5), None, None)


def test_one_row_that_cannot_be_stored_stores_none(ledger):
    """All rows or none: the last of a thousand repeats an id, and nothing of the batch is there."""
    rows = [ledger.row(f"{n}") for n in range(1000)]
    with pytest.raises(IntegrityError):
        ledger.submit(*rows, ledger.row("0"))
    with ledger.database.read() as tx:
        assert batches.every(tx) == []
    assert ledger.submit(*rows).new == 1000


def _manifest(name: str, text: str) -> Manifest:
    return Manifest(Path(f"/{name}.csv"), name, named=False, open=lambda: BytesIO(text.encode()))


def test_one_manifest_that_is_refused_stores_none_of_the_others(ledger):
    """Several files at once are one transaction: the second asks for something else under a known id."""
    defaults = {"model": "gpt-image-2", "size": "1024x1024", "quality": "low"}
    terms = Terms(defaults, {}, simulated=False, dialects={"": Dialect()}, day=date(2026, 11, 21), update=False)
    first, second = _manifest("first", "id,prompt\na,a fox\n"), _manifest("second", "id,prompt\nb,a bear\n")
    submit(ledger.database, [(second, terms)], ledger.at(0))
    other = _manifest("second", "id,prompt\nb,another bear\n")
    with pytest.raises(ManifestError, match="nothing was stored"):
        submit(ledger.database, [(first, terms), (other, terms)], ledger.at(1))
    with ledger.database.read() as tx:
        assert [batch.name for batch in batches.every(tx)] == ["second"]
    assert ledger.lines("second")[0].request["prompt"] == "a bear"


def test_a_comparison_tells_new_changed_running_and_gone_rows(ledger):
    """Rows are matched by id without regard to case; metadata alone is no change."""
    ledger.submit(*(ledger.row(name, name, metadata={"kept": 1}) for name in ("same", "changed", "being made", "gone", "lost")))
    claims = {claim.custom_id: claim for claim in iter(ledger.claim, None)}
    ledger.fail(claims["changed"])
    found = ledger.compare(
        ledger.row("new"), ledger.row("BEING MADE", "else"), ledger.row("CHANGED", "else"), ledger.row("Same", "same")
    )
    assert found == submission.Comparison(
        rows=4,
        new=1,
        changed=Listed(2, ("changed", "being made")),
        running=Listed(1, ("being made",)),
        gone=Listed(2, ("gone", "lost")),
    )


@pytest.mark.parametrize("change", ["prompt", "model", "parameter"])
def test_whatever_decides_what_comes_back_is_a_change(ledger, change):
    """Prompt, model and parameters make the request; each alone changes it."""
    ledger.submit(ledger.row("a", size="1024x1024"))
    other = {
        "prompt": ledger.row("a", "a cat", size="1024x1024"),
        "model": ledger.row("a", model="gpt-image-1-mini", size="1024x1024"),
        "parameter": ledger.row("a", size="1536x1024"),
    }[change]
    assert ledger.submit(other).changed == Listed(1, ("a",))
    line = ledger.lines()[0]
    assert ({"prompt": line.request["prompt"]}, line.model) == ({"prompt": other["request"]["prompt"]}, other["model"])
    assert line.request == other["request"]
    assert ledger.compare(other).changed == _NONE


def test_long_lists_are_counted_whole_and_shown_in_part(ledger):
    """Of a thousand changed rows the first ones are named, in the order of the file."""
    ledger.submit(*(ledger.row(f"{n}") for n in range(1001)))
    changed = ledger.compare(*(ledger.row(f"{n}", "else") for n in range(1001))).changed
    assert changed == Listed(1001, tuple(f"{n}" for n in range(MOST_LISTED)))


def _in_every_state(ledger):
    """One job in each state but running, each with a past."""
    for name in ("succeeded", "failed", "cancelled", "tried", "fresh"):
        ledger.submit(ledger.row(name), batch=name)
    ledger.succeed(ledger.claim(names=["succeeded"]))
    ledger.fail(ledger.claim(names=["failed"]), Outcome.UNKNOWN)
    claim = ledger.claim(names=["cancelled"])
    ledger.sql("UPDATE jobs SET cancel_requested = :yes WHERE custom_id = 'cancelled'", yes=True)
    ledger.fail(claim)
    ledger.give_up(ledger.claim(names=["tried"]), at=50)


@pytest.mark.parametrize("name", ["succeeded", "failed", "cancelled", "tried", "fresh"])
def test_an_update_queues_a_changed_row_again(ledger, name):
    """Whatever became of the old request, the new one begins with a clean record; attempts go on counting."""
    _in_every_state(ledger)
    before = ledger.job(name, name)
    ledger.submit(ledger.row(name, "else"), batch=name, at=9)
    job = ledger.job(name, name)
    assert (job.id, job.state, job.failures, job.unknowns, job.finished_at) == (before.id, State.PENDING, 0, 0, None)
    assert (job.available_at, job.cancel_requested, job.attempt) == (ledger.at(9), False, before.attempt)
    assert job.request == {"prompt": "else"}


@pytest.mark.parametrize("name", ["succeeded", "failed", "cancelled", "tried", "fresh"])
def test_an_update_leaves_an_unchanged_row_alone(ledger, name):
    """A row that asks for the same is not made again, not even a failed one."""
    _in_every_state(ledger)
    before = ledger.job(name, name)
    ledger.submit(ledger.row(name), batch=name, at=9)
    assert ledger.job(name, name) == before


def test_an_update_touches_no_other_batch_and_no_missing_row(ledger):
    """The same id in another batch, and rows that are gone from the file, stay as they are."""
    ledger.submit(ledger.row("a"), ledger.row("gone"))
    ledger.submit(ledger.row("a"), batch="other")
    kept = ledger.job("a", "other"), ledger.job("gone")
    ledger.submit(ledger.row("a", "else", metadata={"new": 1}), at=9)
    assert (ledger.job("a", "other"), ledger.job("gone")) == kept
    assert ledger.job("a").request == {"prompt": "else"}


def test_place_and_metadata_follow_the_file(ledger):
    """Moved rows and changed metadata are taken over without making anything again."""
    ledger.submit(*(ledger.row(name, metadata={"was": name}) for name in "abc"))
    ledger.succeed(ledger.claim())
    ledger.submit(*(ledger.row(name, metadata={"now": name.upper()}) for name in "cab"))
    assert [(line.custom_id, line.metadata) for line in ledger.lines()] == [
        ("c", {"now": "C"}),
        ("a", {"now": "A"}),
        ("b", {"now": "B"}),
    ]
    assert ledger.states() == {"c": State.PENDING, "a": State.SUCCEEDED, "b": State.PENDING}


def test_metadata_alone_is_taken_over(ledger):
    """A changed cell beside the request is in the next export, and the row stays in its place and as it was made."""
    ledger.submit(ledger.row("a", metadata={"price": 1}), ledger.row("b"))
    ledger.succeed(ledger.claim())
    ledger.submit(ledger.row("a", metadata={"price": 2}), ledger.row("b"))
    line = ledger.lines()[0]
    assert (line.custom_id, line.metadata, line.state) == ("a", {"price": 2}, State.SUCCEEDED)


def _derived(ledger, *names):
    return [ledger.row(name, name, given=False, metadata={"place": place}) for place, name in enumerate(names)]


def test_equal_rows_without_an_id_are_told_apart_by_an_ordinal(ledger):
    """The first keeps the plain id, the next ones get -2, -3 in the order of the file."""
    ledger.submit(*_derived(ledger, "fox", "bear", "fox", "fox", "bear"))
    assert list(ledger.states()) == ["fox", "bear", "fox-2", "fox-3", "bear-2"]
    assert ledger.job("fox-3").custom_id_key == "fox-3"


def test_derived_ids_stay_when_rows_are_inserted_or_moved(ledger):
    """What was made stays made: an inserted row, another order and one more equal row add only what is new."""
    ledger.submit(*_derived(ledger, "fox", "bear", "fox"))
    numbers = {name: ledger.job(name).id for name in ("fox", "bear", "fox-2")}
    while claim := ledger.claim():
        ledger.succeed(claim)
    found = ledger.submit(*_derived(ledger, "owl", "fox", "fox", "bear", "fox"))
    assert (found.new, found.changed.count, found.gone.count) == (2, 0, 0)
    assert {name: ledger.job(name).id for name in numbers} == numbers
    assert {name for name, state in ledger.states().items() if state is State.PENDING} == {"owl", "fox-3"}


def _staged(ledger, tx, *rows):
    submission.prepare(tx)
    submission.stage(tx, [{"manifest": 0, "position": n, "line": n + 2, **row} for n, row in enumerate(rows)])
    submission.stage(tx, [{"manifest": 1, "position": 0, "line": 2, **ledger.row("only here")}])
    submission.number_equal_rows(tx, 0)


def test_repeated_ids_are_found_by_their_key(ledger):
    """Ids that differ by case or by the form of an accent are one; each later row names the first line."""
    with ledger.database.write() as tx:
        _staged(ledger, tx, *(ledger.row(name) for name in ("Fox", "é", "fox", "only here", "e\u0301", "FOX")))
        assert submission.repeated(tx, 0) == (3, [Repeated(4, "fox", 2), Repeated(6, "e\u0301", 3), Repeated(7, "FOX", 2)])
        assert submission.repeated(tx, 1) == (0, [])


def test_a_derived_id_that_meets_a_given_one_is_repeated(ledger):
    """An ordinal never makes two rows one without being told."""
    with ledger.database.write() as tx:
        rows = [ledger.row("fox-2"), *_derived(ledger, "fox", "fox")]
        _staged(ledger, tx, *rows)
        assert submission.repeated(tx, 0) == (1, [Repeated(4, "fox-2", 2)])


def test_many_repeated_ids_are_counted_whole_and_shown_in_part(ledger):
    """A column that holds one value in every row does not fill the screen."""
    with ledger.database.write() as tx:
        _staged(ledger, tx, *(ledger.row("same") for _ in range(1200)))
        count, shown = submission.repeated(tx, 0)
    assert (count, len(shown), shown[0]) == (1199, 250, Repeated(3, "same", 2))
