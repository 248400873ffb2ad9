"""One POST, and the moment from which it may be billed. Nothing here tries twice and nothing follows a redirect."""

import asyncio
import gzip
import io
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from ssl import SSLError

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from batchgen.providers.bounded import TooLong, read_whole
from batchgen.providers.links import LinkFailed, LinkRefused
from batchgen.providers.listening import EVENT_STREAM, Listener, Stream, listen

_CONNECT_TIMEOUT_S = 30.0
# A connection that a server has closed in the meantime would turn the next request into one whose fate is unknown.
_KEEP_ALIVE_S = 10.0


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A complete HTTP message; header names are in lower case.

    `linked` are images that the body names by link, or why they could not be fetched. `stream` is what came in place of a
    body: it may have broken off.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    linked: "tuple[bytes, ...] | LinkFailed | LinkRefused" = ()
    stream: Stream | None = None

    @property
    def size(self) -> int:
        """How many bytes of it there are to understand."""
        return len(self.body) if self.stream is None else sum(len(event.data) for event in self.stream.events)


class NoReply(Exception):
    """No complete message came back. `sent`: the body had begun to go. `reached`: there was a server at all."""

    def __init__(self, words: str, *, sent: bool, reached: bool) -> None:
        super().__init__(words)
        self.sent = sent
        self.reached = reached


class Http:
    """A pool of connections to one server."""

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._patience = aiohttp.ClientTimeout(total=timeout_s, sock_connect=_CONNECT_TIMEOUT_S)
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the pool; connections are made when they are needed."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S),
            timeout=self._patience,
            # A body that came whole and cannot be unpacked is an answer; the library takes it for a broken connection.
            auto_decompress=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def post(
        self,
        url: str,
        body: aiohttp.Payload,
        headers: Mapping[str, str],
        *,
        on_sent: Callable[[], Awaitable[None]],
        most_bytes: int,
        listener: Listener | None = None,
    ) -> HttpReply:
        """Send a body and read the whole reply, at most `most_bytes` of it. Raises NoReply.

        `on_sent` is awaited when the connection stands and before the first byte of the body goes. A `listener` hears a reply
        that comes as events, which is then let be silent for the timeout, and take that long for each event that is awaited.
        """
        assert self._session is not None, "post before open"
        sending = _Announced(body, on_sent)
        try:
            async with self._session.post(
                url,
                data=sending,
                headers={**headers, "Accept-Encoding": "identity"},
                allow_redirects=False,
                timeout=self._patience if listener is None else self._patience_with(listener),
            ) as reply:
                told = {name.lower(): value for name, value in reply.headers.items()}
                if listener is not None and reply.ok and reply.content_type == EVENT_STREAM:
                    return HttpReply(reply.status, told, b"", stream=await listen(reply, most_bytes, listener))
                content = await _unpacked(await read_whole(reply, most_bytes), reply, most_bytes)
                return HttpReply(reply.status, told, content)
        except (aiohttp.ClientError, TimeoutError, SSLError, OSError) as error:
            if sending.failure is not None:
                raise sending.failure from error
            raise _no_reply(error, sent=sending.begun) from error

    def _patience_with(self, listener: Listener) -> aiohttp.ClientTimeout:
        whole_s = self._timeout_s * listener.awaited
        return aiohttp.ClientTimeout(total=whole_s, sock_read=self._timeout_s, sock_connect=_CONNECT_TIMEOUT_S)

    async def get(self, url: str, headers: Mapping[str, str], *, most_bytes: int) -> HttpReply:
        """Ask for something that costs nothing. Raises NoReply."""
        assert self._session is not None, "get before open"
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False) as reply:
                content = await _unpacked(await read_whole(reply, most_bytes), reply, most_bytes)
                return HttpReply(reply.status, {}, content)
        except (aiohttp.ClientError, TimeoutError, SSLError, OSError) as error:
            raise _no_reply(error, sent=False) from error


def json_body(content: bytes) -> aiohttp.Payload:
    """JSON as a body."""
    return aiohttp.BytesPayload(content, content_type="application/json")


class _Announced(aiohttp.Payload):
    """A body that says when it begins to go."""

    def __init__(self, body: aiohttp.Payload, on_sent: Callable[[], Awaitable[None]]) -> None:
        super().__init__(body, headers=body.headers)
        self._size = body.size
        self._body = body
        self._on_sent = on_sent
        self.begun = False
        self.failure: BaseException | None = None

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Called by the HTTP client when the connection stands."""
        try:
            await self._on_sent()
        except BaseException as error:
            # The HTTP client takes whatever is raised here for a fault of the network.
            self.failure = error
            raise
        self.begun = True
        await self._body.write_with_length(writer, content_length)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """The same without a length."""
        await self.write_with_length(writer, None)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Asked for by nobody: this body goes once."""
        raise TypeError("a body that announces itself cannot be read")

    async def close(self) -> None:
        """Let go of what it holds."""
        await self._body.close()


async def _unpacked(body: bytes, reply: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    """What a server packed that was asked not to; as it came where that is not possible."""
    unpack = _UNPACK.get(reply.headers.get("Content-Encoding", "").strip().lower())
    if unpack is None:
        return body
    try:
        content = await asyncio.to_thread(unpack, body, most_bytes + 1)
    except (OSError, EOFError, zlib.error):
        return body
    if len(content) > most_bytes:
        raise TooLong(most_bytes)
    return content


def _gunzip(body: bytes, most_bytes: int) -> bytes:
    with gzip.open(io.BytesIO(body)) as file:
        return file.read(most_bytes)


def _inflate(body: bytes, most_bytes: int) -> bytes:
    return zlib.decompressobj().decompress(body, most_bytes)


_UNPACK = {"gzip": _gunzip, "x-gzip": _gunzip, "deflate": _inflate}


def _no_reply(error: BaseException, *, sent: bool) -> NoReply:
    unreached = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    return NoReply(words_of(error), sent=sent, reached=not unreached)


def words_of(error: BaseException) -> str:
    """What went wrong with a connection, for a person."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect to {error.host}:{error.port}: {error.os_error.strerror or error.os_error}"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the reply was cut short"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed without an answer"
    return str(error) or type(error).__name__
