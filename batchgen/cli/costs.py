"""`batchgen costs`."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchgen.cli import billing, figures
from batchgen.cli.app import App, pass_app
from batchgen.cli.console import data, data_csv, data_json, one_line, table, visible
from batchgen.core.costs import COLUMN, HEADINGS, Period
from batchgen.errors import WrongUsage

if TYPE_CHECKING:
    from batchgen.store.costs import Costs, Spent

_DAY = click.DateTime(["%Y-%m-%d"])
_WIDEST = 60


def _heading(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """One of the headings, or a column of metadata, whose name stays as it is."""
    if value is None or value in HEADINGS or value.startswith(COLUMN):
        return value
    raise click.BadParameter(f"{value!r} is none of {', '.join(HEADINGS)}, or {COLUMN}NAME.")


@click.command("costs")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--by",
    callback=_heading,
    metavar="HEADING",
    help=f"What to add up by: {', '.join(HEADINGS)}, or {COLUMN}NAME, a column of your manifests.  [default: batch]",
)
@click.option("--since", type=_DAY, metavar="DATE", help="From this day on, as 2026-11-21. Days are UTC.")
@click.option("--until", type=_DAY, metavar="DATE", help="Until the end of this day.")
@click.option(
    "--check",
    "bill",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Compare with a bill of the vendor, by day and model.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@pass_app
def costs_command(app: App, /, names: Sequence[str], *, bill: Path | None, as_json: bool, as_csv: bool, **asked: Any) -> int:
    """What was spent, in some batches or in all; simulated money stands apart.

    An attempt belongs to the day it began in. Retries are attempts that were billed and left no image, so that it was or is to
    be asked for again; their share is that of the known cost. What may have been billed beyond it is told as unknown.

    --check takes a CSV file with the columns date (or day), model, and cost (or cost_usd, or amount) in USD. The vendor does
    not document how its own export names them, so you may have to name them so. What provider openai made on the days of the
    file is compared; 1 is the exit code where more was billed than the ledger says and calls unknown.
    """
    from batchgen.store import batches, costs

    if as_json and as_csv:
        raise WrongUsage("--json and --csv are two ways to print the same: give one of them")
    if bill is not None and (names or asked["by"]):
        raise WrongUsage("--check compares by day and model over all batches: give it without names and without --by")
    period = Period(*(_day(asked[name]) for name in ("since", "until")))
    if bill is not None:
        return billing.check(app, bill, period, as_json=as_json, as_csv=as_csv)
    with app.project() as project, project.database.read() as tx:
        found = costs.spent(tx, asked["by"] or "batch", batches.named(tx, names), period)
    if as_json:
        data_json(_as_data(found))
    elif as_csv:
        data_csv(list(_flat(found.by, found.real)), [_flat(found.by, one) for one in found.entries])
    elif found.entries:
        data(_as_table(found))
    else:
        within = " of what you asked about" if names or asked["since"] or asked["until"] else ""
        app.console.tell(f"nothing was spent yet{within} in {project.shown_database}")
    return 0


def _day(moment: datetime | None) -> Any:
    return None if moment is None else moment.date()


def _as_data(found: "Costs") -> dict[str, Any]:
    return {
        "by": found.by,
        "costs": [_entry(found.by, one) for one in found.entries],
        "total": _figures(found.real),
        "simulated_total": _figures(found.simulated),
    }


def _entry(by: str, one: "Spent") -> dict[str, Any]:
    return {by: one.key, "simulated": one.simulated, **_figures(one)}


def _figures(one: "Spent") -> dict[str, Any]:
    """The figures under a heading. Retries have a share of the known cost, unknowns one of all that may have been billed."""
    cost, unknown = one.money.cost_micros, one.money.unknown_micros
    return {
        "images": one.images,
        **figures.money_data(one.money),
        "retry_attempts": one.retries,
        "retry_cost_usd": figures.exact(one.retry_micros),
        "retry_share": _share(one.retry_micros, cost),
        "unknown_share": _share(unknown, None if cost is None or unknown is None else cost + unknown),
    }


def _share(part: int | None, whole: int | None) -> float | None:
    return round(part / whole, 4) if part is not None and whole else None


def _flat(by: str, one: "Spent") -> dict[str, Any]:
    """An entry without anything nested, for a row of a CSV."""
    entry = _entry(by, one)
    usage: dict[str, Any] = entry.pop("usage")
    return {**entry, "simulated": "true" if one.simulated else "false", **usage}


def _as_table(found: "Costs") -> str:
    rows = [_row("(none)" if one.key is None else one_line(one.key, _WIDEST), one) for one in found.entries]
    kinds = [one.simulated for one in found.entries]
    several = [total for total in (found.real, found.simulated) if kinds.count(total.simulated) > 1]
    rows += [_row("total", total) for total in several]
    return table([visible(one_line(found.by, _WIDEST)), "images", "requests", "retries", "cost"], rows, right=(1, 2, 3))


def _row(key: str, one: "Spent") -> list[str]:
    share = _share(one.retry_micros, one.money.cost_micros)
    retried = "unknown" if one.retry_micros is None else f"${figures.exact(one.retry_micros)}"
    return [
        key,
        f"{one.images:,}",
        f"{one.money.sent:,}",
        f"{retried} ({share:.1%})" if share else retried,
        figures.cost_text(one.money, simulated=one.simulated),
    ]
