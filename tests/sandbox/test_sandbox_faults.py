"""Faults: their names, who gets them, and what a client sees of each."""

import asyncio
import base64
import binascii
from contextlib import suppress

import aiohttp
import msgspec
import pytest

from batchgen.errors import WrongUsage
from batchgen.providers.sandbox import SandboxOptions, parse_faults
from batchgen.providers.sandbox.faults import Faults, bills


def with_fault(text, **options):
    return SandboxOptions(faults=parse_faults(text), **options)


def test_rates_are_read():
    """Names and rates as written, spaces allowed, nothing is no fault."""
    assert parse_faults(" 500=0.05, cut = 0.02 ") == Faults((("500", 0.05), ("cut", 0.02)))
    assert parse_faults("") == Faults()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("500=0.1,ctu=0.2", r"'ctu=0.2'.*did you mean cut\? Known are.*bad_json"),
        ("foo=1", r"fault 'foo=1': 'foo' is not known\. Known are slow_down"),
        ("600=0.1", "'600=0.1'.*from 400 to 599"),
        ("cut", "'cut'.*no rate"),
        ("cut=2", "'2' is not a rate"),
        ("cut=nan", "'nan' is not a rate"),
        ("cut=many", "'many' is not a rate"),
        ("cut=0.1,cut=0.1", "given twice"),
        ("cut=0.6,reset=0.6", "add up to 1.2"),
    ],
)
def test_mistakes_are_named(text, told):
    """The message holds the bad part, what is known, and what was probably meant."""
    with pytest.raises(WrongUsage, match=told):
        parse_faults(text)


def test_the_choice_is_fixed_and_fair():
    """The same request fails the same way in every run, shares are kept, and a retry may fare better."""
    faults = parse_faults("500=0.2,cut=0.1")
    chosen = [faults.choose(f"prompt {number}", 0) for number in range(5000)]
    assert chosen == [faults.choose(f"prompt {number}", 0) for number in range(5000)]
    assert 0.18 < chosen.count("500") / 5000 < 0.22
    assert 0.08 < chosen.count("cut") / 5000 < 0.12
    unlucky = next(f"prompt {number}" for number, fault in enumerate(chosen) if fault)
    assert "" in [faults.choose(unlucky, again) for again in range(1, 20)]


@pytest.mark.parametrize(
    ("fault", "status", "kind", "code"),
    [
        ("500", 500, "server_error", "server_error"),
        ("503", 503, "service_unavailable_error", "server_is_overloaded"),
        ("504", 504, "server_error", "server_error"),
        ("418", 418, "invalid_request_error", None),
        ("429", 429, "requests", "rate_limit_exceeded"),
        ("slow_down", 429, "rate_limit_error", "slow_down"),
        ("quota", 429, "insufficient_quota", "insufficient_quota"),
        ("moderation", 400, "image_generation_user_error", "moderation_blocked"),
    ],
)
def test_refusing_faults(serve, fault, status, kind, code):
    """An error of the vendor's shape; only the plain 429 says how long to wait."""

    async def scenario(client):
        reply = await client.generate()
        assert (reply.status, reply.error["type"], reply.error["code"]) == (status, kind, code)
        assert reply.headers.get("retry-after") == ("1" if fault == "429" else None)

    serve(scenario, with_fault(f"{fault}=1"))


@pytest.mark.parametrize("fault", ["reset", "cut"])
def test_broken_connections(serve, fault):
    """No complete message comes back."""

    async def scenario(client):
        error = aiohttp.ClientPayloadError if fault == "cut" else (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)
        with pytest.raises(error):
            await client.generate()

    serve(scenario, with_fault(f"{fault}=1"))


def test_cut_sends_half_of_what_it_promised(serve):
    """The length is promised, half arrives: a client that does not count would store half an image."""

    async def scenario(client):
        host, port = client.base.removeprefix("http://").removesuffix("/v1").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(raw_request("A lighthouse"))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        promised = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        assert len(body) == promised // 2 > 1000
        writer.close()

    serve(scenario, with_fault("cut=1"))


@pytest.mark.parametrize("fault", ["cut", "drip"])
def test_a_client_that_has_gone_is_nothing_to_report(serve, caplog, fault):
    """Who leaves before the answer begins leaves no traceback in the sandbox's log."""

    async def scenario(client):
        host, port = client.base.removeprefix("http://").removesuffix("/v1").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(raw_request("A lighthouse"))
        await writer.drain()
        writer.transport.abort()
        # Its answer comes later than that of the one who left.
        with suppress(aiohttp.ClientPayloadError):
            await client.generate()

    serve(scenario, with_fault(f"{fault}=1", latency_s=0.1))
    assert caplog.messages == []


def test_spoiled_answers(serve):
    """Complete 200s that hold no usable image, each in its own way, with their usage where there is JSON."""

    async def scenario(client):
        replies = {}
        for number in range(400):
            reply = await client.generate(f"prompt {number}", n=2)
            assert reply.status == 200
            replies[kind_of(reply)] = reply
            if len(replies) == 6:
                break
        assert set(replies) == {"bad_json", "bad_base64", "not_image", "html", "empty", "fewer"}
        assert replies["html"].headers["content-type"].startswith("text/html")
        whole = replies["empty"].json["usage"]["output_tokens"]
        assert (
            replies["fewer"].json["usage"]["output_tokens"] * 2 == whole == replies["not_image"].json["usage"]["output_tokens"]
        )

    serve(scenario, with_fault("bad_json=0.17,bad_base64=0.17,not_image=0.17,html=0.17,empty=0.16,fewer=0.16"))


def test_drip_is_slow_and_whole(serve):
    """The pieces add up to a good answer."""

    async def scenario(client):
        reply = await client.generate()
        assert base64.b64decode(reply.json["data"][0]["b64_json"]).startswith(b"\x89PNG")

    serve(scenario, with_fault("drip=1"))


def test_hang_ends_with_the_client_or_the_sandbox(serve):
    """Nothing is answered; neither a leaving client nor a closing sandbox waits for it."""

    async def scenario(client):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await client.generate()
        asked = asyncio.ensure_future(client.generate("another"))
        await asyncio.wait([asked], timeout=0.2)
        assert not asked.done()
        asked.cancel()

    serve(scenario, with_fault("hang=1"))


def test_only_whole_refusals_are_free():
    """The table of the module: errors cost nothing, what happens after the image was made does."""
    assert not any(map(bills, ("400", "429", "500", "503", "slow_down", "quota", "moderation")))
    after = ("reset", "cut", "bad_json", "bad_base64", "not_image", "html", "empty", "fewer", "hang", "drip", "504", "524", "")
    assert all(map(bills, after))


def raw_request(prompt):
    body = msgspec.json.encode({"model": "gpt-image-2", "prompt": prompt, "quality": "low"})
    head = (
        "POST /v1/images/generations HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer sk-test\r\n"
        f"Content-Type: application/json\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def kind_of(reply):
    """Which fault a client would find in a 200 for two images."""
    if reply.raw.startswith(b"<!DOCTYPE html>"):
        return "html"
    try:
        images = [image["b64_json"] for image in reply.json["data"]]
    except msgspec.DecodeError:
        return "bad_json"
    if len(images) < 2:
        return "fewer" if images else "empty"
    try:
        return "fine" if base64.b64decode(images[0], validate=True).startswith(b"\x89PNG") else "not_image"
    except binascii.Error:
        return "bad_base64"
