"""A process's part of the shared pace, in virtual time: the clock jumps to whatever is waited for."""

import asyncio
import selectors
import time
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from worker_bench import empty_ledger

from batchgen.core import pace as rules
from batchgen.core.pace import NOTHING_TOLD, Limits, Pace, Told, Weight
from batchgen.store import paces
from batchgen.store.engine import Database
from batchgen.worker.pace import Pacer


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


BEGIN = datetime(2026, 11, 21, tzinfo=UTC).timestamp()


@pytest.fixture
def database(tmp_path):
    found = Database(f"sqlite:///{empty_ledger(tmp_path)}")
    yield found
    found.close()


def pacer_of(database, limits, clock, account="http://api"):
    """A process that joins the account's pace."""
    pacer = Pacer(account, limits, lambda: datetime.fromtimestamp(BEGIN + clock(), UTC))
    with database.write() as tx:
        pace = rules.begin(paces.hold(tx, account), limits, BEGIN + clock())
        paces.save(tx, account, pace)
    pacer.pace = pace
    return pacer


def take(database, pacer, weight):
    """The transaction of a claim; False if another process had the place."""
    with database.write() as tx:
        pace, news = pacer.hold(tx)
        has_place = not pacer.must_wait(pace)
        if has_place:
            pace = pacer.take(tx, pace, [weight])
    pacer.adopt(pace, news)
    pacer.claimed([weight] if has_place else [])
    return has_place


async def start(database, pacer, weight):
    await pacer.turn()
    while not take(database, pacer, weight):
        await pacer.turn()


def starts(database, limits, weights, *, before=None, processes=1):
    """The moments at which requests of these weights start, by turns over so many processes, from 0."""

    async def main(clock):
        pacers = [pacer_of(database, limits, clock) for _ in range(processes)]
        moments, began, left = [], clock(), list(enumerate(weights))

        async def work(pacer):
            while left:
                number, weight = left.pop(0)
                if before is not None:
                    await before(number, pacer)
                await start(database, pacer, weight)
                moments.append(clock() - began)

        await asyncio.gather(*(work(pacer) for pacer in pacers))
        return moments

    return in_virtual_time(main)


def gaps(moments):
    return [later - earlier for earlier, later in pairwise(moments)]


@pytest.mark.parametrize("per_minute", [5, 60, 250, 1500])
@pytest.mark.parametrize("processes", [1, 2, 5])
def test_starts_are_even_and_use_the_limit_to_the_full(database, per_minute, processes):
    """One process or five on one database: as often as the account allows, what was free before the first start made up for."""
    moments = starts(database, Limits(per_minute), [Weight(1, 0)] * 150, processes=processes)
    gap = 60 / per_minute
    assert moments == sorted(moments)
    assert 149 * gap - 0.91 <= moments[-1] <= 149 * gap * 1.01 - 0.8
    for first, moment in enumerate(moments):
        within = sum(1 for later in moments[first:] if later < moment + 10 * gap)
        assert within <= 11 + 0.9 / gap
    # More than a second's worth was never free, and one process makes up for it little by little.
    assert processes > 1 or min(gaps(moments)) >= 0.8 * gap


def test_a_heavy_request_delays_the_next_one_only(database):
    """One image, then three, then one: the third start waits for three places, the others for one."""
    weights = [Weight(1, 0), Weight(1, 0), Weight(3, 0), Weight(1, 0), Weight(1, 0), Weight(1, 0), Weight(1, 0), Weight(1, 0)]
    assert gaps(starts(database, Limits(60), weights))[-5:] == pytest.approx([2.5, 1, 1, 1, 1], abs=0.2)


def test_a_pause_holds(database):
    """Nobody starts within a pause."""

    async def pause(number, pacer):
        if number == 3:
            assert pacer.pause(30)
            assert not pacer.pause(5)
            assert not pacer.is_free

    moments = starts(database, Limits(600), [Weight(1, 0)] * 6, before=pause)
    assert 30 <= moments[3] - moments[2] <= 30.2


def test_a_pause_of_one_process_is_one_of_all(database):
    """A refusal that one worker got keeps the other from asking too."""

    async def main(clock):
        mine, other = (pacer_of(database, Limits(600), clock) for _ in range(2))
        await start(database, mine, Weight(1, 0))
        mine.pause(30)
        with database.write() as tx:
            mine.adopt(*mine.hold(tx))
        began = clock()
        await start(database, other, Weight(1, 0))
        return clock() - began

    assert 30 <= in_virtual_time(main) <= 30.2


def test_a_pause_may_grow_while_it_is_waited_for(database):
    """The longest of the pauses holds."""

    async def main(clock):
        pacer, began = pacer_of(database, Limits(600), clock), clock()
        pacer.pause(10)
        turn = asyncio.create_task(pacer.turn())
        await asyncio.sleep(5)
        pacer.pause(20)
        await turn
        return clock() - began

    assert in_virtual_time(main) == pytest.approx(25, abs=0.1)


