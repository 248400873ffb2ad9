"""One line a job, as CSV and JSONL, so that any reader gets back what the ledger holds."""

import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.core.job import State
from batchgen.exports.rows import COLUMNS, WRITERS
from batchgen.store.listing import Line

DONE = Line(
    custom_id="fox",
    state=State.SUCCEEDED,
    operation="generate",
    model="gpt-image-2.5-flare",
    request={"prompt": "A fox", "size": "1024x1024", "quality": "low", "n": 2},
    inputs={},
    metadata={"shelf": "animals", "price": "1.50"},
    files=["spring/fox.png", "spring/fox~2.png"],
    attempts=1,
    input_text_tokens=16,
    input_image_tokens=0,
    output_tokens=392,
    cost_micros=11_840,
    unknown_micros=None,
    outcome="succeeded",
    error_code=None,
    error_message=None,
    remark=None,
    priority=0,
)
FAILED = replace(
    DONE,
    custom_id="owl",
    state=State.FAILED,
    metadata={},
    files=[],
    attempts=3,
    input_text_tokens=None,
    output_tokens=None,
    cost_micros=None,
    unknown_micros=5_930,
    outcome="unknown",
    error_code="timeout",
    error_message='no answer, "so far"\nafter 600 s',
)
FRESH = replace(
    FAILED,
    state=State.PENDING,
    attempts=0,
    input_text_tokens=0,
    output_tokens=0,
    cost_micros=0,
    unknown_micros=None,
    outcome=None,
    error_code=None,
    error_message=None,
)


def _written(kind: str, lines: list[Line], metadata: list[str]) -> str:
    stream = io.StringIO(newline="")
    WRITERS[kind](stream, iter(lines), metadata)
    return stream.getvalue()


def _csv(lines: list[Line], metadata: list[str]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(_written("csv", lines, metadata), newline=""), strict=True))


def test_the_columns_are_those_of_the_manual():
    """What a spreadsheet or a script counts on stands where it stood."""
    assert (
        *("custom_id", "state", "files", "prompt", "model", "size", "quality", "n", "background", "output_format"),
        *("output_compression", "moderation", "complexity", "frame_count", "frame_duration_ms", "safety_identifier", "user"),
        *("attempts", "input_text_tokens", "input_image_tokens", "output_tokens", "cost_usd", "unknown_cost_usd"),
        *("outcome", "error_code", "error", "remark", "priority", "rewritten"),
        *("operation", "image", "mask", "markup", "input_fidelity", "stream", "partial_images", "svg_model", "svg_effort"),
        "copies",
        "provider",
        "reused_from",
    ) == COLUMNS


def test_csv_by_hand():
    """Fields in their columns; money with six places; nothing where nothing is known, and zero where it is zero."""
    done, failed, fresh = _csv([DONE, FAILED, FRESH], ["shelf", "price"])
    assert [name for name in done if name not in COLUMNS] == ["shelf", "price"]
    assert (done["custom_id"], done["state"], done["files"]) == ("fox", "succeeded", "spring/fox.png;spring/fox~2.png")
    assert (done["n"], done["background"], done["cost_usd"], done["unknown_cost_usd"]) == ("2", "", "0.011840", "")
    assert (done["shelf"], done["price"], failed["shelf"]) == ("animals", "1.50", "")
    assert (failed["cost_usd"], failed["unknown_cost_usd"], failed["output_tokens"]) == ("", "0.005930", "")
    assert failed["error"] == 'no answer, "so far"\nafter 600 s'
    assert (fresh["cost_usd"], fresh["output_tokens"], fresh["outcome"]) == ("0.000000", "0", "")


def test_jsonl_by_hand():
    """Types as they are, files as a list, metadata in an object of its own, null for what is not known."""
    done, failed = (json.loads(line) for line in _written("jsonl", [DONE, FAILED], ["shelf"]).splitlines())
    assert tuple(done) == (*COLUMNS, "metadata")
    assert (done["files"], done["n"], done["cost_usd"]) == (["spring/fox.png", "spring/fox~2.png"], 2, "0.011840")
    assert done["metadata"] == {"shelf": "animals", "price": "1.50"}
    assert (failed["cost_usd"], failed["output_tokens"], failed["files"]) == (None, None, [])
    assert failed["unknown_cost_usd"] == "0.005930"


