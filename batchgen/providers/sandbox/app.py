"""The routes of the simulated API and the life of what they share: log, drawing threads, requests in flight."""

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from batchgen.core.catalog import Catalog
from batchgen.providers.sandbox import moderation
from batchgen.providers.sandbox.access import add_headers, authorise, shape_errors
from batchgen.providers.sandbox.images import Images
from batchgen.providers.sandbox.log import RequestLog
from batchgen.providers.sandbox.refusals import Refusal
from batchgen.providers.sandbox.server import SandboxOptions
from batchgen.providers.sandbox.shelf import PATH


def build(options: SandboxOptions) -> web.Application:
    """The application; the runner that sets it up opens the log, the one that cleans it up closes everything."""
    log = RequestLog(options.log)
    artists = ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="sandbox-artist")

    async def shared(_: web.Application) -> AsyncIterator[None]:
        with log, artists:
            yield

    in_flight = _InFlight()
    images = Images(options, log, artists)
    app = web.Application(middlewares=[shape_errors])
    app.cleanup_ctx.append(shared)
    app.on_shutdown.append(in_flight.end)
    app.on_response_prepare.append(add_headers)
    app.router.add_post("/v1/images/generations", partial(in_flight.handle, images.generate))
    app.router.add_post("/v1/images/edits", partial(in_flight.handle, images.edit))
    app.router.add_post("/v1/images/variations", _variations)
    app.router.add_get(f"{PATH}{{name}}", images.shelf.handle)
    app.router.add_get("/v1/models", partial(_models, options.catalog))
    app.router.add_post("/v1/moderations", moderation.handle)
    return app


class _InFlight:
    """Every request being handled. aiohttp forgets those whose client has gone; a closing sandbox must not."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()

    async def handle(self, handler: Handler, request: web.Request) -> web.StreamResponse:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is handled in a task")
        self._tasks.add(task)
        try:
            return await handler(request)
        finally:
            self._tasks.discard(task)

    async def end(self, _: web.Application) -> None:
        """Cancel what is being handled: nobody waits for a sandbox that closes."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _variations(request: web.Request) -> web.Response:
    authorise(request)
    raise Refusal(410, "This endpoint has been retired together with dall-e-2.")


async def _models(catalog: Catalog, request: web.Request) -> web.Response:
    """The catalog. It keeps no release dates, so `created` is 0."""
    authorise(request)
    entries = [
        {"id": name, "object": "model", "created": 0, "owned_by": "system", "shutdown_date": model.shutdown}
        for model in catalog.models
        for name in (model.name, *model.snapshots)
    ]
    return web.Response(body=msgspec.json.encode({"object": "list", "data": entries}), content_type="application/json")
