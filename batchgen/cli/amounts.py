"""Money and time that are not known to the micro, in words."""

from typing import TYPE_CHECKING, Any

from batchgen.cli.console import counted

if TYPE_CHECKING:
    from batchgen.core.output_tokens import Span

_MICROS = 1_000_000
_TIMES = ((90, 1, "s"), (5400, 60, "minutes"), (129_600, 3600, "hours"))
_DAY_S = 86_400


def usd(micros: float) -> str:
    """USD for a person who wants to know how much it is about: `$21.54`, `$0.0132`."""
    return f"${micros / _MICROS:,.2f}" if micros >= _MICROS else f"${micros / _MICROS:.4f}"


def about(cost: "Span", *, word: str = "about ") -> str:
    """What is likely, and where it is not certain between which bounds."""
    bounds = "" if cost.is_certain else f", between {usd(cost.least)} and {usd(cost.most)}"
    return f"{word}{usd(cost.likely)}{bounds}"


def summed(images: int, cost: "Span | None", unpriced: int) -> str:
    """Images and what they cost; that of `unpriced` of them is not known."""
    if cost is None:
        return f"{counted(images, 'image')}, at a cost that is not known"
    rest = f"; the cost of {counted(unpriced, 'image')} is not known" if unpriced else ""
    return f"{counted(images, 'image')}, {about(cost)}{rest}"


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    for below, unit, name in _TIMES:
        if seconds < below:
            return f"{seconds / unit:.0f} {name}" if unit < _TIMES[-1][1] else f"{seconds / unit:.1f} {name}"
    return f"{seconds / _DAY_S:.1f} days"


def cost_data(cost: "Span | None") -> dict[str, Any]:
    """What is likely and the bounds, exact to the micro, for a program; null is not known."""
    from batchgen.core.pricing import dollars

    names = ("cost_low_usd", "cost_usd", "cost_high_usd")
    told = dict(zip(names, map(dollars, cost), strict=True)) if cost is not None else dict.fromkeys(names)
    return {name: told[name] for name in sorted(names, key=len)}
