"""Sending a finished body, or failing to in the ways that a network and a server can fail."""

import asyncio
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

_EVENTS = "text/event-stream"
_DRIP_PIECES, _DRIP_PAUSE_S = 20, 0.05
_GONE_CHECK_S = 0.05


@dataclass(frozen=True, slots=True)
class Message:
    """The body of an answer, or the events of a stream with the pause between two of them in seconds."""

    parts: Sequence[bytes]
    media_type: str = "application/json"
    pause_s: float = 0.0


async def deliver(request: web.Request, message: Message, headers: dict[str, str], fault: str) -> web.StreamResponse:
    """Answer 200 with the message, unless the fault has other plans for the connection."""
    match fault:
        case "hang":
            await _until_gone(request)
        case "reset":
            _reset(request)
    response = web.StreamResponse(headers=headers)
    response.content_type = message.media_type
    if message.media_type != _EVENTS:
        response.content_length = sum(map(len, message.parts))
    # Nobody needs to be told that a client has gone.
    with suppress(ConnectionResetError):
        await response.prepare(request)
        match fault:
            case "cut":
                body = b"".join(message.parts)
                await _break_off(request, response, [body[: len(body) // 2]])
            case "stream_end":
                await _break_off(request, response, message.parts[:-1])
            case "drip":
                await _drip(response, b"".join(message.parts))
            case _:
                await _send(response, message)
    return response


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


async def _send(response: web.StreamResponse, message: Message) -> None:
    for number, part in enumerate(message.parts):
        if number:
            await asyncio.sleep(message.pause_s)
        await response.write(part)


async def _break_off(request: web.Request, response: web.StreamResponse, parts: Sequence[bytes]) -> None:
    for part in parts:
        await response.write(part)
    if request.transport is not None:
        request.transport.close()


async def _drip(response: web.StreamResponse, body: bytes) -> None:
    step = max(1, -(-len(body) // _DRIP_PIECES))
    for start in range(0, len(body), step):
        await response.write(body[start : start + step])
        await asyncio.sleep(_DRIP_PAUSE_S)
