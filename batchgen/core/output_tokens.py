"""How many output tokens an image takes, by model, quality and size: what is published, and bounds for what is not.

`gpt-image-2` and 2.5 follow a formula, the older ones a table. Of 2.6 nothing is published; what others measured says how far
it lies from 2.5, which is good for an estimate. `auto` lets the server choose: anything the model takes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import product

# Where output tokens are not published, the dearest figure of that size is taken this many times over.
UNPUBLISHED_FACTOR = 4

AUTO = "auto"
# What the server is taken to choose where it may: what a row gets that says nothing.
_LIKELY_SIZE, _LIKELY_QUALITY = "1024x1024", "medium"
# Of the free sizes, those that cost least (one for each factor) and most: tokens grow with the pixels and fall with the ratio.
_CHEAPEST_SIZES, _DEAREST_SIZE = ("1376x480", "1408x480", "1424x480", "1440x480"), "2880x2880"
_STANDARD_SIZES = ("1024x1024", "1024x1536", "1536x1024")


@dataclass(frozen=True, slots=True)
class Span:
    """A figure that is not certain: no less, what is likely, and no more than anybody has reason to expect."""

    least: int
    likely: int
    most: int

    @classmethod
    def exactly(cls, count: int) -> "Span":
        """A figure that is certain."""
        return cls(count, count, count)

    @property
    def is_certain(self) -> bool:
        """Whether there is nothing between the least and the most."""
        return self.least == self.most

    def __iter__(self) -> Iterator[int]:
        return iter((self.least, self.likely, self.most))

    def __add__(self, other: "Span") -> "Span":
        return Span(self.least + other.least, self.likely + other.likely, self.most + other.most)

    def __mul__(self, times: int) -> "Span":
        return Span(self.least * times, self.likely * times, self.most * times)


@dataclass(frozen=True, slots=True)
class Figures:
    """Output tokens of one image of a quality and a size; None for what the model does not make.

    `sizes` are those that may come out where the server chooses. `percents`, by quality, are the least, the likely and the most
    that an image takes of the figure; without them the figure is published as that of the model.
    """

    of: Callable[[str, str], int | None]
    qualities: tuple[str, ...]
    sizes: tuple[str, ...]
    source: str
    read: date
    percents: Mapping[str, tuple[int, int, int]] | None = None

    def span(self, quality: str, size: str) -> Span | None:
        """What one image takes, be anything of it `auto`; None where no figure says so."""
        likely = self._part(1, *_chosen(quality, size))
        qualities = self.qualities if quality == AUTO else (quality,)
        sizes = self.sizes if size == AUTO else (size,)
        least = [self._part(0, *choice) for choice in product(qualities, sizes)]
        most = [self._part(2, *choice) for choice in product(qualities, sizes)]
        if likely is None:
            return None
        return Span(min(one for one in least if one is not None), likely, max(one for one in most if one is not None))

    def _part(self, which: int, quality: str, size: str) -> int | None:
        figure = self.of(quality, size)
        if figure is None or self.percents is None:
            return figure
        return -(-figure * self.percents[quality][which] // 100)


def parse_size(size: str) -> tuple[int, int] | None:
    """`WxH` as pixels, or None for `auto` and anything else."""
    width, _, height = size.partition("x")
    if width.isdecimal() and height.isdecimal() and width.isascii() and height.isascii():
        return int(width), int(height)
    return None


def published(model: str, quality: str, size: str) -> int | None:
    """Output tokens of one image where the vendor's figures give them; None where they are not published.

    `model` is one that has figures (`Model.figures`), as everywhere here.
    """
    figures = FIGURES.get(model)
    return figures.of(quality, size) if figures and figures.percents is None else None


def span(model: str, quality: str, size: str) -> Span | None:
    """What one image is expected to take; None for a model of which nobody knows anything, and for a size that is none."""
    figures = FIGURES.get(model)
    return figures.span(quality, size) if figures else None


def most(model: str, quality: str, size: str) -> int:
    """A bound for one image, to be reserved: the published figure, else the dearest known one four times over."""
    known = published(model, quality, size)
    if known is not None:
        return known
    if FIGURES.get(model) is _FIXED:
        dearest = max(_FIXED_TOKENS.values())
    else:
        dearest = _by_formula(_DEAREST_FACTOR, *(parse_size(size) or _edges(_DEAREST_SIZE)))
    return UNPUBLISHED_FACTOR * dearest


def _chosen(quality: str, size: str) -> tuple[str, str]:
    return _LIKELY_QUALITY if quality == AUTO else quality, _LIKELY_SIZE if size == AUTO else size


def _edges(size: str) -> tuple[int, int]:
    edges = parse_size(size)
    assert edges is not None, "only for sizes that stand here"
    return edges


# The vendor's calculator: tokens = ceil(q * u * (2,000,000 + W*H) / 4,000,000), u = q * short/long rounded half up.
def _by_formula(factor: int, width: int, height: int) -> int:
    short, long = sorted((width, height))
    u = (2 * factor * short + long) // (2 * long)
    return -(-factor * u * (2_000_000 + width * height) // 4_000_000)


def _formula(factors: Mapping[str, int]) -> Callable[[str, str], int | None]:
    def tokens(quality: str, size: str) -> int | None:
        factor, edges = factors.get(quality), parse_size(size)
        return _by_formula(factor, *edges) if factor and edges else None

    return tokens


_FACTORS_2 = {"low": 16, "medium": 48, "high": 96}
_FACTORS_25 = {"low": 16, "medium": 24, "high": 48, "xhigh": 64, "max": 96}
_DEAREST_FACTOR = 96

_FIXED_TOKENS: dict[tuple[str, str], int] = {
    ("low", "1024x1024"): 272,
    ("low", "1024x1536"): 408,
    ("low", "1536x1024"): 400,
    ("medium", "1024x1024"): 1056,
    ("medium", "1024x1536"): 1584,
    ("medium", "1536x1024"): 1568,
    ("high", "1024x1024"): 4160,
    ("high", "1024x1536"): 6240,
    ("high", "1536x1024"): 6208,
}

# One measurement (1536x1024 low 664, high 1,353; 4K high 3,337): three to four times 2.5 below high, about the same from there.
_OF_26 = {"low": (300, 400, 450), "medium": (300, 400, 450), **dict.fromkeys(("high", "xhigh", "max"), (90, 100, 110))}

_CALCULATOR = ("the vendor's own calculator, held against bills that others were sent", date(2026, 10, 5))
_FREE_SIZES = (*_CHEAPEST_SIZES, *_STANDARD_SIZES, _DEAREST_SIZE)
_2 = Figures(_formula(_FACTORS_2), tuple(_FACTORS_2), _FREE_SIZES, *_CALCULATOR)
_25 = Figures(_formula(_FACTORS_25), tuple(_FACTORS_25), _FREE_SIZES, *_CALCULATOR)
_26 = Figures(_25.of, _25.qualities, _FREE_SIZES, "measured by others", date(2026, 11, 5), _OF_26)
_FIXED = Figures(
    lambda quality, size: _FIXED_TOKENS.get((quality, size)),
    ("low", "medium", "high"),
    _STANDARD_SIZES,
    "the vendor's image guide",
    date(2026, 8, 31),
)

FIGURES: dict[str, Figures] = {
    "gpt-image-2.6-sunburst": _26,
    "gpt-image-2.6-flare": _26,
    "gpt-image-2.5-sunburst": _25,
    "gpt-image-2.5-flare": _25,
    "gpt-image-2": _2,
    "gpt-image-1.5": _FIXED,
    "chatgpt-image-latest": _FIXED,
    "gpt-image-1-mini": _FIXED,
    "gpt-image-1": _FIXED,
}
