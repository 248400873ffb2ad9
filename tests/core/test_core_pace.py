"""The rules of the pace, and what they come to against servers whose limits nobody told."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchgen.core import pace as rules
from batchgen.core.pace import NOTHING_TOLD, Limits, Pace, Told, Weight

NOW = 1_790_000_000.0
ONE = Weight(1, 500)
DAY = 86_400
HOUR = 3_600


@dataclass
class Account:
    """A server's limit as a bucket that holds two seconds' worth; `tells` that it names its limit when it refuses."""

    per_minute: int
    tells: bool
    now: float = NOW
    tokens: float = 0.0
    asked: int = 0
    refused: int = 0

    def __post_init__(self):
        self.tokens = self.per_minute / 30

    def ask(self, passed_s, images=1):
        self.now += passed_s
        self.asked += 1
        self.tokens = min(self.per_minute / 30, self.tokens + passed_s * self.per_minute / 60)
        if self.tokens < images - 1e-6:
            self.refused += 1
            return False
        self.tokens -= images
        return True


def work(account, limits, rows, pace=None, latency_s=0.003):
    """One worker that asks for so many images, one after another; returns seconds and the pace that it ended with."""
    pace, began = rules.begin(pace or Pace(), limits, account.now), account.now
    done = 0
    while done < rows:
        wait = rules.wait_s(pace, account.now) + latency_s
        started = account.now + wait
        pace = rules.started(pace, limits, ONE, started)
        if account.ask(wait):
            done += 1
            pace = rules.answered(pace, limits, 1)
            continue
        told = Told(images=account.per_minute) if account.tells else NOTHING_TOLD
        pace = rules.refused(pace, limits, started_at=started, now=account.now, told=told)
        pace = rules.paused(pace, 60 / account.per_minute if account.tells else 1.0, account.now)
    return account.now - began, pace


LOADS = [(60, 60), (500, 250), (3000, 1500)]


@pytest.mark.parametrize(("rows", "per_minute"), LOADS)
def test_a_told_limit_is_used_to_the_full_and_never_refused(rows, per_minute):
    """Within three in a hundred of the ideal, and no refusal."""
    account = Account(per_minute, tells=True)
    seconds, _ = work(account, Limits(per_minute), rows)
    assert account.refused == 0
    assert seconds <= 1.03 * (rows * 60 / per_minute - 2)


@pytest.mark.parametrize(("rows", "per_minute"), LOADS)
@pytest.mark.parametrize("times", [0, 3])
def test_a_limit_that_refusals_name_is_found_out(rows, per_minute, times):
    """Not told, or told three times too high: soon as good as told."""
    account = Account(per_minute, tells=True)
    seconds, pace = work(account, Limits(times * per_minute), rows)
    assert account.refused <= 0.05 * account.asked
    assert seconds <= 1.15 * (rows * 60 / per_minute - 2)
    assert rules.images_rate(pace, Limits(times * per_minute)) == per_minute


@pytest.mark.parametrize(("rows", "per_minute"), LOADS)
@pytest.mark.parametrize("times", [0, 3])
def test_a_limit_that_nobody_names_is_found_out(rows, per_minute, times):
    """By refusals without a word: the time comes near to the ideal, and few are refused."""
    account = Account(per_minute, tells=False)
    seconds, _ = work(account, Limits(times * per_minute), rows)
    assert account.refused <= 0.08 * account.asked
    assert seconds <= 1.15 * (rows * 60 / per_minute - 2)


def test_without_refusals_nothing_slows_soon():
    """The rate doubles with every answer: ten of them, and the run uses all its slots."""
    pace = rules.begin(Pace(), Limits(), NOW)
    assert rules.images_rate(pace, Limits()) == rules.FIRST_RATE
    for _ in range(10):
        pace = rules.answered(pace, Limits(), 1)
    assert rules.images_rate(pace, Limits()) is None
    assert not rules.is_limited(pace, Limits())


def test_a_refusal_that_was_not_about_the_limit_is_outgrown():
    """A rate that was cut for nothing is back a hundred answers after it has gone well beyond what was refused."""
    pace = replace(Pace(), rate=600.0, is_opening=False, watched_since=NOW, let_through=6)
    pace = rules.refused(pace, Limits(), started_at=NOW + 1, now=NOW + 20)
    assert pace.rate < 25
    answers = 0
    while (rate := rules.images_rate(pace, Limits())) is not None and rate < 600:
        pace = rules.answered(pace, Limits(), 1)
        answers += 1
    assert answers < 200


def test_the_rate_grows_with_the_answers_and_not_with_the_clock():
    """An hour without an answer changes nothing."""
    pace = rules.begin(Pace(), Limits(), NOW)
    later = rules.started(pace, Limits(), ONE, NOW + 3600)
    assert rules.images_rate(later, Limits()) == rules.images_rate(pace, Limits())


def test_a_configured_limit_is_not_outgrown():
    """However many answers come."""
    pace = rules.begin(Pace(), Limits(60), NOW)
    for _ in range(500):
        pace = rules.answered(pace, Limits(60), 10)
    assert rules.images_rate(pace, Limits(60)) == 60


def test_one_cut_for_all_that_was_out_together():
    """Refusals of requests that started before the cut say nothing new."""
    pace = replace(Pace(), rate=600.0, is_opening=False, watched_since=NOW, let_through=100)
    cut = rules.refused(pace, Limits(), started_at=NOW + 4, now=NOW + 5)
    assert cut.rate < 600
    assert rules.refused(cut, Limits(), started_at=NOW + 4.5, now=NOW + 5.1) == cut


def test_what_was_learned_is_remembered_for_a_day():
    """The next run begins with it; after a day it is found out again, since accounts grow."""
    learned = rules.refused(Pace(), Limits(), started_at=NOW, now=NOW, told=Told(images=20))
    soon, later = (rules.begin(learned, Limits(), NOW + seconds) for seconds in (DAY - 1, DAY + 1))
    assert rules.images_rate(soon, Limits()) == 20
    assert rules.images_rate(later, Limits()) == rules.FIRST_RATE
    assert (later.told_images, later.is_opening) == (0, True)


def test_a_named_limit_that_a_person_has_put_higher_is_remembered_for_an_hour():
    """The account may have grown; a person who asks for less, or for nothing, is told the same for a day."""
    learned = rules.refused(Pace(), Limits(), started_at=NOW, now=NOW, told=Told(images=20))
    soon, later = (rules.begin(learned, Limits(50), NOW + seconds) for seconds in (HOUR - 1, HOUR + 1))
    assert rules.images_rate(soon, Limits(50)) == 20
    assert rules.images_rate(later, Limits(50)) == 50
    assert rules.begin(learned, Limits(20), NOW + HOUR + 1).told_images == 20


def test_a_limit_that_a_person_puts_higher_holds_at_once():
    """Where the lower one was only told and never found out."""
    low = rules.started(rules.begin(Pace(), Limits(120), NOW), Limits(120), ONE, NOW)
    assert rules.images_rate(rules.begin(low, Limits(6000), NOW + 5), Limits(6000)) == 6000
    cut = replace(low, rate=60.0, learned_at=NOW)
    assert rules.images_rate(rules.begin(cut, Limits(6000), NOW + 5), Limits(6000)) == 60


def test_a_second_worker_goes_on_where_the_first_is():
    """What another process is using at this moment is not found out afresh."""
    pace = rules.begin(Pace(), Limits(), NOW)
    for _ in range(3):
        pace = rules.answered(rules.started(pace, Limits(), ONE, NOW), Limits(), 1)
    assert rules.begin(pace, Limits(), NOW + 1).rate == pace.rate


def test_headers_name_limits_too():
    """What an answer says of requests a minute slows requests, what it says of images images."""
    pace = rules.answered(rules.begin(Pace(), Limits(), NOW), Limits(), 1, Told(images=30, requests=6))
    assert (rules.images_rate(pace, Limits()), rules.requests_rate(pace, Limits())) == (30, 6)
    assert rules.gap_s(pace, Limits(), Weight(2, 0)) == 10.0


@pytest.mark.parametrize(
    ("limits", "weight", "gap"),
    [
        (Limits(images_per_minute=60), Weight(1, 500), 1.0),
        (Limits(images_per_minute=60), Weight(3, 500), 3.0),
        (Limits(images_per_minute=5), Weight(1, 500), 12.0),
        (Limits(60, requests_per_minute=30), Weight(1, 500), 2.0),
        (Limits(60, tokens_per_minute=100_000), Weight(1, 5_000), 3.0),
        (Limits(60, requests_per_minute=600, tokens_per_minute=600_000), Weight(1, 5_000), 1.0),
    ],
)
def test_the_tightest_limit_decides(limits, weight, gap):
    """Images, requests and tokens each have their places, and a start takes one of each."""
    assert rules.gap_s(rules.begin(Pace(), limits, NOW), limits, weight) == pytest.approx(gap)


@given(st.integers(1, 2000), st.lists(st.tuples(st.integers(1, 10), st.floats(0, 3)), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_no_minute_holds_more_than_the_limit(per_minute, asked):
    """Whenever work comes: in any minute no more images start than the limit, one start and a quarter of a second more."""
    limits = Limits(per_minute)
    pace, now, starts = rules.begin(Pace(), limits, NOW), NOW, []
    for images, idle_s in asked:
        now += rules.wait_s(pace, now) + idle_s
        pace = rules.started(pace, limits, Weight(images, 0), now)
        starts.append((now, images))
    for number, (first, _) in enumerate(starts):
        inside = [images for moment, images in starts[number:] if moment < first + 60]
        assert sum(inside[:-1]) <= per_minute * 60.25 / 60 + max(inside)


def test_a_place_far_in_the_future_is_a_clock_that_was_set_back():
    """Nobody waits for hours because another machine's clock was wrong."""
    pace = replace(Pace(), images_at=NOW + 9_000)
    assert rules.wait_s(pace, NOW) == 0
    assert rules.started(pace, Limits(60), ONE, NOW).images_at <= NOW + 1


