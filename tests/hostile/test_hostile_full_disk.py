"""Real full disks: a small file system, and the system's own limit on files. Nothing is bought twice and the money is right."""

import os
import resource
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import web
from PIL import Image
from scripted_server import USAGE_MICROS, Behaviour, ScriptedServer, Seen, hang, image_body
from small_disk import small_disk_at

from .conftest import Program, Stage, prompts

_MEGA = 1_000_000
_DISK_MEGABYTES = 64
_ROWS = 16


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk, empty."""
    place = tmp_path / "disk"
    with small_disk_at(place, _DISK_MEGABYTES):
        yield place


def _fill(place: Path) -> Path:
    """Take all the room that is left; deleting the file gives it back."""
    ballast = place / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (_MEGA, 4096, 1):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
    return ballast


def _large_images() -> Behaviour:
    """An image of a megabyte that cannot be packed; the server counts what it made."""

    async def answer(server: ScriptedServer, _request: web.Request, _seen: Seen) -> web.StreamResponse:
        buffer = BytesIO()
        Image.frombytes("RGB", (640, 520), os.urandom(640 * 520 * 3)).save(buffer, "PNG", compress_level=0)
        server.made.append(buffer.getvalue())
        return web.Response(body=image_body([buffer.getvalue()]), content_type="application/json")

    return Behaviour(answer)


@dataclass(frozen=True, slots=True)
class _Books:
    """What the server billed, what the ledger knows of it, and how many answers found no room."""

    billed: int
    known: int
    lost: int


def _books(folder: Path, server: Stage) -> _Books:
    """No attempt may be unknown: every answer came whole."""
    with closing(sqlite3.connect(folder / "batchgen.db")) as ledger:
        query = "SELECT sum(cost_micros), sum(outcome = 'unknown'), sum(outcome = 'storage_failed') FROM attempts"
        known, unknown, lost = ledger.execute(query).fetchone()
    assert unknown == 0
    return _Books(len(server.server.made) * USAGE_MICROS, known, lost)


def _is_halted(program: Program, server: Stage, code: int, said: str) -> _Books:
    """A halt says in one line what to do, fails no job and leaves none running, and knows every cost."""
    assert code == 3
    assert len(said.strip().splitlines()) == 1
    assert "make room" in said or "mend that" in said
    jobs = program.json("status", "signs")["jobs"]
    assert (jobs["running"], jobs["failed"]) == (0, 0)
    assert jobs["pending"] > 0
    books = _books(program.folder, server)
    assert books.billed == books.known
    return books


def _is_finished_with_room(program: Program, server: Stage, halted: _Books) -> None:
    """Everything is made; what was stored is not bought again, and what was lost is bought once more."""
    program.run("-q", "run", "signs.csv")
    assert program.json("status", "signs")["jobs"]["succeeded"] == _ROWS
    books = _books(program.folder, server)
    assert books == _Books((_ROWS + halted.lost) * USAGE_MICROS, books.billed, halted.lost)
    assert program.json("verify") == {"sound": _ROWS, "wrong": [], "unknown": []}


def test_a_disk_that_runs_full_halts_the_run_before_an_image_is_lost(
    stage: Callable[..., Stage], tmp_path: Path, disk: Path
) -> None:
    """The run stops asking while what is out still finds room: exit 3, nothing lost; with room again all are made once."""
    server = stage(then=_large_images())
    program = server.client(tmp_path, BATCHGEN_STORAGE__ROOT=str(disk / "images"))
    program.write("signs.csv", prompts(_ROWS))
    ballast = disk / "ballast"
    ballast.write_bytes(bytes((_DISK_MEGABYTES - 36) * 2**20))
    done = program.run("-q", "run", "signs.csv", "--concurrency", "3", code=3)
    halted = _is_halted(program, server, done.returncode, done.stderr)
    assert (halted.lost, halted.billed > 0) == (0, True)
    ballast.unlink()
    _is_finished_with_room(program, server, halted)


def test_a_disk_that_is_full_when_the_answers_come_halts_the_run(
    stage: Callable[..., Stage], tmp_path: Path, disk: Path
) -> None:
    """Somebody else takes all the room while requests are out: exit 3, each loss is in the books, nothing else is bought."""
    server = stage(then=hang(_large_images()))
    program = server.client(tmp_path, BATCHGEN_STORAGE__ROOT=str(disk / "images"))
    program.write("signs.csv", prompts(_ROWS))
    process = program.start("-q", "run", "signs.csv", "--concurrency", "3")
    server.arrived(3)
    ballast = _fill(disk)
    server.release()
    said = process.communicate(timeout=60)[1]
    halted = _is_halted(program, server, process.returncode, said)
    assert (halted.lost, halted.billed) == (3, 3 * USAGE_MICROS)
    left = [path for path in disk.rglob("*.*") if path.is_file()]
    assert [path for path in left if path.suffix in (".answers", ".part", ".png")] == []
    ballast.unlink()
    _is_finished_with_room(program, server, halted)


def test_a_disk_that_is_full_already_costs_nothing(stage: Callable[..., Stage], tmp_path: Path, disk: Path) -> None:
    """A run that has no room for an image from its start asks for none."""
    server = stage()
    program = server.client(tmp_path, BATCHGEN_STORAGE__ROOT=str(disk / "images"))
    program.write("signs.csv", prompts(3))
    _fill(disk)
    assert "full" in program.run("-q", "run", "signs.csv", code=3).stderr
    assert server.server.seen == []


@pytest.mark.skipif(os.name != "posix", reason="a limit of POSIX")
def test_a_limit_on_the_size_of_files_halts_the_run(stage: Callable[..., Stage], tmp_path: Path) -> None:
    """Where the system refuses a file of that size the run halts; without the limit everything is made."""
    server = stage(then=_large_images())
    program = server.client(tmp_path)
    program.write("signs.csv", prompts(_ROWS))
    program.run("submit", "signs.csv")

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, resource.RLIM_INFINITY))

    done = program.run("-q", "run", "signs.csv", "--concurrency", "3", code=3, preexec_fn=limited)
    halted = _is_halted(program, server, done.returncode, done.stderr)
    assert 1 <= halted.lost <= 3
    _is_finished_with_room(program, server, halted)


def test_a_run_waits_for_room_for_its_ledger(stage: Callable[..., Stage], tmp_path: Path, disk: Path) -> None:
    """The ledger's disk is full when the answers come: the run waits and says so, drops none of them, and goes on with room."""
    server = stage(hang(), hang(), hang())
    program = server.client(tmp_path, BATCHGEN_DATABASE__URL=f"sqlite:///{disk / 'batchgen.db'}")
    program.write("signs.csv", prompts(_ROWS))
    process = program.start("run", "signs.csv", "--concurrency", "3")
    server.arrived(3)
    ballast = _fill(disk)
    server.release()
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if "waiting for it" in line:
            break
    ballast.unlink()
    said.append(process.communicate(timeout=100)[1])
    assert process.returncode == 0, said
    assert "can be used again" in said[-1]
    shutil.copy(disk / "batchgen.db", tmp_path)
    assert program.json("status", "signs")["jobs"]["succeeded"] == _ROWS
    assert len(server.server.made) == _ROWS
    assert _books(tmp_path, server) == _Books(_ROWS * USAGE_MICROS, _ROWS * USAGE_MICROS, 0)
