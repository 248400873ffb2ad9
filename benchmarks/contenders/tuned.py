"""The plain loop with the program's own libraries, its hashing and its care for the disk, in threads; still no books."""

import asyncio
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import msgspec
import pybase64

from benchmarks.contenders import task


class _Image(msgspec.Struct):
    b64_json: str


class _Body(msgspec.Struct):
    data: list[_Image]


# More of them write no faster, fewer wait for the disk one after another.
_THREADS = 16

_decoder = msgspec.json.Decoder(_Body)


def _keep(body: bytes, path: Path) -> str:
    """Write whole: a part, its sync, the rename, the sync of the folder. Returns the hash."""
    image = pybase64.b64decode(_decoder.decode(body).data[0].b64_json, validate=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(image)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return hashlib.sha256(image).hexdigest()


async def _main(asked: task.Task) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def make(custom_id: str, prompt: str) -> None:
            request = msgspec.json.encode({"model": task.MODEL, "prompt": prompt})
            headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
            async with session.post(asked.url, data=request, headers=headers) as reply:
                reply.raise_for_status()
                body = await reply.read()
            await asyncio.to_thread(_keep, body, asked.folder / f"{custom_id}.png")

        await task.for_each(asked, make)


if __name__ == "__main__":
    asyncio.run(_main(task.from_arguments()))
