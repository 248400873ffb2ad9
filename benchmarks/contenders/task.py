"""What every contender is asked to do: `MODULE BASE_URL MANIFEST FOLDER CONCURRENCY`."""

import asyncio
import csv
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

MODEL = "gpt-image-2.5-flare"


@dataclass(frozen=True, slots=True)
class Task:
    """`rows` are (custom_id, prompt); an image goes to `folder/custom_id.png`."""

    base_url: str
    rows: list[tuple[str, str]]
    folder: Path
    concurrency: int

    @property
    def url(self) -> str:
        """Where images are asked for."""
        return f"{self.base_url}/images/generations"


def from_arguments() -> Task:
    """The task of the command line; makes the folder."""
    base_url, manifest, folder, concurrency = sys.argv[1:]
    with Path(manifest).open(newline="", encoding="utf-8") as stream:
        rows = [(row["custom_id"], row["prompt"]) for row in csv.DictReader(stream)]
    Path(folder).mkdir()
    return Task(base_url, rows, Path(folder), int(concurrency))


async def for_each(task: Task, make: Callable[[str, str], Awaitable[None]]) -> None:
    """So many workers take row after row."""
    waiting = iter(task.rows)

    async def work() -> None:
        for custom_id, prompt in waiting:
            await make(custom_id, prompt)

    await asyncio.gather(*(work() for _ in range(task.concurrency)))
