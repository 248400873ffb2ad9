"""`batchgen run` and `batchgen resume`."""

import asyncio
import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from batchgen.cli import figures, forecast, options, progress, submit
from batchgen.cli.app import App, pass_app
from batchgen.cli.console import Console, counted, data_json
from batchgen.cli.signals import Stopping
from batchgen.errors import Halted, WrongUsage

if TYPE_CHECKING:
    from batchgen.project import Project
    from batchgen.store.batches import Batch
    from batchgen.store.engine import Transaction
    from batchgen.worker.plan import Result

_Command = TypeVar("_Command", bound=Callable[..., Any])

_FAILED = 1
_SIGNALLED = 128


def _work_options(command: _Command) -> _Command:
    for option in reversed(
        [
            click.option("--concurrency", type=click.IntRange(1, 1000), help="How many requests may be out at once."),
            click.option("--images-per-minute", type=click.IntRange(0), help="The account's limit; 0 is not known."),
            click.option("--limit", type=click.IntRange(1), help="Start so many jobs at most."),
            click.option("--max-cost", type=options.usd, metavar="USD", help="Spend so much in this run at most, as in 2.50."),
            click.option("--reuse/--no-reuse", default=None, help="Use again what was made before for the same request."),
            click.option(
                "--drain-timeout", type=click.FloatRange(0), metavar="S", help="After a signal, wait so many seconds at most."
            ),
            click.option("--json", "as_json", is_flag=True, help="Print the batches and this run's figures as JSON."),
        ]
    ):
        command = option(command)
    return command


@click.command("run")
@options.manifests(required=False)
@click.option("--batch", "batches", multiple=True, metavar="NAME", help="A batch that is stored already; may be repeated.")
@options.request_fields
@_work_options
@pass_app
def run_command(app: App, /, **given: Any) -> int:
    """Submit, then work until every job is final.

    The scope is the given manifests, or job files that name one, and batches; with neither, every real batch.
    """
    return _run(app, given, requeue=False)


