"""The named points at which a process kills itself, set around the product's code from outside; the product knows none of them.

Two use them: one worker that dies and is looked at closely (tests/worker), and many that die together (tests/torture).
"""

import functools
import inspect
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchgen.artifacts import files, journal, syncs
from batchgen.artifacts.desk import Desk
from batchgen.artifacts.journal import Journal
from batchgen.artifacts.syncs import FolderSyncs
from batchgen.exports import rows
from batchgen.providers import http
from batchgen.store import closing, control, leases, queue, submission
from batchgen.worker.attempt import Attempt
from batchgen.worker.lease import Leases
from batchgen.worker.scope import Scope
from batchgen.worker.settle import Settler


def die() -> None:
    """As suddenly as by a kill from outside."""
    os.kill(os.getpid(), signal.SIGKILL)


def _always(*_: Any) -> bool:
    return True


def _as_it_is() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Point:
    """Before or after a function of the product; `where` tells by its arguments which of its calls are meant.

    `given` brings about what the point needs: without it hardly anybody would come there.
    """

    owner: Any
    name: str
    after: bool = False
    where: Callable[..., bool] = _always
    given: Callable[[], None] = _as_it_is

    def arm(self, nth: int) -> None:
        """From now on the process dies when the point is passed for the nth time."""
        self.given()
        function = getattr(self.owner, self.name)
        setattr(self.owner, self.name, _wrapped(function, self, _Passes(nth)))


@dataclass
class _Passes:
    left: int

    def count(self) -> None:
        self.left -= 1
        if not self.left:
            die()


def _wrapped(function: Callable[..., Any], point: Point, passes: _Passes) -> Callable[..., Any]:
    def begins(given: tuple[Any, ...]) -> bool:
        """Whether this call is one of those meant; counts it if its beginning is the point."""
        meant = point.where(*given)
        if meant and not point.after:
            passes.count()
        return meant and point.after

    def call(*given: Any, **named: Any) -> Any:
        ends = begins(given)
        result = function(*given, **named)
        if ends:
            passes.count()
        return result

    async def wait(*given: Any, **named: Any) -> Any:
        ends = begins(given)
        result = await function(*given, **named)
        if ends:
            passes.count()
        return result

    return functools.wraps(function)(wait if inspect.iscoroutinefunction(function) else call)


