"""The body of a request: read with a bound, and as JSON."""

from typing import Any

import msgspec
from aiohttp import web

from batchgen.providers.sandbox.invalid import wrong_type
from batchgen.providers.sandbox.refusals import bad, too_large

# Room for the longest prompt, escaped in the worst way, several times over.
MOST_BYTES = 4 * 2**20


async def read(request: web.Request, most_bytes: int = MOST_BYTES) -> bytes:
    """The whole body. Raises the vendor's 413 for a longer one, before it is read to its end."""
    expect(request, most_bytes)
    parts: list[bytes] = []
    size = 0
    async for part in request.content.iter_any():
        size += len(part)
        if size > most_bytes:
            raise too_large()
        parts.append(part)
    return b"".join(parts)


def expect(request: web.Request, most_bytes: int) -> None:
    """Raise the vendor's 413 for a body that says of itself that it is longer."""
    if (request.content_length or 0) > most_bytes:
        raise too_large()


def only(request: web.Request, *accepted: str) -> None:
    """Raise the vendor's 400 for a body of another type than those."""
    if request.content_type not in accepted:
        listed = " or ".join(f"'{media_type}'" for media_type in accepted)
        message = f"Unsupported content type: {request.content_type!a}. This API method only accepts {listed} requests."
        raise bad(message, None, "unsupported_content_type")


def parse(raw: bytes) -> dict[str, Any]:
    """The JSON object of a body, without its nulls: a null means that the field is not given."""
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = (
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
            "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
        )
        raise bad(message, None, None) from error
    if not isinstance(body, dict):
        raise wrong_type("body", "an object", body)
    return {name: value for name, value in body.items() if value is not None}
