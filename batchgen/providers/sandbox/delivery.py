"""Sending a finished body, or failing to in the ways that a network and a server can fail."""

import asyncio
import socket
import struct
from contextlib import suppress

from aiohttp import web

_DRIP_PIECES, _DRIP_PAUSE_S = 20, 0.05
_GONE_CHECK_S = 0.05


async def deliver(request: web.Request, body: bytes, headers: dict[str, str], fault: str) -> web.StreamResponse:
    """Answer 200 with the body, unless the fault has other plans for the connection."""
    match fault:
        case "hang":
            await _until_gone(request)
        case "reset":
            _reset(request)
        case "cut" | "drip":
            send = _cut if fault == "cut" else _drip
            # Nobody needs to be told that a client has gone.
            with suppress(ConnectionResetError):
                return await send(request, body, headers)
    return web.Response(body=body, headers=headers, content_type="text/html" if fault == "html" else "application/json")


def client_waiting(request: web.Request) -> bool:
    """False once the connection is known to be gone."""
    return request.transport is not None and not request.transport.is_closing()


async def _until_gone(request: web.Request) -> None:
    # aiohttp tells a handler of a lost connection only by cancelling it, and here handlers finish whoever has left.
    while client_waiting(request):  # noqa: ASYNC110
        await asyncio.sleep(_GONE_CHECK_S)


def _reset(request: web.Request) -> None:
    """Close with RST, as a crashed server or a firewall does: lingering for zero seconds makes the kernel send it."""
    if request.transport is not None:
        raw: socket.socket = request.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()


async def _begin(request: web.Request, body: bytes, headers: dict[str, str]) -> web.StreamResponse:
    response = web.StreamResponse(headers=headers)
    response.content_type = "application/json"
    response.content_length = len(body)
    await response.prepare(request)
    return response


async def _cut(request: web.Request, body: bytes, headers: dict[str, str]) -> web.StreamResponse:
    response = await _begin(request, body, headers)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


async def _drip(request: web.Request, body: bytes, headers: dict[str, str]) -> web.StreamResponse:
    response = await _begin(request, body, headers)
    step = -(-len(body) // _DRIP_PIECES)
    for start in range(0, len(body), step):
        await response.write(body[start : start + step])
        await asyncio.sleep(_DRIP_PAUSE_S)
    return response
