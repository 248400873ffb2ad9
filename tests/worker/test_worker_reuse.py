"""What was made before is used again: from the disk, for nothing, before all else; and what is not there is bought."""

import asyncio
import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest
from crash_points import REUSING
from scripted_server import USAGE_MICROS, ScriptedServer, images, reply
from sqlalchemy import event
from test_worker_recovery import killed_at
from worker_bench import BOUND_S, Watcher

from batchgen.artifacts import files
from batchgen.artifacts.files import link_or_copy
from batchgen.core.budget import Caps
from batchgen.core.job import State
from batchgen.core.pace import Limits
from batchgen.errors import Halted
from batchgen.store.reuse import Rules

ANY = Rules()
WITHIN = Rules(within_batch=True)
BEAR = "bear,a bear"


@pytest.fixture
def old(bench):
    """A batch that has a bear."""
    batch = bench.submit([BEAR], name="old")
    bench.work(batch)
    return batch


def again(bench, rows=("ours,a bear",), *script, rules=ANY, **how):
    """A run of another batch: its result, how many requests it took, and the batch."""
    batch = bench.submit(rows, name="new", columns=how.pop("columns", "custom_id,prompt"))
    result, server = bench.work(batch, *script, reuse=rules, **how)
    return result, len(server.seen), batch


def is_one_file(bench, *paths):
    return len({(bench.root / path).stat().st_ino for path in paths}) == 1


def test_an_image_that_was_made_before_is_not_bought(bench, old):
    """It is the same file under the job's own name, costs 0, and the ledger says whose it is; nothing is left behind."""
    watcher = Watcher()
    result, requests, batch = again(bench, watcher=watcher)
    assert (requests, result.succeeded, result.reused, result.images, result.cost_micros) == (0, 1, 1, 1, 0)
    assert is_one_file(bench, "old/bear.png", "new/ours.png")
    job = bench.job(batch, "ours")
    assert (job.state, job.outcomes, job.costs) == ("succeeded", ["reused"], [0])
    (file,), (theirs,) = job.files, bench.job(old, "bear").files
    assert (file.path, file.sha256, file.bytes, file.width) == ("new/ours.png", theirs.sha256, theirs.bytes, theirs.width)
    assert watcher.told == ["made before and used again, for nothing: 1"]
    assert bench.desks() == []
    assert bench.money(batch).sent == 0


def test_it_is_bought_where_nobody_asks_for_that(bench, old):
    """Equal prompts in two manifests are two pictures, without a word of a person."""
    result, requests, _ = again(bench, rules=None)
    assert (requests, result.reused) == (1, 0)


def test_all_images_of_a_job_are_used(bench):
    """Two were asked for, and two are there."""
    columns = "custom_id,prompt,n"
    batch = bench.submit(["pair,foxes,2"], name="old", columns=columns)
    bench.work(batch)
    result, requests, batch = again(bench, ["two,foxes,2"], columns=columns)
    assert (requests, result.images) == (0, 2)
    assert [file.path for file in bench.job(batch, "two").files] == ["new/two.png", "new/two~2.png"]
    assert bench.images()["new/two~2.png"] == bench.images()["old/pair~2.png"]


def _delete(path):
    path.unlink()


def _shorten(path):
    path.write_bytes(path.read_bytes()[:-1])


def _change(path):
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def _link(path):
    path.rename(path.with_name("elsewhere.png"))
    path.symlink_to("elsewhere.png")


@pytest.mark.parametrize(("spoil", "outcomes"), [(_delete, []), (_shorten, []), (_link, []), (_change, ["released"])])
def test_a_file_that_is_not_as_it_was_stored_is_not_used(bench, old, spoil, outcomes):
    """Gone, of another length, a link, or changed by a person: the image is bought, and what lies there is left alone."""
    spoil(bench.root / "old/bear.png")
    before = {path: data for path, data in bench.images().items() if path.startswith("old/")}
    result, requests, batch = again(bench)
    assert (requests, result.succeeded, result.reused, result.cost_micros) == (1, 1, 0, USAGE_MICROS)
    assert bench.job(batch, "ours").outcomes == [*outcomes, "succeeded"]
    assert bench.images().items() >= before.items()
    assert bench.desks() == []


def test_a_folder_that_became_a_link_is_not_read(bench, old):
    """It is not looked into at all, and its images are bought."""
    (bench.root / "old").rename(bench.root / "elsewhere")
    (bench.root / "old").symlink_to("elsewhere")
    result, requests, batch = again(bench)
    assert (requests, result.succeeded, result.reused) == (1, 1, 0)
    assert bench.job(batch, "ours").outcomes == ["succeeded"]


