"""`batchgen check`."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

import click

from batchgen.cli import options
from batchgen.cli.app import App, pass_app
from batchgen.cli.console import counted, data, data_json, one_line
from batchgen.cli.submit import orders

if TYPE_CHECKING:
    from batchgen.ingest.check import Checked
    from batchgen.project import Project
    from batchgen.store.preview import Preview

_PROBLEMS = 2
_MOST_SHOWN = 500


@click.command("check")
@options.manifests(required=True)
@options.request_fields
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_app
def check_command(app: App, /, *, provider: str | None, as_json: bool, **given: Any) -> int:
    """Find out everything about manifests without storing or spending anything.

    Problems, input files, rows that ask for the same, models that will be shut down, and what will be sent for the first rows.
    """
    from batchgen.ingest.check import check

    files = options.given_files(given["manifests"])
    settings = {"provider.name": provider}
    project = app.project(settings, files.laid_over(settings))
    sources = options.manifest_sources(files, given["name"], simulated=project.on_sandbox)
    found = check(orders(project, files, sources, given))
    remarks = _models(project, sorted({model for one in found for model in one.models}))
    if as_json:
        data_json({"manifests": [_as_data(one) for one in found], "remarks": remarks})
    else:
        data("\n".join([*(line for one in found for line in _lines(one)), *(f"warning: {remark}" for remark in remarks)]))
    return _PROBLEMS if any(one.problems for one in found) else 0


def _models(project: "Project", wanted: list[str]) -> list[str]:
    """What the provider says of the models that are asked for, where there is a key to ask it with."""
    if project.on_sandbox or not wanted or project.lacks_key:
        return []
    found = asyncio.run(project.models())
    if isinstance(found, str):
        return [f"the provider's models are not known: {found}"]
    missing = [f"the provider's list of models does not have {model}" for model in wanted if model not in found]
    ending = [f"the provider shuts {model} down on {found[model]}" for model in wanted if found.get(model)]
    return [*missing, *ending]


def _lines(one: "Checked") -> list[str]:
    count = len(one.problems) + one.more_problems
    lines = [f"{one.manifest}: {counted(one.rows, 'row')}, {counted(count, 'problem')}"]
    lines += [f"  {problem}" for problem in one.problems]
    if one.more_problems:
        lines.append(f"  ... and {one.more_problems:,} more")
    lines += [f"  warning: {warning}" for warning in one.warnings]
    if one.same.count:
        more = ", ..." if one.same.count > len(one.same.first) else ""
        where = f"line{'s' if one.same.count > 1 else ''} {', '.join(one.same.first)}{more}"
        lines.append(f"  {counted(one.same.count, 'row')} asking for just what an earlier one asks for: {where}")
    lines += [f"  line {row.line}, {row.custom_id}: {one_line(_sent(row), _MOST_SHOWN)}" for row in one.first]
    return lines


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
        "problems": [
            {"file": problem.file, "line": problem.line, "field": problem.field, "message": problem.message}
            for problem in one.problems
        ],
        "more_problems": one.more_problems,
        "warnings": list(one.warnings),
        "asking_for_the_same": one.same.count,
        "first": [
            {"line": row.line, "custom_id": row.custom_id, "operation": row.request.operation, "sent": _body(row)}
            for row in one.first
        ],
    }
