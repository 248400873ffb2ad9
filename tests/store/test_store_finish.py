"""The end of an attempt: the verdict moves the job, the fence guards it, late images are taken, and money is always kept."""

from threading import Barrier, Thread

import pytest

from batchgen.core.artifact import Artifact
from batchgen.core.job import FINAL, State
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.pricing import Basis, Cost
from batchgen.core.retry import Verdict
from batchgen.store import closing, control
from batchgen.store.closing import Closing, Finish, Standing

_WAIT = {"failures": 0, "unknowns": 0}
_ONCE = {"failures": 1, "unknowns": 0}
_UNKNOWN = {"failures": 1, "unknowns": 1}

# outcome, verdict -> what is counted
_ENDS = [
    (Outcome.SUCCEEDED, Verdict(State.SUCCEEDED), _WAIT),
    (Outcome.REJECTED, Verdict(State.FAILED), _WAIT),
    (Outcome.RATE_LIMITED, Verdict(State.PENDING, 12.75), _WAIT),
    (Outcome.UNAVAILABLE, Verdict(State.PENDING, 1.5, failed=1), _ONCE),
    (Outcome.UNAVAILABLE, Verdict(State.FAILED, failed=1), _ONCE),
    (Outcome.OFFLINE, Verdict(State.PENDING, 3), _WAIT),
    (Outcome.UNKNOWN, Verdict(State.PENDING, 2, failed=1, unknown=1), _UNKNOWN),
    (Outcome.UNKNOWN, Verdict(State.FAILED, failed=1, unknown=1), _UNKNOWN),
    (Outcome.INVALID_REPLY, Verdict(State.PENDING, 4, failed=1), _ONCE),
    (Outcome.INVALID_REPLY, Verdict(State.FAILED, failed=1), _ONCE),
    (Outcome.ACCOUNT_BLOCKED, Verdict(State.PENDING), _WAIT),
    (Outcome.STORAGE_FAILED, Verdict(State.PENDING), _WAIT),
    (Outcome.RELEASED, Verdict(State.PENDING), _WAIT),
    (Outcome.LOST, Verdict(State.PENDING), _WAIT),
]
_NAMES = [f"{outcome}-{verdict.state}" for outcome, verdict, _counted in _ENDS]


def _ended(ledger, outcome, verdict, claim):
    images = ["a.png"] if outcome is Outcome.SUCCEEDED else []
    return ledger.finish(claim, outcome, verdict, at=10, cost=7, images=images, http_status=418, error_code="code")


@pytest.mark.parametrize(("outcome", "verdict", "counted"), _ENDS, ids=_NAMES)
def test_an_end_moves_the_job_as_the_verdict_says(ledger, outcome, verdict, counted):
    """State, counts, next moment and lease follow the verdict; the attempt keeps how it ended."""
    ledger.submit(ledger.row("a"))
    assert _ended(ledger, outcome, verdict, ledger.claim()) is verdict.state
    job, attempt = ledger.job("a"), ledger.attempts("a")[0]
    assert (job.state, {"failures": job.failures, "unknowns": job.unknowns}) == (verdict.state, counted)
    assert job.finished_at == (ledger.at(10) if verdict.state in FINAL else None)
    assert job.available_at == ledger.at(10 + verdict.delay_s)
    assert (job.lease_owner, job.lease_expires_at, job.attempt) == (None, None, 1)
    assert (attempt.outcome, attempt.finished_at, attempt.cost_micros) == (outcome, ledger.at(10), 7)
    assert (attempt.http_status, attempt.error_code) == (418, "code")


@pytest.mark.parametrize(("outcome", "verdict"), [end[:2] for end in _ENDS], ids=_NAMES)
def test_a_job_that_was_to_be_cancelled_is_so_unless_it_has_its_image(ledger, outcome, verdict):
    """An image that was paid for makes it succeeded; anything else, a new try too, makes it cancelled."""
    ledger.submit(ledger.row("a"))
    claim = ledger.claim()
    ledger.sql("UPDATE jobs SET cancel_requested = :yes", yes=True)
    state = State.SUCCEEDED if outcome is Outcome.SUCCEEDED else State.CANCELLED
    assert _ended(ledger, outcome, verdict, claim) is state
    job = ledger.job("a")
    assert (job.state, job.finished_at, job.cancel_requested) == (state, ledger.at(10), False)
    assert ledger.attempts("a")[0].outcome == outcome
    assert ledger.claim(at=1000) is None


