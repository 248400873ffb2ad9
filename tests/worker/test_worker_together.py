"""Calls that wait share the next run: nobody waits for company, nobody is forgotten, and nobody suffers from another one."""

import asyncio
import random

import pytest

from batchgen.worker.together import Together

# More steps of the loop than anything takes here.
ENOUGH = 12


async def steps(count=ENOUGH):
    """Let the loop go around."""
    for _ in range(count):
        await asyncio.sleep(0)


def doubled(items):
    return [2 * item for item in items]


class Runs:
    """Runs that end when they are told to, in any order; `loads` is what each was given."""

    def __init__(self):
        self.loads, self.ends = [], []

    async def __call__(self, items):
        self.loads.append(items)
        self.ends.append(asyncio.get_running_loop().create_future())
        return await self.ends[-1]

    def end(self, number, results=None):
        self.ends[number].set_result(doubled(self.loads[number]) if results is None else results)

    @property
    def under_way(self):
        return sum(not end.done() for end in self.ends)


def joined(together, items):
    return [asyncio.create_task(together.join(item)) for item in items]


async def what_became_of(calls):
    """Fails if one of them still waits."""
    await steps()
    assert all(call.done() for call in calls)
    return await asyncio.gather(*calls, return_exceptions=True)


def test_alone_nobody_waits():
    """Each call after the other's end: a run begins for each, without anything else happening."""

    async def run():
        runs = Runs()
        together = Together(runs, most=100)
        for number in range(3):
            calls = joined(together, [number])
            await steps()
            assert runs.loads == [[n] for n in range(number + 1)]
            runs.end(number)
            assert await what_became_of(calls) == [2 * number]

    asyncio.run(run())


def test_who_waits_meanwhile_shares_the_next_run():
    """Three wait behind one, two more come later: they are one run, in their order, and each gets its own answer."""

    async def run():
        runs = Runs()
        together = Together(runs, most=100)
        first = joined(together, [0])
        await steps()
        calls = joined(together, [1, 2, 3])
        await steps()
        calls += joined(together, [4, 5])
        await steps()
        assert runs.loads == [[0]]
        runs.end(0)
        assert await what_became_of(first) == [0]
        assert runs.loads == [[0], [1, 2, 3, 4, 5]]
        assert not any(call.done() for call in calls)
        runs.end(1)
        assert await what_became_of(calls) == [2, 4, 6, 8, 10]
        assert len(runs.loads) == 2

    asyncio.run(run())


def test_a_load_is_full_when_it_weighs_enough():
    """Behind one that is under way: a load is closed with the item that makes it full, one that is too heavy goes by itself."""

    async def run():
        runs = Runs()
        together = Together(runs, most=10, weigh=lambda item: item)
        calls = joined(together, [1])
        await steps()
        calls += joined(together, [4, 4, 4, 50, 9, 1, 1, 3])
        for number in range(5):
            await steps()
            assert runs.under_way == 1
            runs.end(number)
        assert await what_became_of(calls) == doubled([1, 4, 4, 4, 50, 9, 1, 1, 3])
        assert runs.loads == [[1], [4, 4, 4], [50], [9, 1], [1, 3]]

    asyncio.run(run())


def test_another_run_begins_only_with_a_full_load_and_never_more_than_may():
    """Beside one that is under way 9 wait, 10 begin; with three under way any number wait, and who ends takes a load."""

    async def run():
        runs = Runs()
        together = Together(runs, most=10, weigh=lambda item: item, runs=3)
        calls = joined(together, [1])
        await steps()
        for item, loads in ((4, 1), (5, 1), (1, 2), (9, 2), (30, 3), (40, 3), (60, 3), (7, 3)):
            calls += joined(together, [item])
            await steps()
            assert len(runs.loads) == loads
        assert runs.loads == [[1], [4, 5, 1], [9, 30]]
        runs.end(1)
        await steps()
        assert runs.loads[3:] == [[40]]
        assert runs.under_way == 3
        for number in (0, 2, 3, 4, 5):
            await steps()
            runs.end(number)
        assert await what_became_of(calls) == doubled([1, 4, 5, 1, 9, 30, 40, 60, 7])
        assert runs.loads[4:] == [[60], [7]]

    asyncio.run(run())


