"""The records of answers on their way, a line each, appended to a file that is begun anew when it is long.

A file for each record would be made and deleted for each answer, and that alone was a third of the work: file systems do not
like to give away again what has just been deleted.
"""

import os
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from batchgen.artifacts import files
from batchgen.artifacts.answers import Record
from batchgen.artifacts.syncs import sync_folder

_SUFFIX = ".answers"
_OWNER_ONLY = 0o600
# Longer files are not worth reading again after a death.
_MOST_RECORDS = 500

Key = tuple[int, int]
# Stands for a record of another version of us, which nobody here can settle.
_FOREIGN: Key = (0, 0)
_TORN: Key = (0, -1)


class Journal:
    """The records in a worker's folder. Any number of threads may write; a dead worker's is only read, and thinned out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._open: dict[Path, set[Key]] = {}  # what is not settled yet, by file
        self._settled: deque[Key] = deque()  # and what has been since that was looked at; no lock is needed for it
        self._handle: int | None = None
        self._written = 0
        self._failure: OSError | None = None

    def append(self, records: Sequence[Record]) -> None:
        """Write records down; they are durable when `sync` has returned. Raises OSError: then none of them counts."""
        lines = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
        with self._lock:
            self._sweep()
            if self._handle is None or self._written >= _MOST_RECORDS:
                self._begin()
            assert self._handle is not None
            try:
                files.write_all(self._handle, lines)
            except OSError:
                # What may stand there of it would spoil the next line, which goes to a new file. This one stays open until
                # then: others may still wait for what they wrote into it.
                self._written = _MOST_RECORDS
                raise
            self._open[self._newest()].update(_key(record) for record in records)
            self._written += len(records)

    def sync(self) -> None:
        """Make all records durable. Raises OSError."""
        with self._lock:
            handle = None if self._handle is None else os.dup(self._handle)
        try:
            if handle is not None:
                os.fsync(handle)
        except OSError as error:
            # The system tells of lost data once: the next sync would call it safe.
            self._failure = error
        finally:
            if handle is not None:
                os.close(handle)
        if self._failure is not None:
            raise self._failure

    def settle(self, record: Record) -> None:
        """Forget a record. It takes no time: the file goes later, with the last that counts in it."""
        self._settled.append(_key(record))

    def records(self) -> list[Record]:
        """What was written and not settled, oldest attempt first."""
        with self._lock:
            self._sweep()
        found: dict[Key, Record] = {}
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            here = dict(_decoded(line) for line in path.read_bytes().splitlines())
            found |= {key: record for key, record in here.items() if record is not None}
            self._open.setdefault(path, here.keys() - {_TORN})
        return sorted((record for key, record in found.items() if self._is_open(key)), key=_key)

    def close(self) -> bool:
        """Write no more; returns whether nothing is left."""
        with self._lock:
            self._sweep()
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None
        return not any(self._open.values())

    def _sweep(self) -> None:
        """Strike out what is settled; a file without any record that counts goes, if it is not the newest."""
        if not self._settled:
            return
        while self._settled:
            key = self._settled.popleft()
            for keys in self._open.values():
                keys.discard(key)
        for path in [path for path, keys in self._open.items() if not keys and path != self._newest()]:
            # One that cannot go now goes another time: no answer that is to be written shall suffer from it.
            with suppress(OSError):
                path.unlink(missing_ok=True)
                del self._open[path]

    def _is_open(self, key: Key) -> bool:
        return any(key in keys for keys in self._open.values())

    def _newest(self) -> Path:
        return next(reversed(self._open))

    def _begin(self) -> None:
        if self._handle is not None:
            # Whoever still waits for its records waits for a sync of the next file.
            try:
                os.fsync(self._handle)
            except OSError as error:
                self._failure = error
                raise
            # Forgotten first: should there be no next file, its number may soon be that of something else.
            old, self._handle = self._handle, None
            os.close(old)
        path = self._folder / f"{len(list(self._folder.glob(f'*{_SUFFIX}'))):06d}-{os.urandom(4).hex()}{_SUFFIX}"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, _OWNER_ONLY)
        try:
            sync_folder(self._folder)
        except OSError:
            # A file whose name may not last is not written to.
            os.close(handle)
            raise
        self._handle, self._written = handle, 0
        self._open[path] = set()


def _key(record: Record) -> Key:
    return (record.job_id, record.attempt)


def _decoded(line: bytes) -> tuple[Key, Record | None]:
    """A line that is no record stops nobody; one that is whole all the same, by another version of us, is not thrown away."""
    try:
        record = msgspec.json.decode(line, type=Record)
    except msgspec.ValidationError:
        return _FOREIGN, None
    except msgspec.DecodeError:
        # It was being written when its worker died.
        return _TORN, None
    return _key(record), record
