"""A server on loopback that answers each request with the next behaviour of a script, and remembers what it was asked."""

import asyncio
import base64
import io
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import Any

from aiohttp import web
from PIL import Image

_BOUND_S = 10.0
_colours = count(1)


@dataclass(slots=True)
class Seen:
    """One request, its path and query as they were written. `body` is None for as long as nobody has read it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None
    query: str = ""

    @property
    def json(self) -> Any:
        assert self.body is not None, "the body was not read"
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What happens to a request; `reads` tells whether its body is read first."""

    answer: Callable[["ScriptedServer", web.Request, Seen], Awaitable[web.StreamResponse]]
    reads: bool = True


def png(width: int = 8, height: int = 8) -> bytes:
    """An image that differs from every other one made in this process."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), next(_colours)).save(buffer, "PNG")
    return buffer.getvalue()


USAGE = {
    "input_tokens": 10,
    "output_tokens": 439,
    "total_tokens": 449,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
}
# By the price table: 10 text tokens at $5 and 439 image tokens at $30 a million.
USAGE_MICROS = 10 * 5 + 439 * 30


def reply(status: int = 200, body: bytes | str = b"", headers: Mapping[str, str] | None = None) -> Behaviour:
    """A complete message, as given."""
    raw = body.encode() if isinstance(body, str) else body

    async def answer(_server: "ScriptedServer", _request: web.Request, _seen: Seen) -> web.StreamResponse:
        return web.Response(status=status, body=raw, headers={"Content-Type": "application/json", **(headers or {})})

    return Behaviour(answer)


def error(
    status: int, code: str | None = None, message: str = "no", type_: str = "", headers: Mapping[str, str] | None = None
) -> Behaviour:
    """An error as the vendor writes it."""
    body = {"error": {"message": message, "type": type_, "param": None, "code": code}}
    return reply(status, json.dumps(body), headers)


def echo(status: int, template: str, headers: Mapping[str, str] | None = None) -> Behaviour:
    """A server that says again what key it was sent, wherever the template or a header holds KEY."""

    async def answer(_server: "ScriptedServer", request: web.Request, _seen: Seen) -> web.StreamResponse:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        told = {name: value.replace("KEY", key) for name, value in (headers or {}).items()}
        return web.Response(status=status, body=template.replace("KEY", key).encode(), headers=told)

    return Behaviour(answer)


def images(how_many: int | None = None, *, usage: Any = USAGE, headers: Mapping[str, str] | None = None) -> Behaviour:
    """As many images as asked for, or another number; the server remembers their bytes."""

    async def answer(server: "ScriptedServer", _request: web.Request, seen: Seen) -> web.StreamResponse:
        wanted = seen.json.get("n", 1) if how_many is None else how_many
        made = [png() for _ in range(wanted)]
        server.made.extend(made)
        return web.Response(body=image_body(made, usage), content_type="application/json", headers=headers)

    return Behaviour(answer)


def image_body(data: list[bytes], usage: Any = USAGE) -> bytes:
    """The JSON of the Images API."""
    told = {} if usage is None else {"usage": usage}
    entries = [{"b64_json": base64.b64encode(image).decode()} for image in data]
    return json.dumps({"created": 1_790_000_000, "data": entries, **told}).encode()


def html() -> Behaviour:
    """A page of some proxy, called a success."""
    return reply(200, "<!doctype html><title>Welcome</title><p>Please log in.", {"Content-Type": "text/html"})


def bad_base64() -> Behaviour:
    """A complete message whose image is broken."""
    return reply(200, json.dumps({"created": 1, "data": [{"b64_json": "iVBORw0KG*&^%$"}], "usage": USAGE}))


def not_an_image() -> Behaviour:
    """A complete message whose image is text."""
    return reply(200, image_body([b"this is not an image"]))


def cut_json() -> Behaviour:
    """A complete HTTP message whose JSON stops in the middle."""
    return reply(200, image_body([png()])[:-40])


def empty_list() -> Behaviour:
    """A complete message with no image in it."""
    return reply(200, image_body([]))


def reset_unread() -> Behaviour:
    """The connection is reset before the body was read."""
    return Behaviour(_reset, reads=False)


def reset_after() -> Behaviour:
    """The connection is reset when the request had come in whole."""
    return Behaviour(_reset)


async def _reset(_server: "ScriptedServer", request: web.Request, _seen: Seen) -> web.StreamResponse:
    assert request.transport is not None
    connection = request.transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
    return web.Response()


def half() -> Behaviour:
    """Half of a reply, then the connection is closed."""

    async def answer(server: "ScriptedServer", request: web.Request, _seen: Seen) -> web.StreamResponse:
        made = png()
        server.made.append(made)
        whole = image_body([made])
        response = web.StreamResponse(headers={"Content-Length": str(len(whole)), "Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(whole[: len(whole) // 2])
        assert request.transport is not None
        request.transport.close()
        return response

    return Behaviour(answer)


def event(kind: str, **content: Any) -> bytes:
    """An event as the vendor writes it."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **content})}\n\n".encode()


