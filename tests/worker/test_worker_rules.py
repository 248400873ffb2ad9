"""The small deciders of the engine: weather, halting, scope."""

import time
from datetime import UTC, date, datetime

import pytest

from batchgen.core.job import State
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.pace import Limits
from batchgen.core.pricing import Basis, Cost
from batchgen.core.request import Request
from batchgen.core.retry import Policy
from batchgen.store.queue import Claim
from batchgen.worker import halting
from batchgen.worker.events import Settled
from batchgen.worker.plan import Plan, Result, shared_out
from batchgen.worker.scope import Run, Scope
from batchgen.worker.weather import Weather

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
POLICY = Policy(5, 1.0, 60.0, True)


def plan(**changes):
    given = {"longest_wait_s": 900.0, "offline_s": 900.0, **changes}
    return Plan([1], 4, Limits(), POLICY, **given)


OFFLINE = Ending(Outcome.OFFLINE, error_message="refused")
UNAVAILABLE = Ending(Outcome.UNAVAILABLE, http_status=500)
SUCCESS = Ending(Outcome.SUCCEEDED, http_status=200)


@pytest.fixture
def clock(monkeypatch):
    """The clock of the standard library, moved by hand."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_good_weather_asks_for_no_pause(clock):
    """Successes, refusals and single errors leave all slots open."""
    weather = Weather(1.0, 60.0)
    for ending in (SUCCESS, UNAVAILABLE, UNAVAILABLE, Ending(Outcome.REJECTED, http_status=400), UNAVAILABLE):
        assert weather.observe(ending) == 0
        assert not weather.is_bad


def test_one_refused_connection_is_bad_weather_until_something_comes_through(clock):
    """Offline is known at once, and over with the first complete answer of any kind."""
    for answer in (
        SUCCESS,
        UNAVAILABLE,
        Ending(Outcome.REJECTED, http_status=400),
        Ending(Outcome.RATE_LIMITED, http_status=429),
    ):
        weather = Weather(1.0, 60.0)
        assert weather.observe(OFFLINE) == 1
        assert weather.is_bad
        clock[0] += 7
        assert weather.offline_s() == 7
        assert weather.observe(answer) == 0
        assert not weather.is_bad
        assert weather.offline_s() == 0


def test_probes_come_less_and_less_often_up_to_the_cap(clock):
    """Each probe that fails doubles the pause, and the cap holds."""
    weather, pauses = Weather(1.0, 60.0), []
    for _ in range(9):
        pauses.append(weather.observe(OFFLINE))
        clock[0] += pauses[-1]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert weather.offline_s() == sum(pauses)


def test_what_was_out_together_is_one_probe(clock):
    """Thirty requests that were refused together do not lengthen the pause thirty times."""
    weather = Weather(1.0, 60.0)
    assert [weather.observe(OFFLINE) for _ in range(30)] == [1] * 30
    clock[0] += 1
    assert weather.observe(OFFLINE) == 2


def test_good_weather_forgets(clock):
    """After a success the next storm begins with a short pause again."""
    weather = Weather(1.0, 60.0)
    for _ in range(5):
        clock[0] += weather.observe(OFFLINE)
    weather.observe(SUCCESS)
    clock[0] += 1000
    assert weather.observe(OFFLINE) == 1


@pytest.mark.parametrize(
    "ending",
    [
        UNAVAILABLE,
        Ending(Outcome.UNAVAILABLE, http_status=502),
        Ending(Outcome.UNKNOWN, http_status=504),
        Ending(Outcome.RATE_LIMITED, http_status=503),
    ],
)
def test_five_errors_of_the_server_in_a_row_are_a_storm(clock, ending):
    """Any 5xx counts; one success clears the sky."""
    weather = Weather(1.0, 60.0)
    assert [weather.observe(ending) > 0 for _ in range(5)] == [False] * 4 + [True]
    assert weather.is_bad
    weather.observe(SUCCESS)
    assert not weather.is_bad


def test_answers_that_were_lost_tell_nothing(clock):
    """A timeout neither clears the sky nor darkens it."""
    weather = Weather(1.0, 60.0)
    lost = Ending(Outcome.UNKNOWN)
    assert [weather.observe(lost) for _ in range(10)] == [0] * 10
    weather.observe(OFFLINE)
    weather.observe(lost)
    assert weather.is_bad


def reason(ending, offline_s=0.0, **changes):
    return halting.reason(ending, plan(**changes), offline_s, NOW)


@pytest.mark.parametrize(
    "ending",
    [
        SUCCESS,
        UNAVAILABLE,
        OFFLINE,
        Ending(Outcome.REJECTED, http_status=400),
        Ending(Outcome.RATE_LIMITED, http_status=429, retry_after_s=900),
        Ending(Outcome.UNKNOWN),
        Ending(Outcome.INVALID_REPLY, http_status=200),
        Ending(Outcome.ACCOUNT_BLOCKED, http_status=404, blocked_model=True),
        Ending(Outcome.RELEASED),
        Ending(Outcome.SUPERSEDED),
    ],
)
def test_most_ends_halt_nothing(ending):
    """What time or another job mends goes on."""
    assert reason(ending) is None


@pytest.mark.parametrize(
    ("ending", "offline_s", "words"),
    [
        (
            Ending(Outcome.ACCOUNT_BLOCKED, 401, "invalid_api_key", "bad key"),
            0,
            ["invalid_api_key: bad key", "batchgen config"],
        ),
        (Ending(Outcome.ACCOUNT_BLOCKED, 429, "insufficient_quota", "over"), 0, ["insufficient_quota: over", "no credit"]),
        (OFFLINE, 900, ["cannot be reached for 900 s (refused)", "check the network"]),
        (Ending(Outcome.RATE_LIMITED, 429, retry_after_s=901), 0, ["2026-11-20 12:15:01 UTC", "run again then"]),
        (Ending(Outcome.RATE_LIMITED, 429, retry_after_s=259_200), 0, ["2026-11-23 12:00:00 UTC"]),
        (Ending(Outcome.UNAVAILABLE, 500, retry_after_s=259_200), 0, ["2026-11-23 12:00:00 UTC"]),
    ],
)
def test_what_halts_says_what_to_do(ending, offline_s, words):
    """One line with the cause and the remedy."""
    told = reason(ending, offline_s)
    assert all(word in told for word in words), told
    assert "\n" not in told


def test_the_line_for_an_answer_without_a_place_says_what_to_do():
    """What the system said, and what helps."""
    line = halting.storage_failed(Ending(Outcome.STORAGE_FAILED, 200, "storage_failed", "No space left on device"))
    assert "No space left" in line
    assert "make room" in line


def test_the_line_for_blocked_models_names_them():
    """How many jobs wait, for which models, and why."""
    told = halting.models_blocked({"gpt-image-2": "verify first", "gpt-image-9": "gone"}, 1200)
    assert "1,200" in told
    assert "gpt-image-2 (verify first); gpt-image-9 (gone)" in told


def test_a_day_ends_at_midnight_utc():
    """The line names the next day's beginning, also on the last day of a year."""
    assert "2027-01-01 00:00 UTC" in halting.day_used_up(datetime(2026, 12, 31, 23, 59, tzinfo=UTC))


