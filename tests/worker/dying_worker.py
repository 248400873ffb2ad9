"""A worker in a process of its own that is killed at a named point. Run as a script: FOLDER BATCH POINT NTH.

It uses again what was made before.

The server that it asks is in this process too, and writes every image that it made to FOLDER/made.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from crash_points import EVERY
from scripted_server import ScriptedServer, images
from worker_bench import Bench

from batchgen.store import batches
from batchgen.store.reuse import Rules


async def main(folder: Path, name: str) -> None:
    bench = Bench(folder)
    with bench.database.read() as tx:
        (batch,) = batches.named(tx, [name])

    async def answer(server: ScriptedServer, request: Any, seen: Any) -> Any:
        reply = await images().answer(server, request, seen)
        for data in server.made:
            (folder / "made" / str(hash(data))).write_bytes(data)
        return reply

    (folder / "made").mkdir(exist_ok=True)
    behaviour = images()
    object.__setattr__(behaviour, "answer", answer)
    plan = bench.plan(batch, concurrency=1, reuse=Rules())
    async with ScriptedServer(then=behaviour) as server, bench.pool(server, plan) as pool:
        await pool.run()


if __name__ == "__main__":
    EVERY[sys.argv[3]].arm(int(sys.argv[4]))
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
