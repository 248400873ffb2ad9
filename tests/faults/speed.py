"""Refusals about speed: free, and waited out as long as was asked, in whatever way it was asked."""

from dataclasses import replace
from functools import partial

from scripted_server import error

from .behaviours import insist, page, until_a_date
from .case import NO_FAILURE_ALLOWED, WAITED_OUT, Became, Case

_WORDS = "Rate limit reached for images per min: Limit 6000, Used 6000, Requested 1."
_slow_down = partial(error, 429, "rate_limit_exceeded", _WORDS, "images")
_in_words = partial(error, 429, "rate_limit_exceeded", type_="images")
_NOT_YET = Became("rate_limited", "pending", "3", requests=1, known=0)
_THREE_DAYS_S = 3 * 86_400

_CASES = (
    Case("429, wait 1 second", [insist(1.0, _slow_down(headers={"Retry-After": "1"}))], WAITED_OUT),
    Case("429, wait 300 milliseconds", [insist(0.3, _slow_down(headers={"retry-after-ms": "300"}))], WAITED_OUT),
    Case("429, wait until a date", [until_a_date(1.5, lambda headers: _slow_down(headers=headers))], WAITED_OUT),
    Case("429, says nothing of waiting", [_slow_down()], WAITED_OUT),
    Case("429, a proxy's page", [page(429, "429 Too Many Requests")], WAITED_OUT),
    Case("429, try again in 0.3s", [insist(0.3, _in_words(message=f"{_WORDS} Please try again in 0.3s."))], WAITED_OUT),
    Case("429, wait -1 seconds", [_slow_down(headers={"Retry-After": "-1"})], WAITED_OUT),
    Case(
        "429, wait three days",
        [_slow_down(headers={"Retry-After": str(_THREE_DAYS_S)})],
        _NOT_YET,
        says="the provider asks to wait until 2",
    ),
    Case(
        "429, wait until a date in three days",
        [until_a_date(_THREE_DAYS_S, lambda headers: _slow_down(headers=headers))],
        _NOT_YET,
        says="the provider asks to wait until 2",
    ),
    Case("429, six times", [_slow_down()] * 6, Became("rate_limited ×6, succeeded", requests=7)),
)

# With the first failure as the last, each of them shows that it is none.
SPEED = tuple(replace(case, settings=NO_FAILURE_ALLOWED) for case in _CASES)