@pytest.mark.parametrize("refused", [errno.EACCES, errno.EIO])
def test_an_image_that_cannot_be_read_is_bought(bench, old, monkeypatch, refused):
    """Whatever the disk says of it: the run goes on, and nothing of the attempt is left."""
    read = Path.read_bytes

    def refuse(path, *_):
        if path == bench.root / "old/bear.png":
            raise OSError(refused, os.strerror(refused))
        return read(path)

    def no_links(*_):
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    result, requests, batch = again(bench)
    assert (requests, result.succeeded, result.reused, result.halted) == (1, 1, 0, None)
    assert bench.job(batch, "ours").outcomes == ["released", "succeeded"]
    assert bench.desks() == []


def test_where_the_disk_has_no_links_it_is_copied(bench, old, monkeypatch):
    """As between two file systems: the same bytes, in a file of their own."""

    def refuse(*_):
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    _, requests, _ = again(bench)
    assert requests == 0
    assert bench.images()["new/ours.png"] == bench.images()["old/bear.png"]
    assert not is_one_file(bench, "old/bear.png", "new/ours.png")


def test_a_disk_that_takes_nothing_halts_the_run_and_buys_nothing(bench, old, monkeypatch):
    """What cannot be linked could not be stored either; the next run finds the job where it was."""

    def refuse(*_):
        return OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "link_or_copy", refuse)
    with pytest.raises(Halted, match="No space left"):
        again(bench)
    monkeypatch.setattr(files, "link_or_copy", link_or_copy)
    result, requests, batch = again(bench)
    assert (requests, result.reused) == (0, 1)
    assert bench.job(batch, "ours").outcomes == ["lost", "reused"]


@pytest.mark.parametrize(
    "how",
    [
        {"caps": Caps(0, 0, 0, 0)},
        {"limits": Limits(images_per_minute=1)},
        {"limits": Limits(images_per_day=1), "images_today": 1},
    ],
)
def test_neither_a_cap_nor_the_pace_has_a_say(bench, how):
    """Twenty at once, where not one could be bought; and no image of the day is counted for them."""
    rows = [f"job-{n},picture {n}" for n in range(20)]
    bench.work(bench.submit(rows, name="old"))
    result, requests, _ = again(bench, rows, **how)
    assert (requests, result.reused, result.halted) == (0, 20, None)


def test_what_is_there_comes_first_and_the_rest_is_bought(bench, old):
    """A cap that stops the run does not keep back what costs nothing, wherever it stands in the manifest."""
    rows = [*(f"job-{n},picture {n}" for n in range(5)), "ours,a bear"]
    result, requests, batch = again(bench, rows, caps=Caps(per_run=1))
    assert (requests, result.reused) == (0, 1)
    assert "5 remain" in result.halted
    assert bench.job(batch, "ours").state == "succeeded"


def test_a_limit_counts_what_is_used_again(bench):
    """--limit starts so many jobs, however they come to their images."""
    rows = [f"job-{n},picture {n}" for n in range(5)]
    bench.work(bench.submit(rows, name="old"))
    result, requests, batch = again(bench, rows, limit=3)
    assert (requests, result.reused) == (0, 3)
    assert bench.states(batch) == {State.SUCCEEDED: 3, State.PENDING: 2}


def test_a_chain_is_used_again_link_by_link(bench):
    """Parents first; a child of a parent that is bought is bought, too."""
    columns = "custom_id,prompt,image"
    rows = ["hero,a fox,", "a,at sea,@hero", "b,at home,@a", "lone,a bear,", "cub,at play,@lone"]
    bench.work(bench.submit(rows, name="old", columns=columns), then=images(1))
    (bench.root / "old/lone.png").unlink()
    result, requests, batch = again(bench, rows, columns=columns, then=images(1))
    assert (result.succeeded, result.reused, requests) == (5, 3, 2)
    assert bench.job(batch, "cub").outcomes == ["succeeded"]
    assert is_one_file(bench, "old/b.png", "new/b.png")


def test_what_one_batch_makes_another_one_of_the_run_uses(bench):
    """It was not there when the run began, and is when the turn of the second batch comes."""
    one = bench.submit([BEAR], name="one")
    two = bench.submit(["ours,a bear"], name="two")
    result, server = bench.work(one, reuse=ANY, batches=[one.id, two.id], concurrency=1)
    assert (len(server.seen), result.succeeded, result.reused) == (1, 2, 1)


def test_equal_rows_are_bought_each_and_once_if_a_person_asks(bench):
    """Five pictures, or one in five places: then the others wait for the first, and not for what has nothing to do with it."""
    rows = [*(f"job-{n},a fox" for n in range(5)), "other,a bear"]
    result, requests, _ = again(bench, rows)
    assert (requests, result.reused) == (6, 0)
    rows = [*(f"job-{n},a cat" for n in range(5)), "other,a dog"]
    result, server = bench.work(bench.submit(rows, name="newest"), reuse=WITHIN)
    assert (sorted(server.prompts), result.succeeded, result.reused) == (["a cat", "a dog"], 6, 4)
    assert is_one_file(bench, *(f"newest/job-{n}.png" for n in range(5)))


