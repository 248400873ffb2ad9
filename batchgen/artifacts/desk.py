"""One worker's desk: answers that reached the disk before the ledger knew of them, so that no crash loses or rebuys them.

Every worker has a folder beside the storage root (below the root lie finished images only). An answer is first a small
record of all that settles its attempt and its images as parts, then the parts are renamed into place, all of it is synced,
then the ledger commits, then the record goes. Whenever the process dies, an image that is whole on disk has a record that names
it; when the power fails before the sync, the answer is as lost as one that had not come yet.
"""

import errno
import hashlib
import secrets
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from batchgen.artifacts import aside, copies, files
from batchgen.artifacts.answers import Record
from batchgen.artifacts.journal import Journal
from batchgen.artifacts.syncs import FolderSyncs
from batchgen.core.artifact import Artifact

# Less than one large image: to begin would be to buy what cannot be kept.
_LEAST_FREE_BYTES = 16 * 1024 * 1024
# A large PNG; so much has to be free for every request that is out.
_BYTES_AN_ANSWER = 8 * 1024 * 1024


class NotAsStored(Exception):
    """An image is not there any more, or is another one than was stored; the text says which."""


class Desk:
    """One worker's folder. Calls block on the disk; they may be made from several threads at once."""

    def __init__(self, root: Path, folder: Path, lock: FileLock) -> None:
        self._root = root
        self._folder = folder
        self._lock = lock
        self._journal = Journal(folder)
        self._made: set[Path] = set()
        # Names are made durable together with the records written before: one wait for both.
        self._syncs = FolderSyncs(self._journal.sync)

    @property
    def owner(self) -> str:
        """The worker whose folder this is."""
        return self._folder.name

    def room(self, wanted: int) -> int:
        """For how many answers the disk has room, `wanted` at most: what is out and cannot be stored is paid and lost.

        It takes microseconds. Raises OSError where the storage cannot be asked.
        """
        return min(wanted, room_on_disk(self._root))

    def resize(self, path: str, size: str) -> None:
        """Make the copy of an image in another size, if it is not there. Raises NotCopied."""
        if copies.is_missing(self._root, path, size):
            copies.make(self._root, path, size, self._folder / f"{secrets.token_hex(8)}.copy")

    def refuse_links(self, batches: Iterable[str]) -> None:
        """Raises OSError, before anything is paid, where a batch's folder is a link."""
        for name in batches:
            files.refuse_link(self._root / name)

    def disk_full(self) -> OSError:
        """The error of a disk without room."""
        return disk_full(self._root)

    def locate(self, path: str) -> Path:
        """Where that lies whose path below the storage root is this."""
        return self._root / path

    def previous_path(self, path: str, attempt: int) -> str:
        """Where an image can go to make room for the one that an attempt brings."""
        return files.previous_path(self._root, path, attempt)

    def write(self, answers: Sequence[tuple[Record, Sequence[bytes]]]) -> list[OSError | None]:
        """Write answers down, each a record and its images; durable when `hold` or `place` has returned.

        Which could not be written is returned: nothing of those counts.
        """
        try:
            self._journal.append([record for record, _ in answers])
        except OSError as error:
            return [error] * len(answers)
        parts = [
            (number, self._part_path(record, image), data)
            for number, (record, images) in enumerate(answers)
            for image, data in zip(record.images, images, strict=True)
        ]
        failures: list[OSError | None] = [None] * len(answers)
        for (number, *_), failure in zip(parts, files.write_durably([(path, data) for _, path, data in parts]), strict=True):
            failures[number] = failures[number] or failure
        self._discard_failed(answers, failures)
        return failures

    def take_up(self, answers: Sequence[tuple[Record, Sequence[str]]]) -> list[Exception | None]:
        """As `write`, with images that were stored before: by their paths below the root they are linked, or copied.

        What went wrong is returned: NotAsStored where an image is not what the record says, else OSError.
        """
        try:
            self._journal.append([record for record, _ in answers])
        except OSError as error:
            return [error] * len(answers)
        failures = [self._taken_up(record, paths) for record, paths in answers]
        self._discard_failed(answers, failures)
        return failures

    def _discard_failed(self, answers: Sequence[tuple[Record, object]], failures: Sequence[Exception | None]) -> None:
        for (record, _), failure in zip(answers, failures, strict=True):
            if failure is not None:
                # A disk that cannot even delete any more must not keep the others from their places.
                with suppress(OSError):
                    self.discard(record)

    def _taken_up(self, record: Record, paths: Sequence[str]) -> Exception | None:
        try:
            for image, path in zip(record.images, paths, strict=True):
                part = self._part_path(record, image)
                files.refuse_link((self._root / path).parent)
                if (failure := files.link_or_copy(self._root / path, part)) is not None:
                    return failure
                if not _is(part, image):
                    return NotAsStored(f"{path} is not the image that was stored")
        except FileNotFoundError:
            return NotAsStored(f"{path} is not there any more")
        except OSError as error:
            # What cannot be read is bought; only a disk that takes nothing stops the others, too.
            return NotAsStored(f"{path} cannot be read: {error.strerror or error}")
        return None

    def has(self, image: Artifact) -> bool:
        """Whether a file of that size is where an image was stored, behind no link; what is in it is not looked at."""
        return files.is_stored(self._root / image.path, image.bytes)

    def hold(self) -> None:
        """Return when every answer that was written is durable. Raises OSError."""
        self._syncs.wait(self._folder)

    def keep_unread(self, job_id: int, attempt: int, reply: bytes) -> Path:
        """Store a reply that could not be understood. Raises OSError."""
        return aside.keep_unread(self._folder.parent, f"{self.owner}-{job_id}-{attempt}", reply)

    def keep_preview(self, folder: str, name: str, data: bytes) -> None:
        """Store what a stream shows before an image is done. Raises OSError, NotAnImage."""
        aside.keep_preview(self._folder.parent, folder, name, data)

    def place(self, records: Sequence[Record]) -> list[OSError | None]:
        """Rename the parts to where they belong, durably; which could not be is returned.

        May be repeated after a crash at any point of it.
        """
        failures: list[OSError | None] = [None] * len(records)
        touched: dict[Path, list[int]] = {}
        ready: set[Path] = set()
        for number, record in enumerate(records):
            try:
                for folder in self._rename(record, ready):
                    touched.setdefault(folder, []).append(number)
            except OSError as error:
                failures[number] = error
        for folder, numbers in touched.items():
            try:
                self._syncs.wait(folder)
            except OSError as error:
                for number in numbers:
                    failures[number] = failures[number] or error
        return failures

    def is_whole(self, record: Record) -> bool:
        """Whether every image of a record is on disk, as a part or in its place already."""
        return all(_is(self._part_path(record, image), image) or _is(self._root / image.path, image) for image in record.images)

    def discard(self, record: Record) -> None:
        """Forget an answer that nobody wants."""
        self._journal.settle(record)
        for image in record.images:
            self._part_path(record, image).unlink(missing_ok=True)

    def settle(self, record: Record) -> None:
        """Forget an answer that is in its place and in the ledger."""
        self._journal.settle(record)

    def records(self) -> list[Record]:
        """Answers that were not settled, oldest attempt first."""
        return self._journal.records()

    def close(self, *, unsettled: bool = False) -> None:
        """Leave; records that are left stay for the next worker, and so does the folder if there is `unsettled` work.

        By the folder, the next start sees at once that this worker is gone.
        """
        empty = self._journal.close() and not unsettled
        self._lock.release()
        if empty:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _rename(self, record: Record, ready: set[Path]) -> set[Path]:
        """Returns the folders to sync; `ready` are those that need not be looked at again."""
        places = [(self._part_path(record, image), self._root / image.path) for image in record.images]
        folders = {target.parent for _, target in places}
        for folder in folders - ready:
            files.refuse_link(folder)
            self._make_folder(folder)
            ready.add(folder)
        if record.moved or any(files.is_there(target) for _, target in places):
            folders |= self._make_way(record)
            places = [place for place in places if files.is_there(place[0])]
        for part, target in places:
            part.replace(target)
        # Where the image that was to make room had been deleted, nothing was made for it.
        return {folder for folder in folders if folder in ready or folder.is_dir()}

    def _make_way(self, record: Record) -> set[Path]:
        """Move away what is where the images go. Returns the folders to sync."""
        arriving = [image for image in record.images if files.is_there(self._part_path(record, image))]
        folders = set()
        # After a crash in here the old path may hold a new image already; then its part is gone and nothing is moved again.
        if len(arriving) == len(record.images):
            folders |= {self._make_room(old, new) for old, new in record.moved}
        for image in arriving:
            # A file that the ledger does not know is not ours to overwrite.
            if files.is_there(self._root / image.path):
                folders.add(self._make_room(image.path, self.previous_path(image.path, record.attempt)))
        return folders

    def _make_room(self, old: str, new: str) -> Path:
        """Returns the folder to sync."""
        source, target = self._root / old, self._root / new
        if files.is_there(source) and not files.is_there(target):
            files.refuse_link(target.parent)
            self._make_folder(target.parent)
            source.replace(target)
        return target.parent

    def _make_folder(self, folder: Path) -> None:
        """A folder whose own name is durable: whoever finds it made by another thread waits for that as well."""
        if folder in self._made and folder.is_dir():
            return
        folder.mkdir(parents=True, exist_ok=True)
        self._syncs.wait(folder.parent)
        self._made.add(folder)

    def _part_path(self, record: Record, image: Artifact) -> Path:
        return self._folder / f"{record.job_id}-{record.attempt}-{image.ordinal}.part"


def disk_full(root: Path) -> OSError:
    """The error of a disk without room."""
    return OSError(errno.ENOSPC, f"the disk of {root} is full")


def room_on_disk(root: Path) -> int:
    """For how many answers there is room, large ones. Raises OSError where the storage cannot be asked."""
    return max(0, (shutil.disk_usage(root).free - _LEAST_FREE_BYTES) // _BYTES_AN_ANSWER)


def _is(path: Path, image: Artifact) -> bool:
    if not path.is_file() or path.stat().st_size != image.bytes:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == image.sha256
