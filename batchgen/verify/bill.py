"""The ledger against a bill of the vendor, by day and model.

Reads only. A bill may lag behind, or hold what others bought with the same account: what differs is told, for a person to
judge. What must not be is a ledger that says less than was billed.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from batchgen.core import bill
from batchgen.core.catalog import VENDORS
from batchgen.core.costs import Period
from batchgen.errors import WrongUsage
from batchgen.store import costs
from batchgen.store.engine import Transaction
from batchgen.store.reports import Money

_NONE_SPENT = Money(0, 0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Compared:
    """A model on a day: what the ledger knows of it, and what was billed (USD micros)."""

    day: date
    model: str
    money: Money
    billed_micros: int

    @property
    def difference_micros(self) -> int | None:
        """What was billed beyond what the ledger says; negative where it says more, None where it knows no cost at all."""
        return None if self.money.cost_micros is None else self.billed_micros - self.money.cost_micros

    @property
    def is_short(self) -> bool:
        """Whether more was billed than the ledger says and calls unknown.

        The ledger rounds each attempt, the bill perhaps only their sum. An attempt of unknown cost may have cost anything.
        """
        if self.difference_micros is None or self.money.unpriced:
            return False
        rounding = -(-self.money.sent // 2)
        return self.difference_micros > (self.money.unknown_micros or 0) + rounding

    @property
    def is_less(self) -> bool:
        """Whether less was billed than the ledger says."""
        return self.difference_micros is not None and self.difference_micros < 0

    @property
    def is_within(self) -> bool:
        """Whether what was billed beyond what the ledger says may be what it calls unknown, or has rounded."""
        return (self.difference_micros or 0) > 0 and not self.is_short


@dataclass(frozen=True, slots=True)
class Verdict:
    """All days and models that the ledger or the bill knows, and the models of the bill that nobody asked for through it."""

    compared: tuple[Compared, ...]
    left_out: tuple[str, ...]


def check(tx: Transaction, path: Path, period: Period, provider: str) -> Verdict:
    """Hold the ledger's attempts of one provider against a bill, on the days of the bill or on those of them in the period.

    Snapshots count as their model. Models that make no images and that the ledger does not know are left out: others use the
    same account. Raises WrongUsage for a file that cannot be read.
    """
    billed = _billed(path)
    days = Period(period.since or min(day for day, _ in billed), period.until or max(day for day, _ in billed))
    known = costs.daily(tx, days, provider, VENDORS.canonical)
    asked_for = {model for _, model in known}
    there = {(day, model): micros for (day, model), micros in billed.items() if days.has(day)}
    left_out = {model for _, model in there if model not in asked_for and VENDORS.find(model) is None}
    keys = sorted(known.keys() | {key for key in there if key[1] not in left_out})
    compared = (Compared(*key, known.get(key, _NONE_SPENT), there.get(key, 0)) for key in keys)
    return Verdict(tuple(compared), tuple(sorted(left_out)))


def _billed(path: Path) -> dict[tuple[date, str], int]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return bill.read(stream, str(path), VENDORS.canonical)
    except UnicodeDecodeError:
        raise WrongUsage(f"{path} is not UTF-8; save it as UTF-8 (in a spreadsheet: CSV UTF-8)") from None
    except OSError as error:
        raise WrongUsage(f"{path} cannot be read: {error.strerror}") from None
