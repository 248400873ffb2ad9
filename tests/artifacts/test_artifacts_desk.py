"""A worker's desk: an answer is kept whole before anybody hears of it, or nothing of it is."""

import errno
import json
import os
import subprocess
import sys

import pytest
from desk_bench import ENVIRONMENT, NEW, OLD, PLACED, Killed, desk_of, journals, only_dead_desk, place, record_of, tree, write

from batchgen.artifacts.office import Office
from batchgen.core.artifact import Artifact


def test_an_answer_goes_its_way(root):
    """Kept beside the root, placed below it under the job's name, byte for byte, and then forgotten."""
    record = record_of(NEW)
    with desk_of(root) as desk:
        write(desk, record, NEW)
        desk.hold()
        assert tree(root) == {}
        assert desk.records() == [record]
        assert desk.is_whole(record)
        place(desk, record)
        assert tree(root) == PLACED
        assert desk.is_whole(record)
        desk.settle(record)
        assert desk.records() == []
    assert [path.name for path in root.parent.iterdir() if path.name != "images"] == [".images.answers"]
    assert not any(path.is_dir() for path in (root.parent / ".images.answers").iterdir())


def test_an_answer_that_nobody_wants_leaves_nothing(root):
    """Neither a part nor a record, and nothing below the root."""
    record = record_of(NEW)
    with desk_of(root) as desk:
        write(desk, record, NEW)
        desk.hold()
        desk.discard(record)
        assert desk.records() == []
        assert not desk.is_whole(record)
        assert list((root.parent / ".images.answers" / desk.owner).glob("*.part")) == []
    assert Office(root).dead_desks() == []
    assert tree(root) == {}


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_records_are_their_owners_alone(root):
    """Nobody else can look into the folder of answers."""
    with desk_of(root) as desk:
        write(desk, record_of(NEW), NEW)
        assert (root.parent / ".images.answers").stat().st_mode & 0o077 == 0
        assert (root.parent / ".images.answers" / desk.owner).stat().st_mode & 0o077 == 0
        assert [path.stat().st_mode & 0o777 for path in journals(root)] == [0o600]


@pytest.mark.parametrize("damage", ["gone", "shorter", "other bytes"])
def test_a_damaged_part_is_noticed(root, damage):
    """A record whose image is not on disk to the last bit is not whole."""
    record = record_of(NEW)
    with desk_of(root) as desk:
        write(desk, record, NEW)
        part = next((root.parent / ".images.answers" / desk.owner).glob("*-2.part"))
        if damage == "gone":
            part.unlink()
        else:
            part.write_bytes(NEW[1][:-1] if damage == "shorter" else NEW[1][:-1] + b"!")
        assert not desk.is_whole(record)
        desk.discard(record)


def die_at_call(monkeypatch, number):
    """From outside: the process ends just before its call of that number that writes or syncs."""
    count = 0

    def wrapped(real):
        def call(*given):
            nonlocal count
            if count == number:
                raise Killed
            count += 1
            return real(*given)

        return call

    for name in ("write", "fsync"):
        monkeypatch.setattr(os, name, wrapped(getattr(os, name)))


# On the way: the journal's name is synced, a record and three images are written, the images are synced, and then the records
# and the names of all.
@pytest.mark.parametrize("killed_at", range(10))
def test_keeping_shows_nothing_below_the_root(root, monkeypatch, killed_at):
    """Dead at any point of keeping, the root is as it was, and a record is known to be whole or not to be."""
    record = record_of(NEW)
    desk = Office(root).open_desk("worker-1")
    with monkeypatch.context() as patch:
        die_at_call(patch, killed_at)
        with pytest.raises(Killed):
            write(desk, record, NEW)
            desk.hold()
    assert tree(root) == {}
    desk.close(unsettled=True)
    again = only_dead_desk(root)
    if killed_at < 2:
        assert again.records() == []
    else:
        assert again.records() == [record]
        assert again.is_whole(record) == (killed_at >= 5)
        again.discard(record)
    again.close()
    assert Office(root).dead_desks() == []


