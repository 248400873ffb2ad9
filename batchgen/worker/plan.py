"""What a run is asked to do, and what it did."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields

from batchgen.core.catalog import Catalog, Catalogs, vendors
from batchgen.core.job import State
from batchgen.core.outcome import Outcome
from batchgen.core.pace import Limits
from batchgen.core.pricing import Basis
from batchgen.core.retry import Policy
from batchgen.store.reuse import Rules
from batchgen.worker.events import Closed, Reclaimed


@dataclass(frozen=True, slots=True)
class Plan:
    """`batches` are ids in order; times are seconds.

    `provider` is who makes their jobs, and `rows_for` tells which ones, as in `store.queue.Filter`. `account` is whose limits
    these are, `images_today` how many of its images of the day the ledger knows of; `folders` are the batches' own below the
    storage root; `copies` tells whether small sizes are rewritten, and copies in them are made; `catalogs` have the prices, of
    others too, whose attempts may be closed here; with `json_edits` files are sent within JSON; `reuse` says what that was made
    before is used again, None: nothing.
    """

    batches: Sequence[int]
    concurrency: int
    limits: Limits
    policy: Policy
    longest_wait_s: float
    offline_s: float
    account: str = ""
    images_today: int = 0
    folders: Sequence[str] = ()
    copies: bool = False
    provider: str | None = None
    rows_for: Mapping[int, Sequence[str]] = field(default_factory=dict)
    catalogs: Catalogs = vendors
    json_edits: bool = False
    reuse: Rules | None = None

    @property
    def catalog(self) -> Catalog:
        """The models of its provider."""
        return self.catalogs(self.provider or "")


def shared_out(
    owners: Mapping[int, str], named: Mapping[int, Collection[str]], makers: Collection[str]
) -> dict[str, dict[int, tuple[str, ...]]]:
    """Which words each of these makers answers to in each batch.

    `owners` make the jobs of a batch that name nobody; `named` are the words of its unfinished jobs, empty for those.
    """
    return {
        provider: {
            batch_id: (*(("",) if owner == provider else ()), *((provider,) if provider in named[batch_id] else ()))
            for batch_id, owner in owners.items()
        }
        for provider in makers
    }


@dataclass(slots=True)
class Result:
    """Counts of jobs that became final in this run, and its money in USD micros. `halted` says why it ended early.

    `reused` are those of the succeeded ones that took what was made before. `left_unknown` are those of the unknown attempts
    that a worker sent that died: they are taken over here, and count toward no cap of this run.

    `is_stuck` tells that it did so because nobody makes what its jobs wait for, which has its cause elsewhere.
    """

    succeeded: int = 0
    failed: int = 0
    reused: int = 0
    images: int = 0
    cost_micros: int = 0
    estimated: int = 0
    unpriced: int = 0
    unknown: int = 0
    unknown_micros: int = 0
    left_unknown: int = 0
    left_unknown_micros: int = 0
    remarked: int = 0
    halted: str | None = None
    is_stuck: bool = False

    def add(self, closed: Closed) -> None:
        """Count an attempt and what became of its job."""
        self.succeeded += closed.state is State.SUCCEEDED
        self.failed += (closed.state is State.FAILED) + closed.failed_with_it
        self.reused += closed.ending.outcome is Outcome.REUSED
        self.images += closed.images
        self.remarked += closed.ending.remark is not None
        self.estimated += closed.cost.basis is Basis.ESTIMATED
        if closed.cost.micros is not None:
            self.cost_micros += closed.cost.micros
        elif closed.ending.outcome is Outcome.UNKNOWN:
            self.unknown += 1
            self.unknown_micros += closed.reserved_micros or 0
            if isinstance(closed, Reclaimed):
                self.left_unknown += 1
                self.left_unknown_micros += closed.reserved_micros or 0
        else:
            self.unpriced += 1

    def merge(self, other: "Result", *, label: str) -> None:
        """Count what another pool did; what made it halt is told with the label."""
        for part in fields(Result):
            if part.name not in ("halted", "is_stuck"):
                setattr(self, part.name, getattr(self, part.name) + getattr(other, part.name))
        if other.halted is not None:
            self.halted = "; ".join(filter(None, (self.halted, f"{label}: {other.halted}")))
