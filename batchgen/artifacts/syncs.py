"""Making things durable together. A sync takes milliseconds, however much there is to it: whoever waits shares the next one."""

import os
import threading
from collections.abc import Callable
from pathlib import Path


class SharedSync:
    """One sync for any number of threads: `sync` is run by one of those that wait, and by one at a time."""

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._turn = threading.Condition()
        self._begun = 0
        self._ended = 0
        self._failure: OSError | None = None

    def wait(self) -> None:
        """Return when everything that was written before is durable. Raises OSError."""
        with self._turn:
            # One that is under way may have looked already: ours is the next.
            mine = self._begun + 1
            while self._ended < mine:
                if self._begun == self._ended:
                    self._run()
                else:
                    self._turn.wait()
            if self._failure is not None:
                raise self._failure

    def _run(self) -> None:
        self._begun += 1
        self._turn.release()
        failure: OSError | None = None
        try:
            self._sync()
        except OSError as error:
            failure = error
        self._turn.acquire()
        self._ended, self._failure = self._begun, failure
        self._turn.notify_all()


class FolderSyncs:
    """The names in folders; what `first` makes durable comes before every one of them."""

    def __init__(self, first: Callable[[], None]) -> None:
        self._first = first
        self._shared: dict[Path, SharedSync] = {}

    def wait(self, folder: Path) -> None:
        """Return when every name that stands in the folder now is durable. Raises OSError."""
        shared = self._shared.get(folder)
        if shared is None:
            shared = self._shared.setdefault(folder, SharedSync(lambda: self._sync(folder)))
        shared.wait()

    def _sync(self, folder: Path) -> None:
        self._first()
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
