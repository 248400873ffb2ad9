"""What a person writes in an afternoon: aiohttp, the standard library's json and base64, files, no books."""

import asyncio
import base64
import json

import aiohttp

from benchmarks.contenders import task


async def _main(asked: task.Task) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def make(custom_id: str, prompt: str) -> None:
            async with session.post(asked.url, json={"model": task.MODEL, "prompt": prompt}) as reply:
                reply.raise_for_status()
                answer = json.loads(await reply.read())
            (asked.folder / f"{custom_id}.png").write_bytes(base64.b64decode(answer["data"][0]["b64_json"]))

        await task.for_each(asked, make)


if __name__ == "__main__":
    asyncio.run(_main(task.from_arguments()))
