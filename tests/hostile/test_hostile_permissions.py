"""Who may read what: the ledger, its journals and the answers on their way are their owner's alone, however lax the mask."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from scripted_server import hang, html

from .conftest import Program, Stage, prompts

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are a matter of POSIX")


def _open_to_others(top: Path) -> list[str]:
    """What somebody else could list or read, given that they may enter the folder above."""
    found = []
    for path in [top, *top.rglob("*")] if top.is_dir() else [top]:
        between = [folder for folder in path.parents if folder == top or top in folder.parents]
        is_closed = any(folder.stat().st_mode & 0o011 == 0 for folder in between)
        if not is_closed and path.stat().st_mode & 0o077:
            found.append(f"{path.relative_to(top.parent)} {path.stat().st_mode & 0o777:o}")
    return found


def _ledger(folder: Path) -> list[Path]:
    return sorted(folder.glob("batchgen.db*"))


def test_while_a_run_is_in_flight_nobody_else_can_look(stage: Callable[..., Stage], tmp_path: Path) -> None:
    """The database, its -wal and -shm and the folder of answers are closed to others while a request is out."""
    server = stage(then=hang())
    program = server.client(tmp_path)
    program.write("signs.csv", prompts(3))
    process = program.start("run", "signs.csv", umask=0o022)
    server.arrived(3)
    ledger, answers = _ledger(tmp_path), _open_to_others(tmp_path / ".images.answers")
    exposed = [shown for path in ledger for shown in _open_to_others(path)]
    server.release()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert [path.name for path in ledger] == ["batchgen.db", "batchgen.db-shm", "batchgen.db-wal"]
    assert exposed + answers == []


def test_an_answer_that_waits_on_disk_is_closed_to_others(stage: Callable[..., Stage], tmp_path: Path) -> None:
    """An answer that found no place lies in its worker's folder: record and image, and nobody else reaches them."""
    program = stage().client(tmp_path)
    program.write("signs.csv", prompts(1))
    program.write("images/signs", "a file where the batch's folder should be")
    program.run("run", "signs.csv", code=3, umask=0o022)
    waiting = {path.suffix for path in (tmp_path / ".images.answers").rglob("*") if path.is_file()}
    assert {".answers", ".part"} <= waiting
    assert [path for path in (tmp_path / ".images.answers").rglob("*.answers") if path.stat().st_mode & 0o077] == []
    assert _open_to_others(tmp_path / ".images.answers") == []
    (tmp_path / "images" / "signs").unlink()
    program.run("run", "signs.csv", umask=0o022)
    assert _open_to_others(tmp_path / ".images.answers") == []


def test_a_reply_that_is_kept_is_closed_to_others(stage: Callable[..., Stage], tmp_path: Path) -> None:
    """What could not be understood is kept for its owner: neither the file nor its folder is open to others."""
    program = stage(then=html()).client(tmp_path, BATCHGEN_RETRY__MAX_ATTEMPTS="1")
    program.write("signs.csv", prompts(2))
    program.run("run", "signs.csv", code=1, umask=0o022)
    kept = list((tmp_path / ".images.answers" / "unread").iterdir())
    assert [path.stat().st_mode & 0o077 for path in kept] == [0, 0]
    assert _open_to_others(tmp_path / ".images.answers") == []


def test_a_ledger_that_was_touched_before_is_closed(program: Program) -> None:
    """An empty file that stood there with an ordinary mode is closed before anything is written into it."""
    program.write("batchgen.db", "").chmod(0o644)
    program.write("signs.csv", prompts(1))
    program.run("submit", "signs.csv", umask=0o022)
    assert [shown for path in _ledger(program.folder) for shown in _open_to_others(path)] == []
