"""The office: a worker that died is known by its lock, and a living one is left alone."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from desk_bench import ENVIRONMENT, NEW, PLACED, desk_of, only_dead_desk, place, record_of, tree, write

from batchgen.artifacts.office import Office

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
            write(desk, record, NEW)
            place(desk, record)
            desk.settle(record)
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
