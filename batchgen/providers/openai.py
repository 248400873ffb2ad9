"""The Images API as its vendor documents it: bodies out, replies in, every answer told apart."""

import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
import pybase64

from batchgen.core.outcome import Ending, Outcome
from batchgen.core.pace import NOTHING_TOLD, Told
from batchgen.core.request import Request
from batchgen.core.usage import Usage
from batchgen.providers import refusals
from batchgen.providers.base import Answer
from batchgen.providers.http import Http, HttpReply, NoReply
from batchgen.providers.masking import Mask
from batchgen.providers.refusals import limit_of

# A 4K PNG of noise is some 35 MB, and a third more in base64.
_MOST_BYTES_AN_IMAGE = 64 * 1024 * 1024

# No reply has that many tokens; a larger figure is nonsense that no ledger could add up.
_MOST_TOKENS = 10**9


class _Image(msgspec.Struct):
    b64_json: str | None = None
    url: str | None = None


class _Body(msgspec.Struct):
    """Every field but `created` is optional by the vendor's own types; what is not read here is not needed."""

    data: list[_Image] | None = None
    usage: Any = None


_decoder = msgspec.json.Decoder(_Body)


class OpenAI:
    """A provider at one base URL (`https://api.openai.com/v1`). An empty key sends no Authorization."""

    def __init__(self, base_url: str, key: str, *, timeout_s: float) -> None:
        self._url = f"{base_url.rstrip('/')}/images/generations"
        self._key = key
        self._mask = Mask(key)
        self._http = Http(timeout_s=timeout_s)

    async def open(self) -> None:
        """Open the pool of connections."""
        await self._http.open()

    async def close(self) -> None:
        """Close it."""
        await self._http.close()

    async def send(self, request: Request, label: str, on_sent: Callable[[], Awaitable[None]]) -> HttpReply | Ending:
        """One call; see `Provider.send`."""
        headers = {"X-Client-Request-Id": label}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        body = msgspec.json.encode(request.body)
        most = _MOST_BYTES_AN_IMAGE * request.images
        try:
            return await self._http.post(self._url, body, headers, on_sent=on_sent, most_bytes=most)
        except NoReply as error:
            return self._without_reply(error)

    def read(self, reply: HttpReply, request: Request, now: datetime) -> Answer:
        """What a complete reply says; see `Provider.read`."""
        if 200 <= reply.status < 300:
            answer = _images(reply, request.images)
            answer = replace(answer, ending=replace(answer.ending, told=_told(reply.headers)))
            unread = None if answer.unread is None else self._mask.data(answer.unread)
            answer = replace(answer, unread=unread, masked=self._mask.data)
        else:
            refusal = refusals.read(reply.status, self._mask.data(reply.body))
            answer = Answer(refusals.ending(refusal, reply.headers, now))
        return replace(answer, ending=self._redacted(answer.ending))

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


def _images(reply: HttpReply, wanted: int) -> Answer:
    try:
        body = _decoder.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        words = f"the reply is not the JSON of the Images API: {error}"
        return Answer(_invalid(reply, words, Usage()), unread=reply.body)
    usage = read_usage(body.usage)
    texts = [image.b64_json for image in body.data or [] if image.b64_json]
    images, broken = _decoded(texts)
    if len(images) >= wanted:
        return Answer(_ended(Outcome.SUCCEEDED, reply, usage), images)
    if not texts and any(image.url for image in body.data or []):
        words = "the server made the image and answered with a link to it, which is not supported yet"
        return Answer(_invalid(reply, words, usage, code="url_reply"), unread=reply.body)
    if broken is not None:
        return Answer(_invalid(reply, f"the reply holds broken base64: {broken}", usage), images, unread=reply.body)
    return Answer(_invalid(reply, f"{len(images)} of {wanted} images came", usage, code="too_few_images"), images)


def _told(headers: Mapping[str, str]) -> Told:
    """The account's limits a minute, where the headers name them."""
    images, requests = (limit_of(headers.get(f"x-ratelimit-limit-{kind}", "")) for kind in ("images", "requests"))
    return Told(images, requests) if images or requests else NOTHING_TOLD


def _decoded(texts: Sequence[str]) -> tuple[tuple[bytes, ...], Exception | None]:
    """The images that are whole, and what is wrong with the last one that is not."""
    images, broken = [], None
    for text in texts:
        try:
            images.append(pybase64.b64decode(text, validate=True))
        except (binascii.Error, ValueError) as error:
            broken = error
    return tuple(images), broken


def _ended(outcome: Outcome, reply: HttpReply, usage: Usage) -> Ending:
    return Ending(outcome, http_status=reply.status, request_id=reply.headers.get("x-request-id"), usage=usage)


def _invalid(reply: HttpReply, message: str, usage: Usage, *, code: str = "invalid_reply") -> Ending:
    return replace(_ended(Outcome.INVALID_REPLY, reply, usage), error_code=code, error_message=message)


def read_usage(usage: Any) -> Usage:
    """Tokens by kind out of a reply's `usage`; whatever is missing or not a count is None.

    Input that is not told apart is text: a generation has no input images.
    """
    if not isinstance(usage, Mapping):
        return Usage()
    inputs, outputs = _part(usage, "input_tokens_details"), _part(usage, "output_tokens_details")
    text, image = _count(inputs, "text_tokens"), _count(inputs, "image_tokens")
    if text is None:
        total = _count(usage, "input_tokens")
        text = None if total is None else max(0, total - (image or 0))
    return Usage(
        input_text_tokens=text,
        input_image_tokens=image,
        output_tokens=_count(usage, "output_tokens"),
        output_text_tokens=_count(outputs, "text_tokens"),
    )


def _part(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = usage.get(name)
    return part if isinstance(part, Mapping) else {}


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS else None
