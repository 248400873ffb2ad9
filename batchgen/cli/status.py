"""`batchgen status`."""

import click

from batchgen.cli import budgets, figures
from batchgen.cli.app import App, pass_app
from batchgen.cli.console import data, data_json


@click.command("status")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_app
def status_command(app: App, name: str | None, *, as_json: bool) -> None:
    """Counts, tokens and money of one batch or of all."""
    from batchgen.project import utc_now
    from batchgen.store import batches, paces, reports, spending

    moment = utc_now()
    with app.project() as project, project.database.read() as tx:
        found = batches.named(tx, [name]) if name else batches.every(tx)
        summaries = [reports.summary(tx, batch) for batch in found]
        known = {provider: paces.find(tx, project.makers.account(provider)) for provider in project.makers.of_batches(found)}
        room = spending.room(tx, project.caps, [batch.id for batch in found if not batch.simulated], moment)
    now = moment.timestamp()
    paced = {provider: (pace, project.makers.limits(provider)) for provider, pace in known.items() if pace is not None}
    told = {
        "paces": {provider: figures.pace_data(*pair, now) for provider, pair in paced.items()},
        "caps": budgets.as_data(room, found, moment),
    }
    if as_json and name:
        data_json(figures.as_data(summaries[0]) | told)
    elif as_json:
        listed = [figures.as_data(summary) for summary in summaries]
        data_json({"batches": listed, "totals": figures.totals(summaries), **told})
    elif summaries:
        data(figures.as_table(summaries))
        if name:
            data(figures.tokens_text(summaries[0].money))
        for provider, pair in paced.items():
            data(figures.pace_line(*pair, now, provider if len(paced) > 1 else ""))
        for line in budgets.lines(room, found, moment):
            data(line)
    else:
        app.console.tell(f"no batches yet in {project.shown_database}: batchgen submit MANIFEST stores one")
