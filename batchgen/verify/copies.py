"""Resized copies that are missing, and making them again: that costs nothing but time."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from batchgen.artifacts.copies import NotCopied, is_missing
from batchgen.artifacts.files import copy_path
from batchgen.artifacts.office import Office
from batchgen.store import copies
from batchgen.store.batches import Batch
from batchgen.store.copies import Resized
from batchgen.store.engine import Database


def missing(database: Database, root: Path, batches: Sequence[Batch]) -> Iterator[Resized]:
    """The copies that are not there, or made from other images than are."""
    ids, after = [batch.id for batch in batches], None
    with database.read() as tx:
        while part := copies.of_batches(tx, ids, after):
            yield from (one for one in part if is_missing(root, one.path, one.size))
            after = part[-1]


def make(root: Path, wanted: Sequence[Resized]) -> Iterator[tuple[Resized, str]]:
    """Make copies; each comes back with why it could not be made, or an empty text. Raises OSError without a place for that."""
    with closing(Office(root).open_desk(f"verify-{secrets.token_hex(8)}")) as desk:
        for one in wanted:
            try:
                desk.resize(one.path, one.size)
            except NotCopied as error:
                yield one, str(error)
            else:
                yield one, ""


def path_of(one: Resized) -> str:
    """Where a copy lies, below the storage root."""
    return copy_path(one.path, one.size)