def test_counts_add_up_over_attempts(ledger):
    """Failures and unknowns are those of all attempts since a person queued the job, and the claim tells them."""
    ledger.submit(ledger.row("a"))
    for outcome, unknown in ((Outcome.UNAVAILABLE, 0), (Outcome.UNKNOWN, 1), (Outcome.INVALID_REPLY, 0)):
        ledger.finish(ledger.claim(), outcome, Verdict(State.PENDING, failed=1, unknown=unknown), at=0)
    claim = ledger.claim()
    assert (claim.attempt, claim.failures, claim.unknowns) == (4, 3, 1)


def test_the_images_of_an_answer_are_kept_with_all_that_proves_them(ledger):
    """Each file by ordinal, with type, edges, size beyond 4 GB and hash; usage and request id with the attempt."""
    ledger.submit(ledger.row("a", n=2))
    usage = {"input_text_tokens": 9, "input_image_tokens": 0, "output_tokens": 5_000_000_000, "output_text_tokens": 3}
    ledger.finish(
        ledger.claim(), Outcome.SUCCEEDED, State.SUCCEEDED, images=["a.png", "a~2.png"], usage=usage, request_id="req_1"
    )
    _job, attempts, files = ledger.whole("a")
    for kept, given in zip(files, (ledger.image(1, "a.png"), ledger.image(2, "a~2.png")), strict=True):
        assert Artifact(*(getattr(kept, name) for name in Artifact.__struct_fields__)) == given
        assert (kept.attempt, kept.replaced_at) == (1, None)
    assert {name: getattr(attempts[0], name) for name in usage} == usage
    assert attempts[0].provider_request_id == "req_1"


def test_images_that_made_room_keep_the_moment(ledger):
    """The old file's new path and the time of its replacement are written with the new one."""
    ledger.submit(ledger.row("a"))
    ledger.succeed(ledger.claim(), "a.png")
    ledger.submit(ledger.row("a", "else"))
    ledger.succeed_moving(ledger.claim(at=2), ["a.png"], [("a.png", ".previous/a~1.png")])
    old, new = ledger.whole("a")[2]
    assert (old.path, old.replaced_at, new.path, new.replaced_at) == (".previous/a~1.png", ledger.at(1), "a.png", None)


def test_an_old_attempt_changes_nothing_of_the_job_and_still_costs(ledger):
    """The fence: while another worker has the job, a late answer is superseded, and its money is in the ledger."""
    ledger.submit(ledger.row("a"))
    old = ledger.claim("slow")
    ledger.give_up(old)
    new = ledger.claim("quick", at=200)
    before = ledger.job("a")
    assert ledger.finish(old, Outcome.INVALID_REPLY, State.FAILED, at=300, cost=55) is None
    assert (ledger.job("a"), ledger.files("a")) == (before, [])
    first, second = ledger.attempts("a")
    assert (first.outcome, first.cost_micros, first.finished_at) == (Outcome.SUPERSEDED, 55, ledger.at(300))
    assert (second.outcome, second.cost_micros) == (None, None)
    assert ledger.succeed(new, "a.png", at=310) is State.SUCCEEDED


def test_a_late_image_waits_while_a_newer_attempt_is_out(ledger):
    """Its place belongs to the newer one, which may yet fail: then what was paid for and kept is used."""
    ledger.submit(ledger.row("a"))
    old = ledger.claim()
    ledger.give_up(old)
    new = ledger.claim(at=200)
    with ledger.database.read() as tx:
        assert closing.standing(tx, old.job_id, old.attempt) is Standing.BUSY
    assert ledger.finish(old, Outcome.SUCCEEDED, State.SUCCEEDED, at=300, cost=55) is None
    assert (ledger.job("a").state, ledger.attempts("a")[0].cost_micros) == (State.RUNNING, 55)
    ledger.fail(new, at=310)
    with ledger.database.read() as tx:
        assert closing.standing(tx, old.job_id, old.attempt) is Standing.FREE
    assert ledger.succeed(old, "late.png", at=320, cost=55) is State.SUCCEEDED
    first, second = ledger.attempts("a")
    assert (first.outcome, first.cost_micros, second.outcome) == (Outcome.SUCCEEDED, 55, Outcome.UNAVAILABLE)
    assert ledger.files("a") == ["late.png"]


def _end(claim, outcome=Outcome.SUCCEEDED, state=State.SUCCEEDED, paths=()):
    images = tuple(Artifact(n, path, "image/png", 8, 8, 9, "ab" * 32) for n, path in enumerate(paths, start=1))
    return Finish(claim.job_id, claim.attempt, Closing(Ending(outcome), Verdict(state), Cost(7, Basis.COMPUTED), images))


