"""A multipart/form-data body -> its fields, as JSON would have given them, and its files."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from aiohttp import BodyPartReader, web
from aiohttp.http import HttpProcessingError

from batchgen.core.parameters import PARAMETERS, Integer, Truth
from batchgen.providers.sandbox import body, invalid
from batchgen.providers.sandbox.refusals import Refusal, bad, too_large
from batchgen.providers.sandbox.uploads import MOST_IMAGE_BYTES, MOST_IMAGES, MOST_MASK_BYTES, File, Uploads

_FILES = {"image": MOST_IMAGE_BYTES, "image[]": MOST_IMAGE_BYTES, "mask": MOST_MASK_BYTES, "markup": MOST_IMAGE_BYTES}
_MOST_TEXT_BYTES = 2**19
_MOST_PARTS = 100
_CHUNK_BYTES = 2**18

_TRUTH = {"true": True, "false": False}
_INTEGER = re.compile(r"-?[0-9]{1,9}", re.ASCII)
# A part of an object, as `svg[reasoning][effort]`.
_NESTED = re.compile(r"svg((?:\[\w+\])+)", re.ASCII)


@dataclass(slots=True)
class Form:
    """The parts in their order, under the names they came with."""

    texts: list[tuple[str, str]] = field(default_factory=list)
    files: list[tuple[str, File]] = field(default_factory=list)


async def read(request: web.Request, most_bytes: int) -> Form:
    """Read a form piece by piece. Raises the vendor's 413 for one beyond measure and 400 for one that is none."""
    body.expect(request, most_bytes)
    form, left = Form(), most_bytes
    try:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader) or not part.name or not part.name.isprintable():
                raise _unreadable()
            if len(form.texts) + len(form.files) >= _MOST_PARTS:
                raise too_large()
            left -= await _take(part, part.name, form, left)
    except (ValueError, RuntimeError, HttpProcessingError) as error:
        raise _unreadable() from error
    return form


async def _take(part: BodyPartReader, name: str, form: Form, left: int) -> int:
    """Add one part to the form; returns its bytes. Of a file that is too large the beginning is kept, and its size."""
    kept, size = bytearray(), 0
    named = part.filename is not None
    is_file = named or name in _FILES
    most = _FILES.get(name, 0) if is_file else _MOST_TEXT_BYTES
    while chunk := await part.read_chunk(_CHUNK_BYTES):
        size += len(chunk)
        if size > left or (size > most and not is_file):
            raise too_large()
        kept += chunk[: max(0, most - len(kept))]
    if name in _FILES:
        form.files.append((name, File(name, _media_type(part), bytes(kept), size, named)))
    else:
        form.texts.append((name, "(a file)" if is_file else kept.decode()))
    return size


def _media_type(part: BodyPartReader) -> str:
    told = part.headers.get("Content-Type", "application/octet-stream").partition(";")[0].strip().lower()
    return told.encode("ascii", "replace").decode()


def apart(form: Form) -> tuple[dict[str, Any], Callable[[], Uploads]]:
    """The fields that are parameters, and what sorts the files. Raises Refusal."""
    return _fields(form.texts), partial(_uploads, form.files)


def _fields(texts: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The fields with the types that JSON would have given them; an empty text is as good as none.

    A text that is not what its field needs stays a text, and the checks will say so. Raises Refusal for a field given twice.
    """
    found: dict[str, Any] = {}
    for name, text in texts:
        nested = _NESTED.fullmatch(name)
        *path, key = ["svg", *nested[1][1:-1].split("][")] if nested else [name]
        place: Any = found
        for step in path:
            place = place.setdefault(step, {}) if isinstance(place, dict) else None
        if not isinstance(place, dict) or key in place:
            raise invalid.twice(name)
        if text:
            place[key] = _typed(name, text)
    return found


def _uploads(files: Sequence[tuple[str, File]]) -> Uploads:
    """The files in their roles, images under the names that the vendor's errors give them. Raises Refusal."""
    listed = [file for name, file in files if name == "image[]"]
    image, mask, markup = (_only(files, name) for name in ("image", "mask", "markup"))
    if image is not None and listed:
        raise invalid.twice("image")
    if image is None and not listed:
        raise invalid.missing("image")
    if len(listed) > MOST_IMAGES:
        raise invalid.too_long_list("image", MOST_IMAGES, len(listed))
    images = [replace(file, param=f"image[{index}]") for index, file in enumerate(listed)]
    return Uploads([image] if image else images, mask, markup)


def _only(files: Sequence[tuple[str, File]], name: str) -> File | None:
    found = [file for given, file in files if given == name]
    if len(found) > 1:
        raise invalid.twice(name)
    return found[0] if found else None


def _typed(name: str, text: str) -> str | int | bool:
    kind = PARAMETERS.get(name)
    if isinstance(kind, Integer) and _INTEGER.fullmatch(text):
        return int(text)
    return _TRUTH.get(text, text) if isinstance(kind, Truth) else text


def _unreadable() -> Refusal:
    message = (
        "We could not parse the multipart form of your request. (HINT: This likely means you aren't using your HTTP library "
        "correctly, for instance that the boundary in the Content-Type header is not the one in the body.)"
    )
    return bad(message, None, None)
