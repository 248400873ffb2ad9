"""Answers as streams of events that end in an error, or before their images."""

from scripted_server import completed, event, png, stream

from .case import AT_MOST, LOST_ONCE, PAID, PROMPT, REFUSED, TRIED_AGAIN, Became, Case

_STREAMED = {"BATCHGEN_DEFAULTS__STREAM": "true"}
_IMAGE, _BEGUN = completed(png(1024, 1024)), event("image_generation.in_progress")
_TWO = f"custom_id,prompt,n\nkettle,{PROMPT},2\n"


def _error(code: str, message: str) -> bytes:
    return event("error", error={"message": message, "type": "", "param": None, "code": code})


STREAMS = (
    Case("an event with moderation_blocked", [stream(_error("moderation_blocked", "Rejected."))], REFUSED, settings=_STREAMED),
    Case("an event with server_error", [stream(_BEGUN, _error("server_error", "Sorry."))], TRIED_AGAIN, settings=_STREAMED),
    Case("an end without an image", [stream(_BEGUN)], LOST_ONCE, settings=_STREAMED, message="ended before its images"),
    Case("cut within the image", [stream(_IMAGE[:-40], end="cut")], LOST_ONCE, settings=_STREAMED, message="cut short"),
    Case(
        "cut behind the first of two images",
        [stream(_IMAGE, end="cut")],
        Became("unknown, succeeded", at_most=2 * AT_MOST),
        settings=_STREAMED,
        manifest=_TWO,
        asks=(2, 1),
    ),
    Case(
        "an error behind the first of two images",
        [stream(_IMAGE, _error("server_error", "Sorry."))],
        Became("invalid_reply, succeeded", known=2 * PAID),
        settings=_STREAMED,
        manifest=_TWO,
        asks=(2, 1),
    ),
    Case("cut behind the image", [stream(_IMAGE, end="cut")], Became("succeeded", requests=1), settings=_STREAMED),
    Case("no end behind the image", [stream(_IMAGE, end="open")], Became("succeeded", requests=1), settings=_STREAMED),
)
