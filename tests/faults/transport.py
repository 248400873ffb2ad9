"""Connections that fail before, while and after a request goes, and replies that never become whole."""

from scripted_server import drip, endless, half, hang, reset_after, reset_unread

from .behaviours import gibberish, half_chunked, hang_up
from .case import AT_MOST, LOST_ONCE, NEVER, NO_FAILURE_ALLOWED, PAID, Became, Case

_AWAY = Became("offline again and again", "pending", "3", requests=0, known=0)
_SHORT_PATIENCE = {"BATCHGEN_RETRY__OFFLINE_S": "0.1"}
_HOLD = {"BATCHGEN_RETRY__UNKNOWN": "hold"}
_SHORT_TIMEOUT = {"BATCHGEN_PROVIDER__TIMEOUT_S": "1.2"}

TRANSPORT = (
    Case("connection refused, to the end", [], _AWAY, opens=NEVER, settings=_SHORT_PATIENCE, says="check the network"),
    Case(
        "no such host",
        [],
        _AWAY,
        opens=NEVER,
        settings={**_SHORT_PATIENCE, "OPENAI_BASE_URL": "http://nowhere.invalid/v1"},
        says="check the network",
    ),
    Case(
        "connection refused, then it listens",
        [],
        Became("offline again and again, succeeded", requests=1),
        opens="one request at a time tries again",
        settings=NO_FAILURE_ALLOWED,
    ),
    Case("reset before the body was read", [reset_unread()], LOST_ONCE),
    Case("reset after the body", [reset_after()], LOST_ONCE),
    Case(
        'reset after the body, [retry] unknown = "hold"',
        [reset_after()],
        Became("unknown", "failed", "1", requests=1, known=0, at_most=AT_MOST),
        settings=_HOLD,
        says="may have been billed",
    ),
    Case(
        "reset after the body, twice; resume",
        [reset_after()] * 2,
        Became("unknown ×2", "failed", "1, then 1", known=0, at_most=2 * AT_MOST),
        commands=("run m.csv", "resume m"),
    ),
    Case(
        "reset after the body, twice; resume --unknown",
        [reset_after()] * 2,
        Became("unknown ×2, succeeded", exit="1, then 0", requests=3, known=PAID, at_most=2 * AT_MOST),
        commands=("run m.csv", "resume m --unknown"),
    ),
    Case("closed without an answer", [hang_up()], LOST_ONCE),
    Case("an answer that is no HTTP", [gibberish()], LOST_ONCE),
    Case("half of the promised length", [half()], LOST_ONCE, message="cut short"),
    Case("half of a chunked reply", [half_chunked()], LOST_ONCE, message="cut short"),
    Case("no answer within the timeout", [hang()], LOST_ONCE, settings=_SHORT_TIMEOUT, message="no answer in time"),
    Case("a byte now and then beyond the timeout", [drip()], LOST_ONCE, settings=_SHORT_TIMEOUT, message="no answer in time"),
    Case("a reply that never ends", [endless()], LOST_ONCE, message="longer than"),
)
