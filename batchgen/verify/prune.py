"""Forgetting what cannot be used again any more: too old, or its files are gone. Files are looked at and left alone."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from batchgen.artifacts import files
from batchgen.store import reusable
from batchgen.store.engine import Database

_JOBS_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many jobs were forgotten, by why; and how many can still be used again."""

    too_old: int
    gone: int
    left: int


def prune(database: Database, root: Path, oldest: datetime) -> Pruned:
    """Go through all that can be used again. A file counts as there if it has the size that was stored."""
    too_old, gone, left = 0, 0, 0
    with database.read() as tx:
        found = reusable.kept(tx)
        while part := list(islice(found, _JOBS_AT_ONCE)):
            old = [one.job_id for one in part if one.made_at < oldest]
            lost = [one.job_id for one in part if one.made_at >= oldest and not _is_there(root, one)]
            with database.write() as writing:
                reusable.forget(writing, old + lost)
            too_old, gone, left = too_old + len(old), gone + len(lost), left + len(part) - len(old) - len(lost)
    return Pruned(too_old, gone, left)


def _is_there(root: Path, kept: reusable.Kept) -> bool:
    return all(files.is_stored(root / path, size) for path, size in kept.files)
