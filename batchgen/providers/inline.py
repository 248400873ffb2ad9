"""Images that stand in a reply itself: in base64, by itself or within a data URL. Other links lead elsewhere (`links`)."""

import binascii
from collections.abc import Sequence

import pybase64

_DATA_URL, _BASE64 = "data:", ";base64"


def text_of(b64_json: str | None, url: str | None) -> str | None:
    """The base64 of an image, wherever a server writes it; None where it is not in the reply."""
    return _unwrapped(b64_json or "") or (_unwrapped(url) if url and _is_data_url(url) else None)


def link_of(b64_json: str | None, url: str | None) -> str | None:
    """The link that has to be followed for an image, None where there is none."""
    return None if text_of(b64_json, url) else url or None


def decoded(texts: Sequence[str | memoryview]) -> tuple[tuple[bytes, ...], Exception | None]:
    """The images that are whole, and what is wrong with the last one that is not."""
    images, broken = [], None
    for text in texts:
        try:
            images.append(pybase64.b64decode(text, validate=True))
        except (binascii.Error, ValueError) as error:
            broken = error
    return tuple(images), broken


def _is_data_url(text: str) -> bool:
    head = text[:200].partition(",")[0].lower()
    return head.startswith(_DATA_URL) and head.endswith(_BASE64)


def _unwrapped(text: str) -> str:
    return text.partition(",")[2] if _is_data_url(text) else text
