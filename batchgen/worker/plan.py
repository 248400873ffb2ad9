"""What a run is asked to do, and what it did."""

from collections.abc import Sequence
from dataclasses import dataclass

from batchgen.core.retry import Policy
from batchgen.worker.pace import Limits


@dataclass(frozen=True, slots=True)
class Plan:
    """`batches` are ids in order; `limit` is how many jobs may be started (None: all); times are seconds.

    `images_today` is how many more images the account allows until midnight UTC, None where that is not known.
    """

    batches: Sequence[int]
    concurrency: int
    limits: Limits
    policy: Policy
    longest_wait_s: float
    offline_s: float
    limit: int | None = None
    images_today: int | None = None


@dataclass(slots=True)
class Result:
    """Counts of jobs that became final in this run, and its money in USD micros. `halted` says why it ended early."""

    succeeded: int = 0
    failed: int = 0
    images: int = 0
    cost_micros: int = 0
    unpriced: int = 0
    unknown: int = 0
    unknown_micros: int = 0
    halted: str | None = None
