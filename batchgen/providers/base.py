"""What the worker knows of a provider."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from batchgen.core.outcome import Ending
from batchgen.core.request import Request
from batchgen.providers.http import HttpReply
from batchgen.providers.streamed import OnPreview


def _nothing(_data: bytes) -> None:
    """Keeps nothing: who knows no secrets cannot say that there are none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request: how it ended, and the images as bytes, untouched.

    `unread` is a reply that could not be understood, as it may be kept. Of an image that turns out to be none, `masked`
    gives what may be kept, or None.
    """

    ending: Ending
    images: tuple[bytes, ...] = ()
    unread: bytes | None = None
    masked: Callable[[bytes], bytes | None] = _nothing


class Moderator(Protocol):
    """Judges texts, for nothing. Raises nothing about the network: that is an Ending."""

    async def moderate(self, texts: Sequence[str]) -> list[tuple[str, ...]] | Ending:
        """The categories that each text is flagged as, none for a harmless one; or how the call ended without an answer."""
        ...


class Provider(Protocol):
    """Makes one call for one request and never a second one. Raises nothing about the network: that is an Ending."""

    async def send(
        self,
        request: Request,
        label: str,
        on_sent: Callable[[], Awaitable[None]],
        on_preview: OnPreview | None = None,
        *,
        once: str = "",
    ) -> HttpReply | Ending:
        """A complete reply or what came of a stream, or how it ended without one.

        `on_sent` is awaited just before the body begins to go; `label` is sent along for the provider's support, and `once` to
        those who make of two requests with the same one a single image. `on_preview` is awaited with each preview of a stream
        as it comes.
        """
        ...

    def read(self, reply: HttpReply, request: Request, now: datetime) -> Answer:
        """What a complete reply says. It takes time with large images: call it off the event loop."""
        ...

    async def open(self) -> None:
        """Make connections possible."""
        ...

    async def close(self) -> None:
        """Give them up."""
        ...