def claim(job_id, *, model="gpt-image-2", images=1, attempt=1):
    return Claim(job_id, attempt, "shop", f"job-{job_id}", Request("generate", model, "p", {"n": images}), 0, 0, started_at=NOW)


TODAY = date(2026, 11, 21)


def settled(of, ending=SUCCESS, state=State.SUCCEEDED, images=0):
    return Settled(claim=of, ending=ending, state=state, images=images, cost=Cost(0, Basis.COMPUTED), reserved_micros=0)


def test_without_limits_the_scope_is_the_batches():
    """Nothing left out, nothing spent."""
    scope = Scope(plan())
    scope.claimed(claim(1))
    assert (scope.limit_reached, scope.is_spent) == (False, False)
    assert (tuple(scope.filter().batches), scope.filter().blocked_models, scope.filter().only_jobs) == ((1,), (), None)


def test_a_limit_narrows_to_the_jobs_that_were_started():
    """At the limit only what was started and is not final may be claimed; when all of it is final, the scope is spent."""
    scope = Scope(plan(), Run(limit=2))
    scope.claimed(claim(1))
    assert scope.filter().only_jobs is None
    scope.claimed(claim(2))
    assert (scope.limit_reached, scope.is_spent) == (True, False)
    assert set(scope.filter().only_jobs) == {1, 2}
    scope.settled(settled(claim(1), UNAVAILABLE, State.PENDING))
    assert set(scope.filter().only_jobs) == {1, 2}
    scope.claimed(claim(1, attempt=2))
    scope.settled(settled(claim(1, attempt=2)))
    scope.settled(settled(claim(2), Ending(Outcome.REJECTED), State.FAILED))
    assert scope.is_spent


