"""`batchgen show`."""

from typing import Any

import click

from batchgen.cli.app import App, pass_app
from batchgen.cli.console import data, data_json, one_line
from batchgen.core.job import State


@click.command("show")
@click.argument("name")
@click.argument("custom_id")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_app
def show_command(app: App, name: str, custom_id: str, *, as_json: bool) -> None:
    """One job: its request, its attempts, its files."""
    from batchgen.store import batches, chains, reports

    with app.project() as project, project.database.read() as tx:
        job, attempts, files = reports.job(tx, batches.named(tx, [name])[0], custom_id)
        origins = reports.names(tx, [attempt.origin_job_id for attempt in attempts if attempt.origin_job_id])
        waits_for = chains.waited_for(tx, job.id) if job.waits_for else []
        failed_by = chains.causes(tx, [job.failed_by]).get(job.failed_by) if job.failed_by else None
    request, inputs = dict(job.request), job.request.get("inputs", [])
    request.pop("inputs", None)
    found = {
        "custom_id": job.custom_id,
        "state": job.state,
        "waits_for": waits_for,
        "failed_by": failed_by,
        "operation": job.operation,
        "model": job.model,
        "provider": job.provider or None,
        "priority": job.priority,
        "request": request,
        "inputs": inputs,
        "rewritten": job.rewritten,
        "metadata": job.metadata,
        "attempts": [_attempt(attempt, origins) for attempt in attempts],
        "files": [_file(file, job.copy_size) for file in files],
    }
    if as_json:
        data_json(found)
        return
    waits = f", waits for {', '.join(waits_for)}" if waits_for and job.state == State.PENDING else ""
    data(f"{job.custom_id}: {job.state}{waits}{f' ({failed_by})' if failed_by else ''}")
    said = {"provider": job.provider} if job.provider else {}
    for key, value in {"operation": job.operation, "model": job.model, **said, **request, **job.metadata}.items():
        data(f"  {key}: {one_line(str(value), 500)}")
    for one in inputs:
        data(f"  {one['role']}: {_input(one)}")
    for note in job.rewritten:
        data(f"  rewritten: {one_line(note, 500)}")
    for attempt in found["attempts"]:
        data(_told(attempt))
    for file in found["files"]:
        size = f"{file['width']}x{file['height']}, " if file["width"] else ""
        replaced = " (replaced)" if file["replaced"] else ""
        data(f"  {project.root / file['path']}: {file['media_type']}, {size}{file['bytes']:,} bytes{replaced}")
        if file["copy"]:
            missing = "" if (project.root / file["copy"]).exists() else " (missing: batchgen verify --repair makes it)"
            data(f"    resized copy: {project.root / file['copy']}{missing}")


def _attempt(row: Any, origins: dict[int, str]) -> dict[str, Any]:
    from batchgen.core.pricing import dollars

    return {
        "number": row.number,
        "provider": row.provider,
        "started_at": row.started_at.isoformat(timespec="seconds"),
        "outcome": row.outcome,
        "http_status": row.http_status,
        "error_code": row.error_code,
        "error": row.error_message,
        "request_id": row.provider_request_id,
        "input_text_tokens": row.input_text_tokens,
        "input_image_tokens": row.input_image_tokens,
        "output_tokens": row.output_tokens,
        "cost_usd": None if row.cost_micros is None else dollars(row.cost_micros),
        "cost_basis": row.cost_basis,
        "remark": row.remark,
        "reused_from": origins.get(row.origin_job_id),
    }


def _input(one: dict[str, Any]) -> str:
    facts = f" ({one['media_type']}, {one['width']}x{one['height']})" if one.get("media_type") else ""
    return one_line(one["source"], 200) + facts


def _file(row: Any, copy_size: str) -> dict[str, Any]:
    from batchgen.artifacts.files import copy_path

    names = ("path", "media_type", "width", "height", "bytes", "sha256")
    is_replaced = row.replaced_at is not None
    has_copy = bool(copy_size) and not is_replaced and row.width is not None
    copy = copy_path(row.path, copy_size) if has_copy else None
    return {name: getattr(row, name) for name in names} | {"replaced": is_replaced, "copy": copy}


def _told(attempt: dict[str, Any]) -> str:
    """An attempt in a line, and in a second one what went wrong."""
    estimated = " estimated" if attempt["cost_basis"] == "estimated" else ""
    cost = "cost unknown" if attempt["cost_usd"] is None else f"${attempt['cost_usd']}{estimated}"
    tokens = f"{attempt['output_tokens']:,} tokens out" if attempt["output_tokens"] is not None else ""
    request = f"request {attempt['request_id']}" if attempt["request_id"] else ""
    parts = [
        f"attempt {attempt['number']}: {attempt['outcome'] or 'running'}",
        attempt["started_at"],
        f"from {attempt['reused_from']}" if attempt["reused_from"] else "",
        f"by {attempt['provider']}" if attempt["provider"] else "",
        tokens,
        cost,
        request,
        attempt["remark"],
    ]
    line = "  " + ", ".join(part for part in parts if part)
    if not attempt["error"]:
        return line
    return f"{line}\n    {attempt['error_code']}: {one_line(attempt['error'], 300)}"
