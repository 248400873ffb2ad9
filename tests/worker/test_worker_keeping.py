"""Answers that reach the disk together: whatever is wrong with one of them, the others are kept as if they had come alone."""

import asyncio
import errno
import os

import pytest
from hand import USAGE, Hand, arrival
from scripted_server import USAGE_MICROS, png

from batchgen.core.job import State
from batchgen.core.outcome import Outcome
from batchgen.core.usage import NOTHING_SAID
from batchgen.verify import check
from batchgen.worker.keeping import Arrival, Kept, keep

PAID, FREE = USAGE_MICROS, 0
FATES = ("good", "cannot be read", "cannot be written", "refused", "taken away", "cannot be placed")


def mistake():
    raise ValueError("a mistake of the program")


class Scene:
    """A worker with a job for each fate, an image for each, and what makes it come about."""

    def __init__(self, bench):
        self.bench = bench
        self.shop = bench.submit([f"{fate.replace(' ', '-')},{fate}" for fate in FATES[:-1]])
        self.mall = bench.submit([f"{FATES[-1].replace(' ', '-')},{FATES[-1]}"], name="mall")
        self.hand = Hand(bench, "worker-a")
        self.jobs = {fate: self.hand.claim(self.mall if fate == FATES[-1] else self.shop) for fate in FATES}
        self.images = {fate: png() for fate in FATES}
        unwritten = self.jobs["cannot be written"]
        self.in_the_way = bench.folder / f".images.answers/worker-a/{unwritten.job_id}-{unwritten.attempt}-1.part"
        self.in_the_way.mkdir()
        (bench.root / "mall").write_bytes(b"a file, not a folder")

    def arrival(self, fate):
        job = self.jobs[fate]
        if fate == "cannot be read":
            return Arrival(job, 100, mistake, lambda: True)
        return arrival(job, *[] if fate == "refused" else [self.images[fate]], is_ours=fate != "taken away")

    def mend(self):
        self.in_the_way.rmdir()
        (self.bench.root / "mall").unlink()

    def job(self, fate):
        return self.bench.job(self.mall if fate == FATES[-1] else self.shop, fate.replace(" ", "-"))


def kept_together(scene, fates):
    results = keep([scene.arrival(fate) for fate in fates], scene.hand.desk)
    return dict(zip(fates, results, strict=True))


@pytest.mark.parametrize("first", range(len(FATES)))
def test_of_many_answers_each_harms_only_itself(bench, first):
    """One that the program cannot read, one without room, one without a place, one whose job may be another's; in any order."""
    scene = Scene(bench)
    got = kept_together(scene, FATES[first:] + FATES[:first])
    assert isinstance(got["cannot be read"], ValueError)
    assert isinstance(got["cannot be placed"], OSError)
    assert "mall" in str(got["cannot be placed"])
    kept = {fate: one for fate, one in got.items() if isinstance(one, Kept)}
    assert {fate: (one.ending.outcome, one.record is not None, one.is_placed) for fate, one in kept.items()} == {
        "good": (Outcome.SUCCEEDED, True, True),
        "cannot be written": (Outcome.STORAGE_FAILED, False, False),
        "refused": (Outcome.REJECTED, False, False),
        "taken away": (Outcome.SUCCEEDED, True, False),
    }
    assert bench.images() == {"mall": b"a file, not a folder", "shop/good.png": scene.images["good"]}
    on_disk = {scene.jobs[fate].job_id for fate in ("good", "taken away", "cannot be placed")}
    assert {record.job_id for record in scene.hand.desk.records()} == on_disk
    scene.hand.leave()


def test_what_became_of_many_answers_reaches_the_ledger_and_the_next_start(bench):
    """What is known is settled, the worker ends, and when it is mended only what was lost is asked for again."""
    scene = Scene(bench)

    async def settle():
        for fate, one in kept_together(scene, FATES).items():
            if isinstance(one, Kept):
                await scene.hand.settle(scene.jobs[fate], one)

    asyncio.run(settle())
    scene.hand.die()
    assert {fate: scene.job(fate).costs for fate in FATES} == {
        "good": [PAID],
        "cannot be read": [None],
        "cannot be written": [PAID],
        "refused": [FREE],
        "taken away": [PAID],
        "cannot be placed": [None],
    }
    scene.mend()
    _, server = bench.work(scene.shop)
    assert sorted(server.prompts) == ["cannot be read", "cannot be written"]
    assert {fate: scene.job(fate).outcomes for fate in FATES} == {
        "good": ["succeeded"],
        "cannot be read": ["unknown", "succeeded"],
        "cannot be written": ["storage_failed", "succeeded"],
        "refused": ["rejected"],
        "taken away": ["succeeded"],
        "cannot be placed": ["succeeded"],
    }
    stored = bench.images()
    assert stored["shop/good.png"] == scene.images["good"]
    assert stored["shop/taken-away.png"] == scene.images["taken away"]
    assert stored["mall/cannot-be-placed.png"] == scene.images["cannot be placed"]
    assert len(stored) == 5
    assert bench.states(scene.shop) == {State.SUCCEEDED: 4, State.FAILED: 1}
    assert [one for one in check.check(bench.database, bench.root, [scene.shop, scene.mall]) if one.problem] == []
    assert bench.desks() == []


def test_a_disk_that_cannot_make_names_durable_is_told_of_to_those_who_wait_for_it(bench, monkeypatch):
    """The folder of answers cannot be synced: who is held there hears of it, who is placed in another folder does not."""
    batch = bench.submit([f"job-{n},picture {n}" for n in range(4)])
    hand = Hand(bench, "worker-a")
    jobs = [hand.claim(batch) for _ in range(4)]
    # A first one, so that the journal and the batch's folder are there.
    assert all(isinstance(one, Kept) for one in keep([arrival(jobs[0], png(), is_ours=True)], hand.desk))
    broken, real = (bench.folder / ".images.answers/worker-a").stat().st_ino, os.fsync

    def fsync(handle):
        if os.fstat(handle).st_ino == broken:
            raise OSError(errno.EIO, "the disk is broken")
        real(handle)

    arrivals = [arrival(job, png(), is_ours=is_ours) for job, is_ours in zip(jobs[1:], (False, True, False), strict=True)]
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        first, second, third = keep(arrivals, hand.desk)
    assert (getattr(first, "errno", None), getattr(third, "errno", None)) == (errno.EIO, errno.EIO)
    assert second.is_placed
    assert sorted(bench.images()) == ["shop/job-0.png", "shop/job-2.png"]
    hand.leave()


def test_what_an_answer_should_cost_is_reckoned_where_it_does_not_say(bench):
    """One without usage gets a likely cost, in the record on disk as well; the one beside it has its own to tell."""
    batch = bench.submit([f"job-{n},picture {n}" for n in range(2)])
    hand = Hand(bench, "worker-a")
    jobs = [hand.claim(batch) for _ in range(2)]
    given = zip(jobs, (USAGE, NOTHING_SAID), strict=True)
    told, silent = keep([arrival(job, png(), is_ours=True, usage=usage) for job, usage in given], hand.desk)
    assert (told.likely_micros, told.record.likely_micros) == (None, None)
    assert silent.likely_micros == silent.record.likely_micros
    asyncio.run(hand.settle(jobs[0], told))
    asyncio.run(hand.settle(jobs[1], silent))
    assert bench.job(batch, "job-0").costs == [PAID]
    assert bench.job(batch, "job-1").costs == [silent.likely_micros]
    assert silent.likely_micros > 0
    hand.leave()
    assert bench.desks() == []
