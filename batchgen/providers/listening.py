"""A reply that comes as a stream of events: heard as it comes, within bounds, and whatever of it has come is kept.

An event that arrived is an answer, whatever becomes of the connection behind it.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol

import aiohttp

from batchgen.providers.bounded import TooLong
from batchgen.providers.events import Event, Splitter

EVENT_STREAM = "text/event-stream"

# Everything is here, and a server that forgets to say so shall not keep us; one that says so keeps its connection.
_GRACE_S = 1.0


class Listener(Protocol):
    """Who hears a stream. `awaited` is how many events are to come; each is given the time of a whole reply."""

    awaited: int

    async def hear(self, event: Event) -> bool:
        """Whether the event is a part of the reply; else it has been dealt with."""
        ...

    @property
    def has_all(self) -> bool:
        """Whether everything has come that was asked for."""
        ...


@dataclass(frozen=True, slots=True)
class Stream:
    """The events that came. `broken` is what ended the stream before its end, None where it ended well."""

    events: tuple[Event, ...]
    broken: Exception | None = None


async def listen(reply: aiohttp.ClientResponse, most_bytes: int, listener: Listener) -> Stream:
    """Hear a stream to its end, or to where it breaks off."""
    splitter = Splitter()
    events: list[Event] = []
    broken: Exception | None = None
    size = 0
    try:
        async with asyncio.timeout(None) as patience:
            async for part in reply.content.iter_any():
                size += len(part)
                if size > most_bytes:
                    raise TooLong(most_bytes)
                for event in splitter.feed(part):
                    is_kept = await listener.hear(event)
                    if is_kept:
                        events.append(event)
                if listener.has_all and patience.when() is None:
                    patience.reschedule(asyncio.get_running_loop().time() + _GRACE_S)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        broken = error
    except asyncio.CancelledError:
        if not events:
            raise
        # Who stops waiting gives up what has not come, and nothing else.
        broken = ConnectionAbortedError("stopped before the whole answer came")
    events += [event for event in splitter.rest() if await listener.hear(event)]
    return Stream(tuple(events), broken)
