"""The pace in virtual time: the loop's clock jumps to whatever is waited for, and the library's clock is the loop's."""

import asyncio
import selectors
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchgen.worker.pace import Limits, Pace, Weight, gap_s


class Jumping(selectors.DefaultSelector):
    """Never waits: it moves the clock by the time that would have passed."""

    now = 1000.0

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


def in_virtual_time(main):
    """Run a coroutine function of the clock; time.monotonic, which the library reads, is that clock too."""
    selector = Jumping()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", loop.time)
        try:
            return loop.run_until_complete(main(loop.time))
        finally:
            loop.close()


def starts(limits, weights, *, before=None):
    """The moments at which requests of these weights start, one waiter after another, from 0."""

    async def main(clock):
        pace, began, moments = Pace(limits), clock(), []
        for number, weight in enumerate(weights):
            if before is not None:
                await before(number, pace, clock)
            await pace.turn()
            moments.append(clock() - began)
            await pace.started(weight)
        return moments

    return in_virtual_time(main)


def gaps(moments):
    return [later - earlier for earlier, later in pairwise(moments)]


@pytest.mark.parametrize(
    ("limits", "weight", "gap"),
    [
        (Limits(images_per_minute=60), Weight(1, 500), 1.0),
        (Limits(images_per_minute=60), Weight(3, 500), 3.0),
        (Limits(images_per_minute=5), Weight(1, 500), 12.0),
        (Limits(images_per_minute=250), Weight(1, 500), 0.24),
        (Limits(requests_per_minute=30), Weight(3, 500), 2.0),
        (Limits(tokens_per_minute=100_000), Weight(1, 5_000), 3.0),
        (Limits(images_per_minute=60, requests_per_minute=30, tokens_per_minute=600_000), Weight(1, 5_000), 2.0),
        (Limits(images_per_minute=60, requests_per_minute=600, tokens_per_minute=100_000), Weight(1, 5_000), 3.0),
    ],
)
def test_starts_are_spread_evenly(limits, weight, gap):
    """No burst at the beginning and none later: the first at once, each next one its share of a minute after the last."""
    assert gap_s(limits, weight) == pytest.approx(gap)
    moments = starts(limits, [weight] * 60)
    assert moments[0] == 0
    assert min(gaps(moments)) >= gap * 0.9999
    # Used to the full: what polling costs stays below one in a hundred.
    assert moments[-1] <= 59 * gap * 1.01


def test_a_heavy_request_delays_the_next_one_only():
    """One image, then three, then one: the third start waits for three places, the others for one."""
    weights = [Weight(1, 0), Weight(3, 0), Weight(1, 0), Weight(1, 0)]
    assert gaps(starts(Limits(images_per_minute=60), weights)) == pytest.approx([1, 3, 1], rel=0.01)


@given(st.integers(1, 300), st.lists(st.integers(1, 10), min_size=2, max_size=40))
@settings(max_examples=25, deadline=None)
def test_no_minute_holds_more_than_the_limit(per_minute, images):
    """In any window of a minute the images that were started are within the limit, but for the last request's own."""
    moments = starts(Limits(images_per_minute=per_minute), [Weight(n, 0) for n in images])
    for first, begin in enumerate(moments):
        inside = [n for n, moment in zip(images[first:], moments[first:], strict=True) if moment < begin + 59.99]
        assert sum(inside[:-1]) <= per_minute


def test_without_limits_nothing_waits():
    """Nothing known, nothing slowed."""
    assert starts(Limits(), [Weight(10, 10_000)] * 20) == [0.0] * 20
    assert Pace(Limits()).is_free
    assert not Pace(Limits(images_per_minute=60)).is_free


def test_a_pause_holds():
    """Nobody starts within a pause, with limits and without."""
    for limits in (Limits(), Limits(images_per_minute=600)):

        async def pause(number, pace, clock):
            if number == 3:
                pace.pause(30)
                assert not pace.is_free

        moments = starts(limits, [Weight(1, 0)] * 6, before=pause)
        assert 30 <= moments[3] - moments[2] <= 30.11


def test_a_pause_may_grow_and_does_not_shrink():
    """The longest of the pauses holds, also one that is asked for while another is waited for."""

    async def main(clock):
        pace, began = Pace(Limits()), clock()
        pace.pause(10)
        pace.pause(2)
        turn = asyncio.create_task(pace.turn())
        await asyncio.sleep(5)
        pace.pause(20)
        await turn
        return clock() - began

    assert in_virtual_time(main) == pytest.approx(25)


def test_no_burst_after_a_pause():
    """The first start after a pause is followed by its gap like any other."""

    async def pause(number, pace, clock):
        if number == 3:
            # The turn is taken, then the pause comes.
            await pace.turn()
            pace.pause(30)

    moments = starts(Limits(images_per_minute=60), [Weight(1, 0)] * 8, before=pause)
    assert min(gaps(moments)) >= 0.999


def test_no_burst_after_a_turn_that_had_nothing_to_start():
    """A turn that waited for work counts from its start, not from when it was given."""

    async def main(clock):
        pace, began, moments = Pace(Limits(images_per_minute=60)), clock(), []
        for number in range(6):
            await pace.turn()
            if number == 2:
                assert pace.is_free
                await asyncio.sleep(100)
                await pace.turn()
                assert pace.is_free
            moments.append(clock() - began)
            await pace.started(Weight(1, 0))
        return moments

    moments = in_virtual_time(main)
    assert moments[2] >= 100
    assert min(gaps(moments)) >= 0.999


def test_the_time_of_a_claim_is_not_lost():
    """A start that follows its turn within a moment is counted from the turn."""

    async def main(clock):
        pace, began = Pace(Limits(images_per_minute=60)), clock()
        for _ in range(61):
            await pace.turn()
            await asyncio.sleep(0.02)
            await pace.started(Weight(1, 0))
        return clock() - began

    assert in_virtual_time(main) <= 60 * 1.01 + 0.02


def test_a_turn_can_be_given_up():
    """Whoever stops waiting takes no place."""

    async def main(clock):
        pace, began = Pace(Limits(images_per_minute=60)), clock()
        await pace.turn()
        await pace.started(Weight(1, 0))
        waiting = asyncio.create_task(pace.turn())
        await asyncio.sleep(0.5)
        waiting.cancel()
        await asyncio.wait({waiting})
        await pace.turn()
        return clock() - began

    assert in_virtual_time(main) == pytest.approx(1, rel=0.01)
