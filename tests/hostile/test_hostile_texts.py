"""Texts that are written to steer a terminal, a browser or a spreadsheet come out as the letters they are."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import copied
from scripted_server import error, reply

from .conftest import Program, Stage

# What no terminal may get from us: control characters (line feed and tab apart), the C1 set, and marks that reorder text.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\x08\x7f\r\u202egnp\u2066\u200f\u061c"
_HTML = "<script>alert(1)</script><img src=x onerror=alert(1)>&amp;[bold red]"


def _rows() -> str:
    texts = [f"{_ESCAPES} one", f"{_HTML} two", f"{_ESCAPES}{_HTML} three"]
    rows = [{"custom_id": f"row-{number}", "prompt": text, f"remark{_ESCAPES}": text} for number, text in enumerate(texts)]
    return "\n".join(json.dumps(row) for row in rows)


def _said(program: Program, *arguments: str) -> str:
    """Everything that a command prints, whatever it ends with, checked for what would steer a terminal."""
    ended = copied.run(arguments, program.folder, program.environment)
    said = (ended.stdout + ended.stderr).decode()
    assert ended.returncode in (0, 1, 2, 3)
    assert _STEERING.findall(said) == [], arguments
    return said


def test_no_command_lets_a_text_steer_the_terminal(stage: Callable[..., Stage], tmp_path: Path) -> None:
    """Prompts, metadata, names of columns and the server's words: each command shows them with their escapes written out."""
    refused = error(400, code=f"moderation_blocked{_ESCAPES}", message=f"no {_ESCAPES} {_HTML}")
    page = reply(200, f"<html>{_ESCAPES}{_HTML}</html>", {"x-request-id": "req_1"})
    server = stage(refused, page)
    program = server.client(tmp_path, BATCHGEN_RETRY__MAX_ATTEMPTS="1")
    program.write("texts.jsonl", _rows())
    said = _said(program, "-v", "run", "texts.jsonl", "--concurrency", "1")
    assert "\\x1b[2J" in said
    assert "<script>alert(1)" in said
    for number in range(3):
        assert "\\x1b" in _said(program, "show", "texts", f"row-{number}")
        _said(program, "show", "texts", f"row-{number}", "--json")
    assert "\\x1b[2J" in _said(program, "failures", "texts")
    for arguments in (
        ("failures", "texts", "--json"),
        ("status", "texts"),
        ("status",),
        ("costs",),
        ("costs", "--by", "model"),
        ("costs", "--by", f"column:remark{_ESCAPES}"),
        ("costs", "--by", f"column:{_ESCAPES}"),
    ):
        _said(program, *arguments)


def test_words_that_are_typed_or_named_do_not_steer_either(program: Program) -> None:
    """Names of files, batches, settings and jobs that do not exist come back in messages as letters."""
    program.write("texts.jsonl", '{"prompt": "a cat", "qualty\x1b[2J": "low", "model": "\\u001b[2J"}\n')
    program.write("columns.csv", f"a{_ESCAPES},b\n1,2\n")
    program.write("config\x1b[2J.toml", "nonsense")
    for arguments in (
        ("submit", "texts.jsonl"),
        ("submit", "columns.csv"),
        ("submit", "\x1b[2J.csv"),
        ("status", "\x1b[2J"),
        ("show", "\x1b[2J", "x"),
        ("--config", "config\x1b[2J.toml", "status"),
        ("--database", "\x1b[2J://x/y", "status"),
        ("sandbox", "--faults", "\x1b[2J=1"),
    ):
        assert _said(program, *arguments) != ""


def test_a_server_that_halts_the_run_does_not_steer_the_terminal(stage: Callable[..., Stage], tmp_path: Path) -> None:
    """The one line of a halt repeats the provider's words, as letters."""
    program = stage(then=error(401, code=f"key{_ESCAPES}", message=f"wrong {_ESCAPES} key")).client(tmp_path)
    program.write("texts.jsonl", _rows())
    assert "\\x1b[2J" in _said(program, "-q", "run", "texts.jsonl")
