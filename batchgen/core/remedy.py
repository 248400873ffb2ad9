"""What a person can do about an end that time does not mend. One sentence each."""

from batchgen.core.outcome import Outcome

_BY_CODE = {
    "moderation_blocked": "the provider's safety system refused the prompt or its picture; change it and submit with --update",
    "content_policy_violation": "the provider's safety system refused the prompt; change it and submit with --update",
    "invalid_api_key": "check the key: `batchgen config` says which variable it is read from",
    "insufficient_quota": "the account has no credit left; add some, then run again",
    "credit_balance_exhausted": "the account has no credit left; add some, then run again",
    "organization_spend_limit_exceeded": "the organization's spending limit is reached; raise it, then run again",
    "project_spend_limit_exceeded": "the project's spending limit is reached; raise it, then run again",
    "organization_usage_limit_exceeded": "the organization's usage limit is reached; raise it, then run again",
    "billing_hard_limit_reached": "the account's billing limit is reached; raise it, then run again",
    "billing_not_active": "billing is not active for this account; activate it, then run again",
    "model_not_found": "the account cannot use this model; name another one with --model and --update, or ask for access",
    "DeploymentNotFound": ("on Azure a model is the name of your deployment: name one that is there with --model and --update"),
    "link_refused": (
        "`batchgen show` names the file with the link; if the server is your own, allow its links with "
        "private_links = true in its table of the settings, or make it answer with b64_json"
    ),
    "link_failed": "`batchgen show` names the file with the link, while it leads to the image; then `batchgen resume`",
    "unknown_form": "`batchgen show` names the file with the answer; make the server answer with b64_json or url",
    "input_changed": "put the file back and `batchgen resume`, or submit with --update to use the one that is there now",
    "result_changed": "`batchgen verify NAME --repair` finds the image or has it made again; then `batchgen resume NAME`",
    "result_unfit": "change the row that it is made from, or this one, and submit with --update",
    "parent_failed": "mend the row that it is made from, or resume that one: this one goes along",
    "rate_limit_exceeded": "one request asks for more than the account's whole limit; lower n and submit with --update",
}

# Every further request would be paid for and end like this one.
BOUGHT_IN_VAIN = frozenset({"link_refused", "unknown_form"})

_BY_STATUS = {
    **dict.fromkeys(
        range(300, 400), "set base_url of the provider to the address that answers itself; no redirect is followed"
    ),
    401: "check the key: `batchgen config` says which variable it is read from",
    402: "the account has no credit left; add some, then run again",
    403: "the account may not do this; check its permissions, its country and its verification, then run again",
    404: "the address answers, but not as an Images API; check base_url of the provider: `batchgen config` shows it",
}

_BY_OUTCOME = {
    Outcome.REJECTED: "the provider will never take this request; mend the row and submit with --update",
    Outcome.UNAVAILABLE: "the provider failed again and again; try later with `batchgen resume`",
    Outcome.UNKNOWN: "the answer was lost and may have been billed; `batchgen resume --unknown` asks for the image again",
    Outcome.INVALID_REPLY: "the provider answered without a usable image; try later with `batchgen resume`",
    Outcome.ACCOUNT_BLOCKED: "the provider refuses this account; see its message, then run again",
    Outcome.STORAGE_FAILED: "make room or set the permissions of the storage folder, then run again",
    Outcome.OFFLINE: "check the network and base_url of the provider, then run again",
}


def remedy(outcome: Outcome | None, code: str | None, status: int | None = None) -> str:
    """What to do, or an empty string where nothing needs to be done. No outcome: the job was not even tried."""
    if code in _BY_CODE:
        return _BY_CODE[code]
    if outcome is Outcome.ACCOUNT_BLOCKED and status in _BY_STATUS:
        return _BY_STATUS[status]
    return "" if outcome is None else _BY_OUTCOME.get(outcome, "")