def test_no_more_than_a_second_is_made_up_for(database):
    """Places that nobody took are gone: after a pause without work eight starts take no less than six seconds, as at first."""

    async def idle(number, pacer):
        if number == 8:
            await asyncio.sleep(100)

    moments = starts(database, Limits(60), [Weight(1, 0)] * 16, before=idle)
    assert moments[7] - moments[0] >= 6
    assert moments[15] - moments[8] >= 6


def test_the_time_of_a_claim_is_not_lost(database):
    """A start that comes a moment late does not push the following ones back."""

    async def late(number, pacer):
        await asyncio.sleep(0.02)

    assert starts(database, Limits(60), [Weight(1, 0)] * 61, before=late)[-1] <= 60 * 1.01


def test_a_turn_can_be_given_up(database):
    """Whoever stops waiting takes no place."""

    async def main(clock):
        pacer, began = pacer_of(database, Limits(60), clock), clock()
        await start(database, pacer, Weight(1, 0))
        waiting = asyncio.create_task(pacer.turn())
        await asyncio.sleep(0.5)
        waiting.cancel()
        await asyncio.wait({waiting})
        await start(database, pacer, Weight(1, 0))
        return clock() - began

    assert in_virtual_time(main) <= 1


def test_what_one_process_learns_the_next_run_knows(database):
    """A limit that a refusal named stands in the ledger when the run has ended."""

    async def main(clock):
        pacer = pacer_of(database, Limits(), clock)
        await start(database, pacer, Weight(1, 0))
        pacer.refused(0.5, Told(images=12))
        with database.write() as tx:
            pacer.adopt(*pacer.hold(tx))
        return pacer_of(database, Limits(), clock).pace

    assert in_virtual_time(main).rate == 12


def test_without_limits_the_others_are_not_told_of_every_answer(database):
    """Where nothing slows, there is no news for the ledger."""

    async def main(clock):
        pacer = pacer_of(database, Limits(), clock)
        for _ in range(12):
            pacer.answered(1, NOTHING_TOLD)
        assert not pacer.is_limited
        with database.write() as tx:
            pacer.adopt(*pacer.hold(tx))
        pacer.answered(1, NOTHING_TOLD)
        with database.write() as tx:
            return pacer.hold(tx)[1]

    assert in_virtual_time(main) == 0


def test_a_refusal_tells_the_others_how_much_was_let_through(database):
    """A limit is found out from all that came through, also from what nobody else was told of while nothing slowed."""

    async def main(clock):
        pacer = pacer_of(database, Limits(), clock)
        await asyncio.sleep(20)
        for number in range(200):
            pacer.answered(1, NOTHING_TOLD)
            if number % 50 == 49:
                await start(database, pacer, Weight(1, 0))
        assert pacer.pace.let_through == 200
        pacer.refused(0.1, NOTHING_TOLD)
        await start(database, pacer, Weight(1, 0))
        return pacer_of(database, Limits(), clock).pace

    assert in_virtual_time(main).too_fast == pytest.approx(200 * 60 / 20, rel=0.02)


def test_while_a_limit_is_found_out_few_are_out_together(database):
    """All that is out may be refused at once; with the answers more may go."""

    async def main(clock):
        pacer = pacer_of(database, Limits(), clock)
        first = pacer.slots(100)
        for _ in range(4):
            pacer.answered(1, NOTHING_TOLD)
        return first, pacer.slots(100), pacer_of(database, Limits(60), clock, "other").slots(100)

    first, later, configured = in_virtual_time(main)
    assert (first, later, configured) == (8, 12, 100)


def test_two_processes_that_meet_an_account_first_make_one_row(database):
    """The second finds what the first has made."""
    with database.write() as tx:
        assert paces.hold(tx, "a") == paces.hold(tx, "a") == Pace()
        assert paces.find(tx, "b") is None


def test_requests_that_are_out_grow_with_the_answers_also_where_nothing_slows_yet(database):
    """Until a limit has shown itself, all that are out may be refused together; an account that is known gets all slots."""

    async def main(clock):
        pacer = pacer_of(database, Limits(), clock)
        while pacer.is_limited:
            pacer.answered(1, NOTHING_TOLD)
        through, at_first = pacer.pace.let_through, pacer.slots(100)
        pacer.answered(10, NOTHING_TOLD)
        pacer.pace = replace(pacer.pace, images_at=BEGIN + clock())
        known = pacer_of(database, Limits(), clock)
        known.pace = rules.begin(pacer.pace, Limits(), BEGIN + clock())
        return at_first - through, pacer.slots(100) - at_first, known.slots(100)

    assert in_virtual_time(main) == (8, 10, 100)
