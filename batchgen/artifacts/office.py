"""The office: all workers' desks of one storage root, and how it is seen that a worker is dead.

A lock in a worker's folder is held as long as its process lives: whoever can take it knows.
"""

import os
from pathlib import Path

from filelock import FileLock, Timeout

from batchgen.artifacts import files
from batchgen.artifacts.aside import PREVIEWS, UNREAD
from batchgen.artifacts.desk import Desk, disk_full, room_on_disk

# What is on its way, where it cannot lie beside the root.
HOME_INSIDE = ".answers"
_LOCK = "lock"
_NO_DESKS = (UNREAD, PREVIEWS)


class Office:
    """All workers' folders of one storage root."""

    def __init__(self, root: Path) -> None:
        # A root that is a link to another disk: what lies beside the link could not be renamed to there.
        self._root = root.resolve()
        self._home = _home(self._root)

    def open_desk(self, owner: str) -> Desk:
        """Make a worker's folder and hold its lock. Raises OSError where the storage cannot be written."""
        self._root.mkdir(parents=True, exist_ok=True)
        if not room_on_disk(self._root):
            raise disk_full(self._root)
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
            for folder in sorted(path for path in self._home.iterdir() if path.is_dir() and path.name not in _NO_DESKS):
                lock = _lock(folder)
                try:
                    lock.acquire()
                except Timeout:
                    continue
                dead.append(Desk(self._root, folder, lock))
        return dead

    def previews(self, folder: str) -> Path:
        """Where what streams have shown of a batch's images lies, if there was anything."""
        return self._home / PREVIEWS / folder

    def _everybody(self) -> FileLock:
        # A folder without a lock would look dead in the moment between its making and its locking.
        return FileLock(self._home / _LOCK, thread_local=False)


def _lock(folder: Path) -> FileLock:
    return FileLock(folder / _LOCK, blocking=False, thread_local=False)


def _home(root: Path) -> Path:
    """Beside the root, so that a rename stays within one file system.

    A root that is a mount point has no such neighbour, and one in a folder of somebody else's may not have one.
    """
    beside = root.parent / f".{root.name}.answers"
    has_place = beside.is_dir() or not root.parent.exists() or os.access(root.parent, os.W_OK)
    return beside if has_place and not root.is_mount() else root / HOME_INSIDE
