"""Errors in the vendor's shape and words: what a refused request gets."""

import math
from dataclasses import dataclass, field
from typing import Any

import msgspec

_INVALID = "invalid_request_error"


@dataclass(eq=False)  # not frozen: Python itself writes to an exception that is raised
class Refusal(Exception):
    """One error answer. `param` and `code` may be null, as at the vendor."""

    status: int
    message: str
    type: str = _INVALID
    param: str | None = None
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """What the log calls it: the code, or the status where the vendor gives none."""
        return self.code or str(self.status)

    @property
    def body(self) -> bytes:
        """The JSON body."""
        return msgspec.json.encode({"error": self._error})

    @property
    def event(self) -> bytes:
        """The data of an event, where a stream has begun. The vendor documents none; its own client looks for this."""
        return msgspec.json.encode({"type": "error", "error": self._error})

    @property
    def _error(self) -> dict[str, Any]:
        return {"message": self.message, "type": self.type, "param": self.param, "code": self.code} | self.details


def bad(message: str, param: str | None, code: str | None) -> Refusal:
    """400 invalid_request_error."""
    return Refusal(400, message, param=param, code=code)


def no_key() -> Refusal:
    """401: nothing was presented."""
    message = (
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
        "(i.e. Authorization: Bearer YOUR_KEY)."
    )
    return Refusal(401, message, code="invalid_api_key")


def wrong_key() -> Refusal:
    """401: the key is refused. Unlike the vendor, no part of it is repeated."""
    message = "Incorrect API key provided: sk-***. You can find your API key at https://platform.openai.com/account/api-keys."
    return Refusal(401, message, code="invalid_api_key")


def no_model(name: str) -> Refusal:
    """404: unknown, or gone like the DALL-E family."""
    message = f"The model '{name}' does not exist or you do not have access to it."
    return Refusal(404, message, param="model", code="model_not_found")


def no_file(file_id: str, param: str) -> Refusal:
    """404: nothing was uploaded under that id; the sandbox has no store of files."""
    return Refusal(404, f"No such File object: {file_id}", param=param)


def too_large() -> Refusal:
    """413: the whole body is beyond measure."""
    return Refusal(413, "The request body is too large.")


def no_url(method: str, path: str) -> Refusal:
    """404: there is nothing at this path."""
    return Refusal(404, f"Invalid URL ({method} {path})")


def moderated(request_id: str) -> Refusal:
    """400 of the safety system, which looked at the prompt."""
    message = (
        "Your request was rejected by the safety system. If you believe this is an error, contact us at help.openai.com "
        f"and include the request ID {request_id}."
    )
    details = {"moderation_details": {"moderation_stage": "input", "categories": ["sandbox"]}}
    return Refusal(400, message, type="image_generation_user_error", code="moderation_blocked", details=details)


# With input images the limit has another name, in the words and as the type.
_OUTPUT, _INPUT = ("requests", "images per min (IPM)"), ("input-images", "input-images per min")


def too_fast(model: str, numbers: str, wait_s: float, *, inputs: bool = False) -> Refusal:
    """429 about speed, with the wait in the words and in both headers."""
    kind, name = _INPUT if inputs else _OUTPUT
    milliseconds = math.ceil(wait_s * 1000)
    wait = f"{milliseconds / 1000:g}s" if milliseconds >= 1000 else f"{milliseconds}ms"
    message = f"Rate limit reached for {model} (for limit gpt-image) on {name}: {numbers}. Please try again in {wait}."
    headers = {"retry-after": str(max(1, math.ceil(milliseconds / 1000))), "retry-after-ms": str(milliseconds)}
    return Refusal(429, message, type=kind, code="rate_limit_exceeded", headers=headers)


def too_many(model: str, limit: int, requested: int, *, inputs: bool = False) -> Refusal:
    """429 that no waiting can heal: more images in one request than the limit holds."""
    kind, name = _INPUT if inputs else _OUTPUT
    message = f"Request too large for {model} (for limit gpt-image) on {name}: Limit {limit}, Requested {requested}."
    return Refusal(429, message, type=kind, code="rate_limit_exceeded")


_STATUS_ERRORS: dict[int, tuple[str, str | None, str]] = {
    400: (_INVALID, None, "Your request could not be processed."),
    401: (_INVALID, "invalid_api_key", "Incorrect API key provided: sk-***."),
    403: (_INVALID, None, "Your organization must be verified to use the model."),
    404: (_INVALID, "model_not_found", "The model does not exist or you do not have access to it."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached on images per min (IPM). Please try again in 1s."),
    503: ("service_unavailable_error", "server_is_overloaded", "The server is overloaded. Please try again later."),
}
_SERVER_ERROR = ("server_error", "server_error", "The server had an error while processing your request.")
_OTHER_ERROR = (_INVALID, None, "The request was refused.")


def of_fault(fault: str, request_id: str) -> Refusal:
    """The error that a refusing fault stands for."""
    match fault:
        case "moderation":
            return moderated(request_id)
        case "slow_down":
            return Refusal(429, "Traffic rose too quickly. Please slow down.", type="rate_limit_error", code="slow_down")
        case "quota":
            message = "You exceeded your current quota, please check your plan and billing details."
            return Refusal(429, message, type="insufficient_quota", code="insufficient_quota")
    status = int(fault)
    kind, code, message = _STATUS_ERRORS.get(status, _SERVER_ERROR if status >= 500 else _OTHER_ERROR)
    headers = {"retry-after": "1"} if status == 429 else {}
    return Refusal(status, message, type=kind, code=code, headers=headers)
