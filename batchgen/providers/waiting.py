"""How long a provider asks us to wait: three headers' spellings, and the words of its message."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_TRY_AGAIN = re.compile(r"try again in\s+((?:[0-9.]+\s*(?:ms|h|m|s)\s*)+)", re.IGNORECASE)
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|h|m|s)", re.IGNORECASE)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

# Nobody means more than a month; a figure without a bound is one that no date can be moved by.
MOST_S = 31 * 86_400.0


def wait_asked(headers: Mapping[str, str], message: str, now: datetime) -> float | None:
    """Seconds from now, 0 to `MOST_S`; None where nothing was said. The order is that of the vendor's own client."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    text = headers.get("retry-after", "").strip()
    seconds = _number(text)
    if seconds is None:
        seconds = _until(text, now)
    if seconds is None:
        seconds = _in_words(message)
    return None if seconds is None else _bounded(seconds)


def _bounded(seconds: float) -> float:
    return min(MOST_S, max(0.0, seconds))


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _until(text: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - now).total_seconds()


def _in_words(message: str) -> float | None:
    found = _TRY_AGAIN.search(message[:2000])
    if found is None:
        return None
    parts = [float(amount) * _SECONDS[unit.lower()] for amount, unit in _PART.findall(found[1])]
    return sum(parts) if parts else None