@click.command("resume")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--rejected", is_flag=True, help="Also what the API refused.")
@click.option("--unknown", is_flag=True, help="Also what may have been billed: its answer was lost.")
@click.option("--cancelled", is_flag=True, help="Also what was cancelled.")
@click.option("--yes", is_flag=True, help="Start what costs much without asking.")
@options.provider
@_work_options
@pass_app
def resume_command(app: App, /, *, names: Sequence[str], **given: Any) -> int:
    """Queue failed jobs again, and run.

    Without names: of every real batch.
    """
    return _run(app, {**given, "manifests": (), "batches": names}, requeue=True)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What this run is about. `named` tells that a person chose it."""

    batches: "list[Batch]"
    simulated: bool
    named: bool


def _run(app: App, given: dict[str, Any], *, requeue: bool) -> int:
    if not given["manifests"] and options.about_rows(given):
        raise WrongUsage("options about rows need a manifest: what is stored already keeps its requests")
    changed = {
        "provider.name": given["provider"],
        "limits.concurrency": given["concurrency"],
        "limits.images_per_minute": given["images_per_minute"],
        "budget.per_run_usd": given["max_cost"],
        "reuse.enabled": given["reuse"],
    }
    files = options.given_files(given["manifests"], app.accepted)
    with app.project(changed, files.laid_over(changed)) as project:
        scope = _scope(app, project, files, given)
        scope = _made_ready(app.console, project, scope, given, requeue=requeue)
        total = forecast.tell(app.console, project, scope.batches, given["limit"], yes=given["yes"])
        result, stopped_by = _work(app.console, project, scope, given, total)
        _report(app.console, project, scope, result, as_json=given["as_json"])
        failed = _tell_failures(app.console, project, scope, result)
        if stopped_by is not None:
            app.console.tell("stopped: the same command goes on where it was")
            return _SIGNALLED + stopped_by
        if result.halted is not None:
            raise Halted(f"halted: {result.halted}")
        return _FAILED if failed else 0


def _scope(app: App, project: "Project", files: options.Files, given: dict[str, Any]) -> _Scope:
    """Submit the manifests and find the batches, with a key in hand before anything is stored."""
    from batchgen.store import batches

    sources = options.manifest_sources(files, given.get("name"), simulated=project.on_sandbox)
    chosen = bool(given["provider"] or given["manifests"])
    stored: list[Batch] = []
    if given["batches"] or not given["manifests"]:
        with project.database.read() as tx:
            stored = batches.in_scope(tx, given["batches"], simulated=project.on_sandbox, chosen=chosen)
    named = bool(given["manifests"] or given["batches"])
    simulated = stored[0].simulated if stored and given["batches"] else project.on_sandbox
    with project.database.read() as tx:
        project.wanted(tx, [_given_to(project, batch, given["provider"]) for batch in stored], partly=not named)
    if not given["manifests"]:
        return _Scope(stored, simulated, named)
    submitted = submit.store(project, files, sources, given, with_keys=True)
    for one in submitted:
        submit.tell(app.console, one)
    fresh = {one.batch.id: one.batch for one in submitted}
    rest = [batch for batch in stored if batch.id not in fresh]
    return _Scope([*fresh.values(), *rest], simulated, named)


def _made_ready(console: Console, project: "Project", scope: _Scope, given: dict[str, Any], *, requeue: bool) -> _Scope:
    """Queue failed jobs again, and let a named provider make what names none.

    In one transaction with the look at who is needed for that: without a key, all stays as it was.
    """
    from batchgen.store import batches, shares

    if not requeue and not given["provider"]:
        return scope
    ready, news = [], []
    with project.database.write() as tx:
        for batch in scope.batches:
            count = _requeued(tx, batch, given) if requeue else 0
            moved = _given_to(project, batch, given["provider"]) if "" in shares.named(tx, batch) else batch
            if count:
                news.append(f"{batch.name}: {counted(count, 'job')} queued again")
            if moved is not batch:
                batches.give(tx, batch, moved.provider)
                was = f"was given to {batch.provider}, and now" if batch.provider else "is given"
                news.append(f"{batch.name}: {was} to {moved.provider}; rows that name one keep it")
            ready.append(moved)
        project.wanted(tx, ready, partly=not scope.named)
    for line in news:
        console.tell(line)
    return replace(scope, batches=ready)


def _given_to(project: "Project", batch: "Batch", provider: str | None) -> "Batch":
    """The batch as it is when this provider, if a person named it, makes what does not name one."""
    if provider is None or project.on_sandbox or batch.simulated or batch.provider == provider:
        return batch
    return replace(batch, provider=provider)


def _requeued(tx: "Transaction", batch: "Batch", given: dict[str, Any]) -> int:
    from batchgen.project import utc_now
    from batchgen.store import control

    also = control.Also(rejected=given["rejected"], unknown=given["unknown"], cancelled=given["cancelled"])
    return control.requeue(tx, batch, utc_now(), also)


def _work(
    console: Console, project: "Project", scope: _Scope, given: dict[str, Any], total: int
) -> "tuple[Result, int | None]":
    """Run the pool to its end, `total` jobs; also returns the signal that stopped it."""
    # Nobody asked for just these batches: one that nobody can make now does not keep the others waiting.
    partly = not scope.named
    plans = project.plans(scope.batches, partly=partly)
    with project.database.read() as tx:
        _, left_out = project.wanted(tx, scope.batches, partly=partly)
    if not total:
        console.tell("nothing to do")
    if scope.simulated and given["max_cost"] is not None:
        console.tell("--max-cost is about real money: simulated money counts toward no cap")
    # What the program is made of stays for good: not to look through all of it again and again saves some of the time.
    gc.freeze()

    async def work() -> "tuple[Result, int | None]":
        with progress.watch(console, total) as watcher:
            async with project.pools(plans, watcher, given["limit"]) as pools:
                stopping = Stopping(watcher, pools, given["drain_timeout"])
                stopping.listen()
                return await pools.run(), stopping.signal

    for line in left_out:
        console.need(f"left out: {line}")
    result, stopped_by = asyncio.run(work())
    if left_out:
        result.halted = "; ".join([*([result.halted] if result.halted else []), "not everything could be begun, as was said"])
    return result, stopped_by


def _report(console: Console, project: "Project", scope: _Scope, result: "Result", *, as_json: bool) -> None:
    from batchgen.artifacts.office import Office
    from batchgen.store import reports
    from batchgen.worker.plan import Result

    with project.database.read() as tx:
        summaries = [reports.summary(tx, batch) for batch in scope.batches]
    if as_json:
        data_json(
            {
                "batches": [figures.as_data(summary) for summary in summaries],
                "totals": figures.totals(summaries),
                "this_run": figures.run_data(result),
                "halted": result.halted,
            }
        )
    for summary in summaries:
        console.tell(figures.line(summary))
    if result != Result():
        console.tell(f"this run: {figures.run_line(result, simulated=scope.simulated)}")
    if result.remarked:
        console.tell(
            f"{counted(result.remarked, 'answer')} with a remark, like another size than asked for: "
            "the column remark of an export says which"
        )
    for summary in summaries:
        if summary.artifacts:
            console.tell(f"images: {project.root / summary.batch.name}")
        previews = Office(project.root).previews(summary.batch.name)
        if previews.is_dir():
            console.tell(f"previews: {previews}")


def _tell_failures(console: Console, project: "Project", scope: _Scope, result: "Result") -> bool:
    """Say which batches have failed jobs that this run answers for, and whether there are any.

    A run of named batches answers for all their failures, a bare one for its own.
    """
    from batchgen.store import reports

    with project.database.read() as tx:
        failed = {batch.name: reports.failed(tx, batch) for batch in scope.batches}
    count = sum(one.jobs for one in failed.values()) if scope.named else result.failed
    if not count:
        return False
    earlier = count - result.failed
    console.need(f"{result.failed:,} failed in this run" + (f", {earlier:,} earlier" if earlier > 0 else ""))
    for name, one in failed.items():
        own = one.jobs - one.by_others
        again = [f"batchgen resume {name} tries again"] if own > one.rejected + one.unknown else []
        again += [f"{one.rejected:,} refused by the API: resume asks again only with --rejected"] if one.rejected else []
        again += [f"{one.unknown:,} may have been billed: resume asks again only with --unknown"] if one.unknown else []
        again += [f"{one.by_others:,} need the results of others and go along with those"] if one.by_others else []
        if one.jobs:
            console.need(f"{name}: {'; '.join([f'batchgen failures {name} says why', *again])}")
    return True
