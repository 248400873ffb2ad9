"""The Images API against a real server: what goes out, and how every answer ends."""

import asyncio
import contextlib
import gzip
import json
import zlib
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest
from scripted_server import (
    USAGE,
    ScriptedServer,
    bad_base64,
    cut_json,
    drip,
    echo,
    empty_list,
    endless,
    error,
    half,
    hang,
    html,
    image_body,
    images,
    png,
    reply,
    reset_after,
    reset_unread,
    unused_port,
)

from batchgen.core.outcome import Ending, Outcome
from batchgen.core.request import Request
from batchgen.core.usage import Usage
from batchgen.providers.base import Answer
from batchgen.providers.openai import OpenAI
from batchgen.providers.reported import read_usage

KEY = "sk-proj-0123456789abcdef/+="
NOW = datetime(2026, 11, 20, tzinfo=UTC)
REQUEST = Request(
    "generate", "gpt-image-2.5-flare", "Ein Bär, “quoted”\n\u2028", {"size": "1024x1024", "quality": "low", "n": 2}
)


def asking(n=1, prompt="a lighthouse"):
    return Request("generate", "gpt-image-2.5-flare", prompt, {"size": "1024x1024", "quality": "low", "n": n})


@asynccontextmanager
async def opened(base, *, key=KEY, timeout_s=5.0):
    provider = OpenAI(base, key, timeout_s=timeout_s)
    await provider.open()
    try:
        yield provider
    finally:
        await provider.close()


class Sending:
    """Notes what the server had seen of the body when the moment of sending was told."""

    def __init__(self, server=None):
        self.server = server
        self.calls = 0
        self.body_seen_before = None

    async def __call__(self):
        self.calls += 1
        if self.server is not None:
            await asyncio.sleep(0)
            self.body_seen_before = [seen.body for seen in self.server.seen if seen.body is not None]


def ask(*script, request=None, timeout_s=5.0, key=KEY):
    """Send one request and read the answer; also what the server saw and when the sending was told."""

    async def run():
        async with ScriptedServer(list(script)) as server, opened(server.base, key=key, timeout_s=timeout_s) as provider:
            sending = Sending(server)
            got = await provider.send(request or asking(), "batchgen-7-1", sending)
            answer = Answer(got) if isinstance(got, Ending) else provider.read(got, request or asking(), NOW)
            return answer, server, sending

    return asyncio.run(run())


def test_the_request_is_exactly_what_was_asked_for():
    """The body is the request's JSON and nothing else, of a known length, with the key and a label."""
    answer, server, sending = ask(images(), request=REQUEST)
    assert answer.ending.outcome is Outcome.SUCCEEDED
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("POST", "/v1/images/generations")
    assert seen.json == {
        "model": "gpt-image-2.5-flare",
        "prompt": "Ein Bär, “quoted”\n\u2028",
        "size": "1024x1024",
        "quality": "low",
        "n": 2,
    }
    assert seen.headers["Content-Length"] == str(len(seen.body))
    assert "Transfer-Encoding" not in seen.headers
    assert seen.headers["Content-Type"] == "application/json"
    assert seen.headers["Authorization"] == f"Bearer {KEY}"
    assert seen.headers["X-Client-Request-Id"] == "batchgen-7-1"
    assert seen.headers["Accept-Encoding"] == "identity"
    assert sending.calls == 1
    assert sending.body_seen_before == []


def test_without_a_key_none_is_sent():
    """A server that needs no key gets no Authorization."""
    _, server, _ = ask(images(), key="")
    assert "Authorization" not in server.seen[0].headers


def test_a_slash_behind_the_base_url_changes_nothing():
    """`.../v1` and `.../v1/` are the same address."""

    async def run():
        async with ScriptedServer() as server, opened(f"{server.base}/") as provider:
            await provider.send(asking(), "label", Sending())
            return server.seen[0].path

    assert asyncio.run(run()) == "/v1/images/generations"


def test_images_come_back_byte_for_byte():
    """The bytes, the usage and the request id are the server's, untouched."""
    answer, server, _ = ask(images(headers={"x-request-id": "req_9"}), request=asking(3))
    assert answer.images == tuple(server.made)
    assert len(answer.images) == 3
    assert answer.ending == Ending(
        Outcome.SUCCEEDED,
        http_status=200,
        request_id="req_9",
        usage=Usage(input_text_tokens=10, input_image_tokens=0, output_tokens=439, output_text_tokens=None),
    )


def packed(body, how="gzip"):
    return reply(200, body, {"Content-Encoding": how})