def test_many_attempts_end_together_each_in_its_own_way(ledger):
    """Held, cancelled, lost and late ones in one call, and two attempts of one job: each as if it had come alone."""
    ledger.submit(*(ledger.row(name) for name in "abcde"))
    a, b, c, d1, e = (ledger.claim() for _ in "abcde")
    with ledger.database.write() as tx:
        control.cancel(tx, ledger.batch(), ["b"], ledger.at(5))
    ledger.give_up(d1)
    d2 = ledger.claim(at=200)
    ledger.give_up(e)
    ends = [
        _end(a, paths=["a.png"]),
        _end(b, Outcome.UNAVAILABLE, State.PENDING),
        _end(c, Outcome.REJECTED, State.FAILED),
        _end(d1),
        _end(d2, paths=["d.png"]),
        _end(e, paths=["e.png"]),
    ]
    with ledger.database.write() as tx:
        states = [moved.state for moved in closing.finish(tx, ends, ledger.at(300))]
    assert states == [State.SUCCEEDED, State.CANCELLED, State.FAILED, None, State.SUCCEEDED, State.SUCCEEDED]
    assert list(ledger.states().values()) == [
        State.SUCCEEDED,
        State.CANCELLED,
        State.FAILED,
        State.SUCCEEDED,
        State.SUCCEEDED,
    ]
    assert [ledger.files(name) for name in "abcde"] == [["a.png"], [], [], ["d.png"], ["e.png"]]
    assert [attempt.outcome for attempt in ledger.attempts("d")] == [Outcome.SUPERSEDED, Outcome.SUCCEEDED]


def test_what_two_workers_give_up_is_given_up_once(ledger):
    """The second one finds the attempt closed, and changes nothing of it."""
    ledger.submit(ledger.row("a"))
    claim = ledger.claim()
    ledger.give_up(claim, Outcome.LOST, at=100)
    before = ledger.whole("a")
    assert ledger.give_up(claim, Outcome.LOST, at=101) is None
    assert ledger.whole("a") == before


def test_a_job_that_is_done_takes_no_late_image(ledger):
    """Nothing moves a job that is succeeded; the late answer's cost is kept."""
    ledger.submit(ledger.row("a"))
    old, state = ledger.claim(), State.SUCCEEDED
    ledger.give_up(old)
    ledger.finish(ledger.claim(at=200), Outcome.SUCCEEDED, state, at=201, images=[])
    with ledger.database.read() as tx:
        assert closing.standing(tx, old.job_id, old.attempt) is Standing.DONE
    assert ledger.succeed(old, "late.png", at=300, cost=55) is None
    assert (ledger.job("a").state, ledger.files("a"), ledger.attempts("a")[0].cost_micros) == (state, [], 55)


@pytest.mark.parametrize("gone", [Outcome.UNKNOWN, Outcome.LOST])
@pytest.mark.parametrize("state", [State.PENDING, State.FAILED, State.CANCELLED])
def test_a_late_image_is_used_if_the_job_has_none(ledger, state, gone):
    """Unless the job succeeded or wants something else by now, what was bought is taken, and its attempt ends well."""
    ledger.submit(ledger.row("a"))
    claim = ledger.claim()
    ledger.finish(claim, gone, Verdict(state, 500, failed=1), at=100)
    with ledger.database.read() as tx:
        assert closing.standing(tx, claim.job_id, claim.attempt) is Standing.FREE
    assert ledger.succeed(claim, "late.png", at=300, cost=55) is State.SUCCEEDED
    job, attempt = ledger.job("a"), ledger.attempts("a")[0]
    assert (job.state, job.finished_at, ledger.files("a")) == (State.SUCCEEDED, ledger.at(300), ["late.png"])
    assert (attempt.outcome, attempt.cost_micros) == (Outcome.SUCCEEDED, 55)


@pytest.mark.parametrize("state", [State.PENDING, State.FAILED])
def test_a_late_image_of_another_request_is_not_used(ledger, state):
    """After --update the old request's image is not what is wanted; its cost is kept."""
    ledger.submit(ledger.row("a"))
    old = ledger.claim()
    ledger.give_up(old)
    ledger.submit(ledger.row("a", "else"), at=150)
    if state is State.FAILED:
        ledger.fail(ledger.claim(at=200), at=201)
    with ledger.database.read() as tx:
        assert closing.standing(tx, old.job_id, old.attempt) is Standing.DONE
    assert ledger.succeed(old, "late.png", at=300, cost=55) is None
    assert (ledger.job("a").state, ledger.files("a"), ledger.attempts("a")[0].cost_micros) == (state, [], 55)


