"""`batchgen export`, from a manifest to a file and back."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ROWS = [
    {"id": "fox", "prompt": 'A fox, "red"', "size": "1536x1024", "state": "Kiel", "shelf": "a;b"},
    {"id": "owl", "prompt": "Eine Möwe\nüber Kiel", "size": "", "state": "", "shelf": "c"},
]


@pytest.fixture
def batchgen(tmp_path):
    """Run the program in a folder that holds a submitted batch, with a clean environment and a poor encoding."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BATCHGEN_", "OPENAI_", "PYTHON", "LC_"))}

    def run(*arguments: str, code: int = 0) -> bytes:
        command = [sys.executable, "-m", "batchgen", *arguments]
        environment = {**kept, "PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "ascii"}
        ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
        assert ended.returncode == code, ended.stderr
        assert b"Traceback" not in ended.stderr
        return ended.stdout if code == 0 else ended.stderr

    with (tmp_path / "m.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ROWS[0])
        writer.writeheader()
        writer.writerows(ROWS)
    run("submit", "m.csv")
    return run


def test_an_export_gives_the_manifest_back(batchgen, tmp_path):
    """Ids, prompts and metadata as they were written, to stdout and to a file, as CSV and as JSONL."""
    plain = batchgen("export", "m", "--format", "csv")
    read = list(csv.DictReader(io.StringIO(plain.decode("utf-8"), newline="")))
    assert [
        {"id": row["custom_id"], "prompt": row["prompt"], "state": row["column:state"], "shelf": row["shelf"]} for row in read
    ] == [{name: row[name] for name in ("id", "prompt", "state", "shelf")} for row in ROWS]
    assert [(row["size"], row["state"]) for row in read] == [("1536x1024", "pending"), ("1024x1024", "pending")]
    assert batchgen("export", "m", "--format", "csv", "--to", "out.csv") == b""
    assert (tmp_path / "out.csv").read_bytes() == plain
    objects = [json.loads(line) for line in batchgen("export", "m", "--format", "jsonl").decode("utf-8").splitlines()]
    assert [one["prompt"] for one in objects] == [row["prompt"] for row in ROWS]
    assert objects[0]["metadata"] == {"state": "Kiel", "shelf": "a;b"}


def test_an_export_can_be_submitted_again(batchgen, tmp_path):
    """An export is a manifest of the same requests: all of its columns are fields or come back as metadata."""
    batchgen("export", "m", "--format", "csv", "--to", "again.csv")
    batchgen("submit", "again.csv")
    read = list(csv.DictReader(io.StringIO(batchgen("export", "again", "--format", "csv").decode("utf-8"), newline="")))
    assert [row["prompt"] for row in read] == [row["prompt"] for row in ROWS]
    assert [row["column:state"] for row in read] == ["pending", "pending"]
    assert read[0]["column:column:state"] == "Kiel"


def test_what_cannot_be_exported_is_told(batchgen, tmp_path):
    """An unknown batch and a path without a folder are wrong usage, and leave no file."""
    assert b"there is no batch 'x'; there are m" in batchgen("export", "x", "--format", "csv", "--to", "out.csv", code=2)
    assert b"cannot be written" in batchgen("export", "m", "--format", "csv", "--to", "no/out.csv", code=2)
    assert not (tmp_path / "out.csv").exists()
