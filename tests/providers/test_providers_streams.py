"""Answers as streams of events: every way in which one can come and end."""

import asyncio
import base64
import json
import time
from dataclasses import replace

import pytest
from aiohttp import web
from scripted_server import (
    USAGE,
    ScriptedServer,
    completed,
    error,
    event,
    hang,
    html,
    image_body,
    images,
    png,
    preview,
    reply,
    stream,
)
from test_providers_openai import KEY, NOW, Sending, opened

from batchgen.core.outcome import Ending, Outcome
from batchgen.core.pace import Told
from batchgen.core.request import Request
from batchgen.core.usage import Usage
from batchgen.providers.base import Answer

A, B, SMALL = png(), png(), png(4, 4)
ONE = Usage(input_text_tokens=10, input_image_tokens=0, output_tokens=439)
TWO = Usage(input_text_tokens=20, input_image_tokens=0, output_tokens=878)
NONE = Usage()
DONE = completed(A)


def asking(n=1, previews=0):
    return Request("generate", "gpt-image-2", "a lighthouse", {"n": n, "stream": True, "partial_images": previews})


def ask(behaviour, request=None, timeout_s=5.0, watch=None):
    """Send one request and read the answer; also the previews that came, and the server."""
    request, previews = request or asking(), []

    async def run():
        async with ScriptedServer([behaviour]) as server, opened(server.base, timeout_s=timeout_s) as provider:

            async def on_preview(image):
                previews.append(image)
                server.release.set()

            sending = Sending(server)
            got = await provider.send(request, "label", sending, on_preview)
            server.release.set()
            assert (len(server.seen), sending.calls, sending.body_seen_before) == (1, 1, [])
            return Answer(got) if isinstance(got, Ending) else provider.read(got, request, NOW)

    return asyncio.run(run()), previews


def failed(code, message="no", type_="", **members):
    """An event that says why there will be no image."""
    return event("error", error={"message": message, "type": type_, "param": None, "code": code, **members})


def unnamed(data):
    return b"data: %b\n\n" % json.dumps(data).encode()


def in_lines(data):
    """An event whose data stand on many lines, as any JSON may."""
    lines = json.dumps(json.loads(data.partition(b"data: ")[2]), indent=1).splitlines()
    return "event: image_generation.completed\n{}\n\n".format("\n".join(f"data: {line}" for line in lines)).encode()


TEXT = base64.b64encode(A).decode()
BROKEN = b'event: image_generation.completed\ndata: {"type": "image_gen\n\n'
OTHERS = [event("response.created", b64_json=TEXT), event("image_generation.in_progress"), b"event: ping\ndata: .\n\n"]

