"""Making things durable together. A sync takes milliseconds, however much there is to it: whoever waits shares the next one."""

import os
import threading
from collections.abc import Callable
from pathlib import Path


class _Round:
    """One sync, and what became of it."""

    def __init__(self) -> None:
        self.is_over = False
        self.failure: OSError | None = None


class SharedSync:
    """One sync for any number of threads: `sync` is run by one of those that wait, and by one at a time."""

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._turn = threading.Condition()
        self._is_running = False
        self._next = _Round()

    def wait(self) -> None:
        """Return when everything that was written before is durable. Raises OSError."""
        with self._turn:
            # One that is under way may have looked already: ours is the next. Others may have ended before we wake up.
            mine = self._next
            while not mine.is_over:
                if self._is_running:
                    self._turn.wait()
                else:
                    self._run()
            if mine.failure is not None:
                raise mine.failure

    def _run(self) -> None:
        mine, self._next, self._is_running = self._next, _Round(), True
        self._turn.release()
        try:
            self._sync()
        except OSError as error:
            mine.failure = error
        except BaseException:
            mine.failure = OSError("the sync that was waited for broke off")
            raise
        finally:
            self._turn.acquire()
            mine.is_over, self._is_running = True, False
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
