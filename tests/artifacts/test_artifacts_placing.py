"""From the desk to where images belong: repeated after any death with the same end, and nothing unknown is overwritten."""

import os
from contextlib import suppress
from pathlib import Path

import pytest
from desk_bench import NEW, OLD, PLACED, Killed, desk_of, only_dead_desk, put, record_of, tree

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
    desk.write(record, NEW)
    with monkeypatch.context() as patch:
        die_at_rename(patch, killed_at, only_finished_images_below)
        with suppress(Killed):
            desk.place(record)
    desk.close()

    again = only_dead_desk(root)
    (found,) = again.records()
    assert again.is_whole(found)
    again.place(found)
    assert tree(root) == {**PLACED, **after}
    again.place(found)
    assert tree(root) == {**PLACED, **after}
    again.discard(found)
    again.close()
    assert Office(root).dead_desks() == []


def test_a_name_that_is_taken_by_something_else_is_a_disk_error(root):
    """Where the batch's folder cannot be made, placing says so, and the answer stays for the next start."""
    put(root, "shop", b"a file, not a folder")
    record = record_of(NEW)
    with desk_of(root) as desk:
        desk.write(record, NEW)
        with pytest.raises(OSError, match="shop"):
            desk.place(record)
        assert desk.records() == [record]
        assert desk.is_whole(record)
        (root / "shop").unlink()
        desk.place(record)
        assert tree(root) == PLACED
        desk.settle(record)


def test_a_link_that_leads_nowhere_is_not_overwritten(root):
    """What is unknown is moved aside, even where it is a link to nothing."""
    (root / "shop").mkdir(parents=True)
    (root / "shop/bear.png").symlink_to("nowhere")
    record = record_of(NEW[:1])
    with desk_of(root) as desk:
        desk.write(record, NEW[:1])
        desk.place(record)
        desk.settle(record)
    assert (root / "shop/bear.png").read_bytes() == NEW[0]
    assert (root / "shop/.previous/bear.before-1.png").readlink() == Path("nowhere")
