"""What the engine tells whoever watches it."""

from dataclasses import dataclass
from typing import Protocol

from batchgen.core.job import State
from batchgen.core.outcome import Ending
from batchgen.core.pricing import Cost
from batchgen.store.queue import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """An attempt as it stands in the ledger now. `state` is where its job went, `images` how many were added.

    `reserved_micros` is the most it can have cost, None for a model without a price; `failed_with_it` are jobs that waited for
    its result.
    """

    ending: Ending
    state: State
    images: int
    cost: Cost
    reserved_micros: int | None
    failed_with_it: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled(Closed):
    """An attempt that this worker made."""

    claim: Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Reclaimed(Closed):
    """An attempt of a worker that is gone."""

    batch_id: int


class Observer(Protocol):
    """Called on the event loop; must return at once."""

    def started(self, claim: Claim) -> None:
        """An attempt has begun."""
        ...

    def settled(self, settled: Settled) -> None:
        """An attempt of this worker has ended."""
        ...

    def reclaimed(self, reclaimed: Reclaimed) -> None:
        """An attempt of a worker that is gone has been closed."""
        ...

    def notice(self, text: str) -> None:
        """Something a person may want to know; one line."""
        ...

    def alarm(self, text: str) -> None:
        """Something a person has to know; one line."""
        ...
