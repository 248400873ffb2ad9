"""Section 5 of the reference, written down here once more, and a bill by it: what the program's money is held against.

Nothing of the program is used. The sandbox prices by the program's own table; so what its log says that it would have billed
proves something only together with this.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

# 5.1: model -> USD per million tokens: text in, image in, text out, image out.
RATES = {
    "gpt-image-2": ("5", "8", "30", "30"),
    "gpt-image-2.5-sunburst": ("5", "8", "30", "30"),
    "gpt-image-2.5-flare": ("5", "8", "30", "30"),
    "gpt-image-2.6-sunburst": ("5", "8", "30", "30"),
    "gpt-image-2.6-flare": ("5", "8", "30", "30"),
    "gpt-image-1.5": ("5", "8", "10", "32"),
    "chatgpt-image-latest": ("5", "8", "10", "32"),
    "gpt-image-1": ("5", "10", "40", "40"),
    "gpt-image-1-mini": ("2", "2.5", "8", "8"),
}

# 5.2: output tokens of the older models.
FIXED_MODELS = ("gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5", "chatgpt-image-latest")
FIXED = {
    "low": {"1024x1024": 272, "1024x1536": 408, "1536x1024": 400},
    "medium": {"1024x1024": 1056, "1024x1536": 1584, "1536x1024": 1568},
    "high": {"1024x1024": 4160, "1024x1536": 6240, "1536x1024": 6208},
}

# 5.3: size -> tokens and USD for low, 2.5 medium, 2.5 high = 2 medium, 2.5 xhigh, 2.5 max = 2 high.
FORMULA = {
    "1024x1024": ((196, ".0059"), (439, ".0132"), (1756, ".0527"), (3122, ".0937"), (7024, ".2107")),
    "1536x1024": ((158, ".0047"), (343, ".0103"), (1372, ".0412"), (2459, ".0738"), (5488, ".1646")),
    "1024x1536": ((158, ".0047"), (343, ".0103"), (1372, ".0412"), (2459, ".0738"), (5488, ".1646")),
    "1920x1088": ((148, ".0044"), (344, ".0103"), (1325, ".0398"), (2356, ".0707"), (5300, ".1590")),
    "2048x2048": ((397, ".0119"), (892, ".0268"), (3568, ".1070"), (6343, ".1903"), (14272, ".4282")),
    "2560x1440": ((205, ".0062"), (478, ".0143"), (1843, ".0553"), (3276, ".0983"), (7370, ".2211")),
    "3840x2160": ((371, ".0111"), (865, ".0260"), (3336, ".1001"), (5930, ".1779"), (13342, ".4003")),
}
# Where a quality of a model stands in the rows above: "high" is another word on each.
COLUMNS = {
    "gpt-image-2": {"low": 0, "medium": 2, "high": 4},
    "gpt-image-2.5-sunburst": {"low": 0, "medium": 1, "high": 2, "xhigh": 3, "max": 4},
    "gpt-image-2.5-flare": {"low": 0, "medium": 1, "high": 2, "xhigh": 3, "max": 4},
}

# 5.5: an input image of 1024x1024: so many patches, or one tile.
INPUT_IMAGE = dict.fromkeys(COLUMNS, 1024) | dict.fromkeys(FIXED_MODELS, 65 + 129)
# prices.json, of the vendor's image guide: output tokens of a preview.
PREVIEW = 100


def figures() -> Iterator[tuple[str, str, str, int]]:
    """Every published figure: model, quality, size, output tokens of one image."""
    for model, columns in COLUMNS.items():
        for quality, column in columns.items():
            yield from ((model, quality, size, row[column][0]) for size, row in FORMULA.items())
    for model in FIXED_MODELS:
        for quality, row in FIXED.items():
            yield from ((model, quality, size, tokens) for size, tokens in row.items())


def micros(model: str, *, text_in: int = 0, image_in: int = 0, text_out: int = 0, image_out: int = 0) -> int:
    """What tokens cost in USD micros, half of one going to the even neighbour."""
    return round(sum(map(_times, RATES[model], (text_in, image_in, text_out, image_out)), Fraction(0)))


def bill(line: Mapping[str, Any]) -> int:
    """USD micros of a request by the tokens that the sandbox's log has of it."""
    tokens = {"text_in": "input_text_tokens", "image_in": "input_image_tokens", "image_out": "output_tokens"}
    return micros(line["model"], **{kind: line[name] for kind, name in tokens.items()})


def _times(rate: str, tokens: int) -> Fraction:
    return Fraction(rate) * tokens
