"""What a 200 carries: the images, the resolved parameters, the usage. Built whole, off the event loop."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pybase64

from batchgen.core.pricing import PROMPT_OVERHEAD_TOKENS, cost_micros, output_tokens
from batchgen.core.usage import Usage
from batchgen.providers.sandbox.checks import Wanted
from batchgen.providers.sandbox.picture import Encoding, draw

# What gpt-image-2.6 uses is not published. The figures here are the sandbox's own, after what a third party measured:
# four times the tokens of 2.5 for low and medium, the same for the others.
_LIKE_25 = "gpt-image-2.5-flare"
_TIMES_25 = {"low": 4, "medium": 4}

_GATEWAY_PAGE = b"<!DOCTYPE html><html><head><title>Please wait</title></head><body>Checking your connection</body></html>\n"


def usage_of(wanted: Wanted, images: int) -> Usage:
    """Tokens of so many images. Text is estimated at four bytes a token; every image is billed with the prompt anew."""
    each = output_tokens(wanted.model, wanted.quality, wanted.size)
    if each is None:
        each = (output_tokens(_LIKE_25, wanted.quality, wanted.size) or 0) * _TIMES_25.get(wanted.quality, 1)
    text = -(-len(wanted.prompt.encode()) // 4) + PROMPT_OVERHEAD_TOKENS
    return Usage(input_text_tokens=text * images, input_image_tokens=0, output_tokens=each * images, output_text_tokens=0)


def cost_of(wanted: Wanted, usage: Usage) -> int | None:
    """USD micros by today's price table; None for a model without a price."""
    return cost_micros(wanted.model, usage, datetime.now(UTC).date())


def images_sent(wanted: Wanted, fault: str) -> int:
    """How many images the usage of an answer speaks of."""
    return wanted.n - 1 if fault == "fewer" else wanted.n


def compose(wanted: Wanted, fault: str) -> bytes:
    """The body of a 200, spoiled as the fault says. Takes tens of milliseconds: not for the event loop."""
    if fault == "html":
        return _GATEWAY_PAGE
    images = images_sent(wanted, fault)
    body = _body(
        wanted,
        [_image(wanted, ordinal, fault) for ordinal in range(0 if fault == "empty" else images)],
        usage_of(wanted, images),
    )
    return body[: len(body) * 2 // 3] if fault == "bad_json" else body


def _image(wanted: Wanted, ordinal: int, fault: str) -> str:
    if fault == "not_image":
        return pybase64.b64encode(b"This is text where an image should be.\n" * 8).decode()
    encoding = Encoding(
        output_format=wanted.output_format,
        compression=wanted.compression,
        transparent=wanted.background == "transparent",
        frames=wanted.frames,
        frame_ms=wanted.frame_ms,
    )
    text = pybase64.b64encode(draw(wanted.prompt, wanted.pixels, ordinal, encoding)).decode()
    return f"{text[:400]}!not base64!{text[400:]}" if fault == "bad_base64" else text


def _body(wanted: Wanted, images: Sequence[str], usage: Usage) -> bytes:
    answer: dict[str, Any] = {
        "created": int(time.time()),
        "background": wanted.background,
        "data": [{"b64_json": image} for image in images],
        "output_format": wanted.output_format,
        "quality": wanted.quality,
        "size": wanted.size,
        "usage": _told(usage),
    }
    if wanted.safety_identifier is not None:
        answer["safety_identifier"] = wanted.safety_identifier
    return msgspec.json.encode(answer)


def _told(usage: Usage) -> dict[str, Any]:
    text, image, output = usage.input_text_tokens or 0, usage.input_image_tokens or 0, usage.output_tokens or 0
    return {
        "input_tokens": text + image,
        "input_tokens_details": {"image_tokens": image, "text_tokens": text},
        "output_tokens": output,
        "output_tokens_details": {"image_tokens": output, "text_tokens": 0},
        "total_tokens": text + image + output,
    }
