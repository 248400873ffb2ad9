"""Replies within bounds: a server may send without end."""

import aiohttp


class TooLong(aiohttp.ClientError):
    """The reply goes on beyond what was asked for."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"the reply is longer than {most_bytes:,} bytes")


async def read_whole(reply: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    """The body, of so many bytes at most. Raises TooLong."""
    parts: list[bytes] = []
    size = 0
    async for part in reply.content.iter_any():
        size += len(part)
        if size > most_bytes:
            raise TooLong(most_bytes)
        parts.append(part)
    return b"".join(parts)
