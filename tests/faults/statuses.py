"""Every HTTP status that ends an attempt, as the vendor or a proxy sends it."""

from scripted_server import error, reply

from .behaviours import page, redirect
from .case import AT_MOST, HALTED, LOST_ONCE, NO_FAILURE_ALLOWED, REFUSED, TRIED_AGAIN, WAITED_OUT, Became, Case

_THREE_TRIES = {"BATCHGEN_RETRY__MAX_ATTEMPTS": "3"}
_BAD = "invalid_request_error"
_NO_MODEL = "The model 'gpt-image-2' does not exist or you do not have access to it."
_UNVERIFIED = "Your organization must be verified to use the model `gpt-image-2.5-flare`."
_TOO_LARGE = "Request too large on input-images per min: Limit 1, Requested 2."

STATUSES = (
    Case(
        "301 to another host",
        [redirect(301)],
        HALTED,
        says="base_url of the provider",
        message="redirects to http://localhost:",
    ),
    Case(
        "307 to another host",
        [redirect(307)],
        HALTED,
        says="base_url of the provider",
        message="redirects to http://localhost:",
    ),
    Case(
        "308 to another path", [reply(308, "", {"Location": "/v2/images/generations"})], HALTED, says="the address redirects)"
    ),
    Case("400, a value is wrong", [error(400, "invalid_value", "Invalid size.", _BAD)], REFUSED, message="Invalid size."),
    Case("400 moderation_blocked", [error(400, "moderation_blocked", "Rejected.", "image_generation_user_error")], REFUSED),
    Case("401", [error(401, "invalid_api_key", "Incorrect API key.", _BAD)], HALTED, says="check the key"),
    Case("402", [error(402, None, "Payment required.")], HALTED, says="no credit left"),
    Case(
        "403",
        [error(403, "unsupported_country_region_territory", "Country not supported.", "request_forbidden")],
        HALTED,
        says="check its permissions",
    ),
    Case("403, a proxy's page", [page(403, "403 Forbidden")], HALTED, says="403 Forbidden"),
    Case(
        "403, model not verified",
        [error(403, None, _UNVERIFIED, _BAD)],
        HALTED,
        says="pending for models that the account cannot use: 1",
    ),
    Case("404 about the address", [error(404, None, "Invalid URL (POST /v1/images)", _BAD)], HALTED, says="check base_url"),
    Case("404, a proxy's page", [page(404, "404 Not Found")], HALTED, says="base_url of the provider"),
    Case("404 model_not_found", [error(404, "model_not_found", _NO_MODEL, _BAD)], HALTED, says="ask for access"),
    Case("408", [page(408, "408 Request Timeout")], TRIED_AGAIN),
    Case("409", [error(409, None, "Conflict.")], TRIED_AGAIN),
    Case("410", [page(410, "410 Gone")], REFUSED),
    Case("413", [page(413, "413 Request Entity Too Large")], REFUSED, message="Too Large"),
    Case("415", [error(415, "unsupported_content_type", "Send JSON.", _BAD)], REFUSED),
    Case("422", [error(422, "unprocessable", "Unprocessable.", _BAD)], REFUSED),
    Case("425", [page(425, "425 Too Early")], TRIED_AGAIN),
    Case(
        "429 insufficient_quota",
        [error(429, "insufficient_quota", "You exceeded.", "insufficient_quota")],
        HALTED,
        says="credit",
    ),
    Case(
        "429, a spending limit by its type",
        [error(429, None, "Reached.", "project_spend_limit_exceeded")],
        HALTED,
        says="the project's spending limit is reached",
    ),
    Case("429, one request is more than the limit", [error(429, "rate_limit_exceeded", _TOO_LARGE, "images")], REFUSED),
    Case("500", [error(500, None, "The server had an error.", "server_error")], TRIED_AGAIN),
    Case(
        "500 at each of three tries",
        [error(500, "server_error", "The server had an error.")] * 3,
        Became("unavailable ×3", "failed", "1", requests=3, known=0),
        settings=_THREE_TRIES,
        says="batchgen failures m says why",
    ),
    Case("502", [page(502, "502 Bad Gateway")], TRIED_AGAIN),
    Case("503", [page(503, "503 Service Unavailable")], TRIED_AGAIN),
    Case(
        "503 with Retry-After",
        [error(503, "server_is_overloaded", "Slow down.", headers={"Retry-After": "0"})],
        WAITED_OUT,
        settings=NO_FAILURE_ALLOWED,
    ),
    Case("504", [page(504, "504 Gateway Time-out")], LOST_ONCE),
    Case(
        "504 twice",
        [page(504, "504 Gateway Time-out")] * 2,
        Became("unknown ×2", "failed", "1", known=0, at_most=2 * AT_MOST),
        says="2 unknown attempts may have been billed",
    ),
    Case("520", [page(520, "Web server is returning an unknown error")], TRIED_AGAIN),
    Case("524", [page(524, "A timeout occurred")], LOST_ONCE),
    Case("529", [error(529, "overloaded_error", "Overloaded.")], TRIED_AGAIN),
)
