"""What is lifted out of a reply is what a decoder would have found there, and the rest of it is untouched."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.providers.lifting import lifted

_WORDS = st.text(st.sampled_from('b64_json":,@01\\/ {}[]AQ=é'), max_size=30) | st.sampled_from(
    ["QUJD", "data:image/png;base64,QUJD"]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | _WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["b64_json", "url", '"b64_json"']) | _WORDS, inner)
    ),
)


def _put_back(value, texts):
    if isinstance(value, dict):
        return {name: _put_back(one, texts) for name, one in value.items()}
    if isinstance(value, list):
        return [_put_back(one, texts) for one in value]
    return str(texts[value], "utf-8") if isinstance(value, str) and value in texts else value


@given(_VALUES, st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")]), st.booleans())
def test_whatever_a_body_holds_is_found_again(value, separators, ascii_only):
    """Texts put back where their marks stand, a body says what it said."""
    body = json.dumps(value, separators=separators, ensure_ascii=ascii_only).encode()
    rest, texts = lifted(body)
    found = msgspec.json.decode(rest)
    assert _put_back(found, texts) == value


def test_no_text_of_a_reply_is_taken_for_a_mark():
    """Not even one that is a mark of another reply's form, written in escapes."""
    _, before = lifted(b'{"b64_json":"QUJD"}')
    rest, texts = lifted(rb'{"b64_json":"REVG","url":"\u0040\u0030","id":"@0"}')
    said = msgspec.json.decode(rest)
    assert [name for name, text in said.items() if text in texts] == ["b64_json"]
    assert all(len(mark) > 30 for mark in (*before, *texts))


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ('{"data":[{"b64_json":"QUJD"},{"b64_json" : "REVG"}]}', ["QUJD", "REVG"]),
        ('{"data":[{"b64_json":null,"url":"https://a"}]}', []),
        ('{"data":[{"b64_json":""}]}', []),
        (r'{"data":[{"b64_json":"QU\/D"}]}', []),
        ('{"data":[{"b64_json":"data:image/png;base64,QUJD"}]}', []),
        ('{"data":[{"b64_json":"QUJD', []),
        ('{"data":[{"b64_json"', []),
    ],
)
def test_only_plain_base64_is_lifted(body, texts):
    """In the order of the reply; everything else is left to whoever decodes."""
    rest, found = lifted(body.encode())
    assert [str(text, "ascii") for text in found.values()] == texts
    assert (rest == body.encode()) is (not texts)
