"""Files to send along with an edit."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageDraw


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a form."""

    name: str
    data: bytes
    filename: str | None = "file.png"
    media_type: str = "image/png"


def picture(
    size: tuple[int, int] = (64, 48), *, kind: str = "PNG", mode: str = "RGB", hole: Sequence[int] = (), **options: Any
) -> bytes:
    """A file with a picture of two colours; a hole is a transparent box in it."""
    image = Image.new("RGB", size, "teal")
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 2, size[1] // 2), fill="orange")
    image = image.convert(mode)
    if hole:
        clear = Image.new("L", size, 255)
        ImageDraw.Draw(clear).rectangle(tuple(hole), fill=0)
        image.putalpha(clear)
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def data_url(data: bytes, media_type: str = "image/png") -> str:
    """The file as the JSON form carries it."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def seen(text: str) -> Image.Image:
    """The picture in an answer."""
    return Image.open(io.BytesIO(base64.b64decode(text, validate=True))).convert("RGB")
