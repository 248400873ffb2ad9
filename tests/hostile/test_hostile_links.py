"""Links and other things that somebody put where images belong: nothing is written through them, nothing hangs on them."""

import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from scripted_server import hang

from .conftest import Program, Stage, prompts

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with somebody's file."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "theirs.png").write_bytes(b"precious")
    return folder


def _is_untouched(elsewhere: Path) -> bool:
    return {path.name: path.read_bytes() for path in elsewhere.iterdir()} == {"theirs.png": b"precious"}


@pytest.mark.parametrize("target", ["folder", "nothing"])
def test_a_batch_whose_folder_is_a_link_is_not_begun(
    stage: Callable[..., Stage], tmp_path: Path, elsewhere: Path, target: str
) -> None:
    """Exit 3 before any request leaves, with the path in the line; nothing is written behind the link."""
    server = stage()
    program = server.client(tmp_path)
    program.write("signs.csv", prompts(3))
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "signs").symlink_to(elsewhere if target == "folder" else elsewhere / "not-there")
    said = program.run("-q", "run", "signs.csv", code=3).stderr
    assert str(tmp_path / "images" / "signs") in said
    assert len(said.strip().splitlines()) == 1
    assert server.server.seen == []
    assert _is_untouched(elsewhere)
    assert program.json("status", "signs")["jobs"]["pending"] == 3


def test_a_run_does_not_begin_where_its_answers_would_go_behind_a_link(
    stage: Callable[..., Stage], tmp_path: Path, elsewhere: Path
) -> None:
    """The folder of answers on their way can be planted too: exit 3 with its path, and no request leaves."""
    server = stage()
    program = server.client(tmp_path)
    program.write("signs.csv", prompts(3))
    (tmp_path / ".images.answers").symlink_to(elsewhere)
    said = program.run("-q", "run", "signs.csv", code=3).stderr
    assert str(tmp_path / ".images.answers") in said
    assert len(said.strip().splitlines()) == 1
    assert server.server.seen == []
    assert _is_untouched(elsewhere)


def test_a_folder_that_becomes_a_link_during_the_run_gets_nothing(
    stage: Callable[..., Stage], tmp_path: Path, elsewhere: Path
) -> None:
    """Answers that come home to a link wait on disk: exit 3, nothing behind it; with the link gone none is bought again."""
    server = stage(then=hang())
    program = server.client(tmp_path)
    program.write("signs.csv", prompts(3))
    process = program.start("-q", "run", "signs.csv")
    server.arrived(3)
    link = tmp_path / "images" / "signs"
    link.symlink_to(elsewhere)
    server.release()
    process.communicate(timeout=60)
    assert process.returncode == 3
    assert _is_untouched(elsewhere)
    link.unlink()
    program.run("-q", "run", "signs.csv")
    assert program.json("status", "signs")["jobs"]["succeeded"] == 3
    assert len(server.server.seen) == 3
    assert _is_untouched(elsewhere)


def test_an_image_that_is_a_link_is_not_written_through(stage: Callable[..., Stage], tmp_path: Path, elsewhere: Path) -> None:
    """The link is moved aside as anything unknown is; the file it leads to keeps its bytes."""
    server = stage()
    program = server.client(tmp_path)
    program.write("signs.csv", prompts(2))
    folder = tmp_path / "images" / "signs"
    folder.mkdir(parents=True)
    (folder / "row-1.png").symlink_to(elsewhere / "theirs.png")
    (folder / "row-2.png").symlink_to(elsewhere / "not-there.png")
    program.run("run", "signs.csv")
    assert _is_untouched(elsewhere)
    assert [(folder / name).is_symlink() for name in ("row-1.png", "row-2.png")] == [False, False]
    assert {(folder / name).read_bytes() for name in ("row-1.png", "row-2.png")} == set(server.server.made)
    assert program.json("verify")["sound"] == 2


def test_old_images_are_not_moved_behind_a_link(stage: Callable[..., Stage], tmp_path: Path, elsewhere: Path) -> None:
    """Where .previous is a link an update halts instead of moving images out of the folder."""
    program = stage().client(tmp_path)
    program.write("signs.csv", prompts(1))
    program.run("run", "signs.csv")
    old = (tmp_path / "images" / "signs" / "row-1.png").read_bytes()
    (tmp_path / "images" / "signs" / ".previous").symlink_to(elsewhere)
    program.write("signs.csv", prompts(1).replace("number 1", "number one"))
    program.run("run", "signs.csv", "--update", code=3)
    assert _is_untouched(elsewhere)
    assert (tmp_path / "images" / "signs" / "row-1.png").read_bytes() == old


def _without_memory_for_all() -> None:
    # A reader that takes /dev/zero for a file ends here and not with the machine.
    resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))


def test_verify_names_whatever_is_no_file_and_does_not_hang(program: Program, elsewhere: Path) -> None:
    """In place of images: links to the very bytes, to nothing, to /dev/zero, to themselves; a pipe; a folder. All are wrong."""
    program.write("signs.csv", prompts(7))
    program.run("run", "signs.csv", "--provider", "sandbox")
    folder = program.folder / "images" / "sandbox-signs"
    moved = (folder / "row-1.png").rename(program.folder / "same.png")
    for number, target in ((1, moved), (2, elsewhere / "not-there"), (3, Path("/dev/zero")), (4, Path("row-4.png"))):
        (folder / f"row-{number}.png").unlink(missing_ok=True)
        (folder / f"row-{number}.png").symlink_to(target)
    (folder / "row-5.png").unlink()
    os.mkfifo(folder / "row-5.png")
    (folder / "row-6.png").unlink()
    (folder / "row-6.png").mkdir()
    os.mkfifo(folder / "stranger.png")
    (folder / "zero.png").symlink_to("/dev/zero")
    done = program.run("verify", code=1, timeout=60, preexec_fn=_without_memory_for_all)
    told = {line.partition(":")[0] for line in done.stdout.splitlines()[:-1]}
    names = [*(f"row-{number}.png" for number in range(1, 7)), "stranger.png", "zero.png"]
    assert told == {f"sandbox-signs/{name}" for name in names}
    assert done.stdout.splitlines()[-1] == "1 image as stored, 6 wrong, 2 unknown"
