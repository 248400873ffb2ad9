"""Pictures that cost nothing: drawn from a prompt, a size and an ordinal, or over the inputs of an edit; always the same.

A word of the prompt may suggest the composition and the colours ("harbour", "forest at night"); dice thrown from a hash of the
prompt decide the rest. The prompt stands at the foot, a mark in the corner says that no model made this.
"""

import hashlib
import random
import re
from collections.abc import Callable

from PIL import Image

from batchgen.providers.sandbox.picture import forms, landscapes, palette, vector
from batchgen.providers.sandbox.picture.canvas import Canvas
from batchgen.providers.sandbox.picture.collage import Inputs, collage, lifted
from batchgen.providers.sandbox.picture.encoding import Encoding, encode
from batchgen.providers.sandbox.picture.lettering import write

__all__ = ["Encoding", "Inputs", "draw", "retouch"]

Composition = Callable[[Canvas, random.Random], None]

_COMPOSITIONS: tuple[tuple[str, Composition], ...] = (
    (r"mountains?|hills?|valley|alps?|meadow|sunset|sunrise|dawn|landscape|birds?", landscapes.hills),
    (r"sea|ocean|lake|harbou?r|ships?|boats?|sail\w*|lighthouse|beach|coast|waves?|whale|island", landscapes.sea),
    (r"forest|trees?|woods?|jungle|pine|fox|wolf|deer|bear|owl|cabin", landscapes.forest),
    (r"city|street|skyline|town|tower|building|bridge|market|tram|train|neon|robots?|car", landscapes.city),
    (r"desert|dunes?|sand|canyon|camel|pyramids?", landscapes.dunes),
    (r"pattern|quilt|tiles?|poster|bauhaus|logo|icon|carpet|fabric", forms.tiles),
    (r"planets?|moon|stars?|space|astronaut|galaxy|orbit|rocket|universe", forms.orbits),
    (r"abstract|flow\w*|ribbons?|music|wind|silk|smoke|water", forms.ribbons),
    (r"crystal|glass|origami|diamond|ice|stone|paper|metal|geometric", forms.facets),
    (r"flowers?|blossoms?|roses?|garden|lotus|mandala|bee|butterfly|tea", forms.bloom),
)


def draw(prompt: str, size: tuple[int, int], ordinal: int, encoding: Encoding) -> bytes:
    """The file of the `ordinal`-th picture of a prompt, `size` in pixels."""
    dice = _dice(prompt, ordinal)
    ramp = palette.choose(prompt, dice)
    composition = _composition(prompt, dice)
    if encoding.output_format == "svg":
        return vector.document(prompt, size, ramp, dice)
    canvas = Canvas(*size)
    composition(canvas, dice)
    grey = _coarse(canvas.finish(), encoding.squares)
    write(grey, prompt)
    return encode(lambda shift: palette.coloured(grey, ramp, shift), encoding)


def retouch(prompt: str, inputs: Inputs, size: tuple[int, int], ordinal: int, encoding: Encoding) -> bytes:
    """The file of the `ordinal`-th picture of an edit, `size` in pixels. As SVG it is the drawing of the prompt alone."""
    if encoding.output_format == "svg":
        return draw(prompt, size, ordinal, encoding)
    picture = _coarse(collage(inputs, size, palette.choose(prompt, _dice(prompt, ordinal))), encoding.squares)
    write(picture, prompt)
    return encode(lambda shift: lifted(picture, shift), encoding)


def _dice(prompt: str, ordinal: int) -> random.Random:
    seed = hashlib.blake2b(f"{ordinal}\0{prompt}".encode(), digest_size=8).digest()
    return random.Random(seed)  # noqa: S311 - it paints, it keeps no secret


def _coarse(picture: Image.Image, squares: int) -> Image.Image:
    """A preview: the same in so many squares along its short edge; 0 leaves the picture as it is."""
    if not squares:
        return picture
    edge = max(1, min(picture.size) // squares)
    return picture.reduce(edge).resize(picture.size, Image.Resampling.NEAREST)


def _composition(prompt: str, dice: random.Random) -> Composition:
    fitting = [paint for words, paint in _COMPOSITIONS if re.search(rf"\b(?:{words})\b", prompt, re.IGNORECASE)]
    return dice.choice(fitting or [paint for _, paint in _COMPOSITIONS])