def test_a_first_row_that_fails_keeps_nobody_waiting(bench):
    """Of those that ask for the same the next one tries."""
    refusal = reply(400, '{"error": {"code": "moderation_blocked", "message": "no"}}')
    rows = [f"job-{n},a fox" for n in range(3)]
    result, requests, batch = again(bench, rows, refusal, rules=WITHIN)
    assert (requests, result.failed, result.succeeded, result.reused) == (2, 1, 2, 1)
    assert bench.job(batch, "job-0").state == "failed"


def test_a_changed_row_takes_what_was_made_before(bench, old):
    """Its own old image makes room as for one that is bought."""
    batch = bench.submit(["ours,a cat"], name="new")
    _, server = bench.work(batch)
    bench.submit(["ours,a bear"], name="new", update=True)
    result, other = bench.work(batch, reuse=ANY)
    assert (len(other.seen), result.reused) == (0, 1)
    assert bench.images()["new/.previous/ours.before-2.png"] == server.made[0]
    assert is_one_file(bench, "old/bear.png", "new/ours.png")


def test_an_earlier_image_in_the_place_is_not_touched_by_the_new_name(bench, old):
    """A file that the ledger does not know moves away, be it the very same image under a second name."""
    bench.submit(["ours,a bear"], name="new")
    (bench.root / "new").mkdir()
    (bench.root / "new/ours.png").hardlink_to(bench.root / "old/bear.png")
    _, requests, _ = again(bench)
    assert requests == 0
    assert sorted(bench.images()) == ["new/.previous/ours.before-1.png", "new/ours.png", "old/bear.png"]


def test_two_workers_use_every_picture_once(bench):
    """Two processes on one batch: each row gets one picture, and no picture two rows."""

    async def run():
        plan = replace(bench.plan(batch), reuse=ANY)
        async with ScriptedServer(then=images(1)) as server:
            async with bench.pool(server, plan) as one, bench.pool(server, plan) as two:
                results = await asyncio.wait_for(asyncio.gather(one.run(), two.run()), BOUND_S)
            return results, len(server.seen)

    bench.work(bench.submit([f"job-{n},a fox" for n in range(6)], name="old"), then=images(1))
    batch = bench.submit([f"job-{n},a fox" for n in range(9)], name="new")
    results, requests = asyncio.run(run())
    assert (requests, sum(result.reused for result in results), sum(result.succeeded for result in results)) == (3, 6, 9)
    assert len(set(bench.images().values())) == 9


# point -> how the first attempt ends
_LOST, _DONE = ["lost", "reused"], ["reused"]
DEATHS = {
    "claimed, nothing begun": _LOST,
    "half of the record on disk": _LOST,
    "the record on disk, no image": _LOST,
    "one of two images linked": _LOST,
    "all images linked, nothing of it safe": _DONE,
    "written, not placed": _DONE,
    "one of two images placed": _DONE,
    "all placed, nothing of it safe": _DONE,
    "all placed, the names not safe": _DONE,
    "placed, ledger not written": _DONE,
    "ledger written in part": _DONE,
    "ledger committed, record not settled": _DONE,
    "the batch's folder made, its name not safe": _DONE,
    "late: written, not safe": _DONE,
    "late: placed, ledger not written": _DONE,
}


@pytest.mark.parametrize("point", DEATHS)
def test_a_worker_that_is_killed_loses_nothing_and_buys_nothing(bench, point):
    """The next run has the images in their places and the ledger in order, without a request; the old ones are as they were."""
    assert DEATHS.keys() >= REUSING.keys()
    columns = "custom_id,prompt,n"
    old = bench.submit(["bear,a bear,2"], name="old", columns=columns)
    bench.work(old)
    before = bench.images()
    batch = bench.submit(["ours,a bear,2"], name="new", columns=columns)
    assert killed_at(bench, batch, point) == []
    result, server = bench.work(batch, reuse=ANY)
    job = bench.job(batch, "ours")
    assert (server.seen, result.halted, job.state) == ([], None, "succeeded")
    assert (job.outcomes, set(job.costs)) == (DEATHS[point], {0})
    assert bench.images() == before | {path.replace("old/bear", "new/ours"): data for path, data in before.items()}
    assert bench.desks() == []


def test_a_run_that_uses_nothing_again_does_not_look_for_it(bench, old):
    """Not one statement more than before."""
    asked = []
    event.listen(bench.database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    for rules in (None, ANY):
        asked.clear()
        again(bench, rules=rules)
        assert any("AS source" in statement for statement in asked) == (rules is not None)
