"""The vendor's prices: data. Each has the day from which it holds, where it was read and when.

A price that has changed is one more entry; the old one stays, since what was made under it cost what it did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

# What the vendor's Batch API takes of every price, where it takes the model (price page, August 2026).
BATCH_PART = Decimal("0.5")


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens by kind, synchronous, in force from the day `since` (UTC). `read` is when the source said so.

    `text_out` is for models that bill text beside their images; None for those that bill images alone.
    """

    since: date
    text_in: Decimal
    image_in: Decimal
    image_out: Decimal
    text_out: Decimal | None = None
    source: str = ""
    read: date | None = None

    @property
    def other_out(self) -> Decimal:
        """For output of which it is told that it is text: a model without a price for that has the one of images."""
        return self.image_out if self.text_out is None else self.text_out


def in_force(prices: Sequence[Price], day: date) -> Price | None:
    """The price of a day, the newest of those that hold; None before the first."""
    return max((price for price in prices if price.since <= day), key=lambda price: price.since, default=None)


# No price here has changed since its model came, and the first of them came in that month.
_SINCE = date(2025, 4, 1)
_PAGE = ("vendor's price page", date(2026, 8, 31))
_COLLECTED = ("genai-prices 0.2.3 (verified 2026-10-14) and litellm 1.109.1", date(2026, 11, 21))


def _of(text_in: str, image_in: str, image_out: str, text_out: str = "", *, told: tuple[str, date]) -> tuple[Price, ...]:
    source, read = told
    rates = (Decimal(text_in), Decimal(image_in), Decimal(image_out), Decimal(text_out) if text_out else None)
    return (Price(_SINCE, *rates, source, read),)


PRICES: dict[str, tuple[Price, ...]] = {
    "gpt-image-2.6-sunburst": _of("5", "8", "30", told=("vendor's model page", date(2026, 11, 21))),
    "gpt-image-2.6-flare": _of("5", "8", "30", told=("reported equal to sunburst", date(2026, 11, 21))),
    "gpt-image-2.5-sunburst": _of("5", "8", "30", told=_COLLECTED),
    "gpt-image-2.5-flare": _of("5", "8", "30", told=_COLLECTED),
    "gpt-image-2": _of("5", "8", "30", told=_PAGE),
    "gpt-image-1.5": _of("5", "8", "32", "10", told=_PAGE),
    "chatgpt-image-latest": _of("5", "8", "32", "10", told=_PAGE),
    "gpt-image-1-mini": _of("2", "2.5", "8", told=_PAGE),
    "gpt-image-1": _of("5", "10", "40", told=_PAGE),
}
