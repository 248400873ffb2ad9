"""JSONL: flat objects, lines of the vendor's Batch API, and every way to spoil a line."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchgen.core import jsonlines
from batchgen.core.manifest import Row, Unreadable


def _read(*lines: str, mapping: dict[str, str] | None = None) -> list[Row]:
    return list(jsonlines.rows(lines, mapping or {}))


def _batch(**changes) -> str:
    line = {"custom_id": "a", "method": "POST", "url": "/v1/images/generations", "body": {"prompt": "A fox", "n": 2}}
    return json.dumps({key: value for key, value in (line | changes).items() if value != "-"})


GOOD = [
    ('{"prompt": "A fox"}', {"prompt": "A fox"}, {}),
    ('{"Prompt": "A fox", "SIZE": "auto"}', {"prompt": "A fox", "size": "auto"}, {}),
    ('{"prompt": "A fox", "n": 2}', {"prompt": "A fox", "n": 2}, {}),
    ('{"prompt": "A fox", "n": " 2 "}', {"prompt": "A fox", "n": 2}, {}),
    ('{"prompt": "A fox", "n": null, "size": ""}', {"prompt": "A fox"}, {}),
    ('{"prompt": " A fox\\n", "size": " auto "}', {"prompt": " A fox\n", "size": "auto"}, {}),
    ('{"id": 7, "prompt": "x"}', {"custom_id": "7", "prompt": "x"}, {}),
    ('{"id": "r1", "custom_id": "c1", "prompt": "x"}', {"custom_id": "c1", "prompt": "x"}, {"id": "r1"}),
    (
        '{"prompt": "x", "shelf": "b", "price": 1.5, "sold": true, "of": 3, "gone": null}',
        {"prompt": "x"},
        {"shelf": "b", "price": 1.5, "sold": True, "of": 3},
    ),
    ('{"prompt": "x", "body": "a car\'s"}', {"prompt": "x"}, {"body": "a car's"}),
    (_batch(), {"custom_id": "a", "prompt": "A fox", "n": 2}, {}),
    (_batch(custom_id=12), {"custom_id": "12", "prompt": "A fox", "n": 2}, {}),
    (_batch(custom_id="-"), {"prompt": "A fox", "n": 2}, {}),
    (_batch(method="-", url="-"), {"custom_id": "a", "prompt": "A fox", "n": 2}, {}),
    ('{"prompt": "x", "stream": " TRUE "}', {"prompt": "x", "stream": True}, {}),
    (
        '{"prompt": "x", "svg": {"model": "gpt-6", "reasoning": {"effort": "low"}}}',
        {"prompt": "x", "svg_model": "gpt-6", "svg_effort": "low"},
        {},
    ),
    ('{"prompt": "x", "svg": {"model": "gpt-6", "reasoning": null}}', {"prompt": "x", "svg_model": "gpt-6"}, {}),
    (
        _batch(body={"prompt": "A fox", "stream": True, "svg": {"model": "gpt-6"}}),
        {"custom_id": "a", "prompt": "A fox", "stream": True, "svg_model": "gpt-6"},
        {},
    ),
    (_batch(shelf="b", shop=1), {"custom_id": "a", "prompt": "A fox", "n": 2}, {"shelf": "b", "shop": 1}),
]


@pytest.mark.parametrize(("line", "cells", "metadata"), GOOD)
def test_good_lines(line, cells, metadata):
    """Fields in their types, the rest as metadata; null and empty text are not given."""
    (row,) = _read(line)
    assert (row.line, row.cells, row.metadata, row.findings) == (1, cells, metadata, ())
    assert all(type(value) is type(cells[name]) for name, value in row.cells.items())


BAD = [
    ("{", "", "is not JSON: Expecting property name enclosed in double quotes at character 3"),
    ("prompt,size", "", "is not JSON: Expecting value at character 1"),
    ('{"prompt": "a" "n": 1}', "", "is not JSON: Expecting ',' delimiter at character 16"),
    ('{"prompt": "a"} {"prompt": "b"}', "", "is not JSON: Extra data at character 17"),
    ("{'prompt': 'a'}", "", "is not JSON"),
    ('{"prompt": "a\tb"}', "", "is not JSON: Invalid control character at"),
    ('[{"prompt": "a"}]', "", "must be an object in braces"),
    ('"a fox"', "", "must be an object in braces"),
    ("7", "", "must be an object in braces"),
    ("null", "", "must be an object in braces"),
    ('{"prompt": "a", "prompt": "b"}', "", "the key 'prompt' stands twice in one object"),
    ('{"prompt": "a", "Prompt": "b"}', "Prompt", "stands twice in the header"),
    ('{"prompt": "a", "n": NaN}', "", "NaN is not a value of JSON"),
    ('{"prompt": "a", "x": -Infinity}', "", "-Infinity is not a value of JSON"),
    ('{"prompt": "a", "x": 1e999}', "", "1e999 is too large a number"),
    ('{"prompt": "a", "x": ' + "9" * 5000 + "}", "", "is not JSON that can be used"),
    ("[" * 100_000, "", "is nested too deeply"),
    ('{"prompt": ["a"]}', "prompt", "must be a text, a number or a truth value, not nested"),
    ('{"prompt": "a", "shelf": {"no": 1}}', "shelf", "not nested"),
    ('{"prompt": "a", "qualty": "low"}', "qualty", "if you mean quality"),
    ('{"prompt": "a", "svg": "b"}', "svg", "is an object of the API"),
    ('{"prompt": "a", "svg": {}}', "svg", "is an object of the API"),
    ('{"prompt": "a", "svg": {"model": "b", "effort": "low"}}', "svg", "is an object of the API"),
    ('{"prompt": "a", "svg": {"model": "b"}, "svg_model": "c"}', "svg", "is an object of the API"),
    ('{"prompt": "a", "svg": {"reasoning": {"effort": {"no": 1}}}}', "svg_effort", "not nested"),
    ('{"prompt": "a", "svg": ' + '{"a": ' * 900 + "1" + "}" * 901, "svg", "is an object of the API"),
    (_batch(method="GET"), "method", "GET: must be POST"),
    (_batch(url="/v1/responses"), "url", "/v1/responses: only /v1/images/generations and /v1/images/edits are supported"),
    (_batch(body="A fox"), "body", "must be an object"),
    (_batch(body=["A fox"]), "body", "must be an object"),
    (_batch(body={"prompt": "a", "seed": 1}), "seed", "is not a field of the API"),
    (_batch(body={"prompt": "a", "qualty": "low"}), "qualty", "is not a field of a request; do you mean quality?"),
    (_batch(body={"prompt": "a", "Size": "auto"}), "Size", "is not a field of a request; do you mean size?"),
    (_batch(body={"prompt": "a", "svg": {"author": "b"}}), "svg", "is an object of the API"),
    (_batch(body={"prompt": "a", "stream": [True]}), "stream", "must not be nested"),
    (_batch(body={"prompt": "a", "n": [1]}), "n", "must not be nested"),
    (_batch(custom_id=["a"]), "custom_id", "not nested"),
    (_batch(metadata={"shelf": 1}), "metadata", "not nested"),
]


@pytest.mark.parametrize(("line", "field", "told"), BAD, ids=lambda value: value[:40])
def test_bad_lines_are_named(line, field, told):
    """One finding on the field that is wrong; the lines around it are read."""
    before, row, behind = _read('{"prompt": "x"}\n', line + "\n", '{"prompt": "y"}\n')
    (finding,) = row.findings
    assert (row.line, finding.field) == (2, field)
    assert told in finding.message
    assert (before.cells, before.findings) == ({"prompt": "x"}, ())
    assert (behind.line, behind.cells, behind.findings) == (3, {"prompt": "y"}, ())


def test_blank_lines_are_counted_and_no_rows():
    """The line of a row is the line of the file."""
    assert [row.line for row in _read("\n", '{"prompt": "a"}\n', "  \r\n", '{"prompt": "b"}\r\n')] == [2, 4]


@pytest.mark.parametrize("lines", [[], [""], ["\n", " \n"]])
def test_nothing_is_told(lines):
    """A file without a row is not a manifest."""
    with pytest.raises(Unreadable, match="is empty"):
        _read(*lines)


def test_a_line_without_end_is_not_parsed(monkeypatch):
    """A row has a limit in JSONL too."""
    monkeypatch.setattr(jsonlines, "MOST_ROW_CHARACTERS", 50)
    row, behind = _read('{"prompt": "' + "a" * 60 + '"}', '{"prompt": "b"}')
    assert row.findings[0].message == "has more than 50 characters"
    assert behind.findings == ()


MAPPED = [
    ({"prompt": "Text"}, {"Text": "a", "shelf": "b"}, {"prompt": "a"}, {"shelf": "b"}),
    ({"prompt": "Text"}, {"Text": "a", "prompt": "b"}, {"prompt": "a"}, {"prompt": "b"}),
    ({"prompt": "Text"}, {"prompt": "b"}, {"prompt": "b"}, {}),
    (
        {"size": "", "model": ""},
        {"prompt": "a", "Size": "XL", "model": "T-34"},
        {"prompt": "a"},
        {"Size": "XL", "model": "T-34"},
    ),
]


@pytest.mark.parametrize(("mapping", "value", "cells", "metadata"), MAPPED)
def test_columns_are_mapped_like_those_of_a_table(mapping, value, cells, metadata):
    """`--column` means keys here; a key may be missing from one object."""
    (row,) = _read(json.dumps(value), mapping=mapping)
    assert (row.cells, row.metadata, row.findings) == (cells, metadata, ())


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(st.sampled_from(["prompt", "n", "body", "custom_id", "method", "url", "qualty"]), st.text(max_size=8)),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=12,
)


@given(st.lists(st.one_of(st.text(max_size=40), JSON.map(json.dumps)), min_size=1, max_size=6))
@example(['{"": "x"}'])
@example(['{"body": {"": 1}}'])
def test_no_text_crashes_the_reading(lines):
    """Anything at all is a row or findings, each with its line; what is given is a plain value."""
    try:
        rows = _read(*lines)
    except Unreadable as error:
        assert str(error) == "is empty"
        assert not any(line.strip() for line in lines)
        return
    assert [row.line for row in rows] == [number for number, line in enumerate(lines, 1) if line.strip()]
    for row in rows:
        plain = [*row.cells.values()] + ([] if row.findings else [*row.metadata.values()])
        assert all(isinstance(value, str | int | float | bool) for value in plain)
