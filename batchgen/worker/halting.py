"""When going on makes no sense, and the one line that says what to do."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from batchgen.core.budget import Cap, Full, freed_at
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.pricing import dollars
from batchgen.core.remedy import BOUGHT_IN_VAIN, remedy
from batchgen.worker.plan import Plan
from batchgen.worker.remainder import Remainder


def reason(ending: Ending, plan: Plan, offline_s: float, now: datetime) -> str | None:
    """Why the run must halt after an attempt that ended so, or None."""
    help_ = remedy(ending.outcome, ending.error_code, ending.http_status)
    if ending.outcome is Outcome.ACCOUNT_BLOCKED and not ending.blocked_model:
        return f"the provider refuses every request ({ending.error_code}: {_short(ending)}); {help_}"
    if ending.error_code in BOUGHT_IN_VAIN:
        return f"{_short(ending)}; {help_}"
    if ending.outcome is Outcome.OFFLINE and offline_s >= plan.offline_s:
        return f"the provider cannot be reached for {offline_s:.0f} s ({_short(ending)}); {help_}"
    waits = ending.outcome in (Outcome.RATE_LIMITED, Outcome.UNAVAILABLE)
    if waits and (ending.retry_after_s or 0) > plan.longest_wait_s:
        return f"the provider asks to wait until {_moment(now, ending.retry_after_s or 0)}; run again then"
    return None


def storage_failed(ending: Ending) -> str:
    """The line for an answer that could not be put on disk."""
    return f"{_short(ending)}; {remedy(ending.outcome, ending.error_code)}"


def long_wait(due: datetime) -> str:
    """The line for jobs that wait longer than a run does."""
    return f"the provider asked to wait until {due:%Y-%m-%d %H:%M:%S} UTC; run again then"


def models_blocked(models: dict[str, str], waiting: int, children: int = 0) -> str:
    """The line for models that the account cannot use; `children` wait for results that such models would make."""
    told = "; ".join(f"{model} ({why})" for model, why in models.items())
    help_ = "ask for access, or write another model and submit with --update"
    others = f", and {children:,} more for their results" if children else ""
    return f"pending for models that the account cannot use: {waiting:,}{others}; {told}; {help_}"


def nobody_makes(children: int) -> str:
    """The line for jobs that wait for results which nobody is making."""
    return f"pending for the results of others that nobody makes: {children:,}; run again, or `batchgen resume` if those failed"


def day_too_short(images: int, limit: int, now: datetime) -> str:
    """The line for a job that does not fit into what the day has left, or into any day."""
    if images <= limit:
        return day_used_up(now)
    return f"the next job asks for {images:,} images and the account's images_per_day is {limit:,}; lower its n, or cancel it"


def day_used_up(now: datetime) -> str:
    """The line for a daily limit that is reached."""
    tomorrow = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), now.tzinfo)
    return f"the account's images_per_day are used up; run again after {tomorrow:%Y-%m-%d %H:%M} UTC"


def no_price(models: Sequence[str]) -> str:
    """The line for models of which nobody can say what they cost, in a run that has a cap."""
    named = ", ".join(models)
    tables = " and ".join(f'[models."{model}"]' for model in models)
    return (
        f"nothing was sent: under a cap on spending every model needs a price, and {named} has none; "
        f"give it one in {tables}, or write another model and submit with --update"
    )


def cap_reached(left: Remainder, now: datetime) -> str:
    """The line for a cap that lets nothing more through."""
    full = left.full
    if full is None:
        return (
            f"what {left.unpriced:,} of the {left.jobs:,} jobs that remain would cost cannot be told before, "
            "and under a cap on spending such jobs are not started; cancel them, or run without a cap"
        )
    counted = full.counted
    parts = {"spent": counted.spent, "reserved by what is open": counted.reserved, "perhaps billed": counted.unknown}
    told = ", ".join(f"${dollars(micros)} {words}" for words, micros in parts.items() if micros or words == "spent")
    unpriced = f", and {left.unpriced:,} of them have no price" if left.unpriced else ""
    return (
        f"{full.name} = {dollars(full.amount)} ({told}) has no room for the next job, "
        f"which costs ${dollars(full.micros or 0)} at most; "
        f"{left.jobs:,} remain, for ${dollars(left.micros)} at most{unpriced}; {_more_room(full, now)}"
    )


def _more_room(full: Full, now: datetime) -> str:
    freed = freed_at(full.cap, now)
    if full.cap is Cap.BATCH or (full.micros or 0) > full.amount:
        return "raise it to go on"
    return "run again, or allow more" if freed is None else f"run again after {freed:%Y-%m-%d %H:%M} UTC, or raise it"


def _moment(now: datetime, seconds: float) -> str:
    try:
        return f"{now + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        return f"{seconds:.0f} seconds from now"


def _short(ending: Ending) -> str:
    return (ending.error_message or "no words").strip()
