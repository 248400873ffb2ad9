"""POST /v1/moderations: free, and of one opinion with the image endpoints, which refuse what is flagged here.

    [moderation]   anywhere in a text: flagged, as `violence`; nothing else ever is

An image is taken for harmless without a look. The request is not logged, since it costs nothing.
"""

import secrets
from collections.abc import Sequence
from typing import Any

import msgspec
from aiohttp import web

from batchgen.providers.sandbox import body, invalid
from batchgen.providers.sandbox.access import authorise
from batchgen.providers.sandbox.refusals import no_model

MARKER = "[moderation]"

_DEFAULT_MODEL = "omni-moderation-latest"
_MODELS = (_DEFAULT_MODEL, "omni-moderation-2024-09-26")
# An image of 20 MB in base64, and its text.
_MOST_BYTES = 32 * 2**20

_FLAGGED = "violence"
_SURE, _UNLIKELY = 0.98, 0.0001
_CATEGORIES = (
    *("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent"),
    *("self-harm", "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic"),
)
_SEEN_IN_IMAGES = frozenset(
    {"self-harm", "self-harm/intent", "self-harm/instructions", "sexual", "violence", "violence/graphic"}
)


def is_flagged(text: str) -> bool:
    """Whether the safety system of the sandbox refuses a text."""
    return MARKER in text


async def handle(request: web.Request) -> web.Response:
    """Answer one request."""
    authorise(request)
    body.only(request, "application/json")
    fields = body.parse(await body.read(request, _MOST_BYTES))
    for name in fields:
        if name not in ("input", "model"):
            raise invalid.unknown(name)
    model = fields.get("model", _DEFAULT_MODEL)
    if model not in _MODELS:
        raise no_model(str(model))
    answer = {"id": f"modr-{secrets.token_hex(12)}", "model": _MODELS[-1], "results": _results(fields.get("input"))}
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


def _results(given: Any) -> list[dict[str, Any]]:
    """One result for each text of a list; one for all parts of a list of parts. Raises Refusal."""
    if given is None:
        raise invalid.missing("input")
    if isinstance(given, str):
        return [_result(given, ["text"])]
    if not isinstance(given, list):
        raise invalid.wrong_type("input", "a string or an array", given)
    if not given:
        raise invalid.empty_list("input")
    texts = [part for part in given if isinstance(part, str)]
    if len(texts) == len(given):
        return [_result(text, ["text"]) for text in texts]
    parts = [_part(part, f"input[{index}]") for index, part in enumerate(given)]
    kinds = [kind for kind in ("text", "image") if any(kind == found for found, _ in parts)]
    return [_result("\n".join(text for _, text in parts), kinds)]


def _part(part: Any, param: str) -> tuple[str, str]:
    """The kind of a part, and its text."""
    if not isinstance(part, dict):
        raise invalid.wrong_type(param, "an object", part)
    match part:
        case {"type": "text", "text": str(text)}:
            return "text", text
        case {"type": "image_url", "image_url": {"url": str()}}:
            return "image", ""
        case {"type": "text"}:
            raise invalid.missing(f"{param}.text")
        case {"type": "image_url"}:
            raise invalid.missing(f"{param}.image_url.url")
    raise invalid.wrong_word(f"{param}.type", part.get("type"), ("text", "image_url"))


def _result(text: str, kinds: Sequence[str]) -> dict[str, Any]:
    flagged = {category: is_flagged(text) and category == _FLAGGED for category in _CATEGORIES}
    looked_at = {
        category: [kind for kind in kinds if kind == "text" or category in _SEEN_IN_IMAGES] for category in _CATEGORIES
    }
    return {
        "flagged": any(flagged.values()),
        "categories": flagged,
        "category_scores": {category: _SURE if found else _UNLIKELY for category, found in flagged.items()},
        "category_applied_input_types": looked_at,
    }
