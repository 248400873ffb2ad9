"""Sizes in pixels: what a model's rule finds wrong with one, and which one to take instead."""

import re

from batchgen.core.catalog import Model, SizeRule
from batchgen.core.tutorials import SMALL_SIZES

# Every model has it.
_PLAIN = "1024x1024"

_SIZE = re.compile(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})", re.ASCII)


def edges_of(size: str) -> tuple[int, int] | None:
    """Width and height of `WxH`, or None for anything else."""
    found = _SIZE.fullmatch(size)
    return (int(found[1]), int(found[2])) if found else None


def fault(rule: SizeRule, width: int, height: int) -> str:
    """What is wrong with a size by a rule, or an empty string."""
    short, long = sorted((width, height))
    if width % rule.step or height % rule.step:
        return f"edges must be multiples of {rule.step}"
    if long > rule.longest:
        return f"the longest edge may have {rule.longest} pixels"
    if long > rule.ratio * short:
        return f"the edges' ratio may be {rule.ratio}:1 at most"
    if width * height < rule.fewest:
        return f"needs at least {rule.fewest:,} pixels"
    if width * height > rule.most:
        return f"may have {rule.most:,} pixels at most"
    return ""


def nearest(rule: SizeRule, width: int, height: int) -> tuple[int, int]:
    """The valid size closest to the one asked for, its shape kept as far as the rule lets it."""
    ratio = min(max(width / height, 1 / rule.ratio), rule.ratio)
    area = min(max(width * height, rule.fewest), rule.most)
    target = ((area * ratio) ** 0.5, (area / ratio) ** 0.5)
    shrink = min(1.0, rule.longest / max(target))
    starts = [int(edge * shrink) // rule.step * rule.step for edge in target]
    candidates = [
        (w, h)
        for w in range(starts[0] - 2 * rule.step, starts[0] + 4 * rule.step, rule.step)
        for h in range(starts[1] - 2 * rule.step, starts[1] + 4 * rule.step, rule.step)
        if w > 0 and h > 0 and not fault(rule, w, h)
    ]
    wanted_width, wanted_height = target[0] * shrink, target[1] * shrink

    def distance(size: tuple[int, int]) -> tuple[float, int]:
        return abs(size[0] - wanted_width) + abs(size[1] - wanted_height), -size[0] * size[1]

    return min(candidates, key=distance)


def enlarged(model: Model | None, size: str) -> str | None:
    """For a size that is too small for a model, the smallest one of that shape that it takes; None for any other size.

    Where a model's sizes are not certain, only the sizes of DALL-E are too small for certain.
    """
    edges = edges_of(size)
    if edges is None:
        return None
    if model is None or not model.certain_sizes:
        return _PLAIN if size in SMALL_SIZES else None
    width, height = edges
    if isinstance(model.sizes, SizeRule):
        if width * height >= model.sizes.fewest:
            return None
        return "{}x{}".format(*nearest(model.sizes, width, height))
    listed = [found for found in map(edges_of, model.sizes) if found]
    if not listed or width * height >= min(w * h for w, h in listed):
        return None

    def strangeness(other: tuple[int, int]) -> tuple[float, int]:
        wide, narrow = other[0] * height, other[1] * width
        return max(wide, narrow) / min(wide, narrow), other[0] * other[1]

    return "{}x{}".format(*min(listed, key=strangeness))