@pytest.mark.parametrize(
    "text", ["=1+1", '=HYPERLINK("http://x","y")', "+SUM(A1)", "-cmd|' /C calc'!A0", "@now", "\t=1", "\r=1"]
)
def test_a_formula_is_text_in_a_spreadsheet(text):
    """An apostrophe stands before it, in every column that people or servers write; JSONL is exact."""
    line = replace(DONE, request={"prompt": text}, error_message=text, metadata={"m": text})
    (row,) = _csv([line], ["m"])
    assert [row["prompt"], row["error"], row["m"]] == [f"'{text}"] * 3
    assert json.loads(_written("jsonl", [line], ["m"]))["prompt"] == text


@pytest.mark.parametrize("text", ["-5", "+49", "-1.5e3", "a=b", "", "'=1"])
def test_numbers_and_other_text_stay_as_they_are(text):
    """A price below zero is no formula."""
    (row,) = _csv([replace(DONE, metadata={"m": text})], ["m"])
    assert row["m"] == text


def test_names_stay_as_they_are():
    """Other files are joined by them: a custom_id may begin with what begins a formula."""
    (row,) = _csv([replace(DONE, custom_id="@hero", files=["-b/@hero.png"])], [])
    assert (row["custom_id"], row["files"]) == ("@hero", "-b/@hero.png")


CLASHES = [
    (["state"], ["column:state"]),
    (["State", "MODEL", "cost_usd"], ["column:State", "column:MODEL", "column:cost_usd"]),
    (["id", "shelf", "status"], ["id", "shelf", "status"]),
    (["state", "column:state", "column:column:state"], ["column:state", "column:column:state", "column:column:column:state"]),
    (["column:shelf", "shelf"], ["column:shelf", "shelf"]),
]


@pytest.mark.parametrize(("names", "headers"), CLASHES)
def test_metadata_that_clashes_is_marked(names, headers):
    """A person's own `state` is not lost behind the job's; also not when an export is submitted again."""
    line = replace(DONE, metadata={name: f"my {name}" for name in names})
    (row,) = _csv([line], names)
    assert [name for name in row if name not in COLUMNS] == headers
    assert [row[header] for header in headers] == [f"my {name}" for name in names]
    assert row["state"] == "succeeded"


def _as_text(text):
    try:
        float(text)
    except ValueError:
        return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") and text else text
    return text


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
ROUGH = st.text(st.sampled_from(',;"\r\n\t a'), max_size=10)
NAMES = st.lists(st.one_of(TEXT, st.sampled_from(COLUMNS)).filter(bool), unique_by=str.casefold, max_size=4)


@given(NAMES, st.lists(st.tuples(st.one_of(TEXT, ROUGH), st.lists(st.one_of(TEXT, ROUGH), min_size=4, max_size=4)), max_size=4))
def test_csv_comes_back_to_the_letter(names, rows):
    """Whatever prompts and metadata hold, a reader of CSV gets it back, a formula as text, and no header stands twice."""
    lines = [
        replace(DONE, request={"prompt": prompt}, error_message=prompt, metadata=dict(zip(names, cells, strict=False)))
        for prompt, cells in rows
    ]
    read = _csv(lines, names)
    assert len(read) == len(lines)
    for row, line in zip(read, lines, strict=True):
        assert len(row) == len(COLUMNS) + len(names)
        assert (row["prompt"], row["error"]) == (_as_text(line.request["prompt"]), _as_text(line.error_message))
        assert list(row.values())[len(COLUMNS) :] == [_as_text(cell) for cell in line.metadata.values()]


@given(st.lists(st.one_of(TEXT, ROUGH), max_size=4))
def test_jsonl_comes_back_to_the_letter(prompts):
    """A job is a line, whatever its prompt holds; separators of lines are escaped."""
    lines = [replace(DONE, request={"prompt": prompt}, metadata={"m": prompt}) for prompt in prompts]
    read = [json.loads(line) for line in _written("jsonl", lines, ["m"]).split("\n")[:-1]]
    assert [(row["prompt"], row["metadata"]) for row in read] == [(prompt, {"m": prompt}) for prompt in prompts]


def test_an_export_is_a_stream():
    """A line is written before the next one is read: a million of them need no memory."""
    stream = io.StringIO(newline="")
    seen = []

    def lines():
        for number in range(3):
            seen.append(stream.getvalue().count("\n"))
            yield replace(DONE, custom_id=str(number))

    WRITERS["csv"](stream, lines(), [])
    assert seen == [1, 2, 3]
