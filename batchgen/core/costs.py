"""How costs can be asked for: under which headings, and of which days."""

from dataclasses import dataclass
from datetime import date

from batchgen.errors import WrongUsage

HEADINGS = ("batch", "model", "day", "month", "provider", "lane", "outcome")

# Before the name of a column of metadata.
COLUMN = "column:"


@dataclass(frozen=True, slots=True)
class Period:
    """Days of UTC, both of them included; None is without an end. An attempt belongs to the day it began in."""

    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        """Raises WrongUsage for a time that ends before it begins."""
        if self.since and self.until and self.until < self.since:
            raise WrongUsage(f"from {self.since} until {self.until} there is no day")

    def has(self, day: date) -> bool:
        """Whether the day is one of these."""
        return (self.since is None or day >= self.since) and (self.until is None or day <= self.until)


ALWAYS = Period()
