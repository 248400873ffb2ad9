"""Putting right what `check` found: moved files go back to their places, the rest can be made again.

A file belongs to a job when its bytes are the job's: a name proves nothing.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from batchgen.artifacts import files
from batchgen.artifacts.syncs import sync_folder
from batchgen.core import pricing
from batchgen.core.catalog import Catalog
from batchgen.core.job import State
from batchgen.store import shelf
from batchgen.store.engine import Database, Transaction
from batchgen.store.shelf import Shelved
from batchgen.verify.check import Checked, strangers


@dataclass(frozen=True, slots=True)
class Adopted:
    """A file that lay elsewhere and is back; both are paths below the root."""

    path: str
    found: str


@dataclass(frozen=True, slots=True)
class Loss:
    """What is gone. `images` must be bought again for about `cost_micros` (None: a model without a price).

    `forgotten` are images that nobody needs to make again: replaced ones, and those of jobs that are not done.
    """

    images: int
    jobs: int
    cost_micros: int | None
    forgotten: int


def adopt(database: Database, root: Path, wrong: Sequence[Checked]) -> Iterator[Adopted]:
    """Look for the missing images in every file below the root that the ledger does not know, and put them back."""
    wanted: dict[tuple[int, str], list[Shelved]] = {}
    for one in wrong:
        if one.shelved is not None:
            wanted.setdefault((one.shelved.bytes, one.shelved.sha256), []).append(one.shelved)
    sizes = {size for size, _ in wanted}
    with database.read() as tx:
        for found in strangers(tx, root, root):
            path = root / found
            if not sizes or path.is_symlink() or not path.is_file() or path.stat().st_size not in sizes:
                continue
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            homes = wanted.get((path.stat().st_size, content))
            if homes:
                home = homes.pop()
                _put_back(root, path, home)
                yield Adopted(home.path, found)


def loss(tx: Transaction, gone: Sequence[Shelved], day: date, catalog_of: Callable[[int, str], Catalog]) -> Loss:
    """What it means to give these images up.

    `catalog_of` has the prices of whoever makes a job, by the id of its batch and the provider that it names.
    """
    counts: dict[int, int] = {}
    for image in _to_make_again(gone):
        counts[image.job_id] = counts.get(image.job_id, 0) + 1
    costs = [
        pricing.likely_micros(request.asking_for(counts[job]), day, catalog_of(*maker))
        for job, request, maker in shelf.requests_of(tx, list(counts))
    ]
    images = sum(counts.values())
    known = [cost for cost in costs if cost is not None]
    return Loss(images, len(counts), sum(known) if len(known) == len(costs) else None, len(gone) - images)


def make_again(tx: Transaction, gone: Sequence[Shelved], now: datetime) -> None:
    """Take the images out of the ledger; jobs that were done wait for a run that asks for what is missing."""
    # What somebody else has put right since the check stays as it is.
    lost = shelf.forget(tx, gone)
    shelf.queue_again(tx, sorted(lost & {image.job_id for image in _to_make_again(gone)}), now)


def _to_make_again(gone: Sequence[Shelved]) -> list[Shelved]:
    return [image for image in gone if image.state is State.SUCCEEDED and not image.replaced]


def _put_back(root: Path, path: Path, home: Shelved) -> None:
    target = root / home.path
    files.refuse_link(root / home.path.partition("/")[0])
    target.parent.mkdir(parents=True, exist_ok=True)
    if files.is_there(target):
        # What lies there now is damaged, and still not ours to throw away.
        aside = root / files.previous_path(root, home.path, home.attempt)
        aside.parent.mkdir(exist_ok=True)
        target.replace(aside)
    path.replace(target)
    sync_folder(target.parent)
