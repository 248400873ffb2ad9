"""The other end of every benchmark, a process of its own: it answers at once and from memory.

    python -m benchmarks.server BYTES [--images-per-minute N] [--no-hint] [--refuse]

It shares the machine with whoever is measured, so it does as little as Python allows: plain sockets, just enough HTTP/1.1 to
keep connections alive, and replies that are sent from where they lie. Prints its base URL; GET /counts tells what it saw, times
by the monotonic clock, which all processes of a machine share.
"""

import argparse
import itertools
import json
import selectors
import socket
import time
from collections.abc import Callable

from benchmarks import replies
from benchmarks.bucket import Bucket

_READ_BYTES = 64 * 1024
_IMAGES = b"POST /v1/images/generations "
_COUNTS = b"GET /counts "
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"


class Service:
    """What is answered, and what is counted."""

    def __init__(self, prepared: list[bytes], images_per_minute: int, *, with_hint: bool) -> None:
        self._prepared = itertools.cycle(prepared)
        self._images_per_minute = images_per_minute
        self._bucket = Bucket(images_per_minute) if images_per_minute else None
        self._with_hint = with_hint
        self._requests = 0
        self._refusals = 0
        self._first = 0.0
        self._last = 0.0

    def answer(self, head: bytes) -> bytes:
        """The whole reply to a request."""
        if head.startswith(_IMAGES):
            return self._image()
        if head.startswith(_COUNTS):
            return replies.message("200 OK", self._counts())
        return replies.message("404 Not Found", b"{}")

    def _image(self) -> bytes:
        self._last = time.monotonic()
        self._first = self._first or self._last
        self._requests += 1
        if self._bucket is not None and (wait_s := self._bucket.take(self._last)):
            self._refusals += 1
            return replies.refused_for_speed(wait_s, self._images_per_minute, with_hint=self._with_hint)
        return next(self._prepared)

    def _counts(self) -> bytes:
        counts = {"requests": self._requests, "refusals": self._refusals, "first": self._first, "last": self._last}
        return json.dumps(counts).encode()


class Connection:
    """One client. A request is read whole, its reply is sent whole, then comes the next."""

    def __init__(self, client: socket.socket, selector: selectors.BaseSelector, service: Service) -> None:
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = client
        self._selector = selector
        self._service = service
        self._received = b""
        self._unsent = memoryview(b"")
        selector.register(client, selectors.EVENT_READ, self._read)

    def _read(self) -> None:
        try:
            data = self._client.recv(_READ_BYTES)
        except ConnectionError:
            data = b""
        if not data:
            self._close()
            return
        self._received += data
        end = self._received.find(_END_OF_HEAD)
        if end < 0 or len(self._received) < end + len(_END_OF_HEAD) + _body_length(self._received[:end]):
            return
        self._unsent = memoryview(self._service.answer(self._received))
        self._received = b""
        self._send()
        if self._unsent:
            self._selector.modify(self._client, selectors.EVENT_WRITE, self._write)

    def _write(self) -> None:
        self._send()
        if not self._unsent and self._client.fileno() >= 0:
            self._selector.modify(self._client, selectors.EVENT_READ, self._read)

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[self._client.send(self._unsent) :]
        except BlockingIOError:
            return
        except ConnectionError:
            self._unsent = memoryview(b"")
            self._close()

    def _close(self) -> None:
        self._selector.unregister(self._client)
        self._client.close()


def _body_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(_LENGTH)
    return int(rest.partition(b"\r\n")[0]) if found else 0


def serve(service: Service) -> None:
    """Listen on a free port of this machine alone, say which, and answer until killed."""
    with selectors.DefaultSelector() as selector, socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)

        def accept() -> None:
            Connection(listener.accept()[0], selector, service)

        selector.register(listener, selectors.EVENT_READ, accept)
        while True:
            for key, _ in selector.select():
                ready: Callable[[], None] = key.data
                ready()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bytes", type=int)
    parser.add_argument("--images-per-minute", type=int, default=0)
    parser.add_argument("--no-hint", action="store_true")
    parser.add_argument("--refuse", action="store_true")
    given = parser.parse_args()
    prepared = [replies.refused_for_content()] if given.refuse else replies.images(given.bytes)
    serve(Service(prepared, given.images_per_minute, with_hint=not given.no_hint))


if __name__ == "__main__":
    main()
