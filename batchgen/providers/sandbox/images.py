"""POST /v1/images/generations and /v1/images/edits, from the key to the last byte."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar, TypeVarTuple

from aiohttp import web

from batchgen.core.catalog import Catalog
from batchgen.providers.sandbox import body, checks, edits, faults, form, invalid, references, refusals
from batchgen.providers.sandbox.access import authorise, refuse, request_id_of
from batchgen.providers.sandbox.answers import compose, images_sent
from batchgen.providers.sandbox.billing import cost_of, usage_of
from batchgen.providers.sandbox.delivery import client_waiting, deliver
from batchgen.providers.sandbox.limit import ImageLimit
from batchgen.providers.sandbox.log import Line, RequestLog
from batchgen.providers.sandbox.moderation import is_flagged
from batchgen.providers.sandbox.refusals import Refusal
from batchgen.providers.sandbox.server import SandboxOptions
from batchgen.providers.sandbox.shelf import Shelf
from batchgen.providers.sandbox.wanted import Wanted

_REPLIES = ("url", "b64_json")
_JSON, _FORM = "application/json", "multipart/form-data"

# What the vendor's vision guide allows for one request with images.
_MOST_EDIT_BYTES = 512 * 2**20

_Given = TypeVarTuple("_Given")
_Result = TypeVar("_Result")
_Reader = Callable[[web.Request, Line], Awaitable[Wanted]]


class Images:
    """The handlers of one server with its limit, its faults and its log."""

    def __init__(self, options: SandboxOptions, log: RequestLog, artists: Executor) -> None:
        self._latency_s = options.latency_s
        self._catalog = options.catalog
        self._links = options.links
        self.shelf = Shelf()
        self._limit = ImageLimit(options.images_per_minute)
        self._faults = faults.FaultCounter(options.faults)
        self._log = log
        self._artists = artists

    async def generate(self, request: web.Request) -> web.StreamResponse:
        """Answer one generation."""
        return await self._handle(request, "generation", self._read_generation)

    async def edit(self, request: web.Request) -> web.StreamResponse:
        """Answer one edit, sent as a form or as JSON."""
        return await self._handle(request, "edit", self._read_edit)

    async def _handle(self, request: web.Request, operation: str, read: _Reader) -> web.StreamResponse:
        """Answer one request and log its outcome once, before the first byte of the answer."""
        line = Line(
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            request_id=request_id_of(request),
            client_request_id=request.headers.get("X-Client-Request-Id"),
            operation=operation,
        )
        try:
            authorise(request)
            wanted = await read(request, line)
            self._admit(wanted, line)
        except Refusal as refusal:
            return self._refuse(request, line, refusal)
        fault = faults.as_met(self._faults.next(wanted.prompt), streamed=wanted.streamed)
        pause_s = self._latency_s / (wanted.n * (wanted.partials + 1)) if wanted.streamed else self._latency_s
        await asyncio.sleep(pause_s)
        return await self._answer(request, line, wanted, fault, pause_s)

    async def _read_generation(self, request: web.Request, line: Line) -> Wanted:
        body.only(request, _JSON)
        fields = body.parse(await body.read(request))
        _note(line, fields)
        linked = self._is_linked(fields)
        return replace(checks.check(fields, self._catalog), linked=linked)

    async def _read_edit(self, request: web.Request, line: Line) -> Wanted:
        body.only(request, _FORM, _JSON)
        if request.content_type == _FORM:
            fields, uploads = form.apart(await form.read(request, _MOST_EDIT_BYTES))
        else:
            raw = await body.read(request, _MOST_EDIT_BYTES)
            fields, uploads = references.apart(await self._elsewhere(body.parse, raw))
        _note(line, fields)
        linked = self._is_linked(fields)
        return replace(await self._elsewhere(edits.check, fields, uploads, self._catalog), linked=linked)

    def _is_linked(self, fields: dict[str, Any]) -> bool:
        """Whether the answer names its images by link; the field that says so is taken out, which the vendor does not know."""
        if not self._links:
            return False
        reply = fields.pop("response_format", "url")
        if reply not in _REPLIES:
            raise invalid.wrong_word("response_format", reply, _REPLIES)
        return bool(reply == "url")

    def _admit(self, wanted: Wanted, line: Line) -> None:
        line.size, line.quality, line.n, line.input_images = wanted.size, wanted.quality, wanted.n, wanted.input_images
        if is_flagged(wanted.prompt):
            raise refusals.moderated(line.request_id)
        limited = self._limit.take(wanted.model, wanted.n, time.monotonic(), inputs=wanted.input_images)
        if limited is not None:
            raise limited

    async def _answer(self, request: web.Request, line: Line, wanted: Wanted, fault: str, pause_s: float) -> web.StreamResponse:
        if faults.bills(fault):
            _bill(line, wanted, images_sent(wanted, fault), self._catalog)
        if faults.refuses(fault):
            return self._refuse(request, line, refusals.of_fault(fault, line.request_id))
        origin = f"{request.scheme}://{request.host}"
        message = await self._elsewhere(compose, wanted, fault, pause_s, lambda image: f"{origin}{self.shelf.put(image)}")
        line.status = None if fault in ("hang", "reset") else 200
        line.outcome = fault or "succeeded"
        line.client_waiting = client_waiting(request)
        self._log.write(line)
        return await deliver(request, message, self._limit.headers(time.monotonic()), fault)

    async def _elsewhere(self, work: Callable[[*_Given], _Result], *given: *_Given) -> _Result:
        """Run in a drawing thread what would hold up the others here."""
        return await asyncio.get_running_loop().run_in_executor(self._artists, work, *given)

    def _refuse(self, request: web.Request, line: Line, refusal: Refusal) -> web.Response:
        line.status, line.outcome, line.client_waiting = refusal.status, refusal.outcome, client_waiting(request)
        self._log.write(line)
        return refuse(refusal, self._limit.headers(time.monotonic()))


def _note(line: Line, fields: dict[str, Any]) -> None:
    """Keep what was asked for as it was asked, for the line of a request that is about to be refused."""
    for name in ("prompt", "model", "size", "quality", "n"):
        setattr(line, name, fields.get(name))


def _bill(line: Line, wanted: Wanted, images: int, catalog: Catalog) -> None:
    usage = usage_of(wanted, images)
    line.billed = images > 0
    line.cost_micros = cost_of(wanted, usage, catalog)
    line.input_text_tokens, line.output_tokens = usage.input_text_tokens or 0, usage.output_tokens or 0
    line.input_image_tokens = usage.input_image_tokens or 0