# behaviour, outcome, code, images that came
ENDINGS = {
    "success": (images(), Outcome.SUCCEEDED, None, 1),
    "without usage": (images(usage=None), Outcome.SUCCEEDED, None, 1),
    "more than asked": (images(2), Outcome.SUCCEEDED, None, 2),
    "created": (reply(201, image_body([png()])), Outcome.SUCCEEDED, None, 1),
    "accepted": (reply(202, '{"id": "job_1"}'), Outcome.INVALID_REPLY, "too_few_images", 0),
    "no content": (reply(204), Outcome.INVALID_REPLY, "invalid_reply", 0),
    "html page": (html(), Outcome.INVALID_REPLY, "invalid_reply", 0),
    "cut json": (cut_json(), Outcome.INVALID_REPLY, "invalid_reply", 0),
    "bad base64": (bad_base64(), Outcome.INVALID_REPLY, "invalid_reply", 0),
    "empty list": (empty_list(), Outcome.INVALID_REPLY, "too_few_images", 0),
    "no data": (reply(200, '{"created": 1}'), Outcome.INVALID_REPLY, "too_few_images", 0),
    "a url instead": (reply(200, '{"data": [{"url": "http://127.0.0.1/"}]}'), Outcome.INVALID_REPLY, "link_refused", 0),
    "wrong types": (reply(200, '{"data": [{"b64_json": 5}]}'), Outcome.INVALID_REPLY, "invalid_reply", 0),
    "empty body": (reply(200), Outcome.INVALID_REPLY, "invalid_reply", 0),
    "packed": (packed(gzip.compress(image_body([png()]))), Outcome.SUCCEEDED, None, 1),
    "packed otherwise": (packed(zlib.compress(image_body([png()])), "deflate"), Outcome.SUCCEEDED, None, 1),
    "packed and broken": (packed(gzip.compress(image_body([png()]))[1:]), Outcome.INVALID_REPLY, "invalid_reply", 0),
    "packed and cut": (packed(gzip.compress(image_body([png()]))[:100]), Outcome.INVALID_REPLY, "invalid_reply", 0),
    "packed in an unknown way": (packed(b"kettle", "br"), Outcome.INVALID_REPLY, "invalid_reply", 0),
    "packed without measure": (packed(gzip.compress(bytes(2**25)) * 3), Outcome.UNKNOWN, "no_reply", 0),
    "not utf-8": (reply(200, b'{"data": [{"b64_json": "\xff"}]}'), Outcome.INVALID_REPLY, "invalid_reply", 0),
    "deep nesting": (reply(200, b'{"usage": ' + b"[" * 200_000), Outcome.INVALID_REPLY, "invalid_reply", 0),
    "refused": (error(400, "moderation_blocked"), Outcome.REJECTED, "moderation_blocked", 0),
    "speed": (error(429, "rate_limit_exceeded"), Outcome.RATE_LIMITED, "rate_limit_exceeded", 0),
    "money": (error(429, "insufficient_quota"), Outcome.ACCOUNT_BLOCKED, "insufficient_quota", 0),
    "broken server": (error(500), Outcome.UNAVAILABLE, "http_500", 0),
    "proxy gave up": (reply(504, "<html>"), Outcome.UNKNOWN, "http_504", 0),
    "reset before reading": (reset_unread(), Outcome.UNKNOWN, "no_reply", 0),
    "reset after reading": (reset_after(), Outcome.UNKNOWN, "no_reply", 0),
    "half a body": (half(), Outcome.UNKNOWN, "no_reply", 0),
    "endless": (endless(), Outcome.UNKNOWN, "no_reply", 0),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_every_answer_has_its_ending(name):
    """One request goes out, whatever comes back, and its sending was told before it."""
    behaviour, outcome, code, came = ENDINGS[name]
    answer, server, sending = ask(behaviour)
    assert (answer.ending.outcome, answer.ending.error_code, len(answer.images)) == (outcome, code, came)
    assert len(server.seen) == 1
    assert sending.calls == 1
    assert sending.body_seen_before == []
    assert answer.ending.error_message or outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("status", [201, 299])
def test_the_ending_keeps_the_status_that_came(status):
    """Whatever kind of success a gateway calls it, the ledger has its number."""
    for body in (image_body([png()]), image_body([]), b"<html>"):
        answer, _, _ = ask(reply(status, body))
        assert answer.ending.http_status == status


def test_a_link_in_place_of_an_image_is_kept():
    """It was paid for: whoever finds the reply in time can fetch the image."""
    body = b'{"data": [{"url": "http://127.0.0.1/a.png"}]}'
    answer, _, _ = ask(reply(200, body))
    assert answer.unread == body


@pytest.mark.parametrize("behaviour", [hang(), drip()], ids=["hang", "drip"])
def test_patience_has_an_end(behaviour):
    """A server that says nothing, or drips for ever, leaves an attempt of unknown fate when the time is up."""
    answer, server, _ = ask(behaviour, timeout_s=0.2)
    assert (answer.ending.outcome, answer.ending.error_message) == (Outcome.UNKNOWN, "no answer in time")
    assert len(server.seen) == 1


def test_a_reply_is_bounded_by_what_was_asked_for():
    """A reply that never ends is given up within a bound, and says so."""
    answer, _, _ = ask(endless())
    assert "longer than 67,108,864 bytes" in answer.ending.error_message


def test_a_broken_reply_keeps_its_usage():
    """What was billed is known even where the image is of no use."""
    for behaviour in (bad_base64(), empty_list()):
        answer, _, _ = ask(behaviour)
        assert answer.ending.usage.output_tokens == USAGE["output_tokens"]


def test_fewer_images_than_asked():
    """What came is kept, and the ending says how many are missing."""
    answer, server, _ = ask(images(2), request=asking(3))
    assert (answer.ending.outcome, answer.ending.error_code) == (Outcome.INVALID_REPLY, "too_few_images")
    assert answer.ending.error_message == "2 of 3 images came"
    assert answer.images == tuple(server.made)


def test_a_broken_image_does_not_take_the_good_one_along():
    """Of two images, one of them broken base64, the other was paid for and is kept."""
    good = png()
    body = json.loads(image_body([good, good]))
    body["data"][1]["b64_json"] = "&" * 40
    answer, _, _ = ask(reply(200, json.dumps(body)), request=asking(2))
    assert (answer.ending.outcome, answer.images) == (Outcome.INVALID_REPLY, (good,))


def test_a_redirect_is_not_followed():
    """Neither the key nor the request goes to the place that a redirect names."""

    async def run():
        async with ScriptedServer() as elsewhere, ScriptedServer() as server:
            for status in (301, 302, 303, 307, 308):
                server.script.append(reply(status, "", {"Location": f"{elsewhere.base}/images/generations"}))
            async with opened(server.base) as provider:
                replies = [await provider.send(asking(), "label", Sending()) for _ in range(5)]
                outcomes = {provider.read(got, asking(), NOW).ending.outcome for got in replies}
            return outcomes, len(server.seen), len(elsewhere.seen)

    assert asyncio.run(run()) == ({Outcome.ACCOUNT_BLOCKED}, 5, 0)


def test_nobody_listens():
    """A refused connection sends nothing, tells no sending, and is the network's fault."""

    async def run():
        sending = Sending()
        async with opened(f"http://127.0.0.1:{unused_port()}/v1") as provider:
            return await provider.send(asking(), "label", sending), sending.calls

    ending, calls = asyncio.run(run())
    assert (ending.outcome, ending.error_code, calls) == (Outcome.OFFLINE, "not_sent", 0)


def test_no_such_name():
    """A name without an address is the network's fault too."""

    async def run():
        sending = Sending()
        async with opened("http://no-such-host.invalid/v1") as provider:
            return await provider.send(asking(), "label", sending), sending.calls

    ending, calls = asyncio.run(run())
    assert (ending.outcome, calls) == (Outcome.OFFLINE, 0)


async def closed(writer):
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


class RawServer:
    """Accepts connections and keeps what comes, byte by byte; it answers nothing."""

    def __init__(self):
        self.received = b""
        self.connections = 0
        self._ended = asyncio.Event()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.base = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(self, *_):
        if self.connections:
            await asyncio.wait_for(self._ended.wait(), 5)
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        self.connections += 1
        try:
            # A client that goes away is what these tests make.
            with contextlib.suppress(ConnectionError):
                while part := await reader.read(65536):
                    self.received += part
        finally:
            await closed(writer)
            self._ended.set()


def test_what_fails_before_sending_fails_as_itself_and_sends_nothing():
    """If the ledger cannot note the sending, its own error comes out, and not a byte of the body has gone."""

    class LedgerAway(Exception):
        pass

    async def fail():
        raise LedgerAway("gone")

    async def run():
        async with RawServer() as server:
            async with opened(server.base) as provider:
                with pytest.raises(LedgerAway, match="gone"):
                    await provider.send(asking(prompt="not to be sent"), "label", fail)
            return server.connections, server.received

    connections, received = asyncio.run(run())
    assert connections == 1
    assert b"not to be sent" not in received
    assert received.partition(b"\r\n\r\n")[2] == b""


def test_stopped_while_the_sending_is_noted():
    """A request that is cancelled before its body went has sent no body."""

    async def run():
        noted = asyncio.Event()

        async def note_for_ever():
            noted.set()
            await asyncio.Event().wait()

        async with RawServer() as server:
            async with opened(server.base) as provider:
                call = asyncio.create_task(provider.send(asking(), "label", note_for_ever))
                await asyncio.wait_for(noted.wait(), 5)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
            return server.received

    assert asyncio.run(run()).partition(b"\r\n\r\n")[2] == b""


def test_a_connection_that_was_closed_meanwhile_is_not_asked_twice():
    """A request on a kept connection that breaks goes out once and is not repeated by the client."""

    async def run():
        async with ScriptedServer([images(), reset_after()]) as server, opened(server.base) as provider:
            first = await provider.send(asking(), "label", Sending())
            second = await provider.send(asking(), "label", Sending())
            return first.status, second.outcome, len(server.seen)

    assert asyncio.run(run()) == (200, Outcome.UNKNOWN, 2)


ESCAPED = "".join(f"\\u{ord(letter):04x}" for letter in KEY)
ECHOES = {
    "message": echo(401, '{"error": {"message": "Incorrect API key provided: KEY", "code": "invalid_api_key"}}'),
    "code": echo(401, '{"error": {"message": "m", "code": "KEY"}}'),
    "type": echo(401, '{"error": {"message": "m", "type": "KEY", "code": null}}'),
    "page": echo(502, "<html>your key is KEY</html>"),
    "page with escapes": reply(502, f"<html>{ESCAPED[:60]}{KEY[10:]}</html>"),
    "across the cut": echo(400, "x" * 980 + "KEY"),
    "escaped": reply(401, f'{{"error": {{"message": "{ESCAPED}", "code": null}}}}'),
    "slashes escaped": reply(401, f'{{"error": {{"message": "{KEY}", "code": null}}}}'.replace("/", "\\/")),
    "request id": echo(500, "{}", {"x-request-id": "KEY"}),
    "request id of a success": echo(200, '{"data": []}', {"x-request-id": "KEY"}),
    "json that is none": echo(200, '{"data": KEY}'),
    "location": echo(302, "", {"location": "http://127.0.0.1:1/?key=KEY"}),
    "strange request id": reply(500, "{}", {"x-request-id": "caf\u00e9"}),
    "half a letter": reply(500, '{"error": {"message": "\\ud800"}}'),
    "header of no http": echo(200, "KEY", {"x-key": "KEY"}),
}


@pytest.mark.parametrize("name", ECHOES)
def test_the_key_is_in_no_ending(name):
    """A server may say the key as it likes: what goes into the ledger does not hold it."""
    answer, _, _ = ask(ECHOES[name])
    assert KEY not in repr(answer.ending)
    assert KEY[:12] not in repr(answer.ending)


def test_the_key_is_in_nothing_that_is_kept():
    """Neither a reply that cannot be read nor an image that is none is kept with the key in it."""
    answer, _, _ = ask(reply(200, f'{{"data": [{{"url": 7, "words": "{ESCAPED}"}}]}}'))
    assert answer.unread == b'{"data": [{"url": 7, "words": "(the key)"}]}'
    answer, _, _ = ask(reply(200, image_body([f"no image, but {KEY}".encode()])))
    assert answer.masked(answer.images[0]) == b"no image, but (the key)"


def test_the_key_is_in_no_broken_connection():
    """Nor does a server that speaks no HTTP get it into an ending."""

    async def speak_nonsense(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(next(line for line in head.split(b"\r\n") if line.startswith(b"Authorization")) + b"\r\n\r\n")
        await writer.drain()
        await closed(writer)

    async def run():
        server = await asyncio.start_server(speak_nonsense, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, opened(f"http://127.0.0.1:{port}/v1") as provider:
            return await provider.send(asking(), "label", Sending())

    ending = asyncio.run(run())
    assert ending.outcome is Outcome.UNKNOWN
    assert KEY not in repr(ending)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (USAGE, Usage(10, 0, 439, None)),
        ({**USAGE, "output_tokens_details": {"text_tokens": 9, "image_tokens": 430}}, Usage(10, 0, 439, 9)),
        ({"input_tokens": 10, "output_tokens": 5}, Usage(10, None, 5, None)),
        ({"input_tokens": 10, "input_tokens_details": {"image_tokens": 4}}, Usage(6, 4, None, None)),
        ({"input_tokens": 3, "input_tokens_details": {"image_tokens": 4}}, Usage(0, 4, None, None)),
        ({"output_tokens_details": {"text_tokens": 9, "image_tokens": 430}}, Usage(None, None, 439, 9)),
        ({"input_tokens_details": None, "output_tokens": None}, Usage()),
        ({"output_tokens": -1}, Usage()),
        ({"output_tokens": 1.5}, Usage()),
        ({"output_tokens": True}, Usage()),
        ({"output_tokens": "439"}, Usage()),
        ({"output_tokens": 10**30}, Usage()),
        (None, Usage()),
        ([1], Usage()),
        ("many", Usage()),
    ],
)
def test_usage_is_read_or_not_known(usage, expected):
    """A count that is missing, or none, is not known; it is never zero."""
    assert read_usage(usage).usage == expected
