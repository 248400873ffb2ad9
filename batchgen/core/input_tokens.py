"""How many tokens an input image is billed as, from its pixels: two rules, one for each family of models.

`gpt-image-1` and `1.5` count tiles, as the vendor's vision guide says. `gpt-image-2` and newer count patches; that rule is
measured by others on the live API and not published, and for 2.6 it is assumed. So a figure from here is good for an estimate;
what an attempt cost is said by its reported usage alone.
"""

import math

from batchgen.core.catalog import VENDORS

_TILED = frozenset({"gpt-image-1.5", "chatgpt-image-latest", "gpt-image-1-mini", "gpt-image-1"})
_PATCHED = frozenset(
    {
        "gpt-image-2.6-sunburst",
        "gpt-image-2.6-flare",
        "gpt-image-2.5-sunburst",
        "gpt-image-2.5-flare",
        "gpt-image-2",
    }
)

# Tiles: fitted into a square, then down to a shortest side of one tile; so four tiles at most, in one row.
_SQUARE, _TILE = 2048, 512
_BASE_TOKENS, _TILE_TOKENS = 65, 129
_FAITHFUL_SQUARE, _FAITHFUL_OTHER = 4160, 6240

# Patches: enlarged towards a longest side, the ratio bounded, then shrunk until so many patches cover it.
_PATCH, _MOST_PATCHES = 32, 1536
_ENLARGED_SIDE, _MOST_ENLARGED = 1024, 2
_RATIO = 3

# No input image of any model here is billed as more.
MOST_INPUT_IMAGE_TOKENS = _BASE_TOKENS + _TILE_TOKENS * _SQUARE // _TILE + _FAITHFUL_OTHER


def input_image_tokens(model: str, width: int, height: int, fidelity: str | None) -> int | None:
    """Tokens of one input image of so many pixels, upright; None for a model whose rule is not known.

    `fidelity` is input_fidelity, None where it is not given; models that count patches do not have it.
    """
    name = VENDORS.canonical(model)
    if name in _TILED:
        return _tile_tokens(width, height, faithful=fidelity == "high")
    return _patches(width, height) if name in _PATCHED else None


def most_input_image_tokens(model: str) -> int:
    """The most tokens that an input image of any size can be billed as."""
    return _MOST_PATCHES if VENDORS.canonical(model) in _PATCHED else MOST_INPUT_IMAGE_TOKENS


def _tile_tokens(width: int, height: int, *, faithful: bool) -> int:
    short, long = sorted((width, height))
    # With a short side of exactly one tile, the long one has as many as the ratio; in whole numbers, to be exact.
    short_after_fitting = min(1.0, _SQUARE / long) * short
    tiles = -(-long // short) if short_after_fitting > _TILE else -(-min(long, _SQUARE) // _TILE)
    extra = _FAITHFUL_SQUARE if width == height else _FAITHFUL_OTHER
    return _BASE_TOKENS + _TILE_TOKENS * tiles + (extra if faithful else 0)


def _patches(width: int, height: int) -> int:
    short, long = sorted((width, height))
    enlarged = min(max(long, _ENLARGED_SIDE), long * _MOST_ENLARGED)
    across = float(enlarged)
    down = max(short * enlarged / long, across / _RATIO)
    if _covering(across, down) > _MOST_PATCHES:
        shrink = math.sqrt(_PATCH**2 * _MOST_PATCHES / (across * down))
        shrink *= min(_whole_part(across * shrink), _whole_part(down * shrink))
        across, down = math.floor(across * shrink), math.floor(down * shrink)
    return min(_covering(across, down), _MOST_PATCHES)


def _covering(across: float, down: float) -> int:
    return math.ceil(across / _PATCH) * math.ceil(down / _PATCH)


def _whole_part(length: float) -> float:
    """How much of a length is left if it is cut to whole patches."""
    return math.floor(length / _PATCH) / (length / _PATCH)
