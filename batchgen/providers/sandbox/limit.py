"""The limit on images per minute, as a window that drains steadily.

The vendor's errors give it away: with a limit of 5 that is used up, the hint is 12 seconds for one image, a fifth of a minute,
and not the time until the oldest request is a minute old. So one minute's allowance refills evenly. n images count n, and every
input image of an edit counts one more; the mask does not.

Counted is what passes the checks, whatever becomes of it afterwards (the vendor counts failed requests too). What the limit
itself refuses is not counted: a client that asks too early is told a wait again and loses nothing but the answer.
"""

import math

from batchgen.providers.sandbox.refusals import Refusal, too_fast, too_many

_MINUTE = 60.0
_NOISE = 1e-6  # floats: who waits exactly as long as told must be let through


class ImageLimit:
    """One account's limit; times are seconds of any clock that only goes forward."""

    def __init__(self, images_per_minute: int) -> None:
        self._limit = images_per_minute
        self._used = 0.0
        self._then = 0.0

    def take(self, model: str, images: int, now: float, *, inputs: int = 0) -> Refusal | None:
        """Count the images asked for and sent along and return None, or return the refusal and count nothing."""
        images += inputs
        if not self._limit:
            return None
        if images > self._limit:
            return too_many(model, self._limit, images, inputs=inputs > 0)
        self._drain(now)
        excess = self._used + images - self._limit
        if excess > _NOISE:
            numbers = f"Limit {self._limit}, Used {math.ceil(self._used - _NOISE)}, Requested {images}"
            return too_fast(model, numbers, excess * _MINUTE / self._limit, inputs=inputs > 0)
        self._used += images
        return None

    def headers(self, now: float) -> dict[str, str]:
        """The vendor's rate headers; empty without a limit. A unit is one image."""
        if not self._limit:
            return {}
        self._drain(now)
        seconds = math.ceil(self._used * _MINUTE / self._limit)
        return {
            "x-ratelimit-limit-requests": str(self._limit),
            "x-ratelimit-remaining-requests": str(math.floor(self._limit - self._used + _NOISE)),
            "x-ratelimit-reset-requests": f"{seconds // 60}m{seconds % 60}s" if seconds >= 60 else f"{seconds}s",
        }

    def _drain(self, now: float) -> None:
        self._used = max(0.0, self._used - (now - self._then) * self._limit / _MINUTE)
        self._then = now
