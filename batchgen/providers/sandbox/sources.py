"""What came along with an edit -> pictures to paste, or the vendor's refusal of it. Opens images: not for the event loop.

The vendor looks at what a part says it is, then at its bytes. Of an address nothing is fetched: a drawn picture of 1024x1024
stands for it, and a mask is not compared with that.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageOps

from batchgen.providers.sandbox.invalid import listed
from batchgen.providers.sandbox.picture import Encoding, draw
from batchgen.providers.sandbox.refusals import Refusal, bad
from batchgen.providers.sandbox.uploads import MOST_IMAGE_BYTES, MOST_MASK_BYTES, Address, File, Upload

_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
# A picture that is larger is pasted from a smaller copy.
_LONGEST = 2048
_MOST_PIXELS = 89_000_000
_STAND_IN = (1024, 1024)
_SIDEWAYS = range(5, 9)  # EXIF orientations that turn an image by a quarter
_ORIENTATION = 0x0112

_USER_ERROR = "image_generation_user_error"


@dataclass(frozen=True, slots=True)
class Source:
    """One input as it is seen upright: its pixels and a copy, 2048 long at most. `fetched` is False for an address."""

    width: int
    height: int
    picture: Image.Image
    fetched: bool = True

    def same_size(self, other: "Source") -> bool:
        """False if both were seen and differ in their pixels."""
        return not (self.fetched and other.fetched) or (self.width, self.height) == (other.width, other.height)


def image(upload: Upload, number: int) -> Source:
    """The `number`-th input image, counted from 1. Raises Refusal."""

    def unusable() -> Refusal:
        message = f"Invalid image file or mode for image {number}, please check your image file."
        return Refusal(400, message, type=_USER_ERROR, code="invalid_image_file")

    return _source(upload, tuple(_FORMATS), MOST_IMAGE_BYTES, unusable)


def mask(upload: Upload, first: Source) -> Image.Image:
    """Where the first image may change: white in a grey picture of its copy's size. Raises Refusal."""
    source = _source(upload, ("image/png",), MOST_MASK_BYTES, lambda: _bad_mask("mask image is not a valid PNG"))
    if source.picture.mode != "RGBA":
        raise _bad_mask("mask image missing alpha channel")
    if not source.same_size(first):
        raise _bad_mask("mask size does not match image size")
    holes = source.picture.getchannel("A").point([255] + [0] * 255)
    return holes.resize(first.picture.size, Image.Resampling.NEAREST)


def markup(upload: Upload, first: Source) -> Image.Image:
    """What is laid over the first image, in its copy's size. Raises Refusal."""
    source = _source(upload, ("image/png",), MOST_IMAGE_BYTES, lambda: _bad_markup("is not a valid PNG"))
    if source.picture.mode != "RGBA" or source.picture.getchannel("A").getextrema()[0] == 255:
        raise _bad_markup("must contain transparent pixels")
    if not source.same_size(first):
        raise _bad_markup("must have the same dimensions as the first image")
    return source.picture.resize(first.picture.size)


def _source(upload: Upload, media_types: tuple[str, ...], most_bytes: int, unusable: Callable[[], Refusal]) -> Source:
    if isinstance(upload, Address):
        drawn = draw(upload.url, _STAND_IN, 0, Encoding(transparent=True))
        return Source(*_STAND_IN, Image.open(io.BytesIO(drawn)).convert("RGBA"), fetched=False)
    _check_outside(upload, media_types, most_bytes)
    try:
        return _opened(upload, tuple(_FORMATS[media_type] for media_type in media_types))
    except Exception as error:
        # Each of Pillow's decoders has errors of its own for a broken file, and all of them mean the same here.
        raise unusable() from error


def _check_outside(file: File, media_types: tuple[str, ...], most_bytes: int) -> None:
    if not file.named:
        raise bad(f"Invalid file '{file.param}': missing filename.", file.param, "invalid_value")
    if file.media_type not in media_types:
        message = f"Invalid file '{file.param}': unsupported mimetype ('{file.media_type}'). "
        message += f"Supported file formats are {listed(media_types)}."
        raise bad(message, file.param, "unsupported_file_mimetype")
    if file.size >= most_bytes:
        message = f"Invalid file '{file.param}': file too large. It must be smaller than {most_bytes // 2**20} MB."
        raise bad(message, file.param, "file_too_large")


def _opened(file: File, formats: tuple[str, ...]) -> Source:
    """Raises anything for what is no such image, cannot be read to its end, or would take all memory."""
    with Image.open(io.BytesIO(file.data), formats=formats) as opened:
        width, height = opened.size
        # A photo with others behind it is a JPEG by its first bytes, and refused by the vendor.
        if opened.format not in formats or width * height > _MOST_PIXELS:
            raise ValueError(f"{opened.format} of {width}x{height}")
        if opened.getexif().get(_ORIENTATION) in _SIDEWAYS:
            width, height = height, width
        clear = opened.has_transparency_data
        opened.thumbnail((_LONGEST, _LONGEST))
        return Source(width, height, ImageOps.exif_transpose(opened).convert("RGBA" if clear else "RGB"))


def _bad_mask(problem: str) -> Refusal:
    message = f"Invalid mask image format - {problem}"
    return Refusal(400, message, type=_USER_ERROR, code="invalid_mask_image_format")


def _bad_markup(problem: str) -> Refusal:
    return bad(f"Invalid file 'markup': it {problem}.", "markup", "invalid_value")
