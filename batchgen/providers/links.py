"""Images that a reply names by link: fetched at once, since such links expire, and only from where images may come from.

What a server writes is data. It shall not lead us to our own machine or network, nor learn the key: a link is asked for
without it, every address is looked at before it is connected to, and so is every place that a redirect names.
"""

import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from batchgen.providers.bounded import TooLong, read_whole

_TIMEOUT_S = 120.0
_MOST_REDIRECTS = 3
# The image is bought; that a network fails for a moment shall not cost it.
_TRIES = 3
_MOVED = frozenset({301, 302, 303, 307, 308})


class LinkRefused(Exception):
    """The link leads where no image is fetched from; every further one would."""


class LinkFailed(Exception):
    """Nothing came from there."""


class Links:
    """Fetches images, from public addresses unless `allow_private`."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, link: str, most_bytes: int) -> bytes:
        """What lies behind a link. Raises LinkRefused, LinkFailed."""
        for left in reversed(range(_TRIES)):
            try:
                return await self._follow(link, most_bytes)
            except TooLong as error:
                raise LinkFailed(f"{_host(link)}: {error}") from error
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                if (refused := _refusal(error)) is not None:
                    raise refused from None
                if not left:
                    raise LinkFailed(f"{_host(link)}: {str(error) or type(error).__name__}") from error
        raise AssertionError("the last try raises")

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _follow(self, link: str, most_bytes: int) -> bytes:
        for _ in range(_MOST_REDIRECTS + 1):
            self._look_at(link)
            async with self._opened().get(link, allow_redirects=False) as reply:
                if reply.status in _MOVED and "Location" in reply.headers:
                    link = urljoin(link, reply.headers["Location"])
                    continue
                if reply.status != 200:
                    raise LinkFailed(f"{_host(link)} answers {reply.status}")
                return await read_whole(reply, most_bytes)
        raise LinkFailed(f"{_host(link)} leads on and on")

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # The address that was looked at is the one that is connected to: a name may mean another place a moment later.
            connector = aiohttp.TCPConnector(resolver=_Resolver(allow_private=self._allow_private), use_dns_cache=False)
            timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
            self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    def _look_at(self, link: str) -> None:
        try:
            parts = urlsplit(link)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise LinkRefused("the link cannot be read") from None
        if parts.scheme not in ("http", "https") or not host:
            raise LinkRefused(f"the link is no http(s) address: {link[:80]!a}")
        _refuse_private(host, [host], allow=self._allow_private)


class _Resolver(AbstractResolver):
    """Names to addresses; those of one name are all public, or it is refused."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        """As its library asks. A refusal goes through it as the cause of an OSError."""
        found = await self._inner.resolve(host, port, family)
        try:
            _refuse_private(host, [one["host"] for one in found], allow=self._allow_private)
        except LinkRefused as error:
            raise OSError(str(error)) from error
        return found

    async def close(self) -> None:
        """Let go of what it holds."""
        await self._inner.close()


def _refusal(error: BaseException | None) -> LinkRefused | None:
    """The refusal that an error of the HTTP client goes back to."""
    while error is not None and not isinstance(error, LinkRefused):
        error = error.__cause__
    return error


def _refuse_private(host: str, addresses: Sequence[str], *, allow: bool) -> None:
    for text in addresses:
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            continue  # a name, which is looked up before it is connected to
        if not allow and not address.is_global:
            raise LinkRefused(f"{host} is on this machine or in a private network; private_links = true allows that")


def _host(link: str) -> str:
    """All that is told of a link: what follows may be as good as a key."""
    return urlsplit(link).hostname or "the link"