def test_a_pause_holds_and_does_not_shrink():
    """The longest one that was asked for."""
    pace = rules.paused(rules.paused(Pace(), 30, NOW), 5, NOW)
    assert rules.wait_s(pace, NOW + 10) == 20


def test_the_images_of_a_day():
    """A start takes its images of the day; what certainly did not come is given back; a new day brings new ones."""
    limits = Limits(images_per_day=10)
    midnight = NOW - NOW % DAY
    pace = rules.begin(Pace(), limits, midnight + 10, 4)
    assert rules.day_left(pace, limits, midnight + 10) == 6
    pace = rules.started(pace, limits, Weight(3, 0), midnight + 20)
    assert rules.day_left(pace, limits, midnight + 20) == 3
    assert rules.day_left(rules.given_back(pace, 2), limits, midnight + 30) == 5
    assert rules.day_left(pace, limits, midnight + DAY + 1) == 10
    assert rules.day_left(pace, Limits(), midnight) is None


def test_the_pace_in_force_says_where_it_comes_from():
    """Configured, named by the provider, found out, being found out, or none at all."""
    fresh = rules.begin(Pace(), Limits(), NOW)
    named = rules.refused(fresh, Limits(), started_at=NOW, now=NOW, told=Told(images=20))
    found = rules.refused(replace(fresh, let_through=9), Limits(), started_at=NOW, now=NOW + 5)
    assert rules.why(fresh, Limits()) == "being found out"
    assert rules.why(rules.begin(Pace(), Limits(60), NOW), Limits(60)) == "configured"
    assert rules.why(named, Limits(60)) == "named by the provider"
    assert rules.why(found, Limits()) == "found out from refusals"
    assert rules.why(replace(fresh, rate=None), Limits()) == "no refusal has set a limit"


def test_a_pause_of_days_is_a_clock_that_was_set_back():
    """Nobody waits in silence for a moment that another clock named."""
    assert rules.wait_s(replace(Pace(), paused_until=NOW + 2 * DAY), NOW) == 0


def test_that_nothing_slows_is_remembered_too():
    """A run without a refusal leaves the next one at full speed; after a day it is found out again."""
    free = replace(rules.begin(Pace(), Limits(), NOW), rate=None, images_at=NOW)
    soon = rules.begin(free, Limits(), NOW + 3600)
    assert (soon.rate, soon.is_opening) == (None, False)
    assert rules.begin(free, Limits(), NOW + DAY + 1).rate == rules.FIRST_RATE
