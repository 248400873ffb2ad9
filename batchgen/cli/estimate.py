"""`batchgen estimate`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from batchgen.cli import amounts, options
from batchgen.cli.app import App, pass_app
from batchgen.cli.check import problem_data, problem_lines
from batchgen.cli.console import data, data_json, table
from batchgen.cli.submit import orders
from batchgen.core.dialect import OPENAI, SANDBOX

if TYPE_CHECKING:
    from datetime import date

    from batchgen.core.estimate import Estimate, Line, Tally
    from batchgen.core.output_tokens import Span
    from batchgen.ingest.estimate import Estimated
    from batchgen.project import Project

_PROBLEMS = 2
_MOST_SHOWN = 20


@click.command("estimate")
@options.manifests(required=True)
@options.request_fields
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_app
def estimate_command(app: App, /, *, provider: str | None, as_json: bool, **given: Any) -> int:
    """What manifests will cost, before anything is stored or spent.

    By model, quality and size; how long it takes at the configured limits; what it would be at other qualities and as a batch;
    and what of it is left where a part is made already.
    """
    from batchgen.ingest.estimate import estimate

    files = options.given_files(given["manifests"], app.accepted)
    settings = {"provider.name": provider}
    project = app.project(settings, files.laid_over(settings))
    sources = options.manifest_sources(files, given["name"], simulated=project.on_sandbox)
    wanted = orders(project, files, sources, given)
    with project.ledger_if_any() as ledger:
        found = estimate(wanted, ledger)
    if as_json:
        data_json(_as_data(project, found))
    else:
        data("\n".join(_lines(project, found)))
    return _PROBLEMS if any(one.problems for one in found) else 0


def _lines(project: "Project", found: "Sequence[Estimated]") -> list[str]:
    whole, day = _together(project, [one.whole for one in found]), _today()
    lines = [line for one in found if one.problems for line in problem_lines(one.manifest, one.problems, one.more_problems)]
    lines += [f"warning: {warning}" for one in found for warning in one.warnings]
    estimate = whole.priced(day)
    if len(found) > 1:
        each = [(one.manifest, one.whole.priced(day)) for one in found]
        lines += [f"{name}: {_summed(priced)}" for name, priced in each]
    name = found[0].manifest if len(found) == 1 else "together"
    sound = ", without the rows that have problems" if any(one.problems for one in found) else ""
    simulated = " (simulated)" if project.on_sandbox else ""
    if not estimate.lines:
        return lines
    lines.append(f"{name}: {_summed(estimate)}{sound}{simulated}")
    return lines + [f"  {line}".rstrip() for line in (*_table(estimate), *_beside(project, found, whole))]


def _summed(estimate: "Estimate") -> str:
    return amounts.summed(estimate.total.images, estimate.cost, estimate.unpriced)


def _table(estimate: "Estimate") -> list[str]:
    """A line a kind, the dearest first; bounds only where something is not certain."""
    dearest = sorted(estimate.lines, key=lambda line: -(line.cost.likely if line.cost else 0))
    has_bounds = any(line.cost is not None and not line.cost.is_certain for line in dearest)
    heads = ["model", "quality", "size", "images", "tokens out", "an image", "cost", *(["at least", "at most"] * has_bounds)]
    rows = [_row(line)[: len(heads)] for line in dearest[:_MOST_SHOWN]]
    more, names = len(dearest) - len(rows), len(heads)
    if len(estimate.providers) > 1:
        heads, rows = [*heads, "by"], [[*row, line.kind.provider] for row, line in zip(rows, dearest, strict=False)]
    told = table(heads, rows, right=range(3, names)).splitlines()
    return [*told, f"... and {more:,} more kinds: --json lists them all"] if more else told


def _row(line: "Line") -> list[str]:
    kind = f"{line.kind.quality}, svg" if line.kind.has_author else line.kind.quality
    output = f"{line.output.likely:,}" if line.output else "unknown"
    named = [line.kind.model, kind, line.kind.size, f"{line.sums.images:,}", output]
    if line.cost is None:
        return [*named, "", "unknown", "", ""]
    each = amounts.usd(line.cost.likely / line.sums.images)
    return [*named, each, *(amounts.usd(cost) for cost in (line.cost.likely, line.cost.least, line.cost.most))]


def _beside(project: "Project", found: "Sequence[Estimated]", whole: "Tally") -> list[str]:
    """What else a person wants to know before deciding; of what is left, where a part is made."""
    left = _left(project, found)
    to_make = (whole if left is None else left).priced(_today())
    told = [] if left is None else [["left to make", _summed(to_make) if to_make.lines else "nothing"]]
    if to_make.lines:
        seconds = _duration_s(project, to_make)
        told.append(["time", f"{amounts.duration(seconds)} at your [limits]" if seconds else "not known: no [limits] are set"])
    as_batch = _as_batch(to_make)
    if to_make.lines and as_batch is not None:
        told.append(["as a batch", f"{amounts.about(as_batch, word='')} by the vendor's Batch API, within a day"])
    others = [f"{quality} {amounts.usd(cost.likely)}" for quality, cost in _costs_at_others(whole if left is None else left)]
    if others:
        told.append(["all at", ", ".join(others)])
    return ["", *table(["", ""], told).splitlines()[1:]] if told else []


def _duration_s(project: "Project", estimate: "Estimate") -> float | None:
    """How long it takes them side by side, None where nobody knows."""
    from batchgen.core.estimate import duration_s

    each = [duration_s(estimate.by(name), project.makers.limits(name)) for name in estimate.providers]
    return max((seconds for seconds in each if seconds is not None), default=None)


def _as_batch(estimate: "Estimate") -> "Span | None":
    """What the vendor's Batch API would take; None also where somebody else makes a part of it."""
    return estimate.as_batch if {*estimate.providers} <= {OPENAI, SANDBOX} else None


