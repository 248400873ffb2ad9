"""One sync for many: whoever waits shares the next one, and learns how that one ended."""

import sys
import threading
import time
from collections import defaultdict

import pytest

from batchgen.artifacts.syncs import FolderSyncs, SharedSync

BOUND_S = 20.0


class Syncs:
    """Syncs that end when they are told to, each with its own result; they are numbered from 0."""

    def __init__(self):
        self.calls = 0
        self.begun = defaultdict(threading.Event)
        self.may_end = defaultdict(threading.Event)
        self.failures = {}

    def __call__(self):
        number, self.calls = self.calls, self.calls + 1
        self.begun[number].set()
        assert self.may_end[number].wait(BOUND_S)
        if number in self.failures:
            raise self.failures[number]


class Waiter(threading.Thread):
    """Somebody who waits for a sync; `failure` is what reached it."""

    def __init__(self, wait):
        super().__init__(daemon=True)
        self._wait = wait
        self.failure = None
        self.start()

    def run(self):
        try:
            self._wait()
        except Exception as error:
            self.failure = error

    @property
    def is_waiting(self):
        """Whether it sleeps in a condition, seen from outside."""
        frame = sys._current_frames().get(self.ident)
        return frame is not None and frame.f_code is threading.Condition.wait.__code__

    def ended(self):
        self.join(BOUND_S)
        assert not self.is_alive()
        return self.failure


def waiting(shared, count):
    """So many threads of which each is seen to wait."""
    waiters = [Waiter(shared.wait) for _ in range(count)]
    end = time.monotonic() + BOUND_S
    while not all(waiter.is_waiting for waiter in waiters):
        assert time.monotonic() < end
        time.sleep(0)
    return waiters


@pytest.fixture
def syncs():
    """One sync is under way, and nothing ends by itself."""
    made = Syncs()
    yield made
    for event in made.may_end.values():
        event.set()


@pytest.mark.parametrize("count", [1, 2, 40])
def test_all_that_wait_meanwhile_share_the_next_sync(syncs, count):
    """One under way may have looked already: the others need another one, and one is enough for all of them."""
    shared = SharedSync(syncs)
    first = Waiter(shared.wait)
    assert syncs.begun[0].wait(BOUND_S)
    others = waiting(shared, count)
    assert syncs.calls == 1
    syncs.may_end[0].set()
    assert first.ended() is None
    assert syncs.begun[1].wait(BOUND_S)
    assert all(waiter.is_alive() for waiter in others)
    syncs.may_end[1].set()
    assert [waiter.ended() for waiter in others] == [None] * count
    assert syncs.calls == 2


def test_whoever_is_alone_waits_for_nobody():
    """Each of three calls, one after the other, is a sync of its own: what is written in between counts."""
    calls = []
    shared = SharedSync(lambda: calls.append(1))
    for number in range(1, 4):
        shared.wait()
        assert len(calls) == number


@pytest.mark.parametrize("turn", range(20))
def test_a_failure_reaches_all_that_waited_for_it_and_nobody_else(syncs, turn):
    """Those before it and those after it are told the truth about theirs, however late they wake up."""
    shared = SharedSync(syncs)
    syncs.failures[1] = OSError(5, "broken")
    before = Waiter(shared.wait)
    assert syncs.begun[0].wait(BOUND_S)
    hit = waiting(shared, 10)
    syncs.may_end[0].set()
    assert syncs.begun[1].wait(BOUND_S)
    after = waiting(shared, 10)
    # The one after it does not wait: it may have ended before those that were hit have woken up.
    syncs.may_end[2].set()
    syncs.may_end[1].set()
    assert before.ended() is None
    assert [waiter.ended() for waiter in hit] == [syncs.failures[1]] * 10
    assert [waiter.ended() for waiter in after] == [None] * 10
    assert syncs.calls == 3
    syncs.may_end[3].set()
    shared.wait()


def test_a_sync_that_breaks_off_leaves_nobody_waiting(syncs):
    """Even what is no disk error ends the waiting of the others, who are told that nothing is durable."""
    shared = SharedSync(syncs)
    first = Waiter(shared.wait)
    assert syncs.begun[0].wait(BOUND_S)
    syncs.failures[1] = RuntimeError("a mistake")
    others = waiting(shared, 5)
    syncs.may_end[0].set()
    syncs.may_end[1].set()
    first.ended()
    kinds = sorted(type(waiter.ended()).__name__ for waiter in others)
    assert kinds == ["OSError"] * 4 + ["RuntimeError"]
    syncs.may_end[2].set()
    shared.wait()


def test_folders_wait_apart_and_what_comes_first_comes_first(tmp_path):
    """Each folder has its own sync, and before each of them what names alone do not hold is made durable."""
    told = []
    syncs = FolderSyncs(lambda: told.append(sorted(path.name for path in tmp_path.iterdir())))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        syncs.wait(tmp_path / name)
    assert told == [["one"], ["one", "two"]]
    with pytest.raises(FileNotFoundError):
        syncs.wait(tmp_path / "three")
    syncs.wait(tmp_path / "one")
