"""The Images API as its vendor documents it: what is sent, and what comes back. What that says is read in `replies`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import aiohttp
import msgspec

from batchgen.core.dialect import VENDORS_WIRE, Wire
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.request import EDIT, GENERATE, Request
from batchgen.providers import moderation, refusals, replies
from batchgen.providers.asking import Asking
from batchgen.providers.base import Answer
from batchgen.providers.http import Http, HttpReply, NoReply, json_body
from batchgen.providers.links import LinkFailed, LinkRefused, Links
from batchgen.providers.masking import Mask
from batchgen.providers.streamed import Gallery, OnPreview
from batchgen.providers.uploads import InputChanged, edit_body

# A 4K PNG of noise is some 35 MB, and a third more in base64.
_MOST_BYTES_AN_IMAGE = 64 * 1024 * 1024


class _Model(msgspec.Struct):
    id: str
    shutdown_date: Any = None


class _Models(msgspec.Struct):
    data: list[_Model]


_OK = 200
_MOST_BYTES_OF_MODELS = 4 * 1024 * 1024
_models_decoder = msgspec.json.Decoder(_Models)


class OpenAI:
    """A provider at one base URL (`https://api.openai.com/v1`) that speaks as the vendor does, or differs by its `wire`.

    With `json_edits` the files of an edit go within JSON.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        timeout_s: float,
        private_links: bool = False,
        json_edits: bool = False,
        wire: Wire = VENDORS_WIRE,
    ) -> None:
        self._asking = Asking(base_url, key, wire)
        self._json_edits = json_edits
        self._mask = Mask(*self._asking.secrets)
        self._http = Http(timeout_s=timeout_s)
        self._links = Links(allow_private=private_links)

    async def open(self) -> None:
        """Open the pool of connections."""
        await self._http.open()

    async def close(self) -> None:
        """Close it."""
        await self._http.close()
        await self._links.close()

    async def send(
        self,
        request: Request,
        label: str,
        on_sent: Callable[[], Awaitable[None]],
        on_preview: OnPreview | None = None,
        *,
        once: str = "",
    ) -> HttpReply | Ending:
        """One call; see `Provider.send`."""
        url, headers = self._asking.url(request), self._asking.headers(label, once)
        gallery = Gallery(request, on_preview) if request.is_streamed else None
        most = _MOST_BYTES_AN_IMAGE * (request.images if gallery is None else gallery.awaited)
        try:
            async with _body(self._asking.worded(request), json_edits=self._json_edits) as body:
                reply = await self._http.post(url, body, headers, on_sent=on_sent, most_bytes=most, listener=gallery)
        except InputChanged as error:
            return Ending(Outcome.REJECTED, error_code=error.code, error_message=str(error))
        except NoReply as error:
            return self._without_reply(error)
        return await self._with_links(reply)

    async def _with_links(self, reply: HttpReply) -> HttpReply:
        """Fetch what the reply names by link, before anything else: it expires."""
        if not replies.may_name_links(reply):
            return reply
        links = await asyncio.to_thread(replies.links, reply)
        try:
            images = [await self._links.fetch(link, _MOST_BYTES_AN_IMAGE) for link in links]
        except (LinkFailed, LinkRefused) as error:
            return replace(reply, linked=error)
        return replace(reply, linked=tuple(images))

    async def models(self) -> dict[str, date | None] | str:
        """The models that the account has, with the day on which each is shut down; or why that cannot be known."""
        url, headers = self._asking.models_url, self._asking.headers()
        try:
            reply = await self._http.get(url, headers, most_bytes=_MOST_BYTES_OF_MODELS)
        except NoReply as error:
            return self._mask.text(str(error))
        try:
            found = _models_decoder.decode(reply.body) if reply.status == _OK else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found = None
        return f"the answer is {reply.status}" if found is None else {one.id: _day(one.shutdown_date) for one in found.data}

    async def moderate(self, texts: Sequence[str]) -> list[tuple[str, ...]] | Ending:
        """Ask the moderation endpoint; see `Moderator.moderate`."""
        url, headers = self._asking.moderations_url, self._asking.headers()
        try:
            body = json_body(moderation.body(texts))
            reply = await self._http.post(url, body, headers, on_sent=_free, most_bytes=moderation.MOST_BYTES)
        except NoReply as error:
            return self._without_reply(error)
        if reply.status != _OK:
            refusal = refusals.read(reply.status, self._mask.data(reply.body))
            return replies.redacted(refusals.ending(refusal, reply.headers, datetime.now(UTC)), self._mask)
        found = moderation.read(reply.body, len(texts))
        return replies.redacted(replies.invalid(reply, found), self._mask) if isinstance(found, str) else found

    def read(self, reply: HttpReply, request: Request, now: datetime) -> Answer:
        """What a complete reply says; see `Provider.read`."""
        return replies.read(reply, request, now, self._mask)

    def _without_reply(self, error: NoReply) -> Ending:
        unsent = Outcome.UNAVAILABLE if error.reached else Outcome.OFFLINE
        outcome = Outcome.UNKNOWN if error.sent else unsent
        words = self._mask.text(str(error))
        return Ending(outcome, error_code="no_reply" if error.sent else "not_sent", error_message=words)


async def _free() -> None:
    """Nothing has to be written down before it goes: it costs nothing."""


@asynccontextmanager
async def _body(request: Request, *, json_edits: bool) -> AsyncIterator[aiohttp.Payload]:
    if request.operation == GENERATE:
        yield json_body(msgspec.json.encode(request.body))
        return
    async with edit_body(request, as_json=json_edits and request.operation == EDIT) as body:
        yield body


def _day(text: Any) -> date | None:
    """A day as the vendor writes it, be it with a time behind it or in seconds since 1970."""
    try:
        if isinstance(text, int | float) and not isinstance(text, bool):
            return datetime.fromtimestamp(text, UTC).date()
        return date.fromisoformat(str(text)[:10])
    except (ValueError, OverflowError, OSError):
        return None
