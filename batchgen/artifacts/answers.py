"""Answers on their way: what reached the disk before the ledger knew of it, so that no crash in between loses or rebuys it.

Every worker has a folder beside the storage root (below the root lie finished images only). An answer is first a small
record of all that settles its attempt, then its images as parts, then the parts are renamed into place, then the ledger
commits, then the record goes. An image that is whole on disk therefore always has a record that names it.

A lock in the worker's folder is held as long as its process lives: whoever can take it knows that the worker is dead.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from batchgen.artifacts import files
from batchgen.artifacts.image import Picture
from batchgen.core.artifact import Artifact

# What is on its way, where it cannot lie beside the root.
HOME_INSIDE = ".answers"
_LOCK = "lock"
# Replies that could not be understood, for a person to look at: the newest ones, so that they do not pile up.
_UNREAD = "unread"
_OWNER_ONLY = 0o600
_MOST_UNREAD = 20
# Less than one large image: to begin would be to buy what cannot be kept.
_LEAST_FREE_BYTES = 16 * 1024 * 1024
# A large PNG; so much has to be free for every request that is out.
_BYTES_AN_ANSWER = 8 * 1024 * 1024


class Record(msgspec.Struct, frozen=True):
    """What settles an attempt. `moved` are images (old path, new path) that make room for these.

    `likely_micros` is what the attempt should cost, for an answer without usage.
    """

    job_id: int
    attempt: int
    wanted: int
    http_status: int | None
    request_id: str | None
    usage: dict[str, int | None]
    images: list[Artifact]
    moved: list[tuple[str, str]]
    likely_micros: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """Where an answer's images go, and which ordinals other images of the same job have already."""

    folder: str
    custom_id: str
    have: tuple[int, ...] = ()


def to_artifacts(room: Room, pictures: Sequence[Picture]) -> list[Artifact]:
    """Give inspected images their ordinals and their places."""
    return [
        Artifact(
            ordinal=ordinal,
            path=files.image_path(room.folder, room.custom_id, ordinal, picture.extension),
            media_type=picture.media_type,
            width=picture.width,
            height=picture.height,
            bytes=picture.bytes,
            sha256=picture.sha256,
        )
        for ordinal, picture in zip(_free(room.have), pictures, strict=False)
    ]


def _free(taken: Sequence[int]) -> Iterator[int]:
    return (ordinal for ordinal in count(1) if ordinal not in taken)


