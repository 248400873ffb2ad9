"""The colours of a picture: ramps from dark to light, and which of them a prompt suggests.

Pictures are painted in grey and coloured by one ramp. That keeps every picture in tune with itself, costs one byte a pixel, and
lets smooth edges between two greys run through colours that lie between them.
"""

import random
import re

from PIL import Image

Colour = tuple[int, int, int]

_RAMPS = {
    "dusk": "0d0b2b 3b1c5a 8a2d6b e0605e f9a66c fde8b5",
    "ocean": "03192b 0a3a5c 14708c 3fb0a8 a6dcc0 f6f3d7",
    "forest": "0b1f1a 1d4434 3f7a4d 8fb35c dcd98a fbf6d9",
    "ember": "14090c 4a1020 9c2a26 e0632c f6b04a fdf0c4",
    "night": "05060f 11204a 2b4a8b 6b83c7 c1c4ea fbf3f0",
    "rose": "1f0d22 5b1f4d a83f6f e4808a f7c0ad fff2e2",
    "desert": "071a21 0f4650 2f7f7a c9a35b f2b65e fdeccb",
    "lavender": "171033 41307a 7f5fb8 c08fd0 f0bfd0 fff1e6",
    "mint": "0a1830 173d5e 2a7a86 62b993 c5e09a fdf9d0",
    "harvest": "180a1e 48153f 8b2d4e cf6b45 efb550 fdf1c1",
    "arctic": "081422 173a57 3a7199 86aec9 cfe0e8 ffffff",
    "paper": "14171f 3a3f4f 7a6f6f c58f6c ead2a8 faf4e6",
}

_HINTS = (
    (r"night|moon|stars?|midnight|space|galaxy|blue", ("night", "lavender")),
    (r"sunset|dusk|dawn|sunrise|evening|neon", ("dusk", "harvest")),
    (r"sea|ocean|lake|river|harbou?r|ships?|boats?|water|fish|whale|teal|turquoise", ("ocean", "mint")),
    (r"forest|trees?|garden|leaf|leaves|jungle|moss|green|meadow", ("forest", "mint")),
    (r"fire|autumn|volcano|red|fox|lava|embers?", ("ember", "harvest")),
    (r"snow|ice|winter|arctic|glacier|frost|white", ("arctic", "night")),
    (r"desert|sand|dunes?|canyon|clay|orange", ("desert", "ember")),
    (r"flowers?|blossoms?|roses?|pink|love|cherry", ("rose", "lavender")),
    (r"purple|violet|lavender|dream|magic", ("lavender", "dusk")),
    (r"gold|golden|yellow|honey|harvest|wheat|brass", ("harvest", "desert")),
    (r"paper|ink|sketch|vintage|coffee|wood|wooden|book", ("paper", "desert")),
)


def choose(prompt: str, dice: random.Random) -> tuple[Colour, ...]:
    """The ramp that words of the prompt suggest, or any."""
    fitting = [name for pattern, names in _HINTS if re.search(rf"\b(?:{pattern})\b", prompt, re.IGNORECASE) for name in names]
    stops = _RAMPS[dice.choice(fitting or sorted(_RAMPS))].split()
    return tuple((int(stop[:2], 16), int(stop[2:4], 16), int(stop[4:], 16)) for stop in stops)


def colour_at(ramp: tuple[Colour, ...], grey: float) -> Colour:
    """The colour of a grey from 0 (darkest) to 255 (lightest)."""
    place = min(max(grey, 0.0), 255.0) / 255 * (len(ramp) - 1)
    index = min(int(place), len(ramp) - 2)
    part = place - index
    low, high = ramp[index], ramp[index + 1]
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(low, high, strict=True))
    return red, green, blue


def table(ramp: tuple[Colour, ...], shift: float = 0.0) -> bytes:
    """A palette of 256 RGB entries; a shift moves the middle greys up or down the ramp and leaves both ends alone."""
    flat: list[int] = []
    for grey in range(256):
        lift = shift * (1 - (grey / 127.5 - 1) ** 2)
        flat.extend(colour_at(ramp, grey + lift))
    return bytes(flat)


def coloured(grey: Image.Image, ramp: tuple[Colour, ...], shift: float = 0.0) -> Image.Image:
    """A grey picture in the colours of a ramp, one byte a pixel."""
    picture = grey.copy()
    picture.putpalette(table(ramp, shift))
    return picture
