"""Manifests that nobody wrote by hand: refused by line, in bounded memory and few words, and nothing of them is stored."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import Program, measured

_MEGA = 1_000_000
_MOST_MEGABYTES = 300
_MOST_CHARACTERS = 20_000

_LEAVING = [
    "../x",
    "..",
    ".",
    "a/b",
    "/etc/passwd",
    "a\\b",
    "C:\\x",
    "c:x",
    "con",
    "NUL.txt",
    "~root",
    "a\0b",
    "a\x1bb",
    "a\u202egnp.exe",
    "a\u200fb",
    "\u2066a",
    "a\u0000",
    "-\ud800",
    "x" * 121,
    "\u00fc" * 101,
    " a",
    "a.",
    "a\nb",
    "$(id)\u0060",
    "a|b",
    "*?",
]


def _is_nothing_stored(program: Program) -> bool:
    with closing(sqlite3.connect(program.folder / "batchgen.db")) as ledger:
        rows = ledger.execute("SELECT (SELECT count(*) FROM batches) + (SELECT count(*) FROM jobs)").fetchone()[0]
    return rows == 0 and not (program.folder / "images").exists()


def test_ids_that_try_to_leave_the_folder_are_refused_by_line(program: Program) -> None:
    """Every one is named with its line and nothing is stored: parents, folders, drives, devices, marks that reorder text."""
    lines = [json.dumps({"custom_id": name, "prompt": "a cat"}) for name in _LEAVING]
    program.write("ids.jsonl", "\n".join(['{"custom_id": "fine", "prompt": "a cat"}', *lines]))
    done = program.run("submit", "ids.jsonl", code=2)
    told = {line.split(": ")[0] for line in done.stderr.removeprefix("batchgen: ").splitlines() if "custom_id" in line}
    assert told == {f"ids.jsonl:{number}" for number in range(2, len(_LEAVING) + 2)}
    assert _is_nothing_stored(program)


_MANIFESTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "fifty-megabytes-on-one-line.csv": (lambda: b"prompt\n" + b"a" * 50 * _MEGA, ":2: is longer than"),
    "fifty-megabytes-of-header.csv": (lambda: b"prompt," * (50 * _MEGA // 7), ":1: is longer than"),
    "fifty-megabytes-on-one-line.jsonl": (lambda: b'{"prompt": "' + b"a" * 50 * _MEGA + b'"}\n', ":1: is longer than"),
    "unclosed-quote.csv": (
        lambda: b'prompt,shelf\na cat,1\n"never closed,2\n' + (b"a" * 4990 + b",3\n") * 6000,
        ":3: a cell has more than 4,000,000 characters: is a quote left open?",
    ),
    "unclosed-quote-at-the-end.csv": (
        lambda: b'prompt,shelf\na cat,1\n"never closed,2\n' + b"a line,3\n" * 1000,
        ":3: a quote that opens in this row is never closed",
    ),
    "unclosed-quote.tsv": (lambda: b'prompt\n"' + (b"b" * 100_000 + b"\n") * 150, ":2: prompt: has 100,001 characters"),
    "deep-arrays.jsonl": (
        lambda: b'{"prompt": "a cat"}\n{"prompt": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
        ":2: is nested too deeply",
    ),
    "deep-objects.jsonl": (lambda: b'{"prompt": "a cat"}\n' + b'{"prompt": ' * 100_000, ":2: is nested too deeply"),
    "row-of-100000-cells.csv": (lambda: b"prompt\na cat\nx" + b",y" * 100_000, ":3: has 100001 cells and the header 1"),
    "equal-columns.csv": (lambda: b"prompt" + b",c" * 100_000 + b"\nx\n", ":1: c: stands twice in the header"),
    "columns-without-a-name.csv": (lambda: b"prompt" + b"," * 100_000 + b"\nx" + b",y" * 100_000, ":2: cell 2 has no name"),
    "nested-columns.jsonl": (
        lambda: json.dumps({"prompt": "x", **{f"c{number}": [] for number in range(20_000)}}).encode(),
        ":1: c0: must be",
    ),
    "digits.jsonl": (lambda: b'{"prompt": "x", "n": ' + b"9" * 3 * _MEGA + b"}", ":1: is not JSON that can be used"),
    "long-id.csv": (lambda: b"prompt,custom_id\nx," + b"9" * _MEGA, ":2: custom_id: "),
    "utf-16.csv": (lambda: "prompt\na cat\n".encode("utf-16"), ": is UTF-16"),
    "utf-16-without-mark.csv": (lambda: "prompt\na cat\n".encode("utf-16-le"), ":1: there is no prompt column"),
    "header-without-prompt.csv": (
        lambda: ",".join(f"c{number}" for number in range(100_000)).encode() + b"\nx\n",
        ":1: there is no prompt column",
    ),
    "long-model.csv": (lambda: b"prompt,model\nx," + b"m" * _MEGA, ":2: model: "),
    "long-size.csv": (lambda: b"prompt,size\nx," + b"9" * _MEGA, ":2: size: "),
    "long-key.jsonl": (lambda: b'{"prompt": "x", "' + b"k" * 3 * _MEGA + b'": []}', ":1: "),
    "long-method.jsonl": (
        lambda: b'{"custom_id": "a", "method": "' + b"G" * _MEGA + b'", "url": "u", "body": {"prompt": "x"}}',
        ":1: method: ",
    ),
    "one-key-twice-among-100000.jsonl": (
        lambda: json.dumps({"prompt": "x", **{f"c{n}": 1 for n in range(100_000)}})[:-1].encode() + b', "c99999": 2}',
        ":1: is not JSON that can be used",
    ),
    "junk.csv": (lambda: bytes(range(256)) * 4000, ":1: "),
    "junk.jsonl": (lambda: bytes(range(256)) * 4000, ":1: is not JSON"),
}


@pytest.mark.parametrize("name", _MANIFESTS)
def test_a_hostile_manifest_is_refused_by_line_in_bounded_memory(program: Program, name: str) -> None:
    """Exit 2, file and line, few words, no traceback, little memory, and nothing is stored."""
    content, words = _MANIFESTS[name]
    (program.folder / name).write_bytes(content())
    done = measured(program, "submit", name)
    assert done.code == 2
    assert f"{name}{words}" in done.stderr
    assert "nothing was stored" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert len(done.stderr) < _MOST_CHARACTERS
    assert done.megabytes < _MOST_MEGABYTES
    assert _is_nothing_stored(program)


def test_a_manifest_that_is_no_ordinary_file_does_not_hang(program: Program, tmp_path: Path) -> None:
    """A device or a folder in place of a manifest is told as missing, and is not read for ever."""
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    (tmp_path / "folder.csv").mkdir()
    for name in ("zero.csv", "folder.csv"):
        assert f"there is no manifest {name}" in program.run("submit", name, code=2).stderr


def test_a_matrix_multiplies_rows_as_they_stream_by(program: Program) -> None:
    """20,000 rows with three combinations each need no more memory than 500: what is made of a row is not kept."""
    program.write("job.toml", 'manifest = "rows.csv"\nprompt = "{name}, {style}"\n[matrix]\nstyle = ["a", "b", "c"]\n')
    megabytes = []
    for count in (500, 20_000):
        program.write("rows.csv", "custom_id,name\n" + "".join(f"r{number},cup {number}\n" for number in range(count)))
        done = measured(program, "submit", "job.toml", "--name", f"times {count}")
        assert f"{3 * count:,} new" in done.stderr
        megabytes.append(done.megabytes)
    assert megabytes[1] < megabytes[0] + 10
