"""From the desk to where images belong: repeated after any death with the same end, and nothing unknown is overwritten."""

import errno
import os
from contextlib import suppress
from pathlib import Path

import pytest
from desk_bench import NEW, OLD, PLACED, Killed, desk_of, only_dead_desk, place, put, record_of, tree, write

from batchgen.artifacts.office import Office


def die_at_rename(monkeypatch, number, watch=lambda: None):
    """From outside: the process ends just before its rename of that number; `watch` is called before each."""
    real, count = os.replace, 0

    def replace(source, target, **how):
        nonlocal count
        watch()
        if count == number:
            raise Killed
        count += 1
        result = real(source, target, **how)
        watch()
        return result

    monkeypatch.setattr(os, "replace", replace)


# What lay below the root before, and what the record moves; then what must lie there in the end.
SCENES = {
    "nothing there": ({}, [], {}),
    "an older request's images": (
        {"shop/bear.png": OLD[0], "shop/bear~2.png": OLD[1]},
        ["shop/bear.png", "shop/bear~2.png"],
        {"shop/.previous/bear.before-1.png": OLD[0], "shop/.previous/bear~2.before-1.png": OLD[1]},
    ),
    "an older image that somebody deleted": ({}, ["shop/bear.png", "shop/bear~2.png"], {}),
    "of another type": (
        {"shop/bear.jpg": OLD[0]},
        ["shop/bear.jpg"],
        {"shop/.previous/bear.before-1.jpg": OLD[0]},
    ),
    "unknown files": (
        {"shop/bear.png": OLD[0], "shop/bear~3.png": OLD[1]},
        [],
        {"shop/.previous/bear.before-1.png": OLD[0], "shop/.previous/bear~3.before-1.png": OLD[1]},
    ),
    "unknown files, there and in .previous": (
        {"shop/bear.png": OLD[0], "shop/.previous/bear.before-1.png": OLD[1]},
        [],
        {"shop/.previous/bear.before-1.png": OLD[1], "shop/.previous/bear.before-1-2.png": OLD[0]},
    ),
    "an older image, and its place in .previous is taken": (
        {"shop/bear.png": OLD[0], "shop/.previous/bear.before-1.png": OLD[1]},
        ["shop/bear.png"],
        {"shop/.previous/bear.before-1.png": OLD[1], "shop/.previous/bear.before-1-2.png": OLD[0]},
    ),
}


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("killed_at", range(7))
def test_placing_can_be_repeated_after_a_death_at_any_point(root, monkeypatch, scene, killed_at):
    """Dead before any rename, the next worker ends with the same files; nothing is lost, and all seen below is whole."""
    before, moved, after = SCENES[scene]
    for path, data in before.items():
        put(root, path, data)
    finished = {*NEW, *OLD}

    def only_finished_images_below():
        assert set(tree(root).values()) <= finished

    desk = Office(root).open_desk("worker-1")
    record = record_of(NEW, moved=[(path, desk.previous_path(path, 1)) for path in moved])
    write(desk, record, NEW)
    with monkeypatch.context() as patch:
        die_at_rename(patch, killed_at, only_finished_images_below)
        with suppress(Killed):
            place(desk, record)
    desk.close()

    again = only_dead_desk(root)
    (found,) = again.records()
    assert again.is_whole(found)
    place(again, found)
    assert tree(root) == {**PLACED, **after}
    place(again, found)
    assert tree(root) == {**PLACED, **after}
    again.discard(found)
    again.close()
    assert Office(root).dead_desks() == []


