"""Is every image that the ledger knows on disk as it was received, and which files does the ledger not know?

Reads only. Files are looked at one by one, in the order of the ledger, and none is followed that is a link.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from batchgen.artifacts.files import image_of
from batchgen.artifacts.image import NotAnImage, inspect
from batchgen.artifacts.office import HOME_INSIDE
from batchgen.store import copies, shelf
from batchgen.store.batches import Batch
from batchgen.store.engine import Database, Transaction
from batchgen.store.shelf import Shelved

_FILES_AT_ONCE = 500
_UNREADABLE = "cannot be read"


@dataclass(frozen=True, slots=True)
class Checked:
    """One file; `path` is below the root. `problem` is empty for a sound one, `shelved` None for a file that no job has."""

    batch: str
    path: str
    problem: str
    shelved: Shelved | None

    @property
    def is_gone(self) -> bool:
        """Whether the image is lost for certain; one that cannot be read may be there all the same."""
        return self.shelved is not None and not self.problem.startswith(_UNREADABLE)


def check(database: Database, root: Path, batches: Sequence[Batch]) -> Iterator[Checked]:
    """Every artifact of these batches, then the files of their folders that are none."""
    with database.read() as tx:
        for batch in batches:
            for shelved in shelf.artifacts_of(tx, batch):
                yield Checked(batch.name, shelved.path, _problem(root / shelved.path, shelved), shelved)
            for path in strangers(tx, root, root / batch.name):
                yield Checked(batch.name, path, "the ledger does not know this file", None)


def strangers(tx: Transaction, root: Path, folder: Path) -> Iterator[str]:
    """The files below a folder that the ledger does not know, as paths below the root."""
    files = _files(root, folder)
    while part := list(islice(files, _FILES_AT_ONCE)):
        known = shelf.known_paths(tx, part)
        unknown = [path for path in part if path not in known]
        resized = _copies(tx, unknown)
        yield from (path for path in unknown if path not in resized)


def _copies(tx: Transaction, paths: Sequence[str]) -> set[str]:
    """Those of the files that are resized copies of images that the ledger knows."""
    named = {path: found for path in paths if (found := image_of(path))}
    sizes = copies.of_images(tx, [image for image, _ in named.values()]) if named else {}
    return {path for path, (image, size) in named.items() if sizes.get(image) == size}


def _problem(path: Path, shelved: Shelved) -> str:
    try:
        kind = path.lstat()
        if not stat.S_ISREG(kind.st_mode):
            # Not opened: a pipe would never answer, and a link may lead to one.
            return "is a link" if stat.S_ISLNK(kind.st_mode) else "is not a file"
        if kind.st_size != shelved.bytes:
            return f"has {kind.st_size:,} bytes and was stored with {shelved.bytes:,}"
        found = inspect(path.read_bytes())
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"{_UNREADABLE}: {error.strerror or error}"
    except NotAnImage:
        return "is not an image"
    return "" if found.sha256 == shelved.sha256 else "is another image than was stored (its sha256 differs)"


def _files(root: Path, folder: Path) -> Iterator[str]:
    """Links to folders are not followed."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != HOME_INSIDE)
        for name in sorted(names):
            yield (Path(place) / name).relative_to(root).as_posix()
