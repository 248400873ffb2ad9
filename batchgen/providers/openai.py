"""The Images API as its vendor documents it: bodies out, replies in, every answer told apart."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import aiohttp
import msgspec

from batchgen.core.dialect import VENDORS_WIRE, Wire
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.pace import NOTHING_TOLD, Told
from batchgen.core.request import EDIT, GENERATE, Request
from batchgen.providers import inline, lifting, moderation, refusals, streamed
from batchgen.providers.asking import Asking
from batchgen.providers.base import Answer
from batchgen.providers.http import Http, HttpReply, NoReply, json_body, words_of
from batchgen.providers.links import LinkFailed, LinkRefused, Links
from batchgen.providers.listening import Stream
from batchgen.providers.masking import Mask
from batchgen.providers.refusals import limit_of
from batchgen.providers.reported import NOTHING_REPORTED, Reported, added, read_usage
from batchgen.providers.streamed import Gallery, OnPreview
from batchgen.providers.uploads import InputChanged, edit_body

# A 4K PNG of noise is some 35 MB, and a third more in base64.
_MOST_BYTES_AN_IMAGE = 64 * 1024 * 1024
# What is longer holds an image, be it in a form that is not known here.
_LONGEST_WITHOUT_IMAGE = 64 * 1024
_URL = b'"url"'
# An answer has some thirty, and ten for each further image.
_MOST_QUOTES = 1000


class _Image(msgspec.Struct):
    b64_json: str | None = None
    url: str | None = None


class _Body(msgspec.Struct):
    """Every field but `created` is optional by the vendor's own types; what is not read here is not needed."""

    data: list[_Image] | None = None
    usage: Any = None
    svg_usage: Any = None


class _Model(msgspec.Struct):
    id: str
    shutdown_date: Any = None


class _Models(msgspec.Struct):
    data: list[_Model]


_OK = 200
_MOST_BYTES_OF_MODELS = 4 * 1024 * 1024
_decoder = msgspec.json.Decoder(_Body)
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
        if not 200 <= reply.status < 300 or (reply.stream is None and not _may_name_links(reply.body)):
            return reply
        links = await asyncio.to_thread(_links, reply)
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
            return self._redacted(refusals.ending(refusal, reply.headers, datetime.now(UTC)))
        found = moderation.read(reply.body, len(texts))
        return self._redacted(_invalid(reply, found, NOTHING_REPORTED)) if isinstance(found, str) else found

    def read(self, reply: HttpReply, request: Request, now: datetime) -> Answer:
        """What a complete reply says; see `Provider.read`."""
        if 200 <= reply.status < 300:
            answer = _images(reply, request) if reply.stream is None else self._of(reply.stream, reply, request, now)
            told = _told(reply.headers)
            if told is not NOTHING_TOLD:
                answer = replace(answer, ending=replace(answer.ending, told=told))
            unread = None if answer.unread is None else self._mask.data(answer.unread)
            answer = replace(answer, unread=unread, masked=self._mask.data)
        else:
            refusal = refusals.read(reply.status, self._mask.data(reply.body))
            answer = Answer(refusals.ending(refusal, reply.headers, now))
        return replace(answer, ending=self._redacted(answer.ending))

    def _of(self, stream: Stream, reply: HttpReply, request: Request, now: datetime) -> Answer:
        """What came of a stream; what it cost is what the events say of it, and not known where one may be missing."""
        found = streamed.parts(stream.events)
        told = [] if found.broken else [read_usage(one, has_inputs=bool(request.inputs)) for one in found.usages]
        usage = added(told)
        images, broken = inline.decoded(found.images)
        if isinstance(reply.linked, LinkFailed | LinkRefused):
            unread = b"\n".join(event.data for event in stream.events)
            return Answer(_unfetched(reply, reply.linked, usage), images, unread=unread)
        images += reply.linked
        if len(images) >= request.images:
            return Answer(_ended(Outcome.SUCCEEDED, reply, usage), images)
        if found.error is not None:
            refused = refusals.ending(refusals.in_stream(self._mask.data(found.error)), reply.headers, now)
            # What was made before was billed, and is kept.
            words, code = refused.error_message or "", refused.error_code or ""
            return Answer(_invalid(reply, words, usage, code=code), images) if images else Answer(refused)
        if stream.broken is not None or found.is_cut or not found.completed:
            words = "the stream ended before its images" if stream.broken is None else words_of(stream.broken)
            lost = Ending(Outcome.UNKNOWN, error_code="no_reply", error_message=words, request_id=_request_id(reply))
            return Answer(lost, images)
        if found.broken or broken is not None:
            words = f"an event of the stream cannot be read: {found.broken or broken}"
            return Answer(_invalid(reply, words, usage), images, unread=b"\n".join(event.data for event in stream.events))
        return Answer(_invalid(reply, _too_few(images, request.images), usage, code="too_few_images"), images)

    def _redacted(self, ending: Ending) -> Ending:
        """Once more behind the decoding: JSON can spell a key in other letters, and headers echo as well."""
        said = (ending.error_code, ending.error_message, ending.request_id)
        code, message, request_id = (text and self._mask.text(text) for text in said)
        return replace(ending, error_code=code, error_message=message, request_id=request_id)

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