@pytest.mark.parametrize("killed_at", range(7))
def test_placing_many_can_be_repeated_after_a_death_at_any_point(root, monkeypatch, killed_at):
    """Two answers are placed together, one of them in place of an older image: dead before any rename, nothing is lost."""
    put(root, "shop/cat.png", OLD[0])
    bear, cat = record_of(NEW[:2]), record_of(NEW[2:] + OLD[1:], job_id=6, custom_id="cat", moved=[])
    cat.moved.append(("shop/cat.png", "shop/.previous/cat.before-1.png"))
    desk = Office(root).open_desk("worker-1")
    assert desk.write([(bear, NEW[:2]), (cat, NEW[2:] + OLD[1:])]) == [None, None]
    with monkeypatch.context() as patch:
        die_at_rename(patch, killed_at)
        with suppress(Killed):
            place(desk, bear, cat)
            assert killed_at >= 5
    desk.close()

    again = only_dead_desk(root)
    assert again.records() == [bear, cat]
    assert again.is_whole(bear)
    assert again.is_whole(cat)
    for _ in range(2):
        place(again, bear, cat)
        assert tree(root) == {
            "shop/.previous/cat.before-1.png": OLD[0],
            "shop/bear.png": NEW[0],
            "shop/bear~2.png": NEW[1],
            "shop/cat.png": NEW[2],
            "shop/cat~2.png": OLD[1],
        }
    for record in (bear, cat):
        again.discard(record)
    again.close()
    assert Office(root).dead_desks() == []


def test_of_many_answers_only_that_fails_which_cannot_be_placed(root):
    """Three batches, and the folder of the second cannot be made: it is told, and it can be placed when it is mended."""
    put(root, "mall", b"a file, not a folder")
    records = [record_of(NEW[n : n + 1], job_id=5 + n, folder=name) for n, name in enumerate(("shop", "mall", "zoo"))]
    with desk_of(root) as desk:
        assert desk.write([(record, NEW[n : n + 1]) for n, record in enumerate(records)]) == [None] * 3
        failures = desk.place(records)
        assert [failure is None for failure in failures] == [True, False, True]
        assert "mall" in str(failures[1])
        assert tree(root) == {"mall": b"a file, not a folder", "shop/bear.png": NEW[0], "zoo/bear.png": NEW[2]}
        (root / "mall").unlink()
        place(desk, records[1])
        assert tree(root) == {"mall/bear.png": NEW[1], "shop/bear.png": NEW[0], "zoo/bear.png": NEW[2]}
        for record in records:
            desk.settle(record)


def test_names_that_cannot_be_made_durable_are_told_of_for_their_folder_only(root, monkeypatch):
    """Two answers in one folder and one in another: the system refuses to sync the first, and the other is placed."""
    for name in ("shop", "zoo"):
        (root / name).mkdir(parents=True)
    rooms = (("shop", "bear"), ("zoo", "cat"), ("shop", "dog"))
    records = [record_of(NEW[n : n + 1], job_id=5 + n, folder=name, custom_id=one) for n, (name, one) in enumerate(rooms)]
    broken, real = (root / "shop").stat().st_ino, os.fsync

    def fsync(handle):
        if os.fstat(handle).st_ino == broken:
            raise OSError(errno.EIO, "the disk is broken")
        real(handle)

    with desk_of(root) as desk:
        assert desk.write([(record, NEW[n : n + 1]) for n, record in enumerate(records)]) == [None] * 3
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            failures = desk.place(records)
        assert [failure and failure.errno for failure in failures] == [errno.EIO, None, errno.EIO]
        place(desk, *records)
        assert list(tree(root).values()) == [NEW[0], NEW[2], NEW[1]]
        for record in records:
            desk.settle(record)


def test_a_name_that_is_taken_by_something_else_is_a_disk_error(root):
    """Where the batch's folder cannot be made, placing says so, and the answer stays for the next start."""
    put(root, "shop", b"a file, not a folder")
    record = record_of(NEW)
    with desk_of(root) as desk:
        write(desk, record, NEW)
        (failure,) = desk.place([record])
        assert isinstance(failure, OSError)
        assert "shop" in str(failure)
        assert desk.records() == [record]
        assert desk.is_whole(record)
        (root / "shop").unlink()
        place(desk, record)
        assert tree(root) == PLACED
        desk.settle(record)


def test_a_link_that_leads_nowhere_is_not_overwritten(root):
    """What is unknown is moved aside, even where it is a link to nothing."""
    (root / "shop").mkdir(parents=True)
    (root / "shop/bear.png").symlink_to("nowhere")
    record = record_of(NEW[:1])
    with desk_of(root) as desk:
        write(desk, record, NEW[:1])
        place(desk, record)
        desk.settle(record)
    assert (root / "shop/bear.png").read_bytes() == NEW[0]
    assert (root / "shop/.previous/bear.before-1.png").readlink() == Path("nowhere")
