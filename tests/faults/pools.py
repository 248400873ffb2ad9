"""Faults of one job that change what becomes of the others."""

from scripted_server import error

from .behaviours import by_model, good, insist, late, together
from .case import NO_FAILURE_ALLOWED, ONE_AT_A_TIME, PAID, PROMPT, Became, Case, rows

_BAD = "invalid_request_error"
_NO_MODEL = "The model 'gpt-image-2' does not exist or you do not have access to it."
_ROWS_OF_TWO_MODELS = (
    "custom_id,prompt,model\n"
    f"a,{PROMPT},gpt-image-2\nb,{PROMPT},gpt-image-2.5-flare\n"
    f"c,{PROMPT},gpt-image-2\nd,{PROMPT},gpt-image-2.5-flare\n"
)
# All five are settled before the first of them is due again, so that the probes are counted exactly.
_LATER = {"retry-after-ms": "1000"}
_SPEED = error(429, "rate_limit_exceeded", "Rate limit reached.", headers={"retry-after-ms": "300"})

POOLS = (
    Case(
        "500 for five jobs in a row and for two probes",
        [*[together(5, error(500, "server_error", headers=_LATER))] * 5, *[late(0.2, error(500))] * 2, late(0.2, good())],
        Became("unavailable ×7, succeeded ×5", "5 succeeded", requests=12, known=5 * PAID),
        then=together(12, good()),
        manifest=rows(5),
        crowd=(1, 2, 3, 4, 5, 1, 1, 1, 1, 2, 3, 4),
        says="one request at a time tries again",
    ),
    Case(
        "429 for one of four jobs: nobody starts meanwhile",
        [insist(0.3, _SPEED)],
        Became("rate_limited, succeeded ×4", "4 succeeded", requests=5, known=4 * PAID),
        manifest=rows(4),
        settings={**NO_FAILURE_ALLOWED, **ONE_AT_A_TIME},
    ),
    Case(
        "the same 400 for ten of twelve jobs",
        [error(400, "invalid_value", "Invalid size.", _BAD)] * 10,
        Became("rejected ×10", "10 failed, 2 pending", "3", requests=10, known=0),
        manifest=rows(12),
        settings=ONE_AT_A_TIME,
        says="the first 10 answers were all the same refusal",
    ),
    Case(
        "moderation_blocked for eleven of twelve jobs",
        [error(400, "moderation_blocked", "Rejected.", "image_generation_user_error")] * 11,
        Became("rejected ×11, succeeded", "11 failed, 1 succeeded", "1", requests=12),
        manifest=rows(12),
        settings=ONE_AT_A_TIME,
    ),
    Case(
        "429 insufficient_quota at the second of four jobs",
        [good(), error(429, "insufficient_quota", "You exceeded your current quota.", "insufficient_quota")],
        Became("succeeded, account_blocked", "3 pending, 1 succeeded", "3"),
        manifest=rows(4),
        settings=ONE_AT_A_TIME,
        says="the account has no credit left; add some, then run again",
    ),
    Case(
        "404 model_not_found for one of two models",
        [],
        Became("account_blocked, succeeded ×2", "2 pending, 2 succeeded", "3", requests=3, known=2 * PAID),
        then=by_model("gpt-image-2", error(404, "model_not_found", _NO_MODEL, _BAD)),
        manifest=_ROWS_OF_TWO_MODELS,
        settings=ONE_AT_A_TIME,
        says="pending for models that the account cannot use: 2",
    ),
)
