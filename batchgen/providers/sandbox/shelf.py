"""Images that an answer names by link, for as long as there is room: such links expire, as they do at gateways."""

import secrets
from collections import OrderedDict
from threading import Lock

from aiohttp import web

from batchgen.providers.sandbox.refusals import no_url

PATH = "/v1/images/files/"
_MOST_BYTES = 256 * 2**20


class Shelf:
    """Keeps the newest images of a server."""

    def __init__(self) -> None:
        self._images: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()  # they are put here by the threads that draw them

    def put(self, image: bytes) -> str:
        """The path under which an image can be fetched from now on."""
        name = secrets.token_hex(16)
        with self._lock:
            self._images[name] = image
            self._bytes += len(image)
            while self._bytes > _MOST_BYTES and len(self._images) > 1:
                self._bytes -= len(self._images.popitem(last=False)[1])
        return f"{PATH}{name}"

    async def handle(self, request: web.Request) -> web.Response:
        """An image; no key is asked for."""
        image = self._images.get(request.match_info["name"])
        if image is None:
            raise no_url(request.method, request.path)
        return web.Response(body=image, content_type="application/octet-stream")
