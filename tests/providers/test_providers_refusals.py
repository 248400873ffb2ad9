"""What each documented refusal becomes."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.core.outcome import Outcome
from batchgen.core.pace import NOTHING_TOLD, Told
from batchgen.providers import refusals

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
BAD = "invalid_request_error"
SPEED = (
    "Rate limit reached for gpt-image-2 (for limit gpt-image) in organization org-x on images per min: "
    "Limit {}, Used 5, Requested {}. Please try again in 12s."
)
UNVERIFIED = "Your organization must be verified to use the model `gpt-image-2`. Please go to ..."

REJECTED, LIMITED, UNAVAILABLE = Outcome.REJECTED, Outcome.RATE_LIMITED, Outcome.UNAVAILABLE
BLOCKED, UNKNOWN = Outcome.ACCOUNT_BLOCKED, Outcome.UNKNOWN

# status, code, type, message, headers -> outcome, whether only the model is blocked
TABLE = [
    # requests that will never be taken
    (400, "unknown_parameter", BAD, "Unknown parameter: 'response_format'.", {}, REJECTED, False),
    (400, "invalid_value", BAD, "Invalid value: 'hd'. Supported values are ...", {}, REJECTED, False),
    (400, "moderation_blocked", "image_generation_user_error", "rejected by the safety system", {}, REJECTED, False),
    (400, "content_policy_violation", BAD, "rejected", {}, REJECTED, False),
    (400, None, BAD, "the prompt is too long", {}, REJECTED, False),
    (410, None, BAD, "this endpoint is retired", {}, REJECTED, False),
    (413, None, "", "", {}, REJECTED, False),
    (418, None, "", "a teapot", {}, REJECTED, False),
    (422, None, BAD, "unprocessable", {}, REJECTED, False),
    (429, "rate_limit_exceeded", "input-images", SPEED.format(5, 10), {}, REJECTED, False),
    # the account
    (400, "billing_hard_limit_reached", BAD, "Billing hard limit has been reached", {}, BLOCKED, False),
    (400, None, "billing_hard_limit_reached", "Billing hard limit has been reached", {}, BLOCKED, False),
    (401, "invalid_api_key", BAD, "Incorrect API key provided", {}, BLOCKED, False),
    (401, None, BAD, "You must be a member of an organization to use the API", {}, BLOCKED, False),
    (401, "ip_not_authorized", BAD, "your IP is not authorized", {}, BLOCKED, False),
    (402, None, "", "payment required", {}, BLOCKED, False),
    (403, "unsupported_country_region_territory", "request_forbidden", "Country not supported", {}, BLOCKED, False),
    (429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota", {"retry-after": "1"}, BLOCKED, False),
    (429, None, "insufficient_quota", "You exceeded your current quota", {}, BLOCKED, False),
    (429, "credit_balance_exhausted", BAD, "no credit", {}, BLOCKED, False),
    (429, "organization_spend_limit_exceeded", BAD, "spent", {}, BLOCKED, False),
    (429, "project_spend_limit_exceeded", BAD, "spent", {}, BLOCKED, False),
    (429, "organization_usage_limit_exceeded", BAD, "used", {}, BLOCKED, False),
    (429, "billing_not_active", "billing_not_active", "Your account is not active", {}, BLOCKED, False),
    # a wrong address
    (404, None, "", "Not Found", {}, BLOCKED, False),
    (301, None, "", "the address redirects", {}, BLOCKED, False),
    (307, None, "", "the address redirects", {}, BLOCKED, False),
    # one model
    (403, None, BAD, UNVERIFIED, {}, BLOCKED, True),
    (404, "model_not_found", BAD, "The model `gpt-image-9` does not exist", {}, BLOCKED, True),
    (404, "DeploymentNotFound", "", "The API deployment for this resource does not exist.", {}, BLOCKED, True),
    (404, "404", "", "Resource not found", {}, BLOCKED, False),
    (403, "model_not_found", BAD, "Project `p` does not have access to model `m`", {}, BLOCKED, True),
    (400, "model_not_found", BAD, "The model is gone", {}, BLOCKED, True),
    (404, None, BAD, "The model `dall-e-3` does not exist or you do not have access to it.", {}, BLOCKED, True),
    (400, None, BAD, "The model `gpt-image-1` has been deprecated", {}, BLOCKED, True),
    (410, "model_not_found", BAD, "The model has been shut down", {}, BLOCKED, True),
    # speed
    (429, "rate_limit_exceeded", "requests", SPEED.format(5, 1), {"retry-after": "12"}, LIMITED, False),
    (429, "rate_limit_exceeded", "tokens", "tokens per min", {}, LIMITED, False),
    (429, "rate_limit_exceeded", "input-images", SPEED.format(5, 5), {}, LIMITED, False),
    (429, "rate_limit_exceeded", "tokens", "Limit 150,000, Used 149,999, Requested 160.", {}, LIMITED, False),
    (429, "slow_down", "rate_limit_error", "ramp up slowly", {}, LIMITED, False),
    (429, None, "", "", {}, LIMITED, False),
    (503, "server_is_overloaded", "service_unavailable_error", "overloaded", {}, LIMITED, False),
    (503, None, "service_unavailable_error", "busy", {"retry-after": "5"}, LIMITED, False),
    (503, None, "", "", {"retry-after-ms": "500"}, LIMITED, False),
    # not now
    (408, None, "", "", {}, UNAVAILABLE, False),
    (409, None, "", "", {}, UNAVAILABLE, False),
    (500, "server_error", "server_error", "The server had an error", {}, UNAVAILABLE, False),
    (500, None, "server_error", "The server had an error", {"retry-after": "3"}, UNAVAILABLE, False),
    (502, None, "", "", {}, UNAVAILABLE, False),
    (503, None, "", "", {}, UNAVAILABLE, False),
    (529, None, "", "", {}, UNAVAILABLE, False),
    # a proxy that gave up
    (504, None, "", "", {}, UNKNOWN, False),
    (524, None, "", "", {"retry-after": "3"}, UNKNOWN, False),
]


@pytest.mark.parametrize(("status", "code", "type_", "message", "headers", "outcome", "blocked_model"), TABLE)
def test_every_documented_refusal_is_told_apart(status, code, type_, message, headers, outcome, blocked_model):
    """Codes decide where they are given, since speed, money and models share statuses."""
    body = json.dumps({"error": {"message": message, "type": type_, "param": None, "code": code}}).encode()
    ending = refusals.ending(refusals.read(status, body), {**headers, "x-request-id": "req_1"}, NOW)
    assert (ending.outcome, ending.blocked_model) == (outcome, blocked_model)
    assert ending.http_status == status
    assert ending.error_code == (code or type_ or f"http_{status}")
    assert ending.error_message == message
    assert ending.request_id == "req_1"


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("http://elsewhere.test/v1?x=1", "the address redirects to http://elsewhere.test"),
        ("https://me:s3cret@elsewhere.test:8443/", "the address redirects to https://elsewhere.test:8443"),
        ("//elsewhere.test", "the address redirects to elsewhere.test"),
        ("/v2/images", "the address redirects"),
        ("http://[", "the address redirects"),
        ("", "the address redirects"),
    ],
)
def test_a_redirect_tells_where_to_without_the_path(location, told):
    """Who set the wrong address learns which one would be right, and nothing else of the place is repeated."""
    page = refusals.read(302, b"<html>moved</html>")
    assert refusals.ending(page, {"location": location}, NOW).error_message == told


def test_the_wait_comes_along():
    """What the headers or the words ask for stands in the ending."""
    refusal = refusals.read(429, json.dumps({"error": {"message": SPEED.format(5, 1), "code": "rate_limit_exceeded"}}).encode())
    assert refusals.ending(refusal, {}, NOW).retry_after_s == 12
    assert refusals.ending(refusal, {"retry-after-ms": "250"}, NOW).retry_after_s == 0.25


LIMITS = [
    (429, SPEED.format("1,250", 1), Told(images=1250)),
    (429, "Rate limit reached on requests per min (RPM): Limit 500, Used 500, Requested 1.", Told(requests=500)),
    (
        429,
        "Rate limit reached for m (for limit gpt-image) on input-images per min: Limit 6, Used 5, Requested 4.",
        Told(images=6),
    ),
    (429, "Request too large on input-images per min: Limit 1, Requested 2.", Told(images=1)),
    (429, "Rate limit reached on other-images per min: Limit 6.", NOTHING_TOLD),
    (429, "Rate limit reached on tokens per min (TPM): Limit 30000, Used 29999, Requested 160.", NOTHING_TOLD),
    (429, "Rate limit reached on images per min (IPM). Please try again in 1s.", NOTHING_TOLD),
    (400, SPEED.format(5, 1), NOTHING_TOLD),
]


@pytest.mark.parametrize(("status", "message", "told"), LIMITS)
def test_a_limit_that_is_named_is_learned(status, message, told):
    """Input images are counted with the others, and so is a limit on them."""
    body = json.dumps({"error": {"message": message, "code": "rate_limit_exceeded"}}).encode()
    assert refusals.ending(refusals.read(status, body), {}, NOW).told == told


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html><body>502\n\n Bad   Gateway</body></html>", "<html><body>502 Bad Gateway</body></html>"),
        (b"", "(no words)"),
        (b"[]", "[]"),
        (b"null", "null"),
        (b'{"error": null}', '{"error": null}'),
        (b'{"error": "overloaded"}', '{"error": "overloaded"}'),
        (b'{"detail": "no such thing"}', '{"detail": "no such thing"}'),
        (b"[" * 100_000, "[" * 1000),
        (b"\xff\xfebad", "\ufffd\ufffdbad"),
        (b'{"error": {"message": 5, "code": 7}}', "5"),
        (json.dumps({"error": {"message": "x" * 5000}}).encode(), "x" * 1000),
    ],
)
def test_a_body_that_is_not_the_vendors_keeps_its_words(body, message):
    """Proxies write what they like; the beginning is kept."""
    assert refusals.read(502, body).message == message


def test_a_long_code_is_cut():
    """A code is a word, whatever a server makes of it."""
    refusal = refusals.read(400, json.dumps({"error": {"message": "m", "code": "c" * 5000, "type": "t" * 5000}}).encode())
    assert (len(refusal.code), len(refusal.type)) == (100, 100)


@given(
    st.integers(100, 599),
    st.one_of(st.binary(max_size=200), st.text(max_size=50).map(lambda t: json.dumps({"error": t}).encode())),
)
def test_no_answer_is_too_strange(status, body):
    """Any status with any body becomes an ending that can be written down."""
    ending = refusals.ending(refusals.read(status, body), {}, NOW)
    assert ending.outcome in Outcome
    assert ending.error_message


@given(st.text(max_size=60), st.text(max_size=30), st.text(max_size=30))
def test_no_message_is_too_strange(message, code, type_):
    """Nor any message, such as one that speaks of limits without figures."""
    for words in (
        message,
        f"Limit: {message}",
        f"Limit {code}, Requested {type_}",
        "Limit ., Requested .",
        "Limit 1.2.3, Requested 4",
    ):
        body = json.dumps({"error": {"message": words, "code": code, "type": type_}}).encode()
        assert refusals.ending(refusals.read(429, body), {}, NOW).outcome in Outcome
