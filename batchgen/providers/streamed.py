"""The events of the Images API: previews are handed on as they come, and the others are the reply.

Each image has an event that completes it, with its own usage; their sum is what was used. Source: the vendor's SDK 3.52.0.
"""

import asyncio
import binascii
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pybase64

from batchgen.core.request import Request
from batchgen.providers import inline
from batchgen.providers.events import Event

OnPreview = Callable[[bytes], Awaitable[None]]

_COMPLETED = frozenset({"image_generation.completed", "image_edit.completed"})
_PREVIEW = frozenset({"image_generation.partial_image", "image_edit.partial_image"})
_ERROR = "error"
# Where an event has no name of its own. No image in base64 holds a quote.
_TYPE = re.compile(rb'"type"\s*:\s*"((?:image_generation|image_edit)\.[a-z_]+|error)"')
_LINK = re.compile(rb'"url"')


class _Data(msgspec.Struct):
    """What is read of an event; the vendor documents no event for an error, so that is read in any form."""

    b64_json: str | None = None
    url: str | None = None
    usage: Any = None
    error: Any = None


_decoder = msgspec.json.Decoder(_Data)


@dataclass(slots=True)
class Parts:
    """What the events of a reply hold: images in base64 or by link, what each reported as its usage, and what is wrong.

    `completed` counts the events that complete an image, be they readable or not. `error` is the data of the event that says
    why there will be no more, `broken` why one of the others cannot be read; `is_cut`: the last one has not come whole.
    """

    images: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    usages: list[Any] = field(default_factory=list)
    completed: int = 0
    error: bytes | None = None
    broken: str = ""
    is_cut: bool = False


class Gallery:
    """Hears the answer to one request."""

    def __init__(self, request: Request, on_preview: OnPreview | None) -> None:
        self.awaited = request.images * (request.previews + 1)
        self._images = request.images
        self._completed = 0
        self._on_preview = on_preview

    @property
    def has_all(self) -> bool:
        """Whether as many images have been completed as were asked for."""
        return self._completed >= self._images

    async def hear(self, event: Event) -> bool:
        """See `Listener`."""
        kind = _kind(event)
        self._completed += kind in _COMPLETED
        if kind not in _PREVIEW:
            return True
        if self._on_preview is not None:
            image = await asyncio.to_thread(_preview, event)
            if image is not None:
                await self._on_preview(image)
        return False


def parts(events: Sequence[Event]) -> Parts:
    """What a reply in events holds. It takes time with large images: call it off the event loop."""
    found = Parts()
    for event in events:
        kind = _kind(event)
        is_completed = kind in _COMPLETED
        found.completed += is_completed
        try:
            data = _decoder.decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if kind == _ERROR:
                found.error = bytes(event.data)
            elif is_completed and event.has_ended:
                found.broken = str(error)
            else:
                found.is_cut |= is_completed
            continue
        if kind == _ERROR or data.error is not None:
            found.error = bytes(event.data)
        elif is_completed:
            text, link = inline.text_of(data.b64_json, data.url), inline.link_of(data.b64_json, data.url)
            found.images += [text] if text else []
            found.links += [link] if link else []
            found.usages.append(data.usage)
    return found


def links(events: Sequence[Event]) -> list[str]:
    """The links that have to be followed for the images of a reply in events."""
    # No image in base64 holds a quote, and the others need not be decoded for it.
    return parts([event for event in events if _LINK.search(event.data)]).links


def _kind(event: Event) -> str:
    if event.name in _COMPLETED or event.name in _PREVIEW or event.name == _ERROR:
        return event.name
    told = _TYPE.search(event.data)
    return told[1].decode() if told else event.name


def _preview(event: Event) -> bytes | None:
    """The image in an event, None for one that holds none."""
    try:
        text = _decoder.decode(event.data).b64_json
        return pybase64.b64decode(text, validate=True) if text else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, binascii.Error, ValueError):
        return None