def completed(image: bytes, kind: str = "image_generation", usage: Any = USAGE) -> bytes:
    """The event that completes an image."""
    told = {} if usage is None else {"usage": usage}
    return event(f"{kind}.completed", b64_json=base64.b64encode(image).decode(), **told)


def preview(image: bytes, index: int = 0, kind: str = "image_generation") -> bytes:
    """The event with an image that is not done yet."""
    return event(f"{kind}.partial_image", b64_json=base64.b64encode(image).decode(), partial_image_index=index)


def stream(*parts: bytes, end: str = "well", pause: Callable[["ScriptedServer"], Awaitable[Any]] | None = None) -> Behaviour:
    """These bytes as a stream of events, each part as it is. It ends well, or is `cut` off, or stays `open` until `release`.

    `pause` is awaited before the last part.
    """

    async def answer(server: "ScriptedServer", request: web.Request, _seen: Seen) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8", "x-request-id": "req_9"})
        await response.prepare(request)
        for number, part in enumerate(parts, start=1):
            if pause is not None and number == len(parts):
                await pause(server)
            await response.write(part)
        assert request.transport is not None
        if end == "cut":
            request.transport.close()
        if end == "open":
            await server.release.wait()
        return response

    return Behaviour(answer)


def hang(then: Behaviour | None = None) -> Behaviour:
    """Nothing until `release` is set, then another behaviour (or images)."""

    async def answer(server: "ScriptedServer", request: web.Request, seen: Seen) -> web.StreamResponse:
        await server.release.wait()
        return await (then or images()).answer(server, request, seen)

    return Behaviour(answer)


def drip() -> Behaviour:
    """A reply of one byte now and then, which would take for ever."""
    return _stream(b" ", pause_s=0.02)


def endless() -> Behaviour:
    """A reply that goes on as fast as it is read and never ends."""
    return _stream(b" " * 1_000_000, pause_s=0.0)


def _stream(part: bytes, *, pause_s: float) -> Behaviour:
    async def answer(_server: "ScriptedServer", request: web.Request, _seen: Seen) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(part)
            await asyncio.sleep(pause_s)

    return Behaviour(answer)


@dataclass(slots=True)
class ScriptedServer:
    """Use as an async context manager. When the script has run out, `then` answers everything."""

    script: list[Behaviour] = field(default_factory=list)
    then: Behaviour = field(default_factory=images)
    seen: list[Seen] = field(default_factory=list)
    made: list[bytes] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    open_now: int = 0
    open_at_most: int = 0
    port: int = 0
    _arrival: asyncio.Condition = field(default_factory=asyncio.Condition)
    _runner: web.ServerRunner | None = None

    @property
    def base(self) -> str:
        """What a client takes for the base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def prompts(self) -> list[str]:
        """What was asked for, in order of arrival."""
        return [seen.json["prompt"] for seen in self.seen]

    async def arrived(self, how_many: int) -> None:
        """Wait until so many requests have come."""
        async with asyncio.timeout(_BOUND_S), self._arrival:
            await self._arrival.wait_for(lambda: len(self.seen) >= how_many)

    async def __aenter__(self) -> "ScriptedServer":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen: on a free port the first time, on the same one afterwards."""
        self._runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.01)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Refuse connections from now on; who still waits is cut off."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        seen = Seen(request.method, path, request.headers.copy(), query=query)
        behaviour = self.script.pop(0) if self.script else self.then
        self.open_now += 1
        self.open_at_most = max(self.open_at_most, self.open_now)
        try:
            if behaviour.reads:
                seen.body = await request.read()
            self.seen.append(seen)
            async with self._arrival:
                self._arrival.notify_all()
            with suppress(ConnectionError):
                return await behaviour.answer(self, request, seen)
            return web.Response()
        finally:
            self.open_now -= 1


def unused_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
