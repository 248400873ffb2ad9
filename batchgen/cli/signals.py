"""Signals that end a program, taken over by the event loop."""

import asyncio
import signal
from collections.abc import Callable


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
