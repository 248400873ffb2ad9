"""A complete answer that is no success, told apart: by its code first, since speed and money share a status.

Source: the vendor's error guide, its OpenAPI text of 2026-10 and public error logs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from batchgen.core.outcome import Ending, Outcome
from batchgen.core.pace import NOTHING_TOLD, Told
from batchgen.providers.waiting import wait_asked

# Codes and types that are about money; no waiting mends them.
_MONEY = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "billing_not_active",
        "billing_hard_limit_reached",
    }
)
# On Azure a model is the name of a deployment.
_MODEL = frozenset({"model_not_found", "DeploymentNotFound"})
_FIGURE = r"([0-9][0-9,]*(?:\.[0-9]+)?)"
_REQUESTED = re.compile(rf"Limit:?\s+{_FIGURE}.*?Requested:?\s+{_FIGURE}", re.IGNORECASE | re.DOTALL)
_LIMIT = re.compile(rf"(?<![\w-])(input-images|images|requests) per min\b.*?Limit:?\s+{_FIGURE}", re.IGNORECASE | re.DOTALL)
_TOO_MANY = 429
_MOST_DIGITS = 9
_NO_SUCH_MODEL = re.compile(r"model\b.*\b(does not exist|not found|deprecated|shut down)", re.IGNORECASE | re.DOTALL)
_UNVERIFIED = re.compile(r"must be verified to use the model", re.IGNORECASE)

# A proxy that gave up: the request went on behind it, and nobody knows how far.
_GAVE_UP = frozenset({504, 524})
_NOT_NOW = frozenset({408, 409, 425})
_MOST_CHARACTERS = 1000
_MOST_CODE_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as the vendor writes it, or as much of it as a proxy left."""

    status: int
    code: str
    type: str
    message: str


# What an error within a stream would have had as its status, by its code or else its type; unknown ones are the server's.
_STATUSES = {
    **dict.fromkeys(("invalid_request_error", "image_generation_user_error", "moderation_blocked"), 400),
    "content_policy_violation": 400,
    "invalid_api_key": 401,
    "model_not_found": 404,
    **dict.fromkeys(("rate_limit_exceeded", "rate_limit_error", "slow_down", "requests", "tokens", "input-images"), 429),
    **dict.fromkeys(("server_is_overloaded", "service_unavailable_error"), 503),
}
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError, AttributeError)
_SERVERS = 500
_ERRORS = range(400, 600)


def in_stream(data: bytes) -> Refusal:
    """The error in an event, which may be the event itself. Its status is the one it would have had in place of the stream."""
    try:
        event = msgspec.json.decode(data)
        refusal = _refusal(_SERVERS, event.get("error") or event)
    except _UNREADABLE:
        refusal = read(_SERVERS, data)
    told = int(refusal.code) if refusal.code.isascii() and refusal.code.isdecimal() and len(refusal.code) == 3 else 0
    status = _STATUSES.get(refusal.code) or _STATUSES.get(refusal.type) or (told if told in _ERRORS else _SERVERS)
    return replace(refusal, status=status)


def read(status: int, body: bytes) -> Refusal:
    """The error in a body; a page of HTML is shortened to its beginning."""
    try:
        return _refusal(status, msgspec.json.decode(body)["error"])
    except _UNREADABLE:
        words = " ".join(body[:_MOST_CHARACTERS].decode("utf-8", "replace").split())
        return Refusal(status, "", "", words or "(no words)")


def _refusal(status: int, error: Any) -> Refusal:
    code, kind, message = (_text(error.get(key)) for key in ("code", "type", "message"))
    return Refusal(status, code[:_MOST_CODE_CHARACTERS], kind[:_MOST_CODE_CHARACTERS], message[:_MOST_CHARACTERS])


def ending(refusal: Refusal, headers: Mapping[str, str], now: datetime) -> Ending:
    """What the refusal means for the job. Calls that were refused cost nothing."""
    outcome, blocked_model = _outcome(refusal, headers)
    return Ending(
        outcome,
        http_status=refusal.status,
        error_code=refusal.code or refusal.type or f"http_{refusal.status}",
        error_message=_redirect(headers) if 300 <= refusal.status < 400 else refusal.message,
        request_id=headers.get("x-request-id"),
        retry_after_s=wait_asked(headers, refusal.message, now),
        blocked_model=blocked_model,
        told=_told(refusal),
    )


def _told(refusal: Refusal) -> Told:
    """The limit that a refusal about speed names.

    Whether input images count in the limit of the others or in one of their own is not documented. The pace counts both
    together, so that a limit of either kind is kept by it.
    """
    found = _LIMIT.search(refusal.message) if refusal.status == _TOO_MANY else None
    if found is None:
        return NOTHING_TOLD
    limit = limit_of(found[2])
    return Told(requests=limit) if found[1].lower() == "requests" else Told(images=limit)


def _outcome(refusal: Refusal, headers: Mapping[str, str]) -> tuple[Outcome, bool]:
    status = refusal.status
    if {refusal.code, refusal.type} & _MONEY or status in (401, 402):
        return Outcome.ACCOUNT_BLOCKED, False
    if status in (400, 403, 404, 410) and _is_about_the_model(refusal):
        return Outcome.ACCOUNT_BLOCKED, True
    if status in (403, 404) or 300 <= status < 400:
        return Outcome.ACCOUNT_BLOCKED, False
    if status == _TOO_MANY:
        return (Outcome.REJECTED if _asks_too_much(refusal.message) else Outcome.RATE_LIMITED), False
    if status in _GAVE_UP:
        return Outcome.UNKNOWN, False
    if status == 503 and ("retry-after" in headers or "retry-after-ms" in headers or refusal.code == "server_is_overloaded"):
        return Outcome.RATE_LIMITED, False
    if status in _NOT_NOW or status >= 500:
        return Outcome.UNAVAILABLE, False
    return Outcome.REJECTED, False


def _redirect(headers: Mapping[str, str]) -> str:
    """Where to, by scheme and host alone: a path may repeat what was sent."""
    try:
        place = urlsplit(headers.get("location", ""))
    except ValueError:
        return "the address redirects"
    host = place.netloc.rpartition("@")[2]
    scheme = f"{place.scheme}://" if place.scheme else ""
    return f"the address redirects to {scheme}{host}" if host else "the address redirects"


def limit_of(text: str) -> int:
    """A limit as a header or a message writes it, 0 for what is none: no account may do a billion a minute."""
    digits = text.replace(",", "").partition(".")[0]
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS else 0


def _is_about_the_model(refusal: Refusal) -> bool:
    if refusal.code in _MODEL or _UNVERIFIED.search(refusal.message):
        return True
    return refusal.status != 410 and not refusal.code and bool(_NO_SUCH_MODEL.search(refusal.message))


def _asks_too_much(message: str) -> bool:
    """A request that is larger than the whole limit can never go through."""
    found = _REQUESTED.search(message)
    return found is not None and _figure(found[2]) > _figure(found[1])


def _figure(text: str) -> float:
    return float(text.replace(",", ""))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
