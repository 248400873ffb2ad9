"""How fast attempts may start: places in the account's limits, and a limit that nobody told is found out from the answers.

Every start takes a place of each kind (images, requests, tokens), as long as its share of a minute of that limit, and the next
one comes when all its places are free. So starts are spread evenly, a request of n images takes n places, and what was left
free in the last second is made up for. All processes on one database share one `Pace`.

A limit that is not known is found out. The rate starts gently and doubles with each answer, not with the clock, until nothing
slows the run or a refusal about speed comes. A refusal that names the limit is believed; else the rate falls below what was
let through, and then grows little by little. A configured limit that is too high is learned in the same way.
"""

from dataclasses import dataclass, replace

_MINUTE_S = 60.0
_HOUR_S = 3_600.0
_DAY_S = 86_400.0

# Images a minute: what an unknown account is asked first, and a rate that slows nobody.
FIRST_RATE = 600.0
_FREE_RATE = 60_000.0
_GENTLE_RATE = 60.0
_GROWTH_FIRST = 2.0
_GROWTH_BACK = 1.05
_GROWTH_LATER = 1.005
# Between these a rate is near to the one that was refused; what goes well beyond shows that the refusal meant another thing.
_NEAR, _BEYOND = 0.7, 1.5
# What follows a refusal, as a part of what was let through: the longer that was watched, the better it is known.
_CUTS = ((3.0, 0.5), (10.0, 0.75), (float("inf"), 0.93))
_LEAST_WATCHED_S = 1.0
_LEAST_LET_THROUGH = 5
_LONG_WATCHED_S = 10.0
_LEAST_RATE = 1.0
# Places of so many seconds that nobody took are made up for: the time of a wake-up is not lost to the pace, nor what stood
# free before the first start. A limit a minute has more in store than a second's worth; less than that keeps clear of its end.
_KEPT_S = 0.9
# While a limit is found out, places made up for would be refused and taken for a rate that is too high: only a start that
# comes late by less keeps its place.
_LATE_S = 0.25
# A place further away was taken by a clock that has been set back since: ten images at one a minute are not as far.
_FAR_S = 1200.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The account's limits as a person told them; 0 is not known."""

    images_per_minute: int = 0
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    images_per_day: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """Limits a minute that an answer named; 0 is not said."""

    images: int = 0
    requests: int = 0


NOTHING_TOLD = Told()


@dataclass(frozen=True, slots=True)
class Weight:
    """What one request takes of the limits. `inputs` are images that go with it: they count by the minute, not by the day."""

    images: int
    tokens: int
    inputs: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """The pace of one account; moments are seconds since 1970, rates are images a minute.

    `rate` is what was found out (None: nothing slows), `too_fast` the rate that was refused last, `told_images` and
    `told_requests` are limits that the provider named (0: none). `day` counts days since 1970, UTC.
    """

    images_at: float = 0.0
    requests_at: float = 0.0
    tokens_at: float = 0.0
    paused_until: float = 0.0
    rate: float | None = FIRST_RATE
    too_fast: float = 0.0
    told_images: int = 0
    told_requests: int = 0
    is_opening: bool = True
    watched_since: float = 0.0
    let_through: int = 0
    learned_at: float = 0.0
    day: int = 0
    day_images: int = 0


