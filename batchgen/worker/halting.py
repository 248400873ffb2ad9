"""When going on makes no sense, and the one line that says what to do."""

from datetime import datetime, timedelta

from batchgen.core.outcome import Ending, Outcome
from batchgen.core.remedy import BOUGHT_IN_VAIN, remedy
from batchgen.worker.plan import Plan


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


def _moment(now: datetime, seconds: float) -> str:
    try:
        return f"{now + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        return f"{seconds:.0f} seconds from now"


def _short(ending: Ending) -> str:
    return (ending.error_message or "no words").strip()