def test_all_is_durable_when_holding_has_returned(root, monkeypatch):
    """Each image, the records and the folder of their names were synced, and nothing was written after its sync."""
    synced = {}
    real = os.fsync

    def fsync(handle):
        real(handle)
        seen = os.fstat(handle)
        synced[seen.st_ino] = seen.st_mtime_ns, seen.st_size

    with desk_of(root) as desk:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            write(desk, record_of(NEW), NEW)
            desk.hold()
        folder = root.parent / ".images.answers" / desk.owner
        written = [*folder.glob("*.part"), *journals(root), folder]
        assert len(written) == 5
        for path in written:
            seen = path.stat()
            assert synced[seen.st_ino] == (seen.st_mtime_ns, seen.st_size), path


LIMITED = """
import json, os, pathlib, resource, sys, msgspec
from batchgen.artifacts.answers import Record
from batchgen.artifacts.office import Office
root, limit = pathlib.Path(sys.argv[1]), int(sys.argv[2])
record = msgspec.json.decode(sys.argv[3], type=Record)
images = [b"x" * image.bytes for image in record.images]
desk = Office(root).open_desk("limited")
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
(failure,) = desk.write([(record, images)])
told = "written" if failure is None else failure.strerror
left = sorted(path.name for path in (root.parent / ".images.answers" / "limited").glob("*.part"))
records = len(desk.records())
desk.close()
print(json.dumps([told, left, records, (root.parent / ".images.answers" / "limited").exists()]))
"""


@pytest.mark.skipif(os.name != "posix", reason="limits are of POSIX")
@pytest.mark.parametrize(
    ("limit", "told"),
    [(10, "File too large"), (2_000, "File too large"), (60_000, "File too large"), (200_000, "written")],
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
    assert got == ([told, [], 0, False] if told != "written" else [told, ["5-1-1.part", "5-1-2.part"], 1, True])
    assert tree(root) == {}


def test_of_many_answers_only_that_fails_which_cannot_be_written(root):
    """Of three the second has no room for its last image: it is told, nothing of it counts, and the others are kept."""
    images = [NEW[:2], OLD, NEW[1:]]
    records = [record_of(images[n], job_id=job, custom_id=f"job-{job}") for n, job in enumerate((5, 6, 7))]
    with desk_of(root) as desk:
        folder = root.parent / ".images.answers" / desk.owner
        # What is in the way cannot even be deleted.
        (folder / "6-1-2.part").mkdir()
        failures = desk.write(list(zip(records, images, strict=True)))
        assert [type(failure) for failure in failures] == [type(None), IsADirectoryError, type(None)]
        assert failures[1].filename == str(folder / "6-1-2.part")
        desk.hold()
        assert desk.records() == [records[0], records[2]]
        assert [desk.is_whole(record) for record in records] == [True, False, True]
        assert sorted(path.name for path in folder.glob("*.part") if path.is_file()) == [
            "5-1-1.part",
            "5-1-2.part",
            "7-1-1.part",
            "7-1-2.part",
        ]
        place(desk, records[0], records[2])
        assert list(tree(root).values()) == [*images[0], *images[2]]
        for record in (records[0], records[2]):
            desk.settle(record)
    assert not folder.exists()


def test_many_answers_are_on_their_way_before_the_first_is_waited_for(root, monkeypatch):
    """A hundred images: 64 are written before the first of them is synced, the rest follows alike, and each is synced."""
    answers = [(record_of(NEW[:1], job_id=job), NEW[:1]) for job in range(1, 101)]
    written, synced = [], []
    real_write, real_fsync = os.write, os.fsync

    def write(handle, data):
        written.append(os.fstat(handle).st_ino)
        return real_write(handle, data)

    def fsync(handle):
        real_fsync(handle)
        synced.append((os.fstat(handle).st_ino, len(written)))

    with desk_of(root) as desk:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", write)
            patch.setattr(os, "fsync", fsync)
            assert desk.write(answers) == [None] * 100
        parts = {path.stat().st_ino for path in (root.parent / ".images.answers" / desk.owner).glob("*.part")}
        assert len(parts) == 100
        # One line of the journal comes first.
        assert [before for inode, before in synced if inode in parts] == [1 + 64] * 64 + [1 + 100] * 36
        assert {inode for inode, _ in synced} >= parts
        for record, _ in answers:
            desk.discard(record)


def test_a_file_system_that_takes_no_hints_keeps_answers_all_the_same(root, monkeypatch):
    """Where the system cannot be told what to write soon, nothing is lost by that."""

    def refuse(*_given):
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(os, "posix_fadvise", refuse, raising=False)
    record = record_of(NEW)
    with desk_of(root) as desk:
        write(desk, record, NEW)
        assert desk.is_whole(record)
        desk.discard(record)


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
