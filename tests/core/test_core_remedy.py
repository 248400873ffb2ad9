"""What a person can do about each end."""

import pytest

from batchgen.core.outcome import Outcome
from batchgen.core.remedy import remedy

NOTHING_TO_DO = {Outcome.REUSED, Outcome.SUCCEEDED, Outcome.RATE_LIMITED, Outcome.RELEASED, Outcome.LOST, Outcome.SUPERSEDED}

# outcome, code, status, what the sentence must name
TOLD = [
    (Outcome.REJECTED, "moderation_blocked", 400, "--update"),
    (Outcome.REJECTED, "content_policy_violation", 400, "change it"),
    (Outcome.REJECTED, "invalid_value", 400, "mend the row"),
    (Outcome.REJECTED, "rate_limit_exceeded", 429, "lower n"),
    (Outcome.ACCOUNT_BLOCKED, "invalid_api_key", 401, "check the key"),
    (Outcome.ACCOUNT_BLOCKED, None, 401, "check the key"),
    (Outcome.ACCOUNT_BLOCKED, "insufficient_quota", 429, "no credit left"),
    (Outcome.ACCOUNT_BLOCKED, "credit_balance_exhausted", 429, "no credit left"),
    (Outcome.ACCOUNT_BLOCKED, "organization_spend_limit_exceeded", 429, "organization's spending limit"),
    (Outcome.ACCOUNT_BLOCKED, "project_spend_limit_exceeded", 429, "project's spending limit"),
    (Outcome.ACCOUNT_BLOCKED, "organization_usage_limit_exceeded", 429, "usage limit"),
    (Outcome.ACCOUNT_BLOCKED, "billing_hard_limit_reached", 400, "billing limit"),
    (Outcome.ACCOUNT_BLOCKED, "billing_not_active", 429, "activate it"),
    (Outcome.ACCOUNT_BLOCKED, "model_not_found", 404, "--model"),
    (Outcome.ACCOUNT_BLOCKED, None, 308, "base_url of the provider"),
    (Outcome.INVALID_REPLY, "link_refused", 200, "private_links"),
    (Outcome.INVALID_REPLY, "link_failed", 200, "batchgen resume"),
    (Outcome.ACCOUNT_BLOCKED, None, 402, "credit"),
    (Outcome.ACCOUNT_BLOCKED, None, 403, "verification"),
    (Outcome.ACCOUNT_BLOCKED, None, 404, "base_url"),
    (Outcome.ACCOUNT_BLOCKED, "strange", 418, "see its message"),
    (Outcome.UNAVAILABLE, None, 500, "batchgen resume"),
    (Outcome.UNKNOWN, None, None, "may have been billed"),
    (Outcome.INVALID_REPLY, None, 200, "batchgen resume"),
    (Outcome.STORAGE_FAILED, None, 200, "make room"),
    (Outcome.OFFLINE, None, None, "network"),
]


@pytest.mark.parametrize(("outcome", "code", "status", "part"), TOLD)
def test_each_end_has_its_remedy(outcome, code, status, part):
    """The code is believed first, then the status, then the kind of end."""
    assert part in remedy(outcome, code, status)


@pytest.mark.parametrize("outcome", Outcome)
def test_only_what_time_mends_needs_no_remedy(outcome):
    """A person is told something wherever a person is needed, in one sentence."""
    text = remedy(outcome, None)
    assert (text == "") == (outcome in NOTHING_TO_DO)
    assert "\n" not in text


def test_a_status_alone_does_not_accuse_the_account():
    """A row that is refused with 403 is not the key's fault."""
    assert remedy(Outcome.REJECTED, None, 403) == remedy(Outcome.REJECTED, None)
