"""POST /v1/images/generations, from the key to the last byte."""

import asyncio
import time
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from batchgen.providers.sandbox import checks, faults, refusals
from batchgen.providers.sandbox.access import authorise, refuse, request_id_of
from batchgen.providers.sandbox.answers import compose, cost_of, images_sent, usage_of
from batchgen.providers.sandbox.checks import Wanted
from batchgen.providers.sandbox.delivery import client_waiting, deliver
from batchgen.providers.sandbox.limit import ImageLimit
from batchgen.providers.sandbox.log import Line, RequestLog
from batchgen.providers.sandbox.refusals import Refusal
from batchgen.providers.sandbox.server import SandboxOptions

MODERATION_MARKER = "[moderation]"


class Generations:
    """The handler of one server with its limit, its faults and its log."""

    def __init__(self, options: SandboxOptions, log: RequestLog, artists: Executor) -> None:
        self._latency_s = options.latency_s
        self._catalog = options.catalog
        self._limit = ImageLimit(options.images_per_minute)
        self._faults = faults.FaultCounter(options.faults)
        self._log = log
        self._artists = artists

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request and log its outcome once, before the first byte of the answer."""
        line = Line(
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            request_id=request_id_of(request),
            client_request_id=request.headers.get("X-Client-Request-Id"),
        )
        try:
            wanted = await self._accept(request, line)
            limited = self._limit.take(wanted.model, wanted.n, time.monotonic())
            if limited is not None:
                raise limited
        except Refusal as refusal:
            return self._refuse(request, line, refusal)
        fault = self._faults.next(wanted.prompt)
        await asyncio.sleep(self._latency_s)
        return await self._answer(request, line, wanted, fault)

    async def _accept(self, request: web.Request, line: Line) -> Wanted:
        authorise(request)
        body = checks.parse(request.content_type, await _raw(request))
        _note(line, body)
        wanted = checks.check(body, self._catalog)
        line.size, line.quality, line.n = wanted.size, wanted.quality, wanted.n
        if MODERATION_MARKER in wanted.prompt:
            raise refusals.moderated(line.request_id)
        return wanted

    async def _answer(self, request: web.Request, line: Line, wanted: Wanted, fault: str) -> web.StreamResponse:
        if faults.bills(fault):
            _bill(line, wanted, images_sent(wanted, fault))
        if faults.refuses(fault):
            return self._refuse(request, line, refusals.of_fault(fault, line.request_id))
        body = await asyncio.get_running_loop().run_in_executor(self._artists, compose, wanted, fault)
        line.status = None if fault in ("hang", "reset") else 200
        line.outcome = fault or "succeeded"
        line.client_waiting = client_waiting(request)
        self._log.write(line)
        return await deliver(request, body, self._limit.headers(time.monotonic()), fault)

    def _refuse(self, request: web.Request, line: Line, refusal: Refusal) -> web.Response:
        line.status, line.outcome, line.client_waiting = refusal.status, refusal.outcome, client_waiting(request)
        self._log.write(line)
        return refuse(refusal, self._limit.headers(time.monotonic()))


async def _raw(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise Refusal(413, "The request body is too large.") from error


def _note(line: Line, body: dict[str, Any]) -> None:
    """Keep what was asked for as it was asked, for the line of a request that is about to be refused."""
    for name in ("prompt", "model", "size", "quality", "n"):
        setattr(line, name, body.get(name))


def _bill(line: Line, wanted: Wanted, images: int) -> None:
    usage = usage_of(wanted, images)
    line.billed = images > 0
    line.cost_micros = cost_of(wanted, usage)
    line.input_text_tokens, line.output_tokens = usage.input_text_tokens or 0, usage.output_tokens or 0
