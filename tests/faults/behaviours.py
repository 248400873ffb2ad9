"""What the server of these cases can do beyond the scripted server: proxies' pages, waits that it insists on, redirects."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from typing import Any

from aiohttp import web
from scripted_server import USAGE, Behaviour, ScriptedServer, Seen, error, image_body, png, reply


@dataclass
class FaultServer(ScriptedServer):
    """Notes how crowded it was at each arrival, and refuses for ever who comes sooner than it asked for."""

    elsewhere: str = ""  # the base URL of another host
    opens_at: float = 0.0  # Unix time
    crowd: list[int] = field(default_factory=list)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.crowd.append(self.open_now + 1)
        return await ScriptedServer._handle(self, request)


def _fault_server(server: ScriptedServer) -> FaultServer:
    assert isinstance(server, FaultServer)
    return server


@cache
def _image(width: int, height: int) -> bytes:
    return png(width, height)


def good(*, usage: Any = USAGE, size: tuple[int, int] | None = None) -> Behaviour:
    """As many images as asked for, of the size that was asked for or of another."""

    async def answer(server: ScriptedServer, request: web.Request, seen: Seen) -> web.StreamResponse:
        if time.time() < _fault_server(server).opens_at:
            return await error(400, "too_early", "You were asked to wait.").answer(server, request, seen)
        width, height = size or (int(edge) for edge in seen.json["size"].split("x"))
        made = [_image(width, height)] * seen.json.get("n", 1)
        return web.Response(body=image_body(made, usage), content_type="application/json")

    return Behaviour(answer)


def page(status: int, title: str, headers: Mapping[str, str] | None = None) -> Behaviour:
    """The page of a proxy that answers in the API's place."""
    body = f"<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>"
    return reply(status, body, {"Content-Type": "text/html", **(headers or {})})


def insist(wait_s: float, then: Behaviour) -> Behaviour:
    """Answers like another behaviour, and expects nobody before `wait_s` have passed."""

    async def answer(server: ScriptedServer, request: web.Request, seen: Seen) -> web.StreamResponse:
        _fault_server(server).opens_at = time.time() + wait_s
        return await then.answer(server, request, seen)

    return Behaviour(answer)


def until_a_date(ahead_s: float, refusal: Callable[[Mapping[str, str]], Behaviour]) -> Behaviour:
    """A refusal whose Retry-After is a date, in whole seconds as dates are; expects nobody before."""

    async def answer(server: ScriptedServer, request: web.Request, seen: Seen) -> web.StreamResponse:
        moment = int(time.time() + ahead_s)
        _fault_server(server).opens_at = moment
        headers = {"Retry-After": format_datetime(datetime.fromtimestamp(moment, UTC), usegmt=True)}
        return await refusal(headers).answer(server, request, seen)

    return Behaviour(answer)


def redirect(status: int) -> Behaviour:
    """Sends the client to another host."""

    async def answer(server: ScriptedServer, _request: web.Request, _seen: Seen) -> web.StreamResponse:
        address = f"{_fault_server(server).elsewhere}/images/generations"
        return web.Response(status=status, headers={"Location": address}, body=b"")

    return Behaviour(answer)


def together(arrived: int, then: Behaviour) -> Behaviour:
    """Answers like another behaviour, but not before so many requests in all have come."""

    async def answer(server: ScriptedServer, request: web.Request, seen: Seen) -> web.StreamResponse:
        await server.arrived(arrived)
        return await then.answer(server, request, seen)

    return Behaviour(answer)


def late(after_s: float, then: Behaviour) -> Behaviour:
    """Answers like another behaviour, but takes its time, so that whoever would come beside comes meanwhile."""

    async def answer(server: ScriptedServer, request: web.Request, seen: Seen) -> web.StreamResponse:
        await asyncio.sleep(after_s)
        return await then.answer(server, request, seen)

    return Behaviour(answer)


def by_model(gone: str, refusal: Behaviour) -> Behaviour:
    """Refuses one model and makes images with the others."""
    making = good()

    async def answer(server: ScriptedServer, request: web.Request, seen: Seen) -> web.StreamResponse:
        chosen = refusal if seen.json["model"] == gone else making
        return await chosen.answer(server, request, seen)

    return Behaviour(answer)


def hang_up() -> Behaviour:
    """Closes the connection in good order and says nothing."""
    return _last_words(b"")


def gibberish() -> Behaviour:
    """Answers with what is no HTTP."""
    return _last_words(b"\x15\x03\x01 not a reply\r\n\r\n")


def half_chunked() -> Behaviour:
    """A chunked reply whose last chunk never comes."""
    body = image_body([png()])[:200]
    return _last_words(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n"
        % (len(body), body)
    )


def _last_words(raw: bytes) -> Behaviour:
    async def answer(_server: ScriptedServer, request: web.Request, _seen: Seen) -> web.StreamResponse:
        assert request.transport is not None
        if raw:
            request.transport.write(raw)
        request.transport.close()
        return web.Response()

    return Behaviour(answer)


def entries(*images: str) -> Behaviour:
    """A list of images in base64 as given, with usage."""
    return reply(200, json.dumps({"created": 1, "data": [{"b64_json": image} for image in images], "usage": USAGE}))
