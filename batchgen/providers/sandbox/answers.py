"""What a 200 carries: the images, the resolved parameters, the usage; whole or as a stream. Built whole, off the event loop."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import pybase64

from batchgen.providers.sandbox import refusals
from batchgen.providers.sandbox.billing import told, told_of_author, usage_of
from batchgen.providers.sandbox.delivery import Message
from batchgen.providers.sandbox.picture import Encoding, draw, retouch
from batchgen.providers.sandbox.wanted import Wanted

_GATEWAY_PAGE = b"<!DOCTYPE html><html><head><title>Please wait</title></head><body>Checking your connection</body></html>\n"

# Who writes an SVG where nobody said who should.
_AUTHOR = "sandbox"

# The first preview is made of some 24 squares along its short edge, each further one of twice as many.
_SQUARES = 24


def images_sent(wanted: Wanted, fault: str) -> int:
    """How many images the usage of an answer speaks of."""
    return wanted.n - 1 if fault in ("fewer", "stream_error") else wanted.n


def compose(wanted: Wanted, fault: str, pause_s: float, link: Callable[[bytes], str]) -> Message:
    """A 200, spoiled as the fault says, with a pause between the events of a stream. Takes tens of milliseconds.

    `link` puts an image where it can be fetched, and says where.
    """
    if fault == "html":
        return Message([_GATEWAY_PAGE], "text/html")
    if wanted.streamed:
        return Message(list(_events(wanted, fault)), "text/event-stream", pause_s)
    images = images_sent(wanted, fault)
    # There is no base64 in a link that could be bad.
    spoiled = "" if wanted.linked and fault == "bad_base64" else fault
    made = [_image(wanted, ordinal, spoiled) for ordinal in range(0 if fault == "empty" else images)]
    named = [{"url": link(pybase64.b64decode(one))} if wanted.linked else {"b64_json": one} for one in made]
    body = _body(wanted, named, images)
    return Message([_broken_off(body) if fault == "bad_json" else body])


def _body(wanted: Wanted, images: Sequence[dict[str, str]], billed: int) -> bytes:
    answer: dict[str, Any] = {
        "created": int(time.time()),
        "data": images,
        **_parameters(wanted),
        "usage": told(usage_of(wanted, billed)),
    }
    if wanted.output_format == "svg" and billed:
        answer["svg_usage"] = told_of_author(wanted.svg_author or _AUTHOR)
    return msgspec.json.encode(answer)


def _events(wanted: Wanted, fault: str) -> Iterator[bytes]:
    """Each image with its previews before it and its own usage: their sum is what was billed."""
    family = "image_edit" if wanted.edit else "image_generation"
    for ordinal in range(images_sent(wanted, fault)):
        for index in range(wanted.partials):
            preview = {"b64_json": _image(wanted, ordinal, "", _SQUARES << index), "partial_image_index": index}
            yield _event(f"{family}.partial_image", wanted, preview)
        if fault != "empty":
            image = {"b64_json": _image(wanted, ordinal, fault), "usage": told(usage_of(wanted, 1))}
            yield _event(f"{family}.completed", wanted, image, whole=fault != "bad_json")
    if fault == "stream_error":
        yield b"event: error\ndata: %b\n\n" % refusals.of_fault("500", "").event


def _event(kind: str, wanted: Wanted, content: dict[str, Any], *, whole: bool = True) -> bytes:
    data = msgspec.json.encode({"type": kind, "created_at": int(time.time()), **_parameters(wanted), **content})
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data if whole else _broken_off(data))


def _parameters(wanted: Wanted) -> dict[str, Any]:
    resolved: dict[str, Any] = {
        "background": wanted.background,
        "output_format": wanted.output_format,
        "quality": wanted.quality,
        "size": wanted.size,
    }
    return resolved if wanted.safety_identifier is None else {**resolved, "safety_identifier": wanted.safety_identifier}


def _image(wanted: Wanted, ordinal: int, fault: str, squares: int = 0) -> str:
    if fault == "not_image":
        return pybase64.b64encode(b"This is text where an image should be.\n" * 8).decode()
    encoding = Encoding(
        output_format=wanted.output_format,
        compression=wanted.compression,
        transparent=wanted.background == "transparent",
        frames=wanted.frames,
        frame_ms=wanted.frame_ms,
        squares=squares,
    )
    if wanted.edit is None:
        file = draw(wanted.prompt, wanted.pixels, ordinal, encoding)
    else:
        file = retouch(wanted.prompt, wanted.edit.inputs, wanted.pixels, ordinal, encoding)
    text = pybase64.b64encode(file).decode()
    return f"{text[:400]}!not base64!{text[400:]}" if fault == "bad_base64" else text


def _broken_off(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]