def test_a_blocked_model_is_left_out():
    """With the reason, and only that model."""
    scope = Scope(plan())
    assert scope.block("gpt-image-2", "verify")
    assert not scope.block("gpt-image-2", "verify again")
    assert scope.blocked_models == {"gpt-image-2": "verify"}
    assert tuple(scope.filter().blocked_models) == ("gpt-image-2",)


SHARES = [
    ("a batch of one", {1: "openai"}, {1: [""]}, ["openai"], {"openai": {1: ("",)}}),
    ("rows name its own provider, too", {1: "openai"}, {1: ["", "openai"]}, ["openai"], {"openai": {1: ("", "openai")}}),
    (
        "rows of two, and of nobody",
        {1: "openai", 2: "azure"},
        {1: ["", "azure"], 2: [""]},
        ["openai", "azure"],
        {"openai": {1: ("",), 2: ()}, "azure": {1: ("azure",), 2: ("",)}},
    ),
    ("what is added to a batch meanwhile is its owner's", {1: "azure"}, {1: []}, ["azure"], {"azure": {1: ("",)}}),
    ("somebody who has nothing to do takes nothing", {1: "azure"}, {1: []}, ["openai"], {"openai": {1: ()}}),
]


@pytest.mark.parametrize(("_name", "owners", "named", "makers", "shares"), SHARES)
def test_each_job_is_shared_out_to_one_provider(_name, owners, named, makers, shares):
    """By the word of its row, else by its batch; none to two of them."""
    assert shared_out(owners, named, makers) == shares


def test_two_pools_share_a_limit():
    """What one has started the other does not start beyond it, and at the limit both try again what is not final."""
    run = Run(limit=2)
    one, other = Scope(plan(), run), Scope(plan(), run)
    one.claimed(claim(1))
    assert (other.most(5), other.limit_reached) == (1, False)
    other.claimed(claim(2))
    assert (one.limit_reached, set(one.filter().only_jobs)) == (True, {1, 2})
    one.settled(settled(claim(1)))
    assert not other.is_spent
    other.settled(settled(claim(2)))
    assert one.is_spent


def test_results_of_several_pools_are_one():
    """Counts are added up, and each reason to halt is told with whose it is."""
    whole = Result(succeeded=1, cost_micros=5)
    whole.merge(Result(succeeded=2, failed=3, cost_micros=7, halted="no credit"), label="azure")
    whole.merge(Result(unknown=1), label="fal")
    whole.merge(Result(halted="bad key"), label="openai")
    assert whole == Result(succeeded=3, failed=3, cost_micros=12, unknown=1, halted="azure: no credit; openai: bad key")


class Resting:
    """A pool that only counts how often it is asked to look again."""

    def __init__(self, run):
        self.asked, self.halted = 0, ""
        run.join(self)

    def look_again(self):
        self.asked += 1

    def halt(self, reason):
        self.halted = reason


def test_all_pools_have_to_find_nothing_since_the_last_move():
    """What one ends may be what another one waits for: who rested before is asked to look again."""
    run = Run()
    one, other = Resting(run), Resting(run)
    assert not run.rest(one)
    run.moved()
    assert not run.rest(other)
    assert (one.asked, other.asked) == (1, 0)
    assert run.rest(one)
    run.moved()
    run.leave(other)
    assert run.rest(one)
    run.halt("no disk")
    assert (one.halted, other.halted) == ("no disk", "")
