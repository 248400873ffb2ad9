"""The JSON form of an edit's inputs: `images` and `mask` as data URLs or addresses."""

import binascii
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pybase64

from batchgen.providers.sandbox import invalid
from batchgen.providers.sandbox.refusals import Refusal, no_file
from batchgen.providers.sandbox.uploads import MOST_IMAGES, Address, File, Upload, Uploads

_MOST_CHARACTERS = 20_971_520
_DATA_URL = re.compile(r"data:([^;,]*);base64,", re.ASCII | re.IGNORECASE)
_WEB = re.compile(r"https?://[^\s/]", re.ASCII | re.IGNORECASE)
_MEDIA_TYPES = ("image/png", "image/jpeg", "image/webp")


def apart(given: Mapping[str, Any]) -> tuple[dict[str, Any], Callable[[], Uploads]]:
    """The fields that are parameters, and what reads the files. It decodes megabytes: not for the event loop."""
    references = {name: given[name] for name in ("images", "mask") if name in given}
    return {name: value for name, value in given.items() if name not in references}, partial(_uploads, references)


def _uploads(given: Mapping[str, Any]) -> Uploads:
    """What `images` and `mask` of a JSON body stand for. Raises Refusal."""
    images = given.get("images")
    if images is None:
        raise invalid.missing("images")
    if not isinstance(images, list):
        raise invalid.wrong_type("images", "an array of objects", images)
    if not images:
        raise invalid.empty_list("images")
    if len(images) > MOST_IMAGES:
        raise invalid.too_long_list("images", MOST_IMAGES, len(images))
    mask = given.get("mask")
    return Uploads(
        [_upload(reference, f"images[{index}]") for index, reference in enumerate(images)],
        None if mask is None else _upload(mask, "mask"),
    )


def _upload(reference: Any, param: str) -> Upload:
    if not isinstance(reference, dict):
        raise invalid.wrong_type(param, "an object", reference)
    for name in reference:
        if name not in ("image_url", "file_id"):
            raise invalid.unknown(f"{param}.{name}")
    url, file_id = reference.get("image_url"), reference.get("file_id")
    if url is not None and file_id is not None:
        raise invalid.exclusive(f"{param}.image_url", "image_url", "file_id")
    if file_id is not None:
        raise no_file(str(file_id), f"{param}.file_id")
    if url is None:
        raise invalid.missing(f"{param}.image_url")
    return _at(url, f"{param}.image_url")


def _at(url: Any, param: str) -> Upload:
    if not isinstance(url, str):
        raise invalid.wrong_type(param, "a string", url)
    if len(url) > _MOST_CHARACTERS:
        raise invalid.too_long_text(param, _MOST_CHARACTERS, len(url))
    head = _DATA_URL.match(url)
    if head is None:
        if _WEB.match(url):
            return Address(param, url)
        raise invalid.wrong_value(param, f"Invalid '{param}'. Expected a valid URL, but got a value with an invalid format.")
    media_type = head[1].lower()
    if media_type not in _MEDIA_TYPES:
        raise _not_an_image(param, f"unsupported MIME type '{media_type}'")
    try:
        data = pybase64.b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise _not_an_image(param, "an invalid base64-encoded value") from error
    return File(param, media_type, data, len(data))


def _not_an_image(param: str, got: str) -> Refusal:
    example = "data:image/png;base64,aW1nIGJ5dGVzIGhlcmU="
    message = (
        f"Invalid '{param}'. Expected a base64-encoded data URL with an image MIME type (e.g. '{example}'), but got {got}."
    )
    return invalid.wrong_value(param, message)
