"""The key does not come back out of what a server says, in whatever letters it is spelled."""

import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.providers.masking import Mask

KEY = "sk-proj/0123456789+abcdef="
NUMBERED = "".join(f"\\u{ord(letter):04x}" for letter in KEY)

SPELLED = [
    KEY,
    NUMBERED,
    NUMBERED.upper().replace("\\U", "\\u"),
    NUMBERED[:60] + KEY[10:],
    KEY.replace("/", "\\/"),
    json.dumps(NUMBERED)[1:-1],
    quote(KEY),
    quote_plus(KEY),
    quote(KEY).replace("%2B", "%2b"),
]


@pytest.mark.parametrize("spelled", SPELLED)
def test_the_key_is_masked_however_it_is_spelled(spelled):
    """As it stands, by numbers of letters, in part so, with a backslash, in JSON within JSON, and as in an address."""
    assert Mask(KEY).text(f"one {spelled} two {spelled}") == "one (the key) two (the key)"
    assert Mask(KEY).data(f"one {spelled} two".encode()) == b"one (the key) two"


@given(st.binary(max_size=200))
def test_what_holds_no_key_stays_as_it_is(data):
    """Bytes that nobody can read are kept to the last one; without a key there is nothing to mask."""
    assert Mask(KEY).data(data) == data
    assert Mask("").data(data) == data
    assert Mask("").text(repr(data)) == repr(data)


def test_several_secrets_are_masked():
    """Each of them, also where one is a part of another."""
    mask = Mask(KEY[:12], KEY, "", "another-one")
    text = f"{KEY} and another-one and {KEY[:12]} and {NUMBERED}"
    assert mask.text(text) == "(the key) and (the key) and (the key) and (the key)"
    assert mask.data(text.replace(NUMBERED, "").encode()) == b"(the key) and (the key) and (the key) and "