@pytest.mark.parametrize("runs_at_once", [1, 3])
@pytest.mark.parametrize("seed", range(20))
def test_however_they_come_and_go_each_is_done_once(seed, runs_at_once):
    """Random weights, ends in a random order, some cancelled: no more runs than may, no load too large, nobody left waiting."""
    chance = random.Random(seed)

    async def run():
        runs = Runs()
        together = Together(runs, most=10, weigh=lambda item: item[1], runs=runs_at_once)
        items = [(number, chance.choice((1, 1, 1, 4, 12))) for number in range(60)]
        calls, cancelled = [], set()
        for item in items:
            calls += joined(together, [item])
            await steps(chance.choice((0, 0, 1, 2, 5)))
            if chance.random() < 0.2 and calls[-1].cancel():
                cancelled.add(item)
            if chance.random() < 0.3 and runs.under_way:
                runs.end(chance.choice([number for number, end in enumerate(runs.ends) if not end.done()]))
            assert runs.under_way <= runs_at_once
        await steps()
        while runs.under_way:
            runs.end(chance.choice([number for number, end in enumerate(runs.ends) if not end.done()]))
            await steps()
        results = await what_became_of(calls)
        for item, result in zip(items, results, strict=True):
            assert isinstance(result, asyncio.CancelledError) if item in cancelled else result == 2 * item
        done = [item for load in runs.loads for item in load]
        assert len(done) == len(set(done))
        # Who was cancelled before it had come to wait was never there.
        assert set(items) - cancelled <= set(done) <= set(items)
        assert all(sum(weight for _, weight in load[:-1]) < 10 for load in runs.loads)

    asyncio.run(run())


def test_what_the_run_says_of_all_and_of_one():
    """A run that breaks off is heard of by all of it, an exception in a place by that one; who comes next is served."""

    async def run():
        runs = Runs()
        together = Together(runs, most=100)
        broken = joined(together, [1, 2])
        await steps()
        later = joined(together, [3, 4, 5])
        runs.ends[0].set_exception(OSError("broken"))
        assert [str(result) for result in await what_became_of(broken)] == ["broken", "broken"]
        assert all(isinstance(call.exception(), OSError) for call in broken)
        runs.end(1, [6, ValueError("only this"), 10])
        third, fourth, fifth = await what_became_of(later)
        assert (third, repr(fourth), fifth) == (6, "ValueError('only this')", 10)
        assert [call.exception() for call in later] == [None, fourth, None]
        last = joined(together, [6])
        await steps()
        runs.end(2)
        assert await what_became_of(last) == [12]

    asyncio.run(run())


@pytest.mark.parametrize("results", [[], [2], [2, 4, 6]], ids=["none", "one", "three"])
def test_a_run_that_forgets_to_answer_keeps_nobody_waiting(results):
    """Two asked, and another number of answers came: both hear that the run was wrong, and who comes next is served."""

    async def run():
        runs = Runs()
        together = Together(runs, most=100)
        calls = joined(together, [1, 2])
        await steps()
        runs.end(0, results)
        assert [type(result) for result in await what_became_of(calls)] == [ValueError, ValueError]
        calls = joined(together, [3])
        await steps()
        runs.end(1)
        assert await what_became_of(calls) == [6]

    asyncio.run(run())


@pytest.mark.parametrize("when", ["before the run", "in the run", "when it has ended"])
def test_who_was_cancelled_harms_nobody(when):
    """One of three stops waiting: the others are answered, and so is who comes next."""

    async def run():
        runs = Runs()
        together = Together(runs, most=100)
        first = joined(together, [0])
        await steps()
        calls = joined(together, [1, 2, 3])
        await steps()
        if when == "before the run":
            calls[1].cancel()
        runs.end(0)
        await steps()
        if when == "in the run":
            calls[1].cancel()
        runs.end(1)
        if when == "when it has ended":
            calls[1].cancel()
        one, two, three = await what_became_of(calls)
        assert (one, three) == (2, 6)
        assert isinstance(two, asyncio.CancelledError)
        assert runs.loads == [[0], [1, 2, 3]]
        last = [*first, *joined(together, [4])]
        await steps()
        runs.end(2)
        assert await what_became_of(last) == [0, 8]

    asyncio.run(run())


