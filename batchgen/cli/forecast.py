"""The line about money before a run starts, and the question where it is much."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from batchgen.cli import amounts
from batchgen.cli.console import Console, counted
from batchgen.errors import TooDear

if TYPE_CHECKING:
    from batchgen.project import Project
    from batchgen.store.batches import Batch
    from batchgen.worker.forecast import Forecast

_MICROS = 1_000_000


def tell(console: Console, project: "Project", batches: "Sequence[Batch]", limit: int | None, *, yes: bool) -> int:
    """Say what a run will cost, and ask if that is more than a person wants to spend without being asked; returns the jobs.

    Raises TooDear where nobody agrees. Simulated money is told and never asked about.
    """
    from batchgen.worker.forecast import forecast

    simulated = bool(batches) and batches[0].simulated
    most_usd = project.settings.budget.confirm_above_usd
    is_asked = bool(most_usd) and not simulated and not yes
    cap_usd = project.settings.budget.per_run_usd
    # What the run cannot come to is not asked about.
    is_asked = is_asked and (cap_usd is None or cap_usd > most_usd)
    above = round(most_usd * _MICROS) if is_asked else None
    with project.database.read() as tx:
        found = forecast(tx, batches, limit, project.grounds(batches), above)
    if not found.jobs:
        return 0
    line = f"to be made: {_words(found)}{' (simulated)' if simulated else ''}"
    if not found.is_above:
        console.tell(line)
        return found.jobs
    limit_words = f"more than [budget] confirm_above_usd = {most_usd:g}"
    if not sys.stdin.isatty():
        raise TooDear(f"{line}: {limit_words}; nothing was sent: add --yes to start all the same")
    console.need(line)
    if not click.confirm(f"That may be {limit_words}. Start?", err=True):
        raise TooDear("not started: nothing was sent; the jobs stay pending")
    return found.jobs


def _words(found: "Forecast") -> str:
    told = amounts.summed(found.images, found.cost, found.unpriced) if found.images else "nothing"
    if found.reused:
        told += f"; made before and used again: {counted(found.reused, 'job')}"
    if found.looked_at < found.jobs:
        told += f" (by {found.looked_at:,} of {counted(found.jobs, 'job')})"
    return told
