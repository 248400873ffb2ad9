"""The database itself refuses impossible rows, and keeps values as they were handed in."""

from datetime import timedelta, timezone

import pytest
from sqlalchemy.exc import IntegrityError

from batchgen.core.job import State
from batchgen.core.outcome import Outcome
from batchgen.store import batches

_LEASED = "lease_owner = 'w', lease_expires_at = '2026-11-21 13:00:00'"

# What is written over a pending job, and the constraint that must refuse it.
_IMPOSSIBLE = {
    "running without a lease": ("state = 'running'", "running_iff_leased"),
    "pending with a lease": (_LEASED, "running_iff_leased"),
    "succeeded with a lease": (f"state = 'succeeded', finished_at = '2026-11-21 13:00:00', {_LEASED}", "running_iff_leased"),
    "a lease without an end": ("state = 'running', lease_owner = 'w'", "lease_has_an_end"),
    "an end without a lease": ("lease_expires_at = '2026-11-21 13:00:00'", "lease_has_an_end"),
    "succeeded without an end": ("state = 'succeeded'", "final_iff_finished"),
    "failed without an end": ("state = 'failed'", "final_iff_finished"),
    "cancelled without an end": ("state = 'cancelled'", "final_iff_finished"),
    "pending with an end": ("finished_at = '2026-11-21 13:00:00'", "final_iff_finished"),
    "running with an end": (f"state = 'running', finished_at = '2026-11-21 13:00:00', {_LEASED}", "final_iff_finished"),
    "a state nobody knows": ("state = 'done'", "ck_jobs_state"),
    "no state": ("state = NULL", "state"),
    "a batch that is not there": ("batch_id = 999", "(?i)foreign key"),
    "an id that is taken": ("custom_id_key = 'other'", "custom_id_key"),
}


@pytest.mark.parametrize("case", _IMPOSSIBLE)
def test_an_impossible_job_is_refused(ledger, case):
    """A job is running iff leased, final iff finished, in a known state, in a batch, and alone with its id."""
    ledger.submit(ledger.row("a"), ledger.row("other"))
    change, constraint = _IMPOSSIBLE[case]
    with pytest.raises(IntegrityError, match=constraint):
        ledger.sql(f"UPDATE jobs SET {change} WHERE custom_id = 'a'")
    assert ledger.states() == {"a": State.PENDING, "other": State.PENDING}


_IMPOSSIBLE_ATTEMPTS = {
    "closed without an end": ("outcome = 'succeeded'", "closed_iff_finished"),
    "open with an end": ("finished_at = '2026-11-21 13:00:00'", "closed_iff_finished"),
    "of no job": ("job_id = 999", "(?i)foreign key"),
}


@pytest.mark.parametrize("case", _IMPOSSIBLE_ATTEMPTS)
def test_an_impossible_attempt_is_refused(ledger, case):
    """An attempt has an outcome iff it has an end, and belongs to a job."""
    ledger.submit(ledger.row("a"))
    ledger.claim()
    change, constraint = _IMPOSSIBLE_ATTEMPTS[case]
    with pytest.raises(IntegrityError, match=constraint):
        ledger.sql(f"UPDATE attempts SET {change}")


def test_two_attempts_cannot_have_one_number(ledger):
    """The fencing token is unique within its job."""
    ledger.submit(ledger.row("a"))
    ledger.claim()
    columns = "job_id, number, model, fingerprint, worker, lane, started_at"
    with pytest.raises(IntegrityError, match=r"(?i)unique"):
        ledger.sql(f"INSERT INTO attempts ({columns}) SELECT {columns} FROM attempts")


def test_one_image_cannot_stand_twice_in_the_ledger(ledger):
    """An artifact is unique by job, attempt and ordinal, and belongs to a job."""
    ledger.submit(ledger.row("a"))
    ledger.succeed(ledger.claim())
    columns = "job_id, attempt, ordinal, path, media_type, bytes, sha256"
    with pytest.raises(IntegrityError, match=r"(?i)unique"):
        ledger.sql(f"INSERT INTO artifacts ({columns}) SELECT {columns} FROM artifacts")
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        ledger.sql("UPDATE artifacts SET job_id = 999")


def test_two_batches_cannot_have_one_name(ledger):
    """Two programs that create the same batch at once: one is refused by the database."""
    ledger.submit(ledger.row("a"))
    with pytest.raises(IntegrityError, match="name_key"), ledger.database.write() as tx:
        batches.create(tx, "SHOP", simulated=False, now=ledger.at(0))


def test_a_job_and_its_request_come_back_as_they_went_in(ledger):
    """Order of keys, kinds of numbers, any script and control characters survive both databases."""
    wild = {"z": 1, "a": 1.5, "yes": True, "text": '中文 🦊 \x00 \x1b[31m "quoted" back\\slash\r\n'}
    ledger.submit(ledger.row("a", "ein Fuchs\x00\n中🦊", metadata=wild, n=2, quality="low"))
    line = ledger.lines()[0]
    assert (line.metadata, list(line.metadata)) == (wild, list(wild))
    assert list(line.request.items()) == [("prompt", "ein Fuchs\x00\n中🦊"), ("n", 2), ("quality", "low")]
    assert type(line.metadata["yes"]) is bool
    request = ledger.claim().request
    assert (request.prompt, request.parameters) == ("ein Fuchs\x00\n中🦊", {"n": 2, "quality": "low"})


@pytest.mark.parametrize("hours", [-8, 0, 5.5])
def test_moments_are_the_same_moments_in_any_zone(ledger, hours):
    """A time handed in with any offset comes back as the same instant, in UTC, to the microsecond."""
    zone = timezone(timedelta(hours=hours))
    clock = staticmethod(lambda seconds: ledger.at(seconds).astimezone(zone))
    moved = type("Elsewhere", (type(ledger),), {"at": clock, "__slots__": ()})(ledger.database)
    moved.submit(ledger.row("a"), ledger.row("b"))
    moved.succeed(moved.claim(at=1, lease_s=30), at=2.5)
    held = moved.claim(at=3, lease_s=30)
    moved.sent(held, at=4)
    done, running, attempt = ledger.job("a"), ledger.job("b"), ledger.attempts("b")[0]
    assert (done.created_at, done.available_at, done.finished_at) == (ledger.at(0), ledger.at(2.5), ledger.at(2.5))
    assert (running.lease_expires_at, attempt.started_at, attempt.sent_at) == (ledger.at(33), ledger.at(3), ledger.at(4))
    assert done.finished_at.utcoffset() == timedelta(0)
    assert ledger.batch().created_at == ledger.at(0)


def test_words_of_a_provider_never_stop_the_ledger(ledger):
    """An error message or an id with NUL or half a character is stored with marks in their place; the attempt is closed."""
    ledger.submit(ledger.row("a"))
    broken = "no\x00 \ud800\udcff good"
    state = ledger.finish(
        ledger.claim(),
        Outcome.REJECTED,
        State.FAILED,
        error_code=broken,
        error_message=broken,
        request_id=broken,
    )
    assert state is State.FAILED
    attempt = ledger.attempts("a")[0]
    for kept in (attempt.error_code, attempt.error_message, attempt.provider_request_id):
        assert kept.startswith("no") and kept.endswith(" good") and "\x00" not in kept