def test_all_who_were_cancelled_harm_nobody():
    """Nobody waits any more for a run that goes on: the next run is for who comes then."""

    async def run():
        runs = Runs()
        together = Together(runs, most=100)
        gone = joined(together, [1, 2])
        await steps()
        for call in gone:
            call.cancel()
        await steps()
        calls = joined(together, [3])
        await steps()
        assert runs.loads == [[1, 2]]
        runs.end(0)
        await steps()
        runs.end(1)
        assert await what_became_of(calls) == [6]

    asyncio.run(run())


class Quick:
    """Runs that end by themselves after so many steps of the loop."""

    def __init__(self, length):
        self.length, self.loads = length, []

    async def __call__(self, items):
        self.loads.append(items)
        await steps(self.length)
        return doubled(items)


@pytest.mark.parametrize("runs_at_once", [1, 2])
@pytest.mark.parametrize("length", range(4))
@pytest.mark.parametrize("later", range(ENOUGH))
def test_whoever_joins_as_a_run_ends_is_served(later, length, runs_at_once):
    """At every step of the loop from before the last run's beginning to after its end: there is none at which one is lost."""

    async def run():
        quick = Quick(length)
        together = Together(quick, most=2, runs=runs_at_once)
        calls = joined(together, range(5))
        await steps(later)
        calls += joined(together, [5])
        assert await what_became_of_all(calls) == doubled(range(6))
        assert sorted(item for load in quick.loads for item in load) == list(range(6))

    asyncio.run(run())


async def what_became_of_all(calls):
    """Of many, one after the other; fails if one of them still waits."""
    await steps(10 * ENOUGH)
    return await what_became_of(calls)


@pytest.mark.parametrize("runs_at_once", [1, 2])
@pytest.mark.parametrize("length", range(4))
@pytest.mark.parametrize("later", range(ENOUGH))
def test_whoever_joins_from_what_the_result_sets_off_is_served(later, length, runs_at_once):
    """In the callback of a result, in that of the whole run's, in the next line of who waited, and in any step after those."""

    async def run():
        quick = Quick(length)
        together = Together(quick, most=2, runs=runs_at_once)
        calls = []

        def from_callback(item):
            async def join():
                await steps(later)
                return await together.join(item)

            return lambda _: calls.append(asyncio.create_task(join()))

        async def again(item):
            first = await together.join(item)
            await steps(later)
            return first, await together.join(item + 1)

        calls += [asyncio.create_task(again(0)), asyncio.create_task(again(10))]
        before = asyncio.all_tasks()
        await steps(1)
        # The runs themselves, as the loop knows them.
        begun = asyncio.all_tasks() - before
        assert begun
        for task in begun:
            task.add_done_callback(from_callback(20))
        calls[0].add_done_callback(from_callback(30))
        results = await what_became_of_all(calls)
        assert results[:2] == [(0, 2), (20, 22)]
        assert sorted(results[2:]) == [40] * len(begun) + [60]

    asyncio.run(run())


@pytest.mark.parametrize("then", range(4))
@pytest.mark.parametrize("later", range(ENOUGH))
def test_whoever_joins_as_one_of_two_runs_ends_is_served(later, then):
    """Two are under way; one ends, somebody comes, and the other ends with nothing else to wake anybody."""

    async def run():
        runs = Runs()
        together = Together(runs, most=2, runs=2)
        calls = joined(together, range(2))
        await steps()
        calls += joined(together, range(2, 4))
        await steps()
        assert runs.loads == [[0, 1], [2, 3]]
        runs.end(0)
        await steps(later)
        calls += joined(together, [4])
        await steps(then)
        runs.end(1)
        await steps()
        assert runs.loads[2:] == [[4]]
        runs.end(2)
        assert await what_became_of(calls) == doubled(range(5))

    asyncio.run(run())
