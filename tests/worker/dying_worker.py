"""A worker in a process of its own that is killed at a named point. Run as a script: FOLDER BATCH POINT.

The point is set from here, around the product's code; the product knows nothing of it. The server that it asks is in this
process too, and writes every image that it made to FOLDER/made.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from scripted_server import ScriptedServer, images
from worker_bench import Bench

from batchgen.artifacts import files
from batchgen.artifacts.answers import Desk
from batchgen.store import batches, closing, queue


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str, *, call: int = 1) -> None:
    """Die when a function is called for the nth time."""
    _wrap(owner, name, call, lambda function, given: die())


def after(owner: Any, name: str, *, call: int = 1) -> None:
    """Die when a function has returned for the nth time."""

    def then(function: Callable[..., Any], given: tuple[Any, ...]) -> None:
        function(*given)
        die()

    _wrap(owner, name, call, then)


def _wrap(owner: Any, name: str, call: int, last: Callable[[Any, tuple[Any, ...]], None]) -> None:
    function, calls = getattr(owner, name), 0

    def wrapped(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            last(partial(function, **named), given)
        return function(*given, **named)

    setattr(owner, name, wrapped)


POINTS: dict[str, Callable[[], None]] = {
    "claimed, not sent": lambda: before(queue, "mark_sent"),
    "sent, not answered": lambda: None,
    "answered, nothing on disk": lambda: before(Desk, "keep"),
    "the record on disk, no image": lambda: before(files, "write_durably", call=2),
    "one of two images on disk": lambda: before(files, "write_durably", call=3),
    "kept, not placed": lambda: before(Desk, "place"),
    "placed, ledger not written": lambda: before(closing, "finish"),
    "ledger written in part": lambda: after(closing, "_add_artifacts"),
    "ledger committed, record still there": lambda: before(Desk, "discard"),
    "second answer, ledger not written": lambda: before(closing, "finish", call=2),
}


async def main(folder: Path, name: str, point: str) -> None:
    bench = Bench(folder)
    with bench.database.read() as tx:
        (batch,) = batches.named(tx, [name])

    async def answer(server: ScriptedServer, request: Any, seen: Any) -> Any:
        if point == "sent, not answered":
            die()
        reply = await images().answer(server, request, seen)
        for data in server.made:
            (folder / "made" / str(hash(data))).write_bytes(data)
        return reply

    (folder / "made").mkdir()
    POINTS[point]()
    behaviour = images()
    object.__setattr__(behaviour, "answer", answer)
    async with ScriptedServer(then=behaviour) as server, bench.pool(server, bench.plan(batch, concurrency=1)) as pool:
        await pool.run()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
