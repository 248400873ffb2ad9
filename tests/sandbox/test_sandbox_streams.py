"""Server-sent events: the previews, the image with its usage, and what breaks on the way."""

import asyncio
import time
from datetime import UTC, datetime

import aiohttp
import msgspec
import pytest
from edit_parts import Part, picture, seen

from batchgen.core.input_tokens import input_image_tokens
from batchgen.core.output_tokens import published
from batchgen.core.pricing import cost_micros
from batchgen.core.usage import Usage
from batchgen.providers.sandbox import SandboxOptions, parse_faults


def events_of(raw):
    """The events of a whole stream, each with a name that is also its type."""
    assert raw.endswith(b"\n\n")
    events = []
    for text in raw.removesuffix(b"\n\n").split(b"\n\n"):
        name, data = text.split(b"\n")
        event = msgspec.json.decode(data.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        events.append(event)
    return events


@pytest.mark.parametrize("partials", [None, 0, 1, 3])
def test_previews_come_before_the_image(serve, partials):
    """As many as asked for, counted from 0, each finer than the one before; then the image with the usage of all of it."""

    async def scenario(client):
        reply = await client.generate(stream=True, partial_images=partials, n=1, safety_identifier="u1")
        assert (reply.status, reply.headers["content-type"]) == (200, "text/event-stream")
        *previews, image = events_of(reply.raw)
        assert [event["partial_image_index"] for event in previews] == list(range(partials or 0))
        assert {event["type"] for event in previews} <= {"image_generation.partial_image"}
        assert image["type"] == "image_generation.completed"
        for event in (*previews, image):
            assert (event["size"], event["quality"], event["background"]) == ("1024x1024", "low", "opaque")
            assert (event["output_format"], event["safety_identifier"]) == ("png", "u1")
            assert abs(event["created_at"] - time.time()) < 60
            assert seen(event["b64_json"]).size == (1024, 1024)
            assert ("usage" in event) == (event is image)
        assert len({event["b64_json"] for event in (*previews, image)}) == len(previews) + 1
        assert image["usage"]["output_tokens"] == published("gpt-image-2", "low", "1024x1024") + 100 * (partials or 0)
        assert image["usage"]["input_tokens_details"] == {"text_tokens": 9, "image_tokens": 0}

    serve(scenario)


def test_a_streamed_image_is_the_one_that_is_not_streamed(serve):
    """The last event holds the same bytes as an answer in one piece."""

    async def scenario(client):
        (event,) = events_of((await client.generate("Golden wheat", stream=True)).raw)
        assert event["b64_json"] == (await client.generate("Golden wheat")).json["data"][0]["b64_json"]

    serve(scenario)


def test_an_edit_streams_too(serve, tmp_path):
    """With names of its own; of several images each is completed with its own usage, and the log holds their sum."""
    log = tmp_path / "log.jsonl"
    image = Part("image", picture((900, 600)))

    async def scenario(client):
        reply = await client.edit(image, stream="true", partial_images="1", n="2", output_format="webp")
        assert [event["type"] for event in events_of(reply.raw)] == ["image_edit.partial_image", "image_edit.completed"] * 2
        first, second = (event["usage"] for event in events_of(reply.raw) if event["type"] == "image_edit.completed")
        assert first == second
        inputs = input_image_tokens("gpt-image-2", 900, 600, None)
        assert first["input_tokens_details"]["image_tokens"] == inputs
        each = published("gpt-image-2", "low", "1024x1024") + 100
        assert first["output_tokens"] == first["output_tokens_details"]["image_tokens"] == each
        line = msgspec.json.decode(log.read_bytes())
        assert (line["input_image_tokens"], line["output_tokens"], line["outcome"]) == (2 * inputs, 2 * each, "succeeded")
        text = 2 * first["input_tokens_details"]["text_tokens"]
        spent = Usage(input_text_tokens=text, input_image_tokens=2 * inputs, output_tokens=2 * each)
        assert line["cost_micros"] == cost_micros("gpt-image-2", spent, datetime.now(UTC).date())

    serve(scenario, SandboxOptions(log=log))


def test_the_latency_is_spread_over_the_events(serve):
    """The first preview comes in a part of the time, the image at its end."""

    async def scenario(client):
        began = time.monotonic()
        fields = {"model": "gpt-image-2", "prompt": "x", "quality": "low", "stream": True, "partial_images": 3}
        headers = {"Authorization": "Bearer sk"}
        async with client.session.post(client.base + "/images/generations", json=fields, headers=headers) as reply:
            first = time.monotonic() - began
            whole = await reply.read()
        assert first < 0.8 <= time.monotonic() - began
        assert len(events_of(whole)) == 4

    serve(scenario, SandboxOptions(latency_s=0.8))


@pytest.mark.parametrize("fault", ["500", "429", "quota", "moderation"])
def test_refusals_are_no_stream(serve, fault):
    """An error comes with its status in place of the events."""

    async def scenario(client):
        reply = await client.generate(stream=True, partial_images=2)
        assert reply.status >= 400
        assert reply.error["message"]

    serve(scenario, SandboxOptions(faults=parse_faults(f"{fault}=1")))


def test_a_stream_is_cut_in_the_middle(serve, tmp_path):
    """Some events may have come whole; the connection ends without the end of the message, and the image is billed."""
    log = tmp_path / "log.jsonl"

    async def scenario(client):
        came = b""
        fields = {"model": "gpt-image-2", "prompt": "x", "quality": "low", "stream": True, "partial_images": 2}
        headers = {"Authorization": "Bearer sk"}
        with pytest.raises(aiohttp.ClientPayloadError):
            async with client.session.post(client.base + "/images/generations", json=fields, headers=headers) as reply:
                assert reply.status == 200
                async for chunk in reply.content.iter_any():
                    came += chunk
        assert came.startswith(b"event: image_generation.partial_image\ndata: ")
        assert b"event: image_generation.completed\n" not in came or not came.endswith(b"\n\n")
        line = msgspec.json.decode(log.read_bytes())
        assert (line["outcome"], line["billed"]) == ("cut", True)

    serve(scenario, SandboxOptions(log=log, faults=parse_faults("cut=1")))


@pytest.mark.parametrize(
    ("fault", "spoiled"),
    [
        ("bad_json", lambda raw: raw.count(b"event: image_generation.completed") == 1 and not raw.endswith(b"}\n\n")),
        ("bad_base64", lambda raw: b"!not base64!" in raw),
        ("not_image", lambda raw: b"VGhpcyBpcyB0ZXh0" in raw),
        ("empty", lambda raw: [event["type"] for event in events_of(raw)] == ["image_generation.partial_image"]),
        ("fewer", lambda raw: raw == b""),
        ("html", lambda raw: raw.startswith(b"<!DOCTYPE html>")),
        ("drip", lambda raw: len(events_of(raw)) == 2),
    ],
)
def test_spoiled_streams(serve, fault, spoiled):
    """A complete message each time; what is wrong is in the event that completes the image, or that event is missing."""

    async def scenario(client):
        reply = await client.generate(stream=True, partial_images=1)
        assert reply.status == 200
        assert spoiled(reply.raw)

    serve(scenario, SandboxOptions(faults=parse_faults(f"{fault}=1")))


@pytest.mark.parametrize(("n", "billed"), [(1, 0), (3, 2)])
def test_an_error_within_a_stream_comes_in_place_of_the_last_image(serve, tmp_path, n, billed):
    """Those before it came whole and are billed; the message ends well. An answer in one piece is a 500 instead."""
    log = tmp_path / "log.jsonl"

    async def scenario(client):
        *images, last = events_of((await client.generate(stream=True, n=n)).raw)
        assert [event["type"] for event in images] == ["image_generation.completed"] * (n - 1)
        assert (last["type"], last["error"]["code"], last["error"]["param"]) == ("error", "server_error", None)
        assert (await client.generate(n=n)).status == 500
        first, second = (msgspec.json.decode(line) for line in log.read_bytes().splitlines())
        each = published("gpt-image-2", "low", "1024x1024")
        assert (first["outcome"], first["billed"], first["output_tokens"]) == ("stream_error", n > 1, billed * each)
        assert (second["status"], second["billed"]) == (500, False)

    serve(scenario, SandboxOptions(log=log, faults=parse_faults("stream_error=1")))


@pytest.mark.parametrize(("n", "partials", "whole"), [(1, 0, 0), (1, 2, 2), (2, 0, 1)])
def test_a_stream_breaks_off_between_its_events(serve, tmp_path, n, partials, whole):
    """What comes is whole, the last image does not, and all is billed. An answer in one piece is cut."""
    log = tmp_path / "log.jsonl"

    async def scenario(client):
        for stream in (True, False):
            came = b""
            fields = {"stream": True, "partial_images": partials} if stream else {}
            body = {"model": "gpt-image-2", "prompt": "x", "quality": "low", "n": n, **fields}
            headers = {"Authorization": "Bearer sk"}
            with pytest.raises(aiohttp.ClientPayloadError):
                async with client.session.post(client.base + "/images/generations", json=body, headers=headers) as reply:
                    async for chunk in reply.content.iter_any():
                        came += chunk
            assert not stream or len(events_of(came) if came else []) == whole
        lines = [msgspec.json.decode(line) for line in log.read_bytes().splitlines()]
        assert [(line["outcome"], line["billed"]) for line in lines] == [("stream_end", True), ("cut", True)]

    serve(scenario, SandboxOptions(log=log, faults=parse_faults("stream_end=1")))


@pytest.mark.parametrize("fault", ["reset", "hang"])
def test_streams_that_never_begin(serve, fault):
    """A reset connection, or none that ever answers."""

    async def scenario(client):
        with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError, TimeoutError)):
            async with asyncio.timeout(1):
                await client.generate(stream=True)

    serve(scenario, SandboxOptions(faults=parse_faults(f"{fault}=1")))


def test_a_client_that_leaves_within_a_stream_is_nothing_to_report(serve, tmp_path, caplog):
    """It is billed, as its line says, and leaves no traceback."""
    log = tmp_path / "log.jsonl"

    async def scenario(client):
        fields = {"model": "gpt-image-2", "prompt": "x", "quality": "low", "stream": True, "partial_images": 3}
        headers = {"Authorization": "Bearer sk"}
        async with client.session.post(client.base + "/images/generations", json=fields, headers=headers) as reply:
            await reply.content.readany()
        # The next one is answered after the events that the first one did not wait for.
        await client.generate()
        lines = [msgspec.json.decode(line) for line in log.read_bytes().splitlines()]
        assert [line["billed"] for line in lines] == [True, True]

    serve(scenario, SandboxOptions(log=log, latency_s=0.4))
    assert caplog.messages == []
