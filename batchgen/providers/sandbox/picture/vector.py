"""The same mood as a small SVG document: sky, sun, ridges, the prompt and the mark."""

import math
import random
from xml.sax.saxutils import escape

from batchgen.providers.sandbox.picture.lettering import MARK
from batchgen.providers.sandbox.picture.palette import Colour, colour_at

_CAPTION_CHARACTERS = 60


def document(prompt: str, size: tuple[int, int], ramp: tuple[Colour, ...], dice: random.Random) -> bytes:
    """A complete SVG in UTF-8, some 3 KB. SVG viewers bring their own letters, so the prompt keeps its script."""
    width, height = size
    short = min(size)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f'<defs><linearGradient id="sky" x2="0" y2="1"><stop stop-color="{_hex(ramp, 110)}"/>',
        f'<stop offset="1" stop-color="{_hex(ramp, 240)}"/></linearGradient></defs>',
        f'<rect width="{width}" height="{height}" fill="url(#sky)"/>',
        f'<circle cx="{width * dice.uniform(0.25, 0.75):.0f}" cy="{height * dice.uniform(0.2, 0.4):.0f}" '
        f'r="{short * dice.uniform(0.07, 0.16):.0f}" fill="{_hex(ramp, 255)}"/>',
        *(_ridge(size, layer, ramp, dice) for layer in range(5)),
        f'<g font-family="sans-serif" fill="{_hex(ramp, 252)}">',
        f'<text x="{short / 18:.0f}" y="{height - short / 18:.0f}" font-size="{short / 28:.0f}">{_caption(prompt)}</text>',
        f'<text x="{width - short / 18:.0f}" y="{short / 12:.0f}" font-size="{short / 40:.0f}" text-anchor="end" '
        f'letter-spacing="3">{MARK}</text></g></svg>',
    ]
    return "\n".join(parts).encode()


def _ridge(size: tuple[int, int], layer: int, ramp: tuple[Colour, ...], dice: random.Random) -> str:
    width, height = size
    level, swing, turn = height * (0.5 + 0.11 * layer), height * 0.06, dice.uniform(0, 6.3)
    pitch = dice.uniform(3, 7)
    points = " ".join(f"{width * i / 24:.0f},{level + swing * math.sin(pitch * i / 24 + turn):.0f}" for i in range(25))
    return f'<polygon points="{points} {width},{height} 0,{height}" fill="{_hex(ramp, 190 - 44 * layer)}"/>'


def _caption(prompt: str) -> str:
    # Control characters are not allowed in XML, not even escaped.
    line = "".join(letter for letter in " ".join(prompt.split()) if letter.isprintable())
    return escape(line if len(line) <= _CAPTION_CHARACTERS else line[: _CAPTION_CHARACTERS - 3] + "...")


def _hex(ramp: tuple[Colour, ...], grey: float) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour_at(ramp, grey))
