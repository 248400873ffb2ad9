"""The vendor's own client as its documentation shows it: asyncio.gather and a semaphore."""

import asyncio
import base64

from openai import AsyncOpenAI

from benchmarks.contenders import task


async def _main(asked: task.Task) -> None:
    gate = asyncio.Semaphore(asked.concurrency)
    async with AsyncOpenAI(base_url=asked.base_url, api_key="sk-benchmark") as client:

        async def make(custom_id: str, prompt: str) -> None:
            async with gate:
                answer = await client.images.generate(model=task.MODEL, prompt=prompt)
            assert answer.data and answer.data[0].b64_json
            (asked.folder / f"{custom_id}.png").write_bytes(base64.b64decode(answer.data[0].b64_json))

        await asyncio.gather(*(make(custom_id, prompt) for custom_id, prompt in asked.rows))


if __name__ == "__main__":
    asyncio.run(_main(task.from_arguments()))
