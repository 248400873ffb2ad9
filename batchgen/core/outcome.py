"""How an attempt can end, and what is known about it. What the job does next is decided in `retry`."""

from dataclasses import dataclass
from enum import StrEnum

from batchgen.core.pace import NOTHING_TOLD, Told
from batchgen.core.usage import NOTHING_SAID, Usage


class Outcome(StrEnum):
    """The ways an attempt ends; the text is what stands in the ledger."""

    SUCCEEDED = "succeeded"
    REUSED = "reused"  # images that were made before for the same request; free
    REJECTED = "rejected"  # the API will never take this request
    RATE_LIMITED = "rate_limited"  # about speed; free
    UNAVAILABLE = "unavailable"  # a complete answer that says not now
    OFFLINE = "offline"  # nothing was sent
    UNKNOWN = "unknown"  # sent, and no complete answer: may have been billed
    INVALID_REPLY = "invalid_reply"  # a complete answer without the images that were asked for
    ACCOUNT_BLOCKED = "account_blocked"  # nothing of this account (or of this model) will go through
    STORAGE_FAILED = "storage_failed"  # the answer came and could not be put on disk
    RELEASED = "released"  # given back before it was sent
    LOST = "lost"  # the worker died before sending
    SUPERSEDED = "superseded"  # the answer came after the job had been taken away


# Ends that were written without the answer: should it be found, they learn how the attempt really ended.
GIVEN_UP = (Outcome.UNKNOWN, Outcome.LOST, Outcome.STORAGE_FAILED, Outcome.SUPERSEDED)
# Of these, ends whose answer had come: all but its images is known.
WITHOUT_IMAGES = (Outcome.STORAGE_FAILED, Outcome.SUPERSEDED)
# Codes of what was rejected on this side, since its files are not what they were: the API has refused nothing.
REFUSED_HERE = ("input_changed", "result_changed", "result_unfit")


@dataclass(frozen=True, slots=True)
class Ending:
    """One attempt's end. `retry_after_s` is what the provider asked for; `blocked_model` narrows account_blocked to a model.

    `remark` tells what is not wrong and yet worth knowing, `told` what the answer said of the account's limits.
    """

    outcome: Outcome
    http_status: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    request_id: str | None = None
    usage: Usage = NOTHING_SAID
    retry_after_s: float | None = None
    blocked_model: bool = False
    remark: str | None = None
    told: Told = NOTHING_TOLD
