"""The account's limit as the benchmarks set it: a bucket that holds two seconds' worth and refills evenly."""

HOLDS_S = 2.0
_MINUTE_S = 60.0
_NOISE = 1e-6  # floats: who waits exactly as long as told must be let through


class Bucket:
    """Full at first; a refusal takes nothing. Times are seconds of any clock that only goes forward."""

    def __init__(self, images_per_minute: int) -> None:
        self._rate = images_per_minute / _MINUTE_S
        self._most = self._rate * HOLDS_S
        self._level = self._most
        self._then = 0.0

    def take(self, now: float) -> float:
        """Take a place and return 0, or return the seconds until there is one."""
        self._level = min(self._most, self._level + (now - self._then) * self._rate)
        self._then = now
        if self._level < 1.0 - _NOISE:
            return (1.0 - self._level) / self._rate
        self._level -= 1.0
        return 0.0


def ideal_s(rows: int, images_per_minute: int) -> float:
    """The least time in which a full bucket lets so many through: nobody can be faster."""
    rate = images_per_minute / _MINUTE_S
    return (rows - rate * HOLDS_S) / rate
