"""How long a provider asks us to wait."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchgen.providers.waiting import MOST_S, wait_asked

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({}, "", None),
        ({"retry-after": "7"}, "", 7),
        ({"retry-after": "0.25"}, "", 0.25),
        ({"retry-after": " 7 "}, "", 7),
        ({"retry-after-ms": "1500"}, "", 1.5),
        ({"retry-after-ms": "1500", "retry-after": "30"}, "Please try again in 12s.", 1.5),
        ({"retry-after-ms": "soon", "retry-after": "30"}, "", 30),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:42 GMT"}, "", 42),
        ({"retry-after": "Fri, 20 Nov 2026 14:00:42 +0200"}, "", 42),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:42 -0000"}, "", 42),
        ({"retry-after": "Fri, 20 Nov 2026 11:00:00 GMT"}, "", 0),
        ({"retry-after": "3"}, "Please try again in 12s.", 3),
        ({"retry-after": "-1"}, "", 0),
        ({"retry-after-ms": "-1"}, "", 0),
        ({"retry-after": "259200"}, "", 259_200),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:00 GMT"}, "", 259_200),
        ({"retry-after": "0"}, "", 0),
        ({"retry-after": ""}, "", None),
        ({"retry-after": "soon"}, "", None),
        ({"retry-after": "nan"}, "", None),
        ({"retry-after": "inf"}, "", None),
        ({"retry-after": "-inf"}, "", None),
        ({"retry-after": "Fri, 99 Nov 2026 99:99:99 GMT"}, "", None),
        ({"retry-after": "soon"}, "Please try again in 12s.", 12),
        ({}, "Rate limit reached ... Please try again in 12s. Visit ...", 12),
        ({}, "Please try again in 480ms.", 0.48),
        ({}, "please TRY AGAIN IN 1m30.5s", 90.5),
        ({}, "Please try again in 1h2m3s", 3723),
        ({}, "Please try again in a while", None),
        ({}, "Please try again in .s", None),
    ],
)
def test_a_wait_is_read(headers, message, seconds):
    """Milliseconds before seconds before a date before words; what is past is no wait, what is nonsense says nothing."""
    got = wait_asked(headers, message, NOW)
    assert got == (None if seconds is None else pytest.approx(seconds))


WORDS = st.one_of(
    st.text(max_size=60),
    st.from_regex(r"-?[0-9]{1,400}(\.[0-9]{1,10})?(e[0-9]{1,4})?", fullmatch=True),
    st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,3} [A-Z][a-z]{2} [0-9]{1,9} [0-9:]{1,12} ([A-Z]{3}|[+-][0-9]{1,9})", fullmatch=True),
)
MESSAGES = st.one_of(st.text(max_size=80), st.from_regex(r"try again in [0-9.]{1,400} ?(ms|s|m|h)", fullmatch=True))


@given(WORDS, WORDS, MESSAGES)
@example("1e400", "", "")
@example("", "1e300", "")
@example("", "", f"try again in {'9' * 400}s")
def test_any_words_give_a_wait_or_none(milliseconds, seconds, message):
    """Whatever a server writes: nothing raises, and a wait is a finite number of seconds that a date can be moved by."""
    for headers in ({"retry-after-ms": milliseconds, "retry-after": seconds}, {"retry-after": seconds}, {}):
        got = wait_asked(headers, message, NOW)
        assert got is None or (math.isfinite(got) and 0 <= got <= MOST_S)
