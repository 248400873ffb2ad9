"""A run as it goes: a bar with counts, rate, money and time left on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from batchgen.cli.console import Console, Loudness, one_line, visible
from batchgen.core.job import FINAL, State
from batchgen.core.outcome import Outcome
from batchgen.core.pricing import dollars

if TYPE_CHECKING:
    from batchgen.store.queue import Claim
    from batchgen.worker.events import Closed, Observer, Reclaimed, Settled

# Elsewhere than on a terminal a line is written so often; a log of a night stays readable.
_LINE_EVERY_S = 10.0


@contextmanager
def watch(console: Console, total: int) -> "Iterator[Observer]":
    """Show a run of so many jobs."""
    if total and console.loudness is Loudness.NORMAL and sys.stderr.isatty():
        with _Bar(total) as bar:
            yield bar
    else:
        yield _Lines(console, total)


class _Counts:
    """What has been done so far."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.succeeded = 0
        self.failed = 0
        self.done = 0
        self.cost_micros = 0
        self.in_flight = 0
        self._again: set[int] = set()  # jobs that were asked for and are to be asked for again
        self.began = time.monotonic()

    def started(self, claim: "Claim") -> None:
        """Count a start."""
        self.in_flight += 1
        self._again.discard(claim.job_id)

    def settled(self, settled: "Settled") -> None:
        """Count the end of what was started."""
        self.in_flight -= 1
        if settled.state is State.PENDING:
            self._again.add(settled.claim.job_id)
        self.add(settled)

    def add(self, closed: "Closed") -> None:
        """Count an end."""
        self.done += (closed.state in FINAL) + closed.failed_with_it
        self.succeeded += closed.state is State.SUCCEEDED
        self.failed += (closed.state is State.FAILED) + closed.failed_with_it
        self.cost_micros += closed.cost.micros or 0

    def text(self) -> str:
        """The counts, the rate and the money in a line."""
        seconds = max(time.monotonic() - self.began, 0.001)
        failed = f", {self.failed:,} failed" if self.failed else ""
        rate = self.succeeded / seconds * 60
        flying = f", {self.in_flight:,} in flight" if self.in_flight else ""
        waiting = f", {len(self._again):,} waiting to be tried again" if self._again else ""
        return (
            f"{self.succeeded:,} of {self.total:,} made{failed}{flying}{waiting}, {rate:,.0f}/min, ${dollars(self.cost_micros)}"
        )


class _Lines:
    """For logs."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._counts = _Counts(total)
        self._next = time.monotonic() + _LINE_EVERY_S

    def started(self, claim: "Claim") -> None:
        self._counts.started(claim)
        self._console.detail(f"{claim.folder}/{claim.custom_id}: attempt {claim.attempt} of {claim.request.model}")

    def settled(self, settled: "Settled") -> None:
        self._counts.settled(settled)
        self._console.detail(_told(settled))
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _LINE_EVERY_S
            self._console.tell(self._counts.text())

    def reclaimed(self, reclaimed: "Reclaimed") -> None:
        self._counts.add(reclaimed)

    def notice(self, text: str) -> None:
        self._console.tell(text)

    def alarm(self, text: str) -> None:
        self._console.need(text)


class _Bar:
    """For a terminal."""

    def __init__(self, total: int) -> None:
        from rich.console import Console as Terminal
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._counts = _Counts(total)
        self._column = BarColumn(bar_width=None)
        self._progress = Progress(
            self._column,
            TextColumn("{task.description}", markup=False),
            TextColumn("time", markup=False),
            TimeElapsedColumn(),
            TextColumn("left", markup=False),
            TimeRemainingColumn(),
            console=Terminal(stderr=True, markup=False, highlight=False),
            expand=True,
        )
        self._task = self._progress.add_task(self._counts.text(), total=total)

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._progress.stop()

    def started(self, claim: "Claim") -> None:
        self._counts.started(claim)
        self._show()

    def settled(self, settled: "Settled") -> None:
        self._counts.settled(settled)
        self._show()

    def reclaimed(self, reclaimed: "Reclaimed") -> None:
        self._counts.add(reclaimed)
        self._show()

    def _show(self) -> None:
        if self._counts.failed:
            # A full green bar would tell that all is well.
            colour = "yellow" if self._counts.succeeded else "red"
            self._column.complete_style = self._column.finished_style = colour
        self._progress.update(self._task, completed=self._counts.done, description=self._counts.text())

    def notice(self, text: str) -> None:
        self._progress.console.print(visible(text))

    alarm = notice


def _told(settled: "Settled") -> str:
    claim, ending = settled.claim, settled.ending
    head = f"{claim.folder}/{claim.custom_id}: attempt {claim.attempt} {ending.outcome}"
    cost = "cost unknown" if settled.cost.micros is None else f"${dollars(settled.cost.micros)} {settled.cost.basis}"
    if ending.outcome in (Outcome.SUCCEEDED, Outcome.REUSED):
        remark = f" ({ending.remark})" if ending.remark else ""
        return f"{head}, {settled.images} image{'s' if settled.images != 1 else ''}{remark}, {cost}"
    others = f", and {settled.failed_with_it:,} that need its result" if settled.failed_with_it else ""
    return f"{head} ({ending.error_code}): {one_line(ending.error_message or '')}, {cost}; job {settled.state}{others}"
