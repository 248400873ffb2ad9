"""`batchgen check`."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchgen.cli import options
from batchgen.cli.app import App, pass_app
from batchgen.cli.console import counted, data, data_json, one_line
from batchgen.cli.submit import orders
from batchgen.core import translation
from batchgen.errors import Halted, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Collection

    from batchgen.core.manifest import Problem
    from batchgen.ingest.check import Checked
    from batchgen.ingest.moderation import Moderated
    from batchgen.ingest.reading import Terms
    from batchgen.ingest.source import Manifest
    from batchgen.project import Project
    from batchgen.store.preview import Preview

# What the field of a request that is called so takes, which is an option of the other commands.
_FIELD_VALUES = ("auto", "low")
_FLAGGED = 1
_PROBLEMS = 2
_MOST_SHOWN = 500


@click.command("check")
@options.manifests(required=True)
@partial(options.request_fields, without="moderation")
@click.option(
    "--moderation", is_flag=True, help="Ask the provider's moderation endpoint about every prompt; exit 1 if one is flagged."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_app
def check_command(app: App, /, *, provider: str | None, moderation: bool, as_json: bool, **given: Any) -> int:
    """Find out everything about manifests without storing or spending anything.

    Problems, input files, rows that ask for the same, models that will be shut down, and what will be sent for the first rows.
    Where there is a key, the provider is asked for its list of models (GET models), and for nothing else.
    """
    files = options.given_files(given["manifests"], app.accepted)
    settings = {"provider.name": provider}
    project = app.project(settings, files.laid_over(settings))
    if moderation:
        _require_moderation(project, files)
    sources = options.manifest_sources(files, given["name"], simulated=project.on_sandbox)
    wanted = orders(project, files, sources, given)
    found = asyncio.run(_find(project, wanted, app.console.tell if moderation else None))
    remarks = _remarks(project, {pair for one in found for pair in one.models})
    if as_json:
        data_json({"manifests": [_as_data(one) for one in found], "remarks": remarks})
    else:
        data("\n".join([*(line for one in found for line in _lines(one)), *(f"warning: {remark}" for remark in remarks)]))
    return _code(found)


def _require_moderation(project: "Project", files: options.Files) -> None:
    """Raises WrongUsage where it cannot be asked for."""
    project.makers.require(project.makers.named([""]))
    for path in files.paths:
        if path in _FIELD_VALUES and not Path(path).exists():
            raise WrongUsage(
                f"--moderation {path}: here it takes no value and asks about every prompt; "
                "for what is sent with each, write moderation into [defaults] or a column"
            )


async def _find(
    project: "Project", wanted: "list[tuple[Manifest, Terms]]", moderate: "Callable[[str], None] | None"
) -> "list[Checked]":
    """`moderate` is told of long waits, None where no prompt is moderated."""
    from batchgen.ingest.check import check
    from batchgen.ingest.moderation import Asking

    if moderate is None:
        return await check(wanted)
    async with project.moderator() as moderator:
        # The prompts of a row are nobody's but its provider's; on the sandbox all rows are its own.
        mine = None if project.on_sandbox else ("", project.makers.chosen)
        asking = Asking(moderator, project.policy, project.settings.retry.longest_wait_s, moderate, mine)
        return await check(wanted, asking)


def _code(found: "list[Checked]") -> int:
    """Problems come before what is flagged; raises Halted where a script could take silence for harmlessness."""
    if any(one.problems for one in found):
        return _PROBLEMS
    told = [one.moderated for one in found if one.moderated is not None]
    if not all(one.is_whole for one in told):
        raise Halted("halted: not every prompt was moderated; the rest was checked")
    return _FLAGGED if any(one.flagged for one in told) else 0


def _remarks(project: "Project", wanted: "Collection[tuple[str, str]]") -> list[str]:
    """What the providers say of the models that are asked for, where there is a key to ask them with."""
    asked: dict[str, set[str]] = {}
    for word, model in wanted:
        for provider in project.makers.named([word]):
            asked.setdefault(provider, set()).add(model)
    told = {
        name: _models(project, name, sorted(models)) for name, models in sorted(asked.items()) if not project.makers.lacks(name)
    }
    return [f"{name}: {line}" if len(asked) > 1 else line for name, lines in told.items() for line in lines]


def _models(project: "Project", provider: str, wanted: list[str]) -> list[str]:
    from batchgen.project import utc_now

    found = asyncio.run(project.makers.models(provider))
    if isinstance(found, str):
        return [f"the provider's models are not known: {found}"]
    missing = [f"the provider's list of models does not have {model}" for model in wanted if model not in found]
    today = utc_now().date()
    ends = [(model, day) for model in wanted if (day := found.get(model)) is not None]
    told = [f"the provider {'shut' if day <= today else 'shuts'} {model} down on {day}" for model, day in ends]
    return [*missing, *told]


def _lines(one: "Checked") -> list[str]:
    lines = problem_lines(one.manifest, one.problems, one.more_problems, counted(one.rows, "row"))
    lines += [] if one.moderated is None else _moderation(one.moderated)
    lines += [f"  warning: {warning}" for warning in one.warnings]
    if one.same.count:
        more = ", ..." if one.same.count > len(one.same.first) else ""
        where = f"line{'s' if one.same.count > 1 else ''} {', '.join(one.same.first)}{more}"
        lines.append(f"  {counted(one.same.count, 'row')} asking for just what an earlier one asks for: {where}")
    if one.first:
        lines.append("  what would be sent, of the first rows:" if one.rows > len(one.first) else "  what would be sent:")
    lines += [f"  line {row.line}, {row.custom_id}{_maker(row)}: {one_line(_sent(row), _MOST_SHOWN)}" for row in one.first]
    return lines


def problem_lines(manifest: str, problems: "Sequence[Problem]", more: int, *told: str) -> list[str]:
    """What is wrong with a manifest, below a line that counts; `told` comes before the count, `more` are not listed."""
    lines = [f"{manifest}: {', '.join([*told, counted(len(problems) + more, 'problem')])}"]
    lines += [f"  {problem}" for problem in _together(problems)]
    lines += [f"  ... and {more:,} more"] if more else []
    hint = translation.hint((problem.field, problem.message) for problem in problems)
    return [*lines, f"  {hint}"] if hint else lines


def problem_data(problems: "Sequence[Problem]") -> list[dict[str, Any]]:
    """The same for a program."""
    return [
        {"file": problem.file, "line": problem.line, "field": problem.field, "message": problem.message} for problem in problems
    ]


def _together(problems: "Sequence[Problem]") -> list[str]:
    """Each problem with all lines that have it: a wrong option is one mistake and not one a row."""
    lines: dict[Problem, list[int]] = {}
    for problem in problems:
        lines.setdefault(replace(problem, line=0), []).append(problem.line)
    told = []
    for problem, (first, *others) in lines.items():
        also = f" (also on line{'s' if len(others) > 1 else ''} {_ranges(others)})" if others else ""
        told.append(f"{replace(problem, line=first)}{also}")
    return told


def _ranges(numbers: list[int]) -> str:
    """Numbers that go up, as `3, 5-9`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)


