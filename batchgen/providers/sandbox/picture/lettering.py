"""The words on a picture: the prompt at the foot, and the mark that says where the picture is from."""

import unicodedata
from functools import lru_cache

from PIL import Image, ImageChops, ImageDraw, ImageFont

MARK = "SANDBOX"
_MOST_LINES = 3
# More than this never fits on the lines, and a prompt may have 32,000 characters.
_MOST_CHARACTERS = 600


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def spell(prompt: str) -> str:
    """The prompt in letters that the built-in font has: plain Latin. Accents go; words in other scripts leave an ellipsis."""
    words: list[str] = []
    for word in prompt[:_MOST_CHARACTERS].split():
        plain = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode()
        if plain or not words or words[-1] != "...":
            words.append(plain or "...")
    return "(a prompt in another script)" if words == ["..."] else " ".join(words)


def write(image: Image.Image, prompt: str) -> None:
    """Set the prompt on a darkened foot and the mark in the upper right corner of a picture, grey or in colours."""
    short = min(image.size)
    font = _font(max(short // 24, 14))
    line = max(short // 24, 14) * 13 // 10
    margin = short // 18
    lines = _wrap(spell(prompt), font, image.width - 2 * margin)
    top = image.height - margin - line * len(lines)
    _darken(image, top - line * 4)
    draw = ImageDraw.Draw(image)
    draw.rectangle(
        (margin, top - line // 2, margin + short // 14, top - line // 2 + max(short // 250, 2)), fill=_ink(image, 225)
    )
    for number, text in enumerate(lines):
        draw.text((margin, top + number * line), text, font=font, fill=_ink(image, 252))
    _mark(image, image.width - margin, margin)


def _wrap(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> list[str]:
    lines: list[str] = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        elif len(lines) == _MOST_LINES:
            lines[-1] += " ..."
            break
        else:
            lines.append(word)
    return [_cut(line, font, width) for line in lines]


def _cut(line: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(line + "...") > width:
        line = line[:-1]
    return line + "..."


def _darken(image: Image.Image, top: int) -> None:
    """Let the foot of the picture sink into the dark, so that light letters are legible on every composition."""
    top = max(top, 0)
    box = (0, top, image.width, image.height)
    shade = [255 - round(228 * _ease(step / 150)) for step in range(256)]
    column = Image.linear_gradient("L").point(shade).resize((1, image.height - top), Image.Resampling.BILINEAR)
    veil = column.resize((image.width, image.height - top), Image.Resampling.NEAREST)
    image.paste(ImageChops.multiply(image.crop(box), veil.convert(image.mode)), box)


def _ease(part: float) -> float:
    """From 0 to 1 without a visible beginning or end."""
    part = min(part, 1.0)
    return part * part * (3 - 2 * part)


def _ink(image: Image.Image, grey: int) -> int | tuple[int, int, int]:
    return grey if image.mode == "L" else (grey, grey, grey)


def _mark(image: Image.Image, right: int, top: int) -> None:
    size = max(top // 3, 12)
    text = " ".join(MARK)
    font = _font(size)
    width = font.getlength(text)
    left, bottom = right - width - 2 * size, top + size * 2
    draw = ImageDraw.Draw(image)
    paper, edge, ink = (_ink(image, grey) for grey in (14, 240, 250))
    draw.rounded_rectangle((left, top, right, bottom), radius=size, fill=paper, outline=edge, width=max(size // 10, 1))
    draw.text((left + size, top + size), text, font=font, fill=ink, anchor="lm")