def test_a_late_image_without_a_file_is_no_image(ledger):
    """Only what is safe on disk moves a job that the worker lost."""
    ledger.submit(ledger.row("a"))
    claim = ledger.claim()
    ledger.give_up(claim)
    assert ledger.finish(claim, Outcome.SUCCEEDED, State.SUCCEEDED, at=300, cost=55) is None
    assert (ledger.job("a").state, ledger.attempts("a")[0].outcome) == (State.PENDING, Outcome.SUPERSEDED)


def test_an_answer_is_settled_once(ledger):
    """A crash after the commit: what lies on disk of a partial answer is offered again and changes nothing."""
    ledger.submit(ledger.row("a", n=3))
    claim = ledger.claim()
    end = {"images": ["a.png", "a~2.png"], "cost": 55}
    ledger.finish(claim, Outcome.INVALID_REPLY, Verdict(State.PENDING, failed=1), **end)
    before = ledger.whole("a")
    with ledger.database.read() as tx:
        assert closing.standing(tx, claim.job_id, claim.attempt) is Standing.DONE
    assert ledger.finish(claim, Outcome.INVALID_REPLY, Verdict(State.PENDING, failed=1), **end, at=300) is None
    assert ledger.whole("a") == before


def test_late_images_never_lie_on_newer_ones(ledger):
    """A newer attempt brought some images already: the late ones would take their places, and are not used."""
    ledger.submit(ledger.row("a", n=2))
    old = ledger.claim()
    ledger.give_up(old)
    ledger.finish(ledger.claim(at=200), Outcome.INVALID_REPLY, Verdict(State.PENDING, failed=1), images=["a.png"], at=201)
    assert ledger.succeed(old, "a.png", "a~2.png", at=300, cost=55) is None
    assert (ledger.files("a"), ledger.attempts("a")[0].cost_micros) == (["a.png"], 55)


def test_the_late_rest_of_an_answer_is_used(ledger):
    """Images of older attempts are in nobody's way: the missing one that comes late makes the job whole."""
    ledger.submit(ledger.row("a", n=2))
    ledger.finish(ledger.claim(), Outcome.INVALID_REPLY, Verdict(State.PENDING, failed=1), images=["a.png"], at=1)
    rest = ledger.claim(at=1)
    ledger.give_up(rest)
    assert ledger.succeed(rest, "a~2.png", at=300) is State.SUCCEEDED
    assert ledger.files("a") == ["a.png", "a~2.png"]


def test_what_may_have_been_billed_stays_unknown(ledger):
    """A lost worker's request that breaks off late is no less unknown than before: its worst case counts on."""
    ledger.submit(ledger.row("a"))
    old = ledger.claim(reserve=900)
    ledger.give_up(old)
    ledger.claim("other", at=200)
    assert ledger.give_up(old, at=300) is None
    attempt = ledger.attempts("a")[0]
    assert (attempt.outcome, attempt.cost_micros, attempt.reserved_micros) == (Outcome.UNKNOWN, None, 900)


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.REJECTED, Outcome.UNAVAILABLE])
def test_a_closed_attempt_stays_as_it_is(ledger, outcome):
    """A second end of an attempt that ended for certain is not written."""
    ledger.submit(ledger.row("a"))
    claim = ledger.claim()
    ledger.finish(claim, outcome, State.FAILED, at=1, cost=7)
    before = ledger.whole("a")
    assert ledger.finish(claim, Outcome.UNAVAILABLE, State.PENDING, at=2, cost=0) is None
    assert ledger.whole("a") == before


def test_an_answer_that_could_not_be_stored_may_still_come_home(ledger):
    """The disk was full, the answer was kept: the next start closes the same attempt with its images."""
    ledger.submit(ledger.row("a"))
    claim = ledger.claim()
    ledger.finish(claim, Outcome.STORAGE_FAILED, State.PENDING, cost=55)
    assert ledger.succeed(claim, "a.png", at=300, cost=55) is State.SUCCEEDED
    assert ledger.attempts("a")[0].outcome == Outcome.SUCCEEDED


@pytest.mark.parametrize("turn", range(5))
def test_an_answer_and_the_one_who_gives_it_up_at_once(ledger, turn):
    """Whoever is first, the job ends with its image and the attempt with its cost, once."""
    ledger.submit(ledger.row("a"))
    claim, start, states = ledger.claim(), Barrier(2), []

    def answer():
        start.wait()
        states.append(ledger.succeed(claim, "a.png", at=100, cost=55))

    thread = Thread(target=answer)
    thread.start()
    start.wait()
    ledger.give_up(claim)
    thread.join()
    attempt = ledger.attempts("a")[0]
    assert (states, ledger.job("a").state, ledger.files("a")) == ([State.SUCCEEDED], State.SUCCEEDED, ["a.png"])
    assert (attempt.outcome, attempt.cost_micros) == (Outcome.SUCCEEDED, 55)
