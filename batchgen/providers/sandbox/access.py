"""What every request meets: its number, its key, its headers, and the vendor's shape for whatever is refused."""

import secrets
import time

from aiohttp import web
from aiohttp.typedefs import Handler

from batchgen.providers.sandbox.refusals import Refusal, no_key, no_url, wrong_key

REFUSED_KEY = "sk-invalid"

_ID = web.RequestKey("request_id", str)
_BEGUN = web.RequestKey("begun", float)


def request_id_of(request: web.Request) -> str:
    """The number that the answer carries as x-request-id."""
    return request[_ID]


def authorise(request: web.Request) -> None:
    """Raise the vendor's 401 unless there is a bearer key that is not the refused one. The key goes no further than here."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise no_key()
    if key.strip() == REFUSED_KEY:
        raise wrong_key()


def refuse(refusal: Refusal, headers: dict[str, str] | None = None) -> web.Response:
    """The error answer."""
    return web.Response(
        status=refusal.status,
        body=refusal.body,
        headers={**(headers or {}), **refusal.headers},
        content_type="application/json",
    )


@web.middleware
async def shape_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Number the request, and give refusals and the server's own errors (no such path, wrong method) the vendor's shape."""
    request[_ID] = f"req_{secrets.token_hex(16)}"
    request[_BEGUN] = time.monotonic()
    try:
        return await handler(request)
    except Refusal as refusal:
        return refuse(refusal)
    except web.HTTPNotFound:
        return refuse(no_url(request.method, request.path))
    except web.HTTPMethodNotAllowed as error:
        message = (
            f"Not allowed to {request.method} on {request.path}. (HINT: Perhaps you meant to use a different HTTP method?)"
        )
        return refuse(Refusal(405, message), {"Allow": error.headers.get("Allow", "")})


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """The headers of every answer; run when it is about to be sent. The server's own 400s know no number."""
    response.headers["x-batchgen-sandbox"] = "1"
    if _ID in request:
        response.headers["x-request-id"] = request_id_of(request)
        response.headers["openai-processing-ms"] = str(round((time.monotonic() - request[_BEGUN]) * 1000))
