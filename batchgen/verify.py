"""Is every image that the ledger knows on disk as it was received, and which files does the ledger not know?

Reads only. Files are looked at one by one, in the order of the ledger.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from batchgen.artifacts.image import NotAnImage, inspect
from batchgen.store import shelf
from batchgen.store.batches import Batch
from batchgen.store.engine import Database, Transaction
from batchgen.store.shelf import Shelved

_FILES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Checked:
    """One file. `problem` is empty for a sound one, `custom_id` for a file that no job has; `path` is below the root."""

    batch: str
    custom_id: str
    path: str
    problem: str

    @property
    def is_unknown(self) -> bool:
        """Whether the file lies in a batch's folder and the ledger does not know it."""
        return not self.custom_id


def verify(database: Database, root: Path, batches: Sequence[Batch]) -> Iterator[Checked]:
    """Every artifact of these batches, then the files of their folders that are none."""
    with database.read() as tx:
        for batch in batches:
            for shelved in shelf.artifacts_of(tx, batch):
                yield Checked(batch.name, shelved.custom_id, shelved.path, _problem(root / shelved.path, shelved))
            for path in _strangers(tx, root, batch):
                yield Checked(batch.name, "", path, "the ledger does not know this file")


def _problem(path: Path, shelved: Shelved) -> str:
    try:
        data = path.read_bytes()
        found = inspect(data)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except NotAnImage:
        return "is not an image"
    if found.bytes != shelved.bytes:
        return f"has {found.bytes:,} bytes and was stored with {shelved.bytes:,}"
    return "" if found.sha256 == shelved.sha256 else "is another image than was stored (its sha256 differs)"


def _strangers(tx: Transaction, root: Path, batch: Batch) -> Iterator[str]:
    files = _files(root, root / batch.name)
    while part := list(islice(files, _FILES_AT_ONCE)):
        known = shelf.known_paths(tx, part)
        yield from (path for path in part if path not in known)


def _files(root: Path, folder: Path) -> Iterator[str]:
    """Every file below a folder, as paths below the root; links to folders are not followed."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from _below(root, Path(place), sorted(names))


def _below(root: Path, place: Path, names: Iterable[str]) -> Iterator[str]:
    return ((place / name).relative_to(root).as_posix() for name in names)
