"""A batch in figures, for people and for programs. What is not known is never shown as zero."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from batchgen.cli.console import counted, table

if TYPE_CHECKING:
    from batchgen.core.pace import Limits, Pace
    from batchgen.store.reports import Money, Summary
    from batchgen.worker.plan import Result


def as_data(summary: "Summary") -> dict[str, Any]:
    """What `status --json` says of a batch."""
    return {
        "name": summary.batch.name,
        "simulated": summary.batch.simulated,
        "jobs": {state.value: count for state, count in summary.states.items()},
        "artifacts": summary.artifacts,
        "reused": summary.reused,
        **money_data(summary.money),
    }


def money_data(money: "Money") -> dict[str, Any]:
    """Attempts, tokens and cost; null is not known."""
    return {
        "attempts": money.sent,
        "usage": {
            "input_text_tokens": money.input_text_tokens,
            "input_image_tokens": money.input_image_tokens,
            "output_tokens": money.output_tokens,
        },
        "cost_usd": exact(money.cost_micros),
        "estimated_attempts": money.estimated,
        "unknown_attempts": money.unknown,
        "unknown_cost_usd": exact(money.unknown_micros),
        "unpriced_attempts": money.unpriced,
    }


def totals(summaries: "Sequence[Summary]") -> dict[str, Any]:
    """Several batches added up; real and simulated money are never added to each other."""
    from batchgen.core.job import State

    real = [summary for summary in summaries if not summary.batch.simulated]
    simulated = [summary for summary in summaries if summary.batch.simulated]
    jobs = {state.value: sum(summary.states[state] for summary in summaries) for state in State}
    return {
        "batches": len(summaries),
        "jobs": jobs,
        "artifacts": sum(summary.artifacts for summary in summaries),
        "reused": sum(summary.reused for summary in summaries),
        "attempts": sum(summary.money.sent for summary in summaries),
        "usage": {
            kind: _sum([getattr(summary.money, kind) for summary in summaries])
            for kind in ("input_text_tokens", "input_image_tokens", "output_tokens")
        },
        "cost_usd": exact(_sum([summary.money.cost_micros for summary in real])),
        "simulated_cost_usd": exact(_sum([summary.money.cost_micros for summary in simulated])),
        "estimated_attempts": sum(summary.money.estimated for summary in real),
        "unknown_attempts": sum(summary.money.unknown for summary in real),
        "unknown_cost_usd": exact(_sum([summary.money.unknown_micros for summary in real])),
        "unpriced_attempts": sum(summary.money.unpriced for summary in real),
    }


def as_table(summaries: "Sequence[Summary]") -> str:
    """A line a batch, and below the table what is not certain about its money."""
    from batchgen.core.job import State

    rows = [
        [
            summary.batch.name,
            *(f"{summary.states[state]:,}" for state in State),
            f"{summary.artifacts:,}",
            "unknown" if summary.money.cost_micros is None else f"${exact(summary.money.cost_micros)}",
        ]
        for summary in summaries
    ]
    told = [table(["batch", *(state.value for state in State), "images", "cost"], rows, right=range(1, 8))]
    for summary in summaries:
        money = cost_text(summary.money, simulated=summary.batch.simulated)
        uncertain = summary.money.estimated or summary.money.unknown or summary.money.unpriced
        if summary.batch.simulated or uncertain:
            told.append(f"{summary.batch.name}: {money}")
        if summary.reused:
            told.append(f"{summary.batch.name}: {counted(summary.reused, 'image')} made before and used again")
    return "\n".join(told)


def line(summary: "Summary") -> str:
    """A batch in a line of a log."""
    counts = [f"{count:,} {state.value}" for state, count in summary.states.items() if count]
    told = ", ".join(counts) or "no jobs"
    return f"{summary.batch.name}: {told}; {cost_text(summary.money, simulated=summary.batch.simulated)}"


def run_data(result: "Result") -> dict[str, Any]:
    """What `run --json` says of this run alone."""
    return {
        "succeeded": result.succeeded,
        "failed": result.failed,
        "reused": result.reused,
        "artifacts": result.images,
        "cost_usd": exact(result.cost_micros),
        "estimated_attempts": result.estimated,
        "unknown_attempts": result.unknown,
        "unknown_cost_usd": exact(result.unknown_micros),
        "unpriced_attempts": result.unpriced,
    }


def run_line(result: "Result", *, simulated: bool) -> str:
    """This run in a line of a log."""
    reused = f" ({result.reused:,} made before)" if result.reused else ""
    parts = [f"{result.succeeded:,} succeeded{reused}", f"{result.failed:,} failed", f"${exact(result.cost_micros)}"]
    if result.estimated:
        parts.append(f"{counted(result.estimated, 'attempt')} of estimated cost")
    left, left_micros = result.left_unknown, result.left_unknown_micros
    own, own_micros = result.unknown - left, result.unknown_micros - left_micros
    for count, whose, micros in ((own, "", own_micros), (left, " of a worker that died", left_micros)):
        if count:
            parts.append(f"{counted(count, 'unknown attempt')}{whose} may have been billed, ${exact(micros)} at most")
    if result.unpriced:
        parts.append(f"{counted(result.unpriced, 'attempt')} of unknown cost")
    return ", ".join(parts) + (" (simulated)" if simulated else "")


def cost_text(money: "Money", *, simulated: bool) -> str:
    """What attempts cost, with everything that is not certain about it."""
    parts = ["unknown" if money.cost_micros is None else f"${exact(money.cost_micros)}"]
    if money.estimated:
        parts.append(f"{counted(money.estimated, 'attempt')} of estimated cost")
    if money.unknown:
        most = exact(money.unknown_micros)
        parts.append(
            f"{counted(money.unknown, 'unknown attempt')} may have been billed" + (f", ${most} at most" if most else "")
        )
    if money.unpriced:
        parts.append(f"{counted(money.unpriced, 'attempt')} of unknown cost")
    return "; ".join(parts) + (" (simulated)" if simulated else "")


def exact(micros: int | None) -> str | None:
    """USD with six places; None is not known."""
    from batchgen.core.pricing import dollars

    return None if micros is None else dollars(micros)


def _sum(values: Sequence[int | None]) -> int | None:
    """None only where there is something and nothing of it is known; `unpriced_attempts` says that more is missing."""
    known = [value for value in values if value is not None]
    return sum(known) if known or not values else None


def tokens_text(money: "Money") -> str:
    """Requests and tokens in a line."""
    kinds = {"text in": money.input_text_tokens, "image in": money.input_image_tokens, "out": money.output_tokens}
    tokens = ", ".join(f"{'unknown' if count is None else f'{count:,}'} {kind}" for kind, count in kinds.items())
    return f"{counted(money.sent, 'request')} sent; tokens: {tokens}"


def pace_data(pace: "Pace", limits: "Limits", now: float) -> dict[str, Any]:
    """How fast an account is asked; null: nothing slows. `now` is seconds since 1970."""
    from batchgen.core.pace import day_left, images_rate, pause_s, requests_rate, why

    rate = images_rate(pace, limits)
    return {
        "images_per_minute": None if rate is None else round(rate, 1),
        "requests_per_minute": requests_rate(pace, limits),
        "tokens_per_minute": limits.tokens_per_minute or None,
        "images_left_today": day_left(pace, limits, now),
        "pause_s": round(pause_s(pace, now), 1),
        "why": why(pace, limits),
    }


def pace_line(pace: "Pace", limits: "Limits", now: float, provider: str = "") -> str:
    """The same for a person, with the provider's name where there are several."""
    told = pace_data(pace, limits, now)
    parts = [f"{told[name]:,.10g} {words}" for name, words in _SLOWING.items() if told[name] is not None] or ["not limited"]
    parts[0] += f" ({told['why']})"
    if told["pause_s"]:
        parts.append(f"waiting {told['pause_s']:.0f} s")
    return f"pace{f' of {provider}' if provider else ''}: {', '.join(parts)}"


_SLOWING = {
    "images_per_minute": "images a minute",
    "requests_per_minute": "requests a minute",
    "tokens_per_minute": "tokens a minute",
    "images_left_today": "images left today",
}
