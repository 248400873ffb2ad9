"""What the engine tells whoever watches it."""

from dataclasses import dataclass
from typing import Protocol

from batchgen.core.job import State
from batchgen.core.outcome import Ending
from batchgen.store.queue import Claim


@dataclass(frozen=True, slots=True)
class Settled:
    """One attempt is written down. `state` is where its job went; costs are USD micros, None where not known."""

    claim: Claim
    ending: Ending
    state: State
    images: int
    cost_micros: int | None
    reserved_micros: int | None


class Observer(Protocol):
    """Called on the event loop; must return at once."""

    def started(self, claim: Claim) -> None:
        """An attempt has begun."""
        ...

    def settled(self, settled: Settled) -> None:
        """An attempt has ended."""
        ...

    def notice(self, text: str) -> None:
        """Something a person may want to know; one line."""
        ...

    def alarm(self, text: str) -> None:
        """Something a person has to know; one line."""
        ...
