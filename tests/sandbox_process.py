"""A sandbox in a process of its own, for trials whose programs are processes too; what it was asked is in its log."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TESTS = Path(__file__).resolve().parent


@contextmanager
def sandbox(folder: Path, *options: str, **settings: str) -> Iterator[dict[str, str]]:
    """Yields the environment that leads to it, with these settings of the program; its log is `log.jsonl` in the folder."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("BATCHGEN_", "OPENAI_"))}
    environment["PYTHONPATH"] = os.pathsep.join([str(_TESTS.parent), str(_TESTS)])
    command = [sys.executable, "-m", "batchgen", "-q", "sandbox", "--port", "0", "--log", "log.jsonl", *options]
    with (
        (folder / "server.txt").open("wb") as said,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=said, text=True) as server,
    ):
        assert server.stdout is not None
        try:
            base_url = server.stdout.readline().strip()
            yield environment | {"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "sk-trial", **settings}
        finally:
            server.terminate()