def _may_name_links(body: bytes) -> bool:
    """No image in base64 holds a quote: to go from quote to quote takes a tenth of the time of a search at every place."""
    at = body.find(b'"')
    for _ in range(_MOST_QUOTES):
        if at < 0 or body.startswith(_URL, at):
            return at >= 0
        at = body.find(b'"', at + 1)
    return body.find(_URL, at) >= 0


def _links(reply: HttpReply) -> list[str]:
    if reply.stream is not None:
        return streamed.links(reply.stream.events)
    try:
        named = _decoder.decode(reply.body).data or []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return [link for image in named if (link := inline.link_of(image.b64_json, image.url))]


def _images(reply: HttpReply, request: Request) -> Answer:
    rest, lifted = lifting.lifted(reply.body)
    try:
        body = _decoder.decode(rest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        words = f"the reply is not the JSON of the Images API: {error}"
        return Answer(_invalid(reply, words, NOTHING_REPORTED), unread=reply.body)
    usage = read_usage(body.usage, body.svg_usage, has_inputs=bool(request.inputs))
    texts = [text for image in body.data or [] if (text := inline.text_of(image.b64_json, image.url))]
    images, broken = inline.decoded([lifted.get(text, text) for text in texts])
    if isinstance(reply.linked, LinkFailed | LinkRefused):
        return Answer(_unfetched(reply, reply.linked, usage), images, unread=reply.body)
    images += reply.linked
    if len(images) >= request.images:
        return Answer(_ended(Outcome.SUCCEEDED, reply, usage), images)
    if broken is not None:
        return Answer(_invalid(reply, f"the reply holds broken base64: {broken}", usage), images, unread=reply.body)
    if not images and len(reply.body) > _LONGEST_WITHOUT_IMAGE:
        words = "the server made the image and answered in a form that is not known"
        return Answer(_invalid(reply, words, usage, code="unknown_form"), unread=reply.body)
    return Answer(_invalid(reply, _too_few(images, request.images), usage, code="too_few_images"), images)


def _unfetched(reply: HttpReply, error: LinkFailed | LinkRefused, usage: Reported) -> Ending:
    code = "link_refused" if isinstance(error, LinkRefused) else "link_failed"
    words = f"the server made the image and answered with a link, and it could not be fetched: {error}"
    return _invalid(reply, words, usage, code=code)


def _too_few(images: Sequence[bytes], wanted: int) -> str:
    return f"{len(images)} of {wanted} images came"


def _day(text: Any) -> date | None:
    """A day as the vendor writes it, be it with a time behind it or in seconds since 1970."""
    try:
        if isinstance(text, int | float) and not isinstance(text, bool):
            return datetime.fromtimestamp(text, UTC).date()
        return date.fromisoformat(str(text)[:10])
    except (ValueError, OverflowError, OSError):
        return None


def _told(headers: Mapping[str, str]) -> Told:
    """The account's limits a minute, where the headers name them."""
    images, requests = (limit_of(headers.get(f"x-ratelimit-limit-{kind}", "")) for kind in ("images", "requests"))
    return Told(images, requests) if images or requests else NOTHING_TOLD


def _ended(outcome: Outcome, reply: HttpReply, told: Reported) -> Ending:
    request_id = _request_id(reply)
    return Ending(outcome, http_status=reply.status, request_id=request_id, usage=told.usage, remark=told.remark)


def _request_id(reply: HttpReply) -> str | None:
    return reply.headers.get("x-request-id")


def _invalid(reply: HttpReply, message: str, told: Reported, *, code: str = "invalid_reply") -> Ending:
    return replace(_ended(Outcome.INVALID_REPLY, reply, told), error_code=code, error_message=message)