def begin(pace: Pace, limits: Limits, now: float, images_today: int = 0) -> Pace:
    """At the start of a run: what was learned is remembered for a day, and then found out again.

    What the provider named and a person has since put higher is remembered for an hour: the account may have grown.
    `images_today` is how many the ledger knows of; runs that had no limit for the day did not count them here.
    """
    today = int(now // _DAY_S)
    used = max(images_today, pace.day_images if pace.day == today else 0)
    pace = replace(pace, watched_since=now, let_through=0, day=today, day_images=used)
    # By another process, which knows more than nothing; that nothing slows is remembered like any other limit.
    is_in_use = now - pace.images_at < (_DAY_S if pace.rate is None else _MINUTE_S)
    remembered_s = _HOUR_S if 0 < pace.told_images < limits.images_per_minute else _DAY_S
    if is_in_use or (pace.learned_at and now - pace.learned_at < remembered_s):
        if pace.rate is not None and not pace.learned_at and pace.rate < limits.images_per_minute:
            # Nothing was ever refused: what slowed was a limit that a person has told, and tells otherwise now.
            return replace(pace, rate=float(limits.images_per_minute), is_opening=False)
        return replace(pace, is_opening=pace.is_opening and pace.rate is not None)
    first = float(limits.images_per_minute) or FIRST_RATE
    return replace(pace, rate=first, told_images=0, told_requests=0, is_opening=not limits.images_per_minute, learned_at=0.0)


def images_rate(pace: Pace, limits: Limits) -> float | None:
    """Images a minute in force, None if nothing slows them."""
    known = [float(limit) for limit in (limits.images_per_minute, pace.told_images) if limit]
    return min([*known, *([] if pace.rate is None else [pace.rate])], default=None)


def requests_rate(pace: Pace, limits: Limits) -> int | None:
    """Requests a minute in force, None if nothing slows them."""
    return min((limit for limit in (limits.requests_per_minute, pace.told_requests) if limit), default=None)


def why(pace: Pace, limits: Limits) -> str:
    """Where the images a minute in force come from, in words; without such a limit, where the one of requests does."""
    rate, requests = images_rate(pace, limits), requests_rate(pace, limits)
    if rate is None and requests is not None:
        return "named by the provider" if requests == pace.told_requests else "configured"
    if rate is None:
        return "no refusal has set a limit"
    if pace.rate is not None and rate == pace.rate and rate not in (pace.told_images, limits.images_per_minute):
        if pace.is_opening:
            return "being found out"
        return "found out from refusals" if pace.learned_at else "configured"
    return "named by the provider" if rate == pace.told_images else "configured"


def is_limited(pace: Pace, limits: Limits) -> bool:
    """Whether starts have to wait for places at all."""
    others = limits.tokens_per_minute or limits.images_per_day or requests_rate(pace, limits)
    return bool(others) or images_rate(pace, limits) is not None


def wait_s(pace: Pace, now: float) -> float:
    """Seconds until the next start may happen."""
    places = (at for at in (pace.images_at, pace.requests_at, pace.tokens_at) if at - now < _FAR_S)
    return max(pause_s(pace, now), *(at - now for at in places))


def pause_s(pace: Pace, now: float) -> float:
    """Seconds for which nobody starts; a pause of days is one of a clock that has been set back since."""
    pause = pace.paused_until - now
    return pause if 0 < pause < _DAY_S else 0.0


def gap_s(pace: Pace, limits: Limits, weight: Weight) -> float:
    """Seconds that a start of this weight keeps the next one waiting."""
    return max(_shares(pace, limits, weight))


def started(pace: Pace, limits: Limits, weight: Weight, now: float) -> Pace:
    """Take the places of a start."""
    images, requests, tokens = _shares(pace, limits, weight)
    is_known = images_rate(pace, limits) in (limits.images_per_minute, pace.told_images)
    day = int(now // _DAY_S)
    return replace(
        pace,
        images_at=_next(pace.images_at, images, now, is_known=is_known),
        requests_at=_next(pace.requests_at, requests, now),
        tokens_at=_next(pace.tokens_at, tokens, now),
        day=day,
        day_images=(pace.day_images if pace.day == day else 0) + weight.images,
    )


def day_left(pace: Pace, limits: Limits, now: float) -> int | None:
    """How many images the day has left, None without a limit."""
    if not limits.images_per_day:
        return None
    used = pace.day_images if pace.day == int(now // _DAY_S) else 0
    return max(0, limits.images_per_day - used)


def given_back(pace: Pace, images: int) -> Pace:
    """Images of the day that certainly did not come may be asked for again."""
    return replace(pace, day_images=max(0, pace.day_images - images))


def answered(pace: Pace, limits: Limits, images: int, told: Told = NOTHING_TOLD) -> Pace:
    """An answer that was no refusal about speed."""
    pace = replace(_with_told(pace, told), let_through=pace.let_through + images)
    if pace.rate is None:
        return pace
    is_near = _NEAR * pace.too_fast <= pace.rate < _BEYOND * pace.too_fast
    later = _GROWTH_LATER if is_near else _GROWTH_BACK
    grown = pace.rate * (_GROWTH_FIRST if pace.is_opening else later)
    most = min((float(limit) for limit in (limits.images_per_minute, pace.told_images) if limit), default=None)
    if most is not None:
        return replace(pace, rate=min(grown, most))
    return replace(pace, rate=None if grown >= _FREE_RATE else grown)


def refused(pace: Pace, limits: Limits, *, started_at: float, now: float, told: Told = NOTHING_TOLD) -> Pace:
    """A refusal about speed of a request that started then."""
    if told.images or told.requests:
        named = replace(_with_told(pace, told), is_opening=False, watched_since=now, let_through=0, learned_at=now)
        return replace(named, rate=float(told.images)) if told.images else named
    if started_at < pace.watched_since or not pace.let_through:
        # It was on its way when the rate was cut for another one; or nothing came through, and that says nothing of speed.
        return pace
    watched = max(_LEAST_WATCHED_S, now - pace.watched_since)
    is_known = pace.let_through >= _LEAST_LET_THROUGH or watched >= _LONG_WATCHED_S
    through = pace.let_through * _MINUTE_S / watched if is_known else _FREE_RATE
    too_fast = min(images_rate(pace, limits) or _FREE_RATE, through)
    cut = next(part for seconds, part in _CUTS if watched < seconds)
    rate = max(_LEAST_RATE, cut * too_fast)
    if pace.is_opening and pace.let_through < _LEAST_LET_THROUGH:
        # It has doubled a few times and may be far from what is allowed.
        rate = min(rate, _GENTLE_RATE)
    return replace(pace, rate=rate, too_fast=too_fast, is_opening=False, watched_since=now, let_through=0, learned_at=now)


def paused(pace: Pace, seconds: float, now: float) -> Pace:
    """Nobody starts for so long."""
    return replace(pace, paused_until=max(pace.paused_until, now + seconds))


def _with_told(pace: Pace, told: Told) -> Pace:
    if told is NOTHING_TOLD:
        return pace
    return replace(pace, told_images=told.images or pace.told_images, told_requests=told.requests or pace.told_requests)


def _shares(pace: Pace, limits: Limits, weight: Weight) -> tuple[float, float, float]:
    images, requests = images_rate(pace, limits), requests_rate(pace, limits)
    return (
        (weight.images + weight.inputs) * _MINUTE_S / images if images else 0.0,
        _MINUTE_S / requests if requests else 0.0,
        weight.tokens * _MINUTE_S / limits.tokens_per_minute if limits.tokens_per_minute else 0.0,
    )


def _next(at: float, share: float, now: float, *, is_known: bool = True) -> float:
    if at >= now + _FAR_S:
        return now + share
    kept_s = _KEPT_S if is_known or at >= now - min(_LATE_S, share) else 0.0
    return max(at, now - kept_s) + share