@dataclass(frozen=True, slots=True)
class Torn:
    """In the middle of writing a record: half of its line is on disk."""

    def arm(self, nth: int) -> None:
        """From now on the process dies in the nth record."""
        passes, write_all = _Passes(nth), files.write_all

        def write(handle: int, data: bytes) -> None:
            if data.endswith(b"}\n"):
                if passes.left == 1:
                    write_all(handle, data[: len(data) // 2])
                passes.count()
            write_all(handle, data)

        files.write_all = write


def _short_journals() -> None:
    """A new file for every record."""
    journal._MOST_RECORDS = 1


def _never_sure() -> None:
    """A worker that cannot tell whether its jobs are still its own brings every answer as a late one."""

    def cover(_leases: Leases, _claimed_at: float) -> bool:
        return False

    Leases.cover = cover  # type: ignore[method-assign]


def _is_journal(path: Path, *_: Any) -> bool:
    return path.suffix == ".answers"


def _is_full(one: Journal) -> bool:
    return one._handle is not None


def _has_two_journals(folder: Path) -> bool:
    return len(list(folder.glob("*.answers"))) == 2


def _is_second_part(path: Path, *_: Any) -> bool:
    return path.name.endswith("-2.part")


def _is_second_target(_source: Path, target: Path) -> bool:
    return _is_second_part(target)


def _has_images(folder: Path) -> bool:
    return any(path.suffix == ".png" for path in folder.iterdir())


def _has_new_images(_syncs: FolderSyncs, folder: Path) -> bool:
    return _has_images(folder)


def _is_desk(folder: Path) -> bool:
    return folder.parent.name.endswith(".answers")


def _is_root(folder: Path) -> bool:
    return not _is_desk(folder) and not _has_images(folder)


def _brings_images(tx: Any, ends: Sequence[closing.Finish], now: Any) -> bool:
    return any(end.closing.artifacts for end in ends)


def _is_of_the_dead(desk: Desk, *_: Any) -> bool:
    return f"-{os.getpid()}-" not in desk.owner


# A worker on its way through a job.
WORKING = {
    "claimed, nothing begun": Point(Scope, "claimed"),
    "claimed, not sent": Point(queue, "mark_sent"),
    "marked as sent, no byte gone": Point(Attempt, "_mark_sent", after=True),
    "sent, not answered": Point(http._Announced, "write_with_length", after=True),
    "answered, nothing on disk": Point(Desk, "write"),
    "half of the record on disk": Torn(),
    "the record on disk, no image": Point(Journal, "append", after=True),
    "one of two images on disk": Point(files, "_written", where=_is_second_part),
    "all images on disk, none of them safe": Point(files, "_synced"),
    "written, not placed": Point(Desk, "place"),
    "one of two images placed": Point(Path, "replace", where=_is_second_part),
    "all placed, nothing of it safe": Point(FolderSyncs, "_sync", where=_has_new_images),
    "all placed, the names not safe": Point(syncs, "sync_folder", where=_has_images),
    "placed, ledger not written": Point(closing, "finish", where=_brings_images),
    "ledger written in part": Point(closing, "_add_artifacts", after=True),
    "ledger committed, record not settled": Point(Desk, "settle"),
}

# What happens once in a folder's life; only one worker that dies is looked at there.
BEGINNING = {
    "the journal made, its name not safe": Point(journal, "sync_folder"),
    "the journal made, nothing in it": Point(Journal, "_begin", after=True),
    "the batch's folder made, its name not safe": Point(syncs, "sync_folder", where=_is_root),
}

# A worker whose journal is full; the record that does not go in is of another job than those that are there.
ROTATING = {
    "the journal full, not synced": Point(Journal, "_begin", where=_is_full, given=_short_journals),
    "the next journal made, its name not safe": Point(journal, "sync_folder", where=_has_two_journals, given=_short_journals),
    "an old journal about to go": Point(Path, "unlink", where=_is_journal, given=_short_journals),
    "an old journal gone": Point(Path, "unlink", where=_is_journal, after=True, given=_short_journals),
}

# A worker that does not know whether the job is still its own.
LATE = {
    "late: written, not safe": Point(Desk, "hold", given=_never_sure),
    "late: safe, the ledger not asked": Point(Settler, "_bring_late", given=_never_sure),
    "late: placed, ledger not written": Point(Desk, "place", after=True, given=_never_sure),
    "late: ledger written in part": Point(closing, "_add_artifacts", after=True, given=_never_sure),
    "late: ledger committed, record not settled": Point(Desk, "discard", given=_never_sure),
}

# A worker whose leases are renewed.
RENEWING = {"the leases renewed in part": Point(leases, "renew", after=True)}

# A worker that settles what another one left when it died.
RECOVERING = {
    "an answer of the dead found": Point(Settler, "settle_record"),
    "an answer of the dead placed, ledger not written": Point(Desk, "place", after=True, where=_is_of_the_dead),
    "an answer of the dead in the ledger, record not settled": Point(Desk, "discard", where=_is_of_the_dead),
    "an answer of the dead settled": Point(Settler, "settle_record", after=True),
    "a claim of the dead given up": Point(Settler, "give_up", after=True),
    "everything of the dead settled, their folder still there": Point(Desk, "close", where=_is_of_the_dead),
}

# Commands beside the workers.
COMMANDING = {
    "submit: rows stored, not committed": Point(submission, "store", after=True),
    "resume: jobs queued again, not committed": Point(control, "requeue", after=True),
    "export: half a file written": Point(rows, "_values"),
}

# A worker that uses again what was made before; it passes others of those above, too.
REUSING = {
    "one of two images linked": Point(files, "link_or_copy", where=_is_second_target),
    "all images linked, nothing of it safe": Point(Desk, "take_up", after=True),
}

# Those that a worker passes again and again, and all.
POINTS = WORKING | ROTATING | LATE | RENEWING | RECOVERING | COMMANDING
EVERY = POINTS | BEGINNING | REUSING