# behaviour, images asked for, outcome, code, images that came, usage
ENDINGS = {
    "one": (stream(DONE), 1, Outcome.SUCCEEDED, None, (A,), ONE),
    "of an edit": (stream(completed(A, "image_edit")), 1, Outcome.SUCCEEDED, None, (A,), ONE),
    "two": (stream(DONE, completed(B)), 2, Outcome.SUCCEEDED, None, (A, B), TWO),
    "more than asked": (stream(DONE, completed(B)), 1, Outcome.SUCCEEDED, None, (A, B), TWO),
    "without usage": (stream(completed(A, usage=None)), 1, Outcome.SUCCEEDED, None, (A,), NONE),
    "usage with the last": (stream(completed(A, usage=None), completed(B)), 2, Outcome.SUCCEEDED, None, (A, B), ONE),
    "previews": (stream(preview(SMALL), preview(SMALL, 1), DONE), 1, Outcome.SUCCEEDED, None, (A,), ONE),
    "comments": (stream(b": hello\n\n", b":\n", DONE, b": bye\n\n"), 1, Outcome.SUCCEEDED, None, (A,), ONE),
    "in single bytes": (stream(*(bytes([byte]) for byte in DONE)), 1, Outcome.SUCCEEDED, None, (A,), ONE),
    "CRLF": (stream(DONE.replace(b"\n", b"\r\n")), 1, Outcome.SUCCEEDED, None, (A,), ONE),
    "data on many lines": (stream(in_lines(DONE)), 1, Outcome.SUCCEEDED, None, (A,), ONE),
    "names in the data alone": (stream(DONE.partition(b"\n")[2], b"data: [DONE]\n\n"), 1, Outcome.SUCCEEDED, None, (A,), ONE),
    "other events": (stream(*OTHERS, DONE), 1, Outcome.SUCCEEDED, None, (A,), ONE),
    "no blank line at the end": (stream(DONE.rstrip()), 1, Outcome.SUCCEEDED, None, (A,), ONE),
    "cut behind the image": (stream(DONE, end="cut"), 1, Outcome.SUCCEEDED, None, (A,), ONE),
    "an error behind the image": (stream(DONE, failed("server_error")), 1, Outcome.SUCCEEDED, None, (A,), ONE),
    "no stream": (images(1), 1, Outcome.SUCCEEDED, None, None, ONE),
    "nothing": (stream(), 1, Outcome.UNKNOWN, "no_reply", (), NONE),
    "comments alone": (stream(b": hello\n\n"), 1, Outcome.UNKNOWN, "no_reply", (), NONE),
    "previews alone": (stream(preview(SMALL)), 1, Outcome.UNKNOWN, "no_reply", (), NONE),
    "other events alone": (stream(*OTHERS), 1, Outcome.UNKNOWN, "no_reply", (), NONE),
    "cut at once": (stream(end="cut"), 1, Outcome.UNKNOWN, "no_reply", (), NONE),
    "cut in the image": (stream(DONE[:90], end="cut"), 1, Outcome.UNKNOWN, "no_reply", (), NONE),
    "ended in the image": (stream(DONE[:90]), 1, Outcome.UNKNOWN, "no_reply", (), NONE),
    "ended in the second": (stream(DONE, completed(B)[:90]), 2, Outcome.UNKNOWN, "no_reply", (A,), NONE),
    "ended in a line behind the image": (stream(DONE.rstrip() + b"\n: by"), 1, Outcome.SUCCEEDED, None, (A,), ONE),
    "cut behind the first": (stream(DONE, end="cut"), 2, Outcome.UNKNOWN, "no_reply", (A,), NONE),
    "one of two": (stream(DONE), 2, Outcome.INVALID_REPLY, "too_few_images", (A,), ONE),
    "no image in it": (stream(event("image_edit.completed", usage=USAGE)), 1, Outcome.INVALID_REPLY, "too_few_images", (), ONE),
    "broken JSON": (stream(BROKEN), 1, Outcome.INVALID_REPLY, "invalid_reply", (), NONE),
    "broken JSON for one of two": (stream(DONE, BROKEN), 2, Outcome.INVALID_REPLY, "invalid_reply", (A,), NONE),
    "wrong types": (stream(event("image_edit.completed", b64_json=5)), 1, Outcome.INVALID_REPLY, "invalid_reply", (), NONE),
    "broken base64": (stream(DONE.replace(b"iVBO", b"iV*O")), 1, Outcome.INVALID_REPLY, "invalid_reply", (), ONE),
    "a page": (html(), 1, Outcome.INVALID_REPLY, "invalid_reply", (), NONE),
    "refused": (error(400, "moderation_blocked"), 1, Outcome.REJECTED, "moderation_blocked", (), NONE),
    "refused for its speed": (error(429, "rate_limit_exceeded"), 1, Outcome.RATE_LIMITED, "rate_limit_exceeded", (), NONE),
    "refused by a stream": (
        reply(500, failed(None), {"Content-Type": "text/event-stream"}),
        1,
        Outcome.UNAVAILABLE,
        "http_500",
        (),
        NONE,
    ),
    "refused within": (stream(failed("moderation_blocked")), 1, Outcome.REJECTED, "moderation_blocked", (), NONE),
    "refused behind a preview": (
        stream(preview(SMALL), failed("moderation_blocked")),
        1,
        Outcome.REJECTED,
        "moderation_blocked",
        (),
        NONE,
    ),
    "refused behind the first": (
        stream(DONE, failed("moderation_blocked")),
        2,
        Outcome.INVALID_REPLY,
        "moderation_blocked",
        (A,),
        ONE,
    ),
    "an error, then cut": (stream(failed("server_error"), end="cut"), 1, Outcome.UNAVAILABLE, "server_error", (), NONE),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_every_stream_has_its_ending(name):
    """One request goes out; what came whole is kept, and what cannot be known is called unknown."""
    behaviour, wanted, outcome, code, came, usage = ENDINGS[name]
    answer, _ = ask(behaviour, asking(wanted))
    assert (answer.ending.outcome, answer.ending.error_code) == (outcome, code)
    assert answer.images == came or (came is None and len(answer.images) == 1)
    assert answer.ending.usage == usage
    assert answer.ending.error_message or outcome is Outcome.SUCCEEDED
    # What was billed is not known only where the answer did not come whole.
    assert (answer.ending.http_status is None) == (outcome is Outcome.UNKNOWN)


# The error of an event; outcome, status, whether it is about the model.
REFUSALS = [
    ({"code": "moderation_blocked"}, Outcome.REJECTED, 400, False),
    ({"type": "image_generation_user_error", "code": None}, Outcome.REJECTED, 400, False),
    ({"type": "invalid_request_error", "code": "invalid_value"}, Outcome.REJECTED, 400, False),
    ({"type": "invalid_request_error", "code": "invalid_api_key"}, Outcome.ACCOUNT_BLOCKED, 401, False),
    ({"type": "invalid_request_error", "code": "model_not_found"}, Outcome.ACCOUNT_BLOCKED, 404, True),
    ({"code": "insufficient_quota"}, Outcome.ACCOUNT_BLOCKED, 500, False),
    ({"code": "rate_limit_exceeded", "type": "requests"}, Outcome.RATE_LIMITED, 429, False),
    ({"type": "rate_limit_error", "code": "slow_down"}, Outcome.RATE_LIMITED, 429, False),
    ({"code": "server_is_overloaded"}, Outcome.RATE_LIMITED, 503, False),
    ({"code": "server_error", "type": "server_error"}, Outcome.UNAVAILABLE, 500, False),
    ({"code": "something_new"}, Outcome.UNAVAILABLE, 500, False),
    ({"code": 429}, Outcome.RATE_LIMITED, 429, False),
    ({"code": "504"}, Outcome.UNKNOWN, 504, False),
    ({"code": 200}, Outcome.UNAVAILABLE, 500, False),
    ({}, Outcome.UNAVAILABLE, 500, False),
]


@pytest.mark.parametrize("form", ["named", "unnamed", "flat"])
@pytest.mark.parametrize(("told", "outcome", "status", "blocked"), REFUSALS, ids=str)
def test_an_error_within_a_stream_is_the_refusal_that_it_is(told, outcome, status, blocked, form):
    """By its code, else by its type, as if it had come in place of the stream; in each form that servers give it."""
    told = {"message": "Because.", **told}
    data = {"named": event("error", error=told), "unnamed": unnamed({"error": told})}
    # An event that is the error itself has its kind where the error has its type.
    data["flat"] = b"event: error\n" + unnamed(told)
    answer, _ = ask(stream(preview(SMALL), data[form]))
    found = answer.ending
    assert (found.outcome, found.http_status, found.blocked_model, found.error_message) == (
        outcome,
        status,
        blocked,
        "Because.",
    )
    assert found.request_id == "req_9"


def test_a_refusal_within_a_stream_tells_limit_and_wait():
    """Its words are all there is: the headers went before."""
    words = "Rate limit reached on images per min (IPM): Limit 5, Used 5, Requested 1. Please try again in 12s."
    answer, _ = ask(stream(failed("rate_limit_exceeded", words)))
    assert (answer.ending.told, answer.ending.retry_after_s) == (Told(images=5), 12.0)


@pytest.mark.parametrize("data", [b"kettle", b"[]", b'"no"', b'{"error": "no"}', b"[" * 200_000, b'{"message": "\xff"}'])
def test_an_error_that_cannot_be_read_is_the_server_s(data):
    """Whatever it is, no image will come."""
    answer, _ = ask(stream(b"event: error\ndata: " + data + b"\n\n"))
    assert (answer.ending.outcome, answer.ending.http_status) == (Outcome.UNAVAILABLE, 500)


def test_the_key_is_in_nothing_that_a_stream_leaves():
    """Neither in the refusal nor in what is kept for a person."""
    answer, _ = ask(stream(failed("server_error", f"your key is {KEY}")))
    assert KEY not in repr(answer.ending)
    answer, _ = ask(stream(f"event: image_edit.completed\ndata: {KEY}\n\n".encode()))
    assert answer.unread == b"(the key)"
    assert KEY not in repr(answer.ending)


def test_previews_are_handed_on_as_they_come():
    """The server sends the image when the previews have been seen; what is no preview is none."""
    broken = event("image_generation.partial_image", b64_json="&")
    parts = [broken, event("image_edit.partial_image"), preview(SMALL), DONE]
    answer, previews = ask(stream(*parts, pause=lambda server: server.release.wait()), asking(previews=3))
    assert (previews, answer.images) == ([SMALL], (A,))


@pytest.mark.parametrize(("parts", "came"), [([DONE, preview(SMALL)], (A,)), ([preview(SMALL)], None)])
def test_who_stops_waiting_keeps_what_has_come(parts, came):
    """The first of two images is kept, and what becomes of the other is unknown; without one there is nothing to keep."""

    async def run():
        seen = asyncio.Event()

        async def on_preview(_image):
            seen.set()

        async with ScriptedServer([stream(*parts, end="open")]) as server, opened(server.base) as provider:
            call = asyncio.create_task(provider.send(asking(2, previews=1), "label", Sending(), on_preview))
            await asyncio.wait_for(seen.wait(), 5)
            # The preview has been handed on; now the next event is waited for.
            await asyncio.sleep(0)
            call.cancel()
            (got,) = await asyncio.gather(call, return_exceptions=True)
            return got if came is None else provider.read(got, asking(2), NOW)

    found = asyncio.run(run())
    if came is None:
        assert isinstance(found, asyncio.CancelledError)
        return
    assert (found.ending.outcome, found.images) == (Outcome.UNKNOWN, came)
    assert found.ending.error_message == "stopped before the whole answer came"


def test_who_does_not_watch_gets_the_image():
    """Previews that nobody wants are let go."""

    async def run():
        async with ScriptedServer([stream(preview(SMALL), DONE)]) as server, opened(server.base) as provider:
            got = await provider.send(asking(), "label", Sending())
            return provider.read(got, asking(), NOW).images

    assert asyncio.run(run()) == (A,)


def test_a_server_that_does_not_end_its_stream_is_not_waited_for():
    """When everything is here, it is not the timeout that ends it."""
    began = time.monotonic()
    answer, _ = ask(stream(DONE, end="open"), timeout_s=60.0)
    assert (answer.ending.outcome, answer.images) == (Outcome.SUCCEEDED, (A,))
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("parts", [[], [b": hello\n\n"], OTHERS], ids=["headers", "a comment", "events"])
def test_a_stream_that_falls_silent_is_given_up(parts):
    """The timeout is the longest silence; what was sent may have been billed."""
    answer, _ = ask(stream(*parts, end="open"), replace(asking(10), parameters={"n": 10, "stream": True}), timeout_s=0.2)
    assert (answer.ending.outcome, answer.ending.error_message) == (Outcome.UNKNOWN, "no answer in time")


def test_a_stream_that_never_begins_is_given_up():
    """As an answer in one piece."""
    answer, _ = ask(hang(), timeout_s=0.2)
    assert (answer.ending.outcome, answer.ending.error_message) == (Outcome.UNKNOWN, "no answer in time")


@pytest.mark.parametrize(("part", "words"), [(b": x\n", "no answer in time"), (b"." * 2**20, "longer than 67,108,864 bytes")])
def test_a_stream_without_end_is_given_up(part, words):
    """Comments do not make it last for ever, nor does it take all memory."""

    async def for_ever(_server, request, _seen):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while True:
            await response.write(part)
            await asyncio.sleep(0 if len(part) > 10 else 0.02)

    answer, _ = ask(replace(hang(), answer=for_ever), timeout_s=5.0 if len(part) > 10 else 0.3)
    assert answer.ending.outcome is Outcome.UNKNOWN
    assert words in answer.ending.error_message


def test_each_event_has_the_time_of_a_whole_answer():
    """Two images and their previews may take four times as long, if something comes now and then."""

    async def in_time(_server, request, _seen):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for part in (preview(SMALL), DONE, preview(SMALL), completed(B)):
            await asyncio.sleep(0.3)
            await response.write(part)
        return response

    answer, _ = ask(replace(hang(), answer=in_time), asking(2, previews=1), timeout_s=1.0)
    assert answer.images == (A, B)


def test_an_answer_in_one_piece_to_a_streamed_request_is_bounded_as_ever():
    """A server that ignores `stream` is read like any other."""
    answer, _ = ask(reply(200, image_body([A])))
    assert (answer.images, answer.ending.usage) == ((A,), ONE)


def test_a_stream_that_nobody_asked_for_is_an_invalid_reply():
    """It is kept for a person: what it means is not known."""
    answer, _ = ask(stream(DONE), replace(asking(), parameters={}))
    assert (answer.ending.outcome, answer.unread) == (Outcome.INVALID_REPLY, DONE)
