"""A job's states."""

from enum import StrEnum


class State(StrEnum):
    """Where a job stands. Final states have a `finished_at`; a running job has a lease."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = (State.SUCCEEDED, State.FAILED, State.CANCELLED)
