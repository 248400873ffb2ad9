"""What an image is, told from its bytes."""

import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from batchgen.artifacts.image import NotAnImage, inspect


def made(kind, size=(37, 21)):
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "media_type", "extension"),
    [
        ("PNG", "image/png", "png"),
        ("JPEG", "image/jpeg", "jpg"),
        ("WEBP", "image/webp", "webp"),
        ("GIF", "image/gif", "gif"),
    ],
)
def test_pictures_are_known_by_their_bytes(kind, media_type, extension):
    """Format, size in pixels, length and hash are those of the bytes."""
    data = made(kind)
    picture = inspect(data)
    assert (picture.media_type, picture.extension) == (media_type, extension)
    assert (picture.width, picture.height) == (37, 21)
    assert (picture.bytes, picture.sha256) == (len(data), hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize(
    "text",
    [
        '<svg xmlns="http://www.w3.org/2000/svg"/>',
        "<svg>",
        '\ufeff  <?xml version="1.0" encoding="UTF-8"?>\n<svg viewBox="0 0 1 1"></svg>',
        '<?xml version="1.0"?><!-- by hand --><!DOCTYPE svg PUBLIC "a" "b"><svg></svg>',
    ],
)
def test_drawings_have_no_pixels(text):
    """SVG is known with whatever may stand before its root element."""
    picture = inspect(text.encode())
    assert (picture.media_type, picture.extension, picture.width, picture.height) == ("image/svg+xml", "svg", None, None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        made("PNG")[:20],
        made("JPEG")[:4],
        made("WEBP")[:10],
        b"GIF89a",
        b"this is not an image",
        b"<!doctype html><html><body><svg></svg></body></html>",
        b"<svgfoo>",
        b'{"error": "no"}',
        b"%PDF-1.7",
        made("BMP"),
        made("TIFF"),
    ],
)
def test_what_is_no_image_is_refused(data):
    """Nothing, a cut head, text, a page and formats that nobody asked for are not images."""
    with pytest.raises(NotAnImage, match=f"^{len(data):,} bytes"):
        inspect(data)


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=100).map(lambda tail: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + tail)))
def test_no_bytes_are_too_strange(data):
    """Any bytes are an image or are refused; nothing else comes out."""
    try:
        picture = inspect(data)
    except NotAnImage:
        return
    assert picture.bytes == len(data)


def test_an_image_too_large_to_open_is_told_as_itself():
    """A head that claims a gigantic picture is refused, since nobody could look at it."""
    data = bytearray(made("PNG"))
    data[16:24] = (200_000).to_bytes(4, "big") * 2
    with pytest.raises(NotAnImage):
        inspect(bytes(data))
