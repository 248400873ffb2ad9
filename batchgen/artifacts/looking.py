"""What an image is that somebody else made: read as a stream, whatever its size, and never changed."""

import hashlib
import io
import os
from pathlib import Path

import pybase64
from PIL import ExifTags, Image, UnidentifiedImageError

from batchgen.artifacts.image import NotAnImage
from batchgen.core.inputs import Facts

_TURNED = (5, 6, 7, 8)  # orientations of EXIF that lie on their side
_OPAQUE = 255


def look_at_file(path: Path) -> Facts:
    """Read a file. Raises OSError, and NotAnImage."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = os.fstat(file.fileno()).st_size
        file.seek(0)
        return _facts(file, size, sha256)


def look_at_data_url(text: str) -> Facts:
    """Read what stands behind the comma of a data URL. Raises NotAnImage."""
    try:
        data = pybase64.b64decode(text.partition(",")[2], validate=True)
    except ValueError:
        raise NotAnImage("is not base64") from None
    return _facts(io.BytesIO(data), len(data), hashlib.sha256(data).hexdigest())


def _facts(stream: "io.BufferedReader | io.BytesIO", size: int, sha256: str) -> Facts:
    try:
        with Image.open(stream) as image:
            media_type = Image.MIME.get(str(image.format), str(image.format))
            width, height = image.size
            if image.getexif().get(ExifTags.Base.Orientation) in _TURNED:
                width, height = height, width
            has_alpha = image.has_transparency_data
            return Facts(media_type, width, height, size, sha256, has_alpha, has_alpha and _is_see_through(image))
    except (UnidentifiedImageError, SyntaxError, ValueError, OSError, Image.DecompressionBombError) as error:
        raise NotAnImage("is not an image that can be read") from error


def _is_see_through(image: Image.Image) -> bool:
    return image.convert("RGBA").getchannel("A").getextrema() != (_OPAQUE, _OPAQUE)
