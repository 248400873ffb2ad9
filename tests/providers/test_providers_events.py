"""Server-sent events: the same ones come out in whatever pieces they come in."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.providers.events import Splitter

# The text, the events within it, and the one that is under way at its end.
STREAMS = [
    (b"", [], []),
    (b"event: a\ndata: 1\n\n", [("a", b"1")], []),
    (b"event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n", [("a", b"1"), ("", b"2")], []),
    (b"event: a\rdata: 1\r\rdata: 2\r\r", [("a", b"1"), ("", b"2")], []),
    (b"data:1\nevent:a\n\n", [("a", b"1")], []),
    (b"data:  1 \n\n", [("", b" 1 ")], []),
    (b"data: {\ndata: }\n\n", [("", b"{\n}")], []),
    (b": keep-alive\n\n: another\n\ndata: 1\n\n", [("", b"1")], []),
    (b"data: 1\n: within\ndata: 2\n\n", [("", b"1\n2")], []),
    (b"id: 7\nretry: 100\nkettle\nx: y\ndata: 1\n\n", [("", b"1")], []),
    (b"event: a\n\ndata: 1\n\n", [("", b"1")], []),
    (b"\n\n\ndata: 1\n\n\n\n", [("", b"1")], []),
    (b"data: \xff\x0b\x0c\x1c\x85\n\n", [("", b"\xff\x0b\x0c\x1c\x85")], []),
    (b"data: 1\n\nevent: a\ndata: 2\n", [("", b"1")], [("a", b"2")]),
    (b"data: 1\n\ndata: 2", [("", b"1")], [("", b"2")]),
    (b"data: 1\n\neven", [("", b"1")], []),
]


def split(pieces):
    splitter = Splitter()
    events = [event for piece in pieces for event in splitter.feed(piece)]
    return [[(event.name, bytes(event.data)) for event in some] for some in (events, splitter.rest())]


@pytest.mark.parametrize(("text", "events", "rest"), STREAMS)
def test_events_are_taken_apart(text, events, rest):
    """Whole, and byte by byte: names, data of one line and of several; comments and other fields are left out."""
    assert split([text]) == [events, rest]
    assert split([text[place : place + 1] for place in range(len(text))]) == [events, rest]


@given(
    st.lists(st.sampled_from([b"data: 1", b"event: a", b":x", b"\n", b"\r", b"\r\n", b"\n\n", b"ab"]), max_size=30), st.data()
)
def test_it_does_not_matter_where_the_pieces_end(words, data):
    """Nor between the two halves of an end of line."""
    text = b"".join(words)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))) | {0, len(text)})
    assert split([text[start:end] for start, end in pairwise(cuts)]) == split([text])