def _moderation(one: "Moderated") -> list[str]:
    told = [counted(one.prompts, "distinct prompt"), f"{counted(len(one.flagged) + one.more_flagged, 'row')} flagged"]
    if not one.is_whole:
        # Where not all were asked about, nothing may read like an all-clear.
        asked = f"{one.asked:,} of {told[0]}" if one.failure else told[0]
        told = [f"{asked} asked about", *(told[1:] if one.asked else [])]
    lines = [f"  moderation: {', '.join(told)}"]
    lines += [f"  line {row.line}, {row.custom_id}: flagged as {one_line(', '.join(row.categories))}" for row in one.flagged]
    lines += [f"  ... and {one.more_flagged:,} more flagged"] if one.more_flagged else []
    lines += [
        f"  moderation was not asked about {counted(count, 'row')} of {provider}, whose prompts nobody else is shown: "
        f"check --moderation --provider {provider} asks it"
        for provider, count in one.left_out.items()
    ]
    return [*lines, f"  moderation ended early: {one_line(one.failure, _MOST_SHOWN)}"] if one.failure else lines


def _maker(row: "Preview") -> str:
    return f", by {row.provider}" if row.provider else ""


def _sent(row: "Preview") -> str:
    body = json.dumps(_body(row), ensure_ascii=False)
    return f"{row.request.operation} {body}"


def _body(row: "Preview") -> dict[str, Any]:
    inputs: dict[str, list[str]] = {}
    for image in row.request.inputs:
        inputs.setdefault(image.role, []).append(one_line(image.source, 200))
    return {**row.request.body, **inputs}


def _as_data(one: "Checked") -> dict[str, Any]:
    return {
        "manifest": one.manifest,
        "batch": one.batch,
        "rows": one.rows,
        "problems": problem_data(one.problems),
        "more_problems": one.more_problems,
        "warnings": list(one.warnings),
        "moderation": None if one.moderated is None else _moderation_data(one.moderated),
        "asking_for_the_same": one.same.count,
        "first": [
            {
                "line": row.line,
                "custom_id": row.custom_id,
                "provider": row.provider or None,
                "operation": row.request.operation,
                "sent": _body(row),
            }
            for row in one.first
        ],
    }


def _moderation_data(one: "Moderated") -> dict[str, Any]:
    return {
        "prompts": one.prompts,
        "asked": one.asked,
        "flagged": [{"line": row.line, "custom_id": row.custom_id, "categories": list(row.categories)} for row in one.flagged],
        "more_flagged": one.more_flagged,
        "rows_not_asked_about": dict(one.left_out),
        "failure": one.failure or None,
    }
