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

from batchgen.artifacts import files
from batchgen.artifacts.desk import Desk
from batchgen.exports import rows
from batchgen.providers import http
from batchgen.store import closing, control, queue, submission
from batchgen.worker.attempt import Attempt
from batchgen.worker.scope import Scope
from batchgen.worker.settle import Settler


def die() -> None:
    """As suddenly as by a kill from outside."""
    os.kill(os.getpid(), signal.SIGKILL)


def _always(*_: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Point:
    """Before or after a function of the product; `where` tells by its arguments which of its calls are meant."""

    owner: Any
    name: str
    after: bool = False
    where: Callable[..., bool] = _always

    def arm(self, nth: int) -> None:
        """From now on the process dies when the point is passed for the nth time."""
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

    async def each(*given: Any, **named: Any) -> Any:
        ends = begins(given)
        async for part in function(*given, **named):
            yield part
        if ends:
            passes.count()

    is_waited_for, is_stream = inspect.iscoroutinefunction(function), inspect.isasyncgenfunction(function)
    return functools.wraps(function)(wait if is_waited_for else each if is_stream else call)


def _is_record(path: Path, *_: Any) -> bool:
    return path.suffix == ".json"


def _becomes_a_record(path: Path, *_: Any) -> bool:
    return path.name.endswith(".json.part")


def _is_second_part(path: Path, *_: Any) -> bool:
    return path.name.endswith("-2.part") and path.with_name(path.name.replace("-2.part", "-1.part")).exists()


def _is_desk(folder: Path) -> bool:
    return folder.parent.name.endswith(".answers")


def _is_second_place(desk: Desk, old: str, new: str) -> bool:
    return "~2." in old and ".previous/" in new


def _brings_images(tx: Any, ends: Sequence[closing.Finish], now: Any) -> bool:
    return any(end.closing.artifacts for end in ends)


def _is_of_the_dead(desk: Desk, *_: Any) -> bool:
    return f"-{os.getpid()}-" not in desk.owner


# A worker on its way through a job.
WORKING = {
    "claimed, nothing begun": Point(Scope, "claimed"),
    "claimed, not sent": Point(queue, "mark_sent"),
    "marked as sent, no byte gone": Point(Attempt, "_mark_sent", after=True),
    "sent, not answered": Point(http._Sending, "parts", after=True),
    "answered, nothing on disk": Point(Desk, "keep"),
    "the record written, without its name": Point(files, "write_durably", after=True, where=_becomes_a_record),
    "the record on disk, no image": Point(files, "write_whole", after=True, where=_is_record),
    "one of two images on disk": Point(files, "write_durably", where=_is_second_part),
    "all on disk, its names not safe": Point(files, "sync_folder", where=_is_desk),
    "kept, not placed": Point(Desk, "place"),
    "one of two images placed": Point(Desk, "_make_room", where=_is_second_place),
    "all placed, the names not safe": Point(files, "sync_folder", where=lambda folder: not _is_desk(folder)),
    "placed, ledger not written": Point(closing, "finish", where=_brings_images),
    "ledger written in part": Point(closing, "_add_artifacts", after=True),
    "ledger committed, record still there": Point(Desk, "discard"),
    "the record half discarded": Point(Path, "unlink", where=_is_record),
}

# A worker whose leases are renewed.
RENEWING = {"the leases renewed in part": Point(queue, "renew", after=True)}

# A worker that settles what another one left when it died.
RECOVERING = {
    "an answer of the dead found": Point(Settler, "settle_record"),
    "an answer of the dead placed, ledger not written": Point(Desk, "place", after=True, where=_is_of_the_dead),
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

POINTS = WORKING | RENEWING | RECOVERING | COMMANDING
