"""The picture that an edit makes: the first input fitted into the size, tinted where it may change, the others beside it."""

import math
from dataclasses import dataclass

from PIL import Image, ImageOps

from batchgen.providers.sandbox.picture.palette import Colour, colour_at, table

_BACKGROUND = 40  # the grey of the ramp that shows where no input lies
_ASIDE = 4  # the others take this part of the width
_MOST_ROWS = 5
# How much of a picture becomes the tint: marked places clearly, a picture without a mask slightly.
_MASKED, _UNMASKED = 0.75, 0.25


@dataclass(frozen=True, slots=True)
class Inputs:
    """Pictures in RGB or RGBA. `mask` and `markup` are as large as the first: white may change; RGBA is laid over it."""

    first: Image.Image
    others: tuple[Image.Image, ...] = ()
    mask: Image.Image | None = None
    markup: Image.Image | None = None


def collage(inputs: Inputs, size: tuple[int, int], ramp: tuple[Colour, ...]) -> Image.Image:
    """An RGB picture of that size, tinted in the colours of the ramp."""
    width, height = size
    canvas = Image.new("RGB", size, colour_at(ramp, _BACKGROUND))
    aside = width // _ASIDE if inputs.others else 0
    _paste(canvas, _tinted(inputs, ramp), (0, 0, width - aside, height))
    columns = math.ceil(len(inputs.others) / _MOST_ROWS) or 1
    rows = math.ceil(len(inputs.others) / columns) or 1
    # The lowest third is left free: the words stand there.
    across, down = aside // columns, height * 2 // (3 * rows)
    gap = min(across, down) // 16
    for index, other in enumerate(inputs.others):
        left, top = width - aside + index % columns * across, index // columns * down
        _paste(canvas, other, (left + gap, top + gap, left + across - gap, top + down - gap))
    return canvas


def lifted(picture: Image.Image, shift: float) -> Image.Image:
    """The same a little lighter, 0 to 255 for not at all to white."""
    return Image.blend(picture, Image.new("RGB", picture.size, "white"), shift / 255)


def _tinted(inputs: Inputs, ramp: tuple[Colour, ...]) -> Image.Image:
    first = inputs.first.copy()
    if inputs.markup is not None:
        first.paste(inputs.markup, (0, 0), inputs.markup)
    plain = first.convert("RGB")
    tones = ImageOps.grayscale(plain)
    tones.putpalette(table(ramp))
    tint = Image.blend(plain, tones.convert("RGB"), _UNMASKED if inputs.mask is None else _MASKED)
    changed = tint if inputs.mask is None else Image.composite(tint, plain, inputs.mask)
    if first.mode == "RGBA":
        changed.putalpha(first.getchannel("A"))
    return changed


def _paste(canvas: Image.Image, picture: Image.Image, box: tuple[int, int, int, int]) -> None:
    """Fit a picture into a box, whole and in the middle."""
    left, top, right, bottom = box
    fitted = ImageOps.contain(picture, (max(1, right - left), max(1, bottom - top)), Image.Resampling.BILINEAR)
    corner = (left + (right - left - fitted.width) // 2, top + (bottom - top - fitted.height) // 2)
    canvas.paste(fitted, corner, fitted if fitted.mode == "RGBA" else None)
