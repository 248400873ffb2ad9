"""Files written whole or not at all, and names below the storage root."""

import errno
import os
from itertools import count
from pathlib import Path

# Images that made room for newer ones; no custom_id can be called so, since none begins with a dot.
PREVIOUS = ".previous"


def image_path(folder: str, custom_id: str, ordinal: int, extension: str) -> str:
    """`batch/id.png`, `batch/id~2.png`, ...: below the root, with forward slashes. No custom_id holds a tilde."""
    suffix = f"~{ordinal}" if ordinal > 1 else ""
    return f"{folder}/{custom_id}{suffix}.{extension}"


def previous_path(root: Path, path: str, attempt: int) -> str:
    """Where the image of a path goes when attempt number `attempt` brings a newer one: a name that is free.

    It can be taken: by an image that another ledger, deleted since, moved there.
    """
    folder, _, name = path.rpartition("/")
    stem, _, extension = name.rpartition(".")
    for number in count(1):
        again = f"-{number}" if number > 1 else ""
        candidate = f"{folder}/{PREVIOUS}/{stem}.before-{attempt}{again}.{extension}"
        if not is_there(root / candidate):
            return candidate
    raise AssertionError("numbers have run out")


def is_there(path: Path) -> bool:
    """Whether the name is taken, be it by a link that leads nowhere."""
    return os.path.lexists(path)


def refuse_link(folder: Path) -> None:
    """Raises OSError for a folder of images that is a link: nobody shall lead what is stored, or moved away, elsewhere."""
    if folder.is_symlink():
        raise OSError(errno.ELOOP, "it is a link, and images are not stored behind links", str(folder))


def write_all(handle: int, data: bytes) -> None:
    """Write to the last byte: a full disk or a limit may take a part only."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def write_durably(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write and fsync; its name is made durable by syncing its folder. The umask takes its part of the mode.

    Plain system calls: a file object asks four things more of the system for each small file.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), mode)
    try:
        write_all(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write so that whoever reads the path sees all of it or nothing new."""
    part = path.with_name(f"{path.name}.part")
    try:
        write_durably(part, data, mode=mode)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
