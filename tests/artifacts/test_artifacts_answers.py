"""Answers on their way to the disk: kept whole, placed once, found again after any death."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from PIL import Image

from batchgen.artifacts import files
from batchgen.artifacts.answers import Record, Room, to_artifacts
from batchgen.artifacts.image import inspect
from batchgen.artifacts.office import Office
from batchgen.core.artifact import Artifact

REPOSITORY = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY)}


def png(colour):
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9), (colour, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


NEW = [png(1), png(2), png(3)]
OLD = [png(11), png(12)]


def record_of(images, *, attempt=1, moved=(), have=(), job_id=5):
    room = Room("shop", "bear", have)
    return Record(
        job_id, attempt, len(images), 200, "req", {}, to_artifacts(room, [inspect(data) for data in images]), list(moved)
    )


def tree(folder):
    """Every file below a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if not path.is_dir()}


@pytest.fixture
def root(tmp_path):
    return tmp_path / "images"


@contextmanager
def desk_of(root, owner="worker-1"):
    desk = Office(root).open_desk(owner)
    try:
        yield desk
    finally:
        desk.close()


def only_dead_desk(root):
    (desk,) = Office(root).dead_desks()
    return desk


def put(root, path, data):
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def test_an_answer_goes_its_way(root):
    """Kept beside the root, placed below it under the job's name, byte for byte, and then forgotten."""
    record = record_of(NEW)
    with desk_of(root) as desk:
        desk.keep(record, NEW)
        assert tree(root) == {}
        assert desk.records() == [record]
        assert desk.is_whole(record)
        desk.place(record)
        assert tree(root) == {"shop/bear.png": NEW[0], "shop/bear~2.png": NEW[1], "shop/bear~3.png": NEW[2]}
        assert desk.is_whole(record)
        desk.discard(record)
        assert desk.records() == []
    assert [path.name for path in root.parent.iterdir() if path.name != "images"] == [".images.answers"]
    assert not any(path.is_dir() for path in (root.parent / ".images.answers").iterdir())


def test_images_count_on_after_those_that_came_before(root):
    """With two images there, the next ones are the third and the fourth."""
    record = record_of(NEW[:2], attempt=2, have=(1, 2))
    assert [(image.ordinal, image.path) for image in record.images] == [(3, "shop/bear~3.png"), (4, "shop/bear~4.png")]


def test_the_record_tells_the_truth_about_the_bytes(root):
    """Type, size, length and hash in a record are those of the image."""
    (image,) = record_of(NEW[:1]).images
    sha256 = hashlib.sha256(NEW[0]).hexdigest()
    assert image == Artifact(1, "shop/bear.png", "image/png", 9, 9, len(NEW[0]), sha256)


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_records_are_their_owners_alone(root):
    """Nobody else can look into the folder of answers."""
    with desk_of(root) as desk:
        desk.keep(record_of(NEW), NEW)
        assert (root.parent / ".images.answers").stat().st_mode & 0o077 == 0
        assert (root.parent / ".images.answers" / desk.owner).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["gone", "shorter", "other bytes"])
def test_a_damaged_part_is_noticed(root, damage):
    """A record whose image is not on disk to the last bit is not whole."""
    record = record_of(NEW)
    with desk_of(root) as desk:
        desk.keep(record, NEW)
        part = next((root.parent / ".images.answers" / desk.owner).glob("*-2.part"))
        if damage == "gone":
            part.unlink()
        else:
            part.write_bytes(NEW[1][:-1] if damage == "shorter" else NEW[1][:-1] + b"!")
        assert not desk.is_whole(record)
        desk.discard(record)


class Killed(BaseException):
    """Stands for the end of the process."""


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
PLACED = {"shop/bear.png": NEW[0], "shop/bear~2.png": NEW[1], "shop/bear~3.png": NEW[2]}


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
    desk.keep(record, NEW)
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


@pytest.mark.parametrize("killed_at", range(5))
def test_keeping_shows_nothing_below_the_root(root, monkeypatch, killed_at):
    """Dead at any point of keeping, the root is as it was, and a record is known to be whole or not to be."""
    real, count = os.fsync, 0

    def fsync(handle):
        nonlocal count
        if count == killed_at:
            raise Killed
        count += 1
        return real(handle)

    record = record_of(NEW)
    desk = Office(root).open_desk("worker-1")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(Killed):
            desk.keep(record, NEW)
    assert tree(root) == {}
    desk.close(unsettled=True)
    again = only_dead_desk(root)
    if killed_at == 0:
        assert again.records() == []
    else:
        assert again.records() == [record]
        assert again.is_whole(record) == (killed_at == 4 or killed_at == 3)
        again.discard(record)
    again.close()


LIMITED = """
import json, pathlib, resource, sys, msgspec
from batchgen.artifacts.answers import Office, Record
root, limit = pathlib.Path(sys.argv[1]), int(sys.argv[2])
record = msgspec.json.decode(sys.argv[3], type=Record)
images = [b"x" * image.bytes for image in record.images]
desk = Office(root).open_desk("limited")
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    desk.keep(record, images)
    told = "kept"
except OSError as error:
    told = error.strerror
left = [path.name for path in (root.parent / ".images.answers" / "limited").iterdir()]
print(json.dumps([told, sorted(left), len(desk.records())]))
"""


