"""Whole HTTP messages, made before the first request: images that are images, and refusals in the vendor's words."""

import base64
import json
import random
import struct
import zlib

from batchgen.providers.sandbox.refusals import Refusal, moderated, of_fault, too_fast

# So many different images of a size: files differ, and memory stays small.
_SMALL, _SMALL_BYTES = 64, 64 * 1024
_LARGE = 8

_PIXEL_BYTES = 3
_WIDTH = 64
_USAGE = {
    "input_tokens": 20,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 20},
    "output_tokens": 272,
    "output_tokens_details": {"image_tokens": 272, "text_tokens": 0},
    "total_tokens": 292,
}


def images(size: int) -> list[bytes]:
    """Messages that carry different images of about `size` bytes."""
    count = _SMALL if size <= _SMALL_BYTES else _LARGE
    return [_image_message(_png(size, seed)) for seed in range(count)]


def refused_for_speed(wait_s: float, images_per_minute: int, *, with_hint: bool) -> bytes:
    """A 429 that says when to come back, or one that only asks to slow down."""
    numbers = f"Limit {images_per_minute}, Used {images_per_minute}, Requested 1"
    refusal = too_fast("gpt-image-2.5-flare", numbers, wait_s) if with_hint else of_fault("slow_down", "")
    return _refusal_message(refusal, "Too Many Requests")


def refused_for_content() -> bytes:
    """A 400 of the safety system."""
    return _refusal_message(moderated("req_benchmark"), "Bad Request")


def message(status: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    """A head and a body."""
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), "x-request-id": "req_benchmark"}
    head = "".join(f"{name}: {value}\r\n" for name, value in {**fields, **(headers or {})}.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def _image_message(image: bytes) -> bytes:
    data = [{"b64_json": base64.b64encode(image).decode()}]
    return message("200 OK", json.dumps({"created": 1_800_000_000, "data": data, "usage": _USAGE}).encode())


def _refusal_message(refusal: Refusal, words: str) -> bytes:
    return message(f"{refusal.status} {words}", refusal.body, refusal.headers)


def _png(size: int, seed: int) -> bytes:
    """A picture of noise, stored and not compressed, so that its size is what was asked for."""
    height = max(1, size // (_WIDTH * _PIXEL_BYTES + 1))
    chance = random.Random(seed)
    lines = b"".join(b"\0" + chance.randbytes(_WIDTH * _PIXEL_BYTES) for _ in range(height))
    head = struct.pack(">IIBBBBB", _WIDTH, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(lines, level=0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
