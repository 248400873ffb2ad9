"""What an image is, told from its bytes and not from what somebody says about them."""

import hashlib
import io
import re
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

_FORMATS = {
    "PNG": ("image/png", "png"),
    "JPEG": ("image/jpeg", "jpg"),
    "WEBP": ("image/webp", "webp"),
    "GIF": ("image/gif", "gif"),
}
FORMATS = tuple(_FORMATS)
_SVG = re.compile(rb"\A(\xef\xbb\xbf)?\s*(<\?xml[^>]*\?>\s*)?(<!--.*?-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]", re.DOTALL)
_SVG_HEAD = 4096


class NotAnImage(ValueError):
    """The bytes are of no image format that is known here."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Facts about image bytes. Width and height are pixels, None for a format without them."""

    media_type: str
    extension: str
    width: int | None
    height: int | None
    bytes: int
    sha256: str


def inspect(data: bytes) -> Picture:
    """Read the head of an image and hash all of it. Raises NotAnImage."""
    media_type, extension, width, height = _sniff(data)
    return Picture(media_type, extension, width, height, len(data), hashlib.sha256(data).hexdigest())


def _sniff(data: bytes) -> tuple[str, str, int | None, int | None]:
    if _SVG.match(data[:_SVG_HEAD]):
        return "image/svg+xml", "svg", None, None
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            media_type, extension = _FORMATS[str(image.format)]
            return media_type, extension, *image.size
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        # How they begin is not said: a server may have put the key there.
        raise NotAnImage(f"{len(data):,} bytes of no image format that is known") from error