@pytest.mark.skipif(os.name != "posix", reason="limits are of POSIX")
@pytest.mark.parametrize(
    ("limit", "told"),
    [(10, "File too large"), (2_000, "File too large"), (60_000, "File too large"), (200_000, "kept")],
    ids=["no room for the record", "none for the first image", "none for the second", "room"],
)
def test_a_full_disk_leaves_nothing(root, limit, told):
    """A real limit of the system, met at the record, at the first and at the second image: nothing of the answer is left."""
    images = [Artifact(n, f"shop/bear~{n}.png", "image/png", 9, 9, size, "0" * 64) for n, size in ((1, 50_000), (2, 100_000))]
    record = json.dumps(
        {
            "job_id": 5,
            "attempt": 1,
            "wanted": 2,
            "http_status": 200,
            "request_id": None,
            "usage": {},
            "images": [{name: getattr(image, name) for name in Artifact.__struct_fields__} for image in images],
            "moved": [],
        }
    )
    command = [sys.executable, "-c", LIMITED, str(root), str(limit), record]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=30, check=True)
    got = json.loads(done.stdout)
    assert got[0] == told
    assert got[1:] == ([["lock"], 0] if told != "kept" else [["5-1-1.part", "5-1-2.part", "5-1.json", "lock"], 1])
    assert tree(root) == {}


def test_a_name_that_is_taken_by_something_else_is_a_disk_error(root):
    """Where the batch's folder cannot be made, placing says so, and the answer stays for the next start."""
    put(root, "shop", b"a file, not a folder")
    record = record_of(NEW)
    with desk_of(root) as desk:
        desk.keep(record, NEW)
        with pytest.raises(OSError, match="shop"):
            desk.place(record)
        assert desk.records() == [record]
        assert desk.is_whole(record)
        (root / "shop").unlink()
        desk.place(record)
        assert tree(root) == PLACED
        desk.discard(record)


HOLDER = """
import pathlib, sys
from batchgen.artifacts.office import Office
desk = Office(pathlib.Path(sys.argv[1])).open_desk(sys.argv[2])
print("open", flush=True)
sys.stdin.read()
"""


def test_only_the_dead_are_taken_over(root):
    """The desk of a living process is nobody else's; killed, it is anybody's, but only one's at a time."""
    command = [sys.executable, "-c", HOLDER, str(root), "other"]
    with subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "open\n"
            assert Office(root).dead_desks() == []
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
    first = only_dead_desk(root)
    assert first.owner == "other"
    assert Office(root).dead_desks() == []
    first.close(unsettled=True)
    again = only_dead_desk(root)
    assert again.owner == "other"
    again.close()
    assert Office(root).dead_desks() == []


def test_ones_own_desk_is_not_dead(root):
    """A worker does not take over itself, nor another one in the same process."""
    with desk_of(root, "one"), desk_of(root, "two"):
        assert Office(root).dead_desks() == []


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")
def test_the_root_may_be_a_link_to_another_disk(tmp_path):
    """Answers lie on the disk where the images go, so that a rename is one."""
    elsewhere = Path("/dev/shm") / f"batchgen-test-{os.getpid()}"
    (elsewhere / "images").mkdir(parents=True)
    try:
        (tmp_path / "images").symlink_to(elsewhere / "images")
        record = record_of(NEW)
        with desk_of(tmp_path / "images") as desk:
            desk.keep(record, NEW)
            desk.place(record)
            desk.discard(record)
        assert tree(tmp_path / "images") == PLACED
    finally:
        for path in sorted(elsewhere.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        elsewhere.rmdir()


def test_answers_are_not_kept_behind_a_link(root, tmp_path):
    """A folder of answers that is a link is refused before anything is written or read there."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".images.answers").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="it is a link"):
        Office(root).open_desk("worker-1")
    with pytest.raises(OSError, match="it is a link"):
        Office(root).dead_desks()
    assert [*(tmp_path / "elsewhere").iterdir()] == []


def test_a_link_that_leads_nowhere_is_not_overwritten(root):
    """What is unknown is moved aside, even where it is a link to nothing."""
    (root / "shop").mkdir(parents=True)
    (root / "shop/bear.png").symlink_to("nowhere")
    record = record_of(NEW[:1])
    with desk_of(root) as desk:
        desk.keep(record, NEW[:1])
        desk.place(record)
        desk.discard(record)
    assert (root / "shop/bear.png").read_bytes() == NEW[0]
    assert (root / "shop/.previous/bear.before-1.png").readlink() == Path("nowhere")


@pytest.mark.parametrize(("ordinal", "path"), [(1, "shop/a.b.png"), (2, "shop/a.b~2.png"), (11, "shop/a.b~11.png")])
def test_names_below_the_root(ordinal, path):
    """The first image has the job's name, further ones their ordinal behind a tilde."""
    assert files.image_path("shop", "a.b", ordinal, "png") == path


def test_unread_replies_do_not_pile_up(root):
    """The newest twenty stay, and their folder is no worker's. What a killed process left of writing one counts as well."""
    with desk_of(root) as desk:
        first = desk.keep_unread(1, 1, b"<html>")
        part = first.with_name("dead-1-1.reply.part")
        part.touch()
        for old in (first, part):
            os.utime(old, (1_000_000, 1_000_000))
        others = [desk.keep_unread(1, attempt, b"<html>") for attempt in range(2, 22)]
        assert sorted(first.parent.iterdir()) == sorted(others)
    assert Office(root).dead_desks() == []


def test_new_images_take_the_free_ordinals():
    """An image that was lost is made again under its own number."""
    pictures = [inspect(data) for data in NEW[:2]]
    assert [image.ordinal for image in to_artifacts(Room("shop", "bear", (1, 3)), pictures)] == [2, 4]