def _costs_at_others(whole: "Tally") -> "list[tuple[str, Span]]":
    """The cost at each other quality that all models have."""
    from batchgen.core.estimate import QUALITIES

    changed = [(quality, whole.at(quality)) for quality in QUALITIES]
    costs = [(quality, tally.priced(_today()).cost) for quality, tally in changed if tally is not None]
    return [(quality, cost) for quality, cost in costs if cost is not None]


def _left(project: "Project", found: "Sequence[Estimated]") -> "Tally | None":
    """What is not made yet, None where nothing is stored yet."""
    if all(one.left is None for one in found):
        return None
    return _together(project, [one.whole if one.left is None else one.left for one in found])


def _together(project: "Project", tallies: "Sequence[Tally]") -> "Tally":
    from batchgen.core.estimate import Tally

    together = Tally(project.makers.catalog)
    for tally in tallies:
        together.merge(tally)
    return together


def _today() -> "date":
    from batchgen.project import utc_now

    return utc_now().date()


def _as_data(project: "Project", found: "Sequence[Estimated]") -> dict[str, Any]:
    whole, left = _together(project, [one.whole for one in found]), _left(project, found)
    estimate = whole.priced(_today())
    as_batch = _as_batch(estimate)
    return {
        **_sums_data(whole),
        "simulated": project.on_sandbox,
        "by": [_line_data(line) for line in estimate.lines],
        "duration_s": _duration_s(project, estimate),
        "as_batch": None if as_batch is None else amounts.cost_data(as_batch),
        "other_qualities": [{"quality": name, **amounts.cost_data(cost)} for name, cost in _costs_at_others(whole)],
        "left": None if left is None else _sums_data(left),
        "manifests": [
            {
                "manifest": one.manifest,
                "batch": one.batch,
                **_sums_data(one.whole),
                "left": None if one.left is None else _sums_data(one.left),
                "problems": problem_data(one.problems),
                "more_problems": one.more_problems,
                "warnings": list(one.warnings),
            }
            for one in found
        ],
    }


def _sums_data(tally: "Tally") -> dict[str, Any]:
    estimate = tally.priced(_today())
    total, output = estimate.total, estimate.output
    return {
        "rows": total.rows,
        "images": total.images,
        "usage": {
            "input_text_tokens": total.text_tokens,
            "input_image_tokens": total.image_tokens.likely,
            "output_tokens": None if output is None else output.likely,
        },
        **amounts.cost_data(estimate.cost),
        "unpriced_images": estimate.unpriced,
    }


def _line_data(line: "Line") -> dict[str, Any]:
    output = line.output
    return {
        "provider": line.kind.provider,
        "model": line.kind.model,
        "quality": line.kind.quality,
        "size": line.kind.size,
        "rows": line.sums.rows,
        "images": line.sums.images,
        "usage": {
            "input_text_tokens": line.sums.text_tokens,
            "input_image_tokens": line.sums.image_tokens.likely,
            "output_tokens": None if output is None else output.likely,
        },
        **amounts.cost_data(line.cost),
    }
