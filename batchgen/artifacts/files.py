"""Files written whole or not at all, and names below the storage root."""

import errno
import os
import re
import stat
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

# Images that made room for newer ones; no custom_id can be called so, since none begins with a dot.
PREVIOUS = ".previous"
# The number of a further image holds no "x".
_COPY = re.compile(r"(?P<stem>.+)~(?P<size>[1-9][0-9]*x[1-9][0-9]*)(?P<suffix>\.[a-z]+)", re.ASCII | re.DOTALL)
# A process may have a thousand files open, connections among them.
_MOST_OPEN = 64


def image_path(folder: str, custom_id: str, ordinal: int, extension: str) -> str:
    """`batch/id.png`, `batch/id~2.png`, ...: below the root, with forward slashes. No custom_id holds a tilde."""
    suffix = f"~{ordinal}" if ordinal > 1 else ""
    return f"{folder}/{custom_id}{suffix}.{extension}"


def copy_path(path: str, size: str) -> str:
    """`batch/id~256x256.png`: where a copy of an image lies that has another size, WxH."""
    stem, _, extension = path.rpartition(".")
    return f"{stem}~{size}.{extension}"


def image_of(path: str) -> tuple[str, str] | None:
    """The path of the image that this one is called a copy of, and the copy's size; None for any other name."""
    found = _COPY.fullmatch(path)
    return (f"{found['stem']}{found['suffix']}", found["size"]) if found else None


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


def is_stored(path: Path, size: int) -> bool:
    """Whether there is a file of this size in bytes, behind no link; what is in it is not looked at."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == size and not path.parent.is_symlink()


def link_or_copy(source: Path, target: Path) -> OSError | None:
    """The same file under a second name, or where the disk cannot do that a durable copy; why it could not be written is
    returned. Raises OSError where the source cannot be read. What is no file of its own, like a link, is not there.
    """
    if not stat.S_ISREG(source.lstat().st_mode):
        raise FileNotFoundError(errno.ENOENT, "it is not a file", str(source))
    try:
        target.hardlink_to(source)
    except OSError:
        # Whose fault it is, the copy shows.
        (failure,) = write_durably([(target, source.read_bytes())])
        return failure
    return None


def write_durably(parts: Sequence[tuple[Path, bytes]], *, mode: int = 0o666) -> list[OSError | None]:
    """Write files and fsync them; which could not be is returned. Their names are made durable by syncing their folders.

    All are on their way to the disk before the first is waited for. The umask takes its part of the mode.
    """
    failures: list[OSError | None] = []
    for begin in range(0, len(parts), _MOST_OPEN):
        opened = [_written(path, data, mode) for path, data in parts[begin : begin + _MOST_OPEN]]
        failures += [handle if isinstance(handle, OSError) else _synced(handle) for handle in opened]
    return failures


def _written(path: Path, data: bytes, mode: int) -> int | OSError:
    """The open file, or why there is none. Plain system calls: a file object asks four things more for each small file."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), mode)
    except OSError as error:
        return error
    try:
        write_all(handle, data)
        _begin_sync(handle)
    except OSError as error:
        os.close(handle)
        return error
    return handle


def _begin_sync(handle: int) -> None:
    """Where the system can, have it begin to write: it does so when told that the copy in memory will not be needed.

    It is a hint: a file system that does not take it stores the file all the same.
    """
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)


def _synced(handle: int) -> OSError | None:
    try:
        os.fsync(handle)
    except OSError as error:
        return error
    finally:
        os.close(handle)
    return None


def write_whole(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write so that whoever reads the path sees all of it or nothing new. Raises OSError."""
    part = path.with_name(f"{path.name}.part")
    (failure,) = write_durably([(part, data)], mode=mode)
    try:
        if failure is not None:
            raise failure
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
