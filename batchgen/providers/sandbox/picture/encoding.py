"""A picture -> bytes of a file. Quick before small: what is drawn here is looked at once."""

import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageDraw

# The picture in a palette or in RGB, its middle tones lifted by so much; 0 is the picture itself.
Frame = Callable[[float], Image.Image]


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a picture is written. `compression` is 0..100 and means quality to jpeg and webp, as it does to the vendor.

    `squares` makes it a preview, of so many squares along its short edge.
    """

    output_format: str = "png"
    compression: int = 100
    transparent: bool = False
    frames: int = 9
    frame_ms: int = 200
    squares: int = 0


def encode(frame: Frame, encoding: Encoding) -> bytes:
    """The file of one picture. A transparent one has its corners cut off, so that there is something to see through."""
    target = io.BytesIO()
    if encoding.output_format == "gif":
        frames = [frame(shift) for shift in _breath(encoding.frames)]
        frames[0].save(
            target, "GIF", save_all=True, append_images=frames[1:], duration=encoding.frame_ms, loop=0, optimize=False
        )
        return target.getvalue()
    picture = frame(0.0)
    if encoding.transparent:
        picture = picture.convert("RGBA")
        picture.putalpha(_sticker(picture.size))
    if encoding.output_format == "png":
        picture.save(target, "PNG", compress_level=2)
    else:
        _lossy(picture, target, encoding)
    return target.getvalue()


def _breath(frames: int) -> list[float]:
    """A light that comes and goes: how far the middle greys are lifted in each frame.

    The quarter keeps neighbours different, since Pillow would merge two equal frames into one.
    """
    return [46 * (1 - abs(2 * (frame + 0.25) / frames - 1)) for frame in range(frames)]


def _sticker(size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", (size[0] * 2, size[1] * 2))
    corner = min(size)
    inset = corner // 32
    box = (inset, inset, size[0] * 2 - inset, size[1] * 2 - inset)
    ImageDraw.Draw(mask).rounded_rectangle(box, radius=corner // 8, fill=255)
    return mask.reduce(2)


def _lossy(picture: Image.Image, target: io.BytesIO, encoding: Encoding) -> None:
    if picture.mode == "P":
        picture = picture.convert("RGB")
    # Below 10 and above 95 both codecs only waste: bytes at one end, the picture at the other.
    quality = min(max(encoding.compression, 10), 95)
    if encoding.output_format == "jpeg":
        picture.save(target, "JPEG", quality=quality)
    else:
        picture.save(target, "WEBP", quality=quality, method=0)
