"""What a reply of the Images API says: images and what they cost, a refusal, or nothing that can be understood."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from batchgen.core.outcome import Ending, Outcome
from batchgen.core.pace import NOTHING_TOLD, Told
from batchgen.core.request import Request
from batchgen.providers import inline, lifting, refusals, streamed
from batchgen.providers.base import Answer
from batchgen.providers.http import HttpReply, words_of
from batchgen.providers.links import LinkFailed, LinkRefused
from batchgen.providers.listening import Stream
from batchgen.providers.masking import Mask
from batchgen.providers.refusals import limit_of
from batchgen.providers.reported import NOTHING_REPORTED, Reported, added, read_usage

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


_decoder = msgspec.json.Decoder(_Body)


def read(reply: HttpReply, request: Request, now: datetime, mask: Mask) -> Answer:
    """What a complete reply says; see `Provider.read`."""
    if 200 <= reply.status < 300:
        answer = _images(reply, request) if reply.stream is None else _of(reply.stream, reply, request, now, mask)
        told = _told(reply.headers)
        if told is not NOTHING_TOLD:
            answer = replace(answer, ending=replace(answer.ending, told=told))
        unread = None if answer.unread is None else mask.data(answer.unread)
        answer = replace(answer, unread=unread, masked=mask.data)
    else:
        refusal = refusals.read(reply.status, mask.data(reply.body))
        answer = Answer(refusals.ending(refusal, reply.headers, now))
    return replace(answer, ending=redacted(answer.ending, mask))


def may_name_links(reply: HttpReply) -> bool:
    """Whether it is worth looking for links: it takes a moment, where the look takes as long as decoding."""
    return 200 <= reply.status < 300 and (reply.stream is not None or _may_name_one(reply.body))


def links(reply: HttpReply) -> list[str]:
    """Where the images are that the reply names by link."""
    if reply.stream is not None:
        return streamed.links(reply.stream.events)
    try:
        named = _decoder.decode(reply.body).data or []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return [link for image in named if (link := inline.link_of(image.b64_json, image.url))]


def redacted(ending: Ending, mask: Mask) -> Ending:
    """Once more behind the decoding: JSON can spell a key in other letters, and headers echo as well."""
    said = (ending.error_code, ending.error_message, ending.request_id)
    code, message, request_id = (text and mask.text(text) for text in said)
    return replace(ending, error_code=code, error_message=message, request_id=request_id)


def invalid(reply: HttpReply, message: str, told: Reported = NOTHING_REPORTED, *, code: str = "invalid_reply") -> Ending:
    """The end of a request whose reply cannot be understood."""
    return replace(_ended(Outcome.INVALID_REPLY, reply, told), error_code=code, error_message=message)


def _of(stream: Stream, reply: HttpReply, request: Request, now: datetime, mask: Mask) -> Answer:
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
        refused = refusals.ending(refusals.in_stream(mask.data(found.error)), reply.headers, now)
        # What was made before was billed, and is kept.
        words, code = refused.error_message or "", refused.error_code or ""
        return Answer(invalid(reply, words, usage, code=code), images) if images else Answer(refused)
    if stream.broken is not None or found.is_cut or not found.completed:
        words = "the stream ended before its images" if stream.broken is None else words_of(stream.broken)
        lost = Ending(Outcome.UNKNOWN, error_code="no_reply", error_message=words, request_id=_request_id(reply))
        return Answer(lost, images)
    if found.broken or broken is not None:
        words = f"an event of the stream cannot be read: {found.broken or broken}"
        return Answer(invalid(reply, words, usage), images, unread=b"\n".join(event.data for event in stream.events))
    return Answer(invalid(reply, _too_few(images, request.images), usage, code="too_few_images"), images)


def _images(reply: HttpReply, request: Request) -> Answer:
    rest, lifted = lifting.lifted(reply.body)
    try:
        body = _decoder.decode(rest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        words = f"the reply is not the JSON of the Images API: {error}"
        return Answer(invalid(reply, words, NOTHING_REPORTED), unread=reply.body)
    usage = read_usage(body.usage, body.svg_usage, has_inputs=bool(request.inputs))
    texts = [text for image in body.data or [] if (text := inline.text_of(image.b64_json, image.url))]
    images, broken = inline.decoded([lifted.get(text, text) for text in texts])
    if isinstance(reply.linked, LinkFailed | LinkRefused):
        return Answer(_unfetched(reply, reply.linked, usage), images, unread=reply.body)
    images += reply.linked
    if len(images) >= request.images:
        return Answer(_ended(Outcome.SUCCEEDED, reply, usage), images)
    if broken is not None:
        return Answer(invalid(reply, f"the reply holds broken base64: {broken}", usage), images, unread=reply.body)
    if not images and len(reply.body) > _LONGEST_WITHOUT_IMAGE:
        words = "the server made the image and answered in a form that is not known"
        return Answer(invalid(reply, words, usage, code="unknown_form"), unread=reply.body)
    return Answer(invalid(reply, _too_few(images, request.images), usage, code="too_few_images"), images)


def _may_name_one(body: bytes) -> bool:
    """No image in base64 holds a quote: to go from quote to quote takes a tenth of the time of a search at every place."""
    at = body.find(b'"')
    for _ in range(_MOST_QUOTES):
        if at < 0 or body.startswith(_URL, at):
            return at >= 0
        at = body.find(b'"', at + 1)
    return body.find(_URL, at) >= 0


def _unfetched(reply: HttpReply, error: LinkFailed | LinkRefused, usage: Reported) -> Ending:
    code = "link_refused" if isinstance(error, LinkRefused) else "link_failed"
    words = f"the server made the image and answered with a link, and it could not be fetched: {error}"
    return invalid(reply, words, usage, code=code)


def _too_few(images: Sequence[bytes], wanted: int) -> str:
    return f"{len(images)} of {wanted} images came"


def _told(headers: Mapping[str, str]) -> Told:
    """The account's limits a minute, where the headers name them."""
    images, requests = (limit_of(headers.get(f"x-ratelimit-limit-{kind}", "")) for kind in ("images", "requests"))
    return Told(images, requests) if images or requests else NOTHING_TOLD


def _ended(outcome: Outcome, reply: HttpReply, told: Reported) -> Ending:
    request_id = _request_id(reply)
    return Ending(outcome, http_status=reply.status, request_id=request_id, usage=told.usage, remark=told.remark)


def _request_id(reply: HttpReply) -> str | None:
    return reply.headers.get("x-request-id")
