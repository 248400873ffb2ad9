"""Signals that end a program, taken over by the event loop, and what a run makes of them."""

import asyncio
import signal
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from batchgen.cli.console import counted

if TYPE_CHECKING:
    from batchgen.worker.events import Observer
    from batchgen.worker.pools import Pools


def on_signals(stop: Callable[[], None], *names: str) -> None:
    """Call `stop` on the loop for each of these signals, where the system has them and nobody told us to ignore them."""
    for name in names:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            _take_over(number, stop)


def _take_over(number: signal.Signals, stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(number, stop)
    except NotImplementedError:
        # Windows: the handler runs in the main thread, between two steps of the loop.
        signal.signal(number, lambda _number, _frame: loop.call_soon_threadsafe(stop))


class Stopping:
    """The first signal drains, for `timeout_s` at most; the second one stops waiting."""

    def __init__(self, watcher: "Observer", pools: "Pools", timeout_s: float | None) -> None:
        self.signal: int | None = None
        self._watcher = watcher
        self._pools = pools
        self._timeout_s = timeout_s

    def listen(self) -> None:
        """Take over the signals that end a program; under nohup a hangup stays ignored."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            on_signals(partial(self._stop, name), name)

    def _stop(self, name: str) -> None:
        if self.signal is None:
            self.signal = getattr(signal, name)
            self._pools.drain()
            if self._timeout_s is not None:
                asyncio.get_running_loop().call_later(self._timeout_s, self._pools.abort)
            self._watcher.alarm(
                f"stopping: waiting for {counted(self._pools.in_flight, 'request')} in flight; once more to stop at once"
            )
        else:
            self._pools.abort()
