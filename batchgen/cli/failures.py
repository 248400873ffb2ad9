"""`batchgen failures`."""

import click

from batchgen.cli.app import App, pass_app
from batchgen.cli.console import data, data_json, one_line

_EXAMPLES = 5


@click.command("failures")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_app
def failures_command(app: App, name: str, *, as_json: bool) -> None:
    """Why jobs of a batch failed, and what to do about it."""
    from batchgen.core.remedy import remedy
    from batchgen.store import batches, reports

    with app.project() as project, project.database.read() as tx:
        found = reports.failures(tx, batches.named(tx, [name])[0], _EXAMPLES)
    if as_json:
        listed = [
            {
                "outcome": failure.outcome,
                "error_code": failure.error_code,
                "error": failure.message,
                "jobs": failure.jobs,
                "examples": list(failure.examples),
                "needs": list(failure.needs),
                "remedy": remedy(failure.outcome, failure.error_code),
            }
            for failure in found
        ]
        data_json({"name": name, "failures": listed})
        return
    if not found:
        app.console.tell(f"no job of {name} has failed; batchgen status {name} says whether any are waiting")
    for failure in found:
        more = ", ..." if failure.jobs > len(failure.examples) else ""
        data(f"{failure.jobs:,} {failure.outcome or 'not tried'} ({failure.error_code}): {one_line(failure.message or '')}")
        names = [f"{name} (needs {need})" for name, need in zip(failure.examples, failure.needs, strict=False)]
        data(f"    {', '.join(names or failure.examples)}{more}")
        data(f"    {remedy(failure.outcome, failure.error_code)}")
