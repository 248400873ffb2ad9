"""Caps on spending: what counts toward them, and whether one more start fits in. Money is USD micros; days and months are UTC.

An attempt counts with what it cost; while it is open, or where nobody knows whether it was billed, with the most it can cost.
It belongs to the day on which it started.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

_MICRO = Decimal("0.000001")
# More than any account may spend; and exact in whatever an amount is written down.
_MOST_USD = 100_000_000


class Cap(StrEnum):
    """The text is the key of the setting."""

    RUN = "per_run_usd"
    BATCH = "per_batch_usd"
    DAY = "per_day_usd"
    MONTH = "per_month_usd"


@dataclass(frozen=True, slots=True)
class Caps:
    """What may be spent; None is no cap, 0 is nothing at all. `option` is what a person gave `per_run` by, if by no setting."""

    per_run: int | None = None
    per_batch: int | None = None
    per_day: int | None = None
    per_month: int | None = None
    option: str = field(default="", kw_only=True)

    @property
    def of(self) -> dict[Cap, int]:
        """Those that there are."""
        amounts = (self.per_run, self.per_batch, self.per_day, self.per_month)
        return {cap: amount for cap, amount in zip(Cap, amounts, strict=True) if amount is not None}


NO_CAPS = Caps()


@dataclass(frozen=True, slots=True)
class Counted:
    """What counts toward a cap: what was spent, what open attempts may cost, and what may have been billed at worst."""

    spent: int = 0
    reserved: int = 0
    unknown: int = 0

    def __add__(self, other: "Counted") -> "Counted":
        return Counted(self.spent + other.spent, self.reserved + other.reserved, self.unknown + other.unknown)

    @property
    def total(self) -> int:
        """All of it."""
        return self.spent + self.reserved + self.unknown


NOTHING = Counted()


@dataclass(frozen=True, slots=True)
class Full:
    """A cap into which a start does not fit; `micros` is the most it can cost, None without a price.

    `option` is what the cap was given by, if by no setting.
    """

    cap: Cap
    amount: int
    counted: Counted
    micros: int | None
    option: str = ""

    @property
    def name(self) -> str:
        """What a person knows it by."""
        return self.option or f"[budget] {self.cap}"

    @property
    def may_free(self) -> bool:
        """Whether there is anything to wait for: what is open settles for what it cost, and that is less."""
        return self.micros is not None and self.counted.reserved > 0


@dataclass(frozen=True, slots=True)
class Room:
    """The caps and what counts toward each of them at one moment; `batches` by their ids."""

    caps: Caps
    run: Counted = NOTHING
    day: Counted = NOTHING
    month: Counted = NOTHING
    batches: Mapping[int, Counted] = field(default_factory=dict)

    def counted(self, cap: Cap, batch_id: int) -> Counted:
        """What counts toward a cap for a job of this batch."""
        shared = {Cap.RUN: self.run, Cap.DAY: self.day, Cap.MONTH: self.month}
        return shared[cap] if cap in shared else self.batches.get(batch_id, NOTHING)

    def full(self, batch_id: int, micros: int | None) -> Full | None:
        """The cap that a start of so much would pass, or None if it fits.

        Of several it is one that frees nothing: there is no use in waiting for the others then. What has no price fits nowhere.
        """
        options = {Cap.RUN: self.caps.option}
        caps = [
            Full(cap, amount, self.counted(cap, batch_id), micros, options.get(cap, "")) for cap, amount in self.caps.of.items()
        ]
        passed = [full for full in caps if micros is None or full.counted.total + micros > full.amount]
        return min(passed, key=lambda full: full.may_free, default=None)

    def after(self, batch_id: int, micros: int) -> "Room":
        """What is left when that has started."""
        more = Counted(reserved=micros)
        batches = {**self.batches, batch_id: self.counted(Cap.BATCH, batch_id) + more}
        return replace(self, run=self.run + more, day=self.day + more, month=self.month + more, batches=batches)


def total(parts: Iterable[Counted]) -> Counted:
    """All of them together."""
    return sum(parts, NOTHING)


def day_of(now: datetime) -> datetime:
    """When the day began."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def month_of(now: datetime) -> datetime:
    """When the month began."""
    return day_of(now).replace(day=1)


def freed_at(cap: Cap, now: datetime) -> datetime | None:
    """When a cap begins anew by itself, None for one that never does."""
    if cap is Cap.DAY:
        return day_of(now) + timedelta(days=1)
    # No month has more than 31 days, and none fewer than 28.
    return month_of(month_of(now) + timedelta(days=31)) if cap is Cap.MONTH else None


def micros_of(usd: Decimal) -> int:
    """An amount as a person writes it, exactly. Raises ValueError with what it must be."""
    if not usd.is_finite() or not 0 <= usd <= _MOST_USD:
        raise ValueError(f"must be an amount of USD from 0 to {_MOST_USD:,}, like 1.00")
    if usd % _MICRO:
        raise ValueError("must not have more than six decimal places")
    return int(usd / _MICRO)
