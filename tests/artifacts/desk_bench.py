"""Desks below a storage root, and answers to put on them."""

import io
import os
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from batchgen.artifacts.answers import Record, Room, to_artifacts
from batchgen.artifacts.image import inspect
from batchgen.artifacts.office import Office

REPOSITORY = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
BOUND_S = 20.0


def png(colour):
    """An image that is unlike those of other colours."""
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9), (colour, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


NEW = [png(1), png(2), png(3)]
OLD = [png(11), png(12)]
PLACED = {"shop/bear.png": NEW[0], "shop/bear~2.png": NEW[1], "shop/bear~3.png": NEW[2]}


def record_of(images, *, attempt=1, moved=(), have=(), job_id=5, folder="shop", custom_id="bear"):
    """What settles an attempt that brought these images."""
    room = Room(folder, custom_id, have)
    return Record(
        job_id, attempt, len(images), 200, "req", {}, to_artifacts(room, [inspect(data) for data in images]), list(moved)
    )


def write(desk, record, images):
    """An answer is written down, and nothing is said against it."""
    assert desk.write([(record, images)]) == [None]


def place(desk, *records):
    """Answers get to their places, and nothing is said against it."""
    assert desk.place(records) == [None] * len(records)


def tree(folder):
    """Every file below a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if not path.is_dir()}


@contextmanager
def desk_of(root, owner="worker-1"):
    """A living worker's desk."""
    desk = Office(root).open_desk(owner)
    try:
        yield desk
    finally:
        desk.close()


def only_dead_desk(root):
    """The one that a dead worker left."""
    (desk,) = Office(root).dead_desks()
    return desk


def put(root, path, data):
    """A file below the root."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def journals(root, owner="worker-1"):
    """The files that hold a worker's records, the oldest first."""
    return sorted((root.parent / ".images.answers" / owner).glob("*.answers"), key=lambda path: path.stat().st_ctime_ns)


class Killed(BaseException):
    """Stands for the end of the process."""
