"""`batchgen costs`."""

import click

from batchgen.cli import figures
from batchgen.cli.app import App, pass_app
from batchgen.cli.console import data, data_json, table


@click.command("costs")
@click.option(
    "--by",
    type=click.Choice(["batch", "model", "day"]),
    default="batch",
    show_default=True,
    help="What to add up by (days are UTC).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_app
def costs_command(app: App, by: str, *, as_json: bool) -> None:
    """What was spent; simulated money stands apart."""
    from batchgen.store import reports

    with app.project() as project, project.database.read() as tx:
        found = reports.spent(tx, by)
    if as_json:
        listed = [
            {by: spent.key, "simulated": spent.simulated, "images": spent.images, **figures.money_data(spent.money)}
            for spent in found
        ]
        data_json({"by": by, "costs": listed})
    elif found:
        rows = [
            [spent.key, f"{spent.images:,}", f"{spent.money.sent:,}", figures.cost_text(spent.money, simulated=spent.simulated)]
            for spent in found
        ]
        data(table([by, "images", "requests", "cost"], rows, right=(1, 2)))
    else:
        app.console.tell(f"nothing was spent yet in {project.shown_database}")