class Desk:
    """One worker's folder. Calls block on the disk; they may be made from several threads at once."""

    def __init__(self, root: Path, folder: Path, lock: FileLock) -> None:
        self._root = root
        self._folder = folder
        self._lock = lock

    @property
    def owner(self) -> str:
        """The worker whose folder this is."""
        return self._folder.name

    def room(self, wanted: int) -> int:
        """For how many answers the disk has room, `wanted` at most: what is out and cannot be stored is paid and lost.

        It takes microseconds. Raises OSError where the storage cannot be asked.
        """
        free = shutil.disk_usage(self._root).free - _LEAST_FREE_BYTES
        return max(0, min(wanted, free // _BYTES_AN_ANSWER))

    def refuse_links(self, batches: Iterable[str]) -> None:
        """Raises OSError, before anything is paid, where a batch's folder is a link."""
        for name in batches:
            files.refuse_link(self._root / name)

    def disk_full(self) -> OSError:
        """The error of a disk without room."""
        return _disk_full(self._root)

    def previous_path(self, path: str, attempt: int) -> str:
        """Where an image can go to make room for the one that an attempt brings."""
        return files.previous_path(self._root, path, attempt)

    def keep(self, record: Record, images: Sequence[bytes]) -> None:
        """Make an answer durable. Raises OSError, and then nothing of it is left."""
        try:
            files.write_whole(self._record_path(record), msgspec.json.encode(record), mode=_OWNER_ONLY)
            for image, data in zip(record.images, images, strict=True):
                files.write_durably(self._part_path(record, image), data)
            files.sync_folder(self._folder)
        except OSError:
            self.discard(record)
            raise

    def keep_unread(self, job_id: int, attempt: int, reply: bytes) -> Path:
        """Store a reply that could not be understood, in place of the oldest such one if there are many. Raises OSError."""
        folder = self._folder.parent / _UNREAD
        files.refuse_link(folder)
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"{self.owner}-{job_id}-{attempt}.reply"
        files.write_whole(path, reply, mode=_OWNER_ONLY)
        # Every file counts: a process that was killed while it wrote leaves a part.
        for old in sorted((file for file in folder.iterdir() if file.is_file()), key=_age)[:-_MOST_UNREAD]:
            old.unlink(missing_ok=True)
        return path

    def place(self, record: Record) -> None:
        """Rename the parts to where they belong. May be repeated after a crash at any point of it."""
        self.refuse_links({image.path.partition("/")[0] for image in record.images})
        arriving = [image for image in record.images if self._part_path(record, image).exists()]
        # After a crash in here the old path may hold a new image already; then its part is gone and nothing is moved again.
        if len(arriving) == len(record.images):
            for old, new in record.moved:
                self._make_room(old, new)
        for image in arriving:
            target = self._root / image.path
            target.parent.mkdir(parents=True, exist_ok=True)
            # A file that the ledger does not know is not ours to overwrite.
            self._make_room(image.path, self.previous_path(image.path, record.attempt))
            self._part_path(record, image).replace(target)
        folders = {
            (self._root / path).parent for path in (*(image.path for image in record.images), *dict(record.moved).values())
        }
        for folder in {self._root, *(folder for folder in folders if folder.is_dir())}:
            files.sync_folder(folder)

    def is_whole(self, record: Record) -> bool:
        """Whether every image of a record is on disk, as a part or in its place already."""
        return all(_is(self._part_path(record, image), image) or _is(self._root / image.path, image) for image in record.images)

    def discard(self, record: Record) -> None:
        """Forget an answer: the ledger has it, or nobody wants it."""
        for image in record.images:
            self._part_path(record, image).unlink(missing_ok=True)
        self._record_path(record).unlink(missing_ok=True)

    def records(self) -> list[Record]:
        """Answers that were not settled, oldest attempt first."""
        found = []
        for path in self._folder.glob("*.json"):
            try:
                found.append(msgspec.json.decode(path.read_bytes(), type=Record))
            except msgspec.DecodeError:
                # Not written by us, or by another version of us: it stays where it is, and stops nobody.
                continue
        return sorted(found, key=lambda record: (record.job_id, record.attempt))

    def close(self, *, unsettled: bool = False) -> None:
        """Leave; records that are left stay for the next worker, and so does the folder if there is `unsettled` work.

        By the folder, the next start sees at once that this worker is gone.
        """
        empty = not unsettled and not any(self._folder.glob("*.json"))
        self._lock.release()
        if empty:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _make_room(self, old: str, new: str) -> None:
        source, target = self._root / old, self._root / new
        if files.is_there(source) and not files.is_there(target):
            files.refuse_link(target.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)

    def _record_path(self, record: Record) -> Path:
        return self._folder / f"{record.job_id}-{record.attempt}.json"

    def _part_path(self, record: Record, image: Artifact) -> Path:
        return self._folder / f"{record.job_id}-{record.attempt}-{image.ordinal}.part"


class Office:
    """All workers' folders of one storage root."""

    def __init__(self, root: Path) -> None:
        # A root that is a link to another disk: what lies beside the link could not be renamed to there.
        self._root = root.resolve()
        self._home = _home(self._root)

    def open_desk(self, owner: str) -> Desk:
        """Make a worker's folder and hold its lock. Raises OSError where the storage cannot be written."""
        self._root.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self._root).free < _LEAST_FREE_BYTES + _BYTES_AN_ANSWER:
            raise _disk_full(self._root)
        files.refuse_link(self._home)
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._everybody():
            folder = self._home / owner
            folder.mkdir(mode=0o700)
            lock = _lock(folder)
            lock.acquire()
        return Desk(self._root, folder, lock)

    def dead_desks(self) -> list[Desk]:
        """The folders of workers that died; their locks are held until they are closed."""
        files.refuse_link(self._home)
        dead = []
        with self._everybody():
            for folder in sorted(path for path in self._home.iterdir() if path.is_dir() and path.name != _UNREAD):
                lock = _lock(folder)
                try:
                    lock.acquire()
                except Timeout:
                    continue
                dead.append(Desk(self._root, folder, lock))
        return dead

    def _everybody(self) -> FileLock:
        # A folder without a lock would look dead in the moment between its making and its locking.
        return FileLock(self._home / _LOCK, thread_local=False)


def _disk_full(root: Path) -> OSError:
    return OSError(errno.ENOSPC, f"the disk of {root} is full")


def _lock(folder: Path) -> FileLock:
    return FileLock(folder / _LOCK, blocking=False, thread_local=False)


def _home(root: Path) -> Path:
    """Beside the root, so that a rename stays within one file system.

    A root that is a mount point has no such neighbour, and one in a folder of somebody else's may not have one.
    """
    beside = root.parent / f".{root.name}.answers"
    has_place = beside.is_dir() or not root.parent.exists() or os.access(root.parent, os.W_OK)
    return beside if has_place and not root.is_mount() else root / HOME_INSIDE


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        # Another worker has just thrown it away.
        return 0.0


def _is(path: Path, image: Artifact) -> bool:
    if not path.is_file() or path.stat().st_size != image.bytes:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == image.sha256
