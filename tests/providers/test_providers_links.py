"""Replies that name their images by link: fetched at once, without the key, and never from where no image comes from."""

import asyncio
import base64
import json
from dataclasses import replace

import pytest
from scripted_server import USAGE, ScriptedServer, endless, error, event, png, reply, reset_unread, stream
from test_providers_openai import KEY, NOW, Sending, asking

from batchgen.core.outcome import Ending, Outcome
from batchgen.core.remedy import BOUGHT_IN_VAIN
from batchgen.providers.openai import OpenAI

PICTURE = png()


def linking(*links):
    """A reply of a server that keeps its images elsewhere."""
    return reply(200, json.dumps({"created": 1, "data": [{"url": link} for link in links], "usage": USAGE}))


def moved(to):
    """A redirect."""
    return reply(302, b"", {"Location": to})


def ask(shelf, *, paths=("a.png",), private=True, links=None, n=1, body=None, events=False):
    """Ask a server that answers with links to a shelf; the answer, and what the shelf was asked."""

    async def run():
        async with ScriptedServer(list(shelf)) as store:
            named = links or [f"{store.base}/{path}" for path in paths]
            said = body(*named) if callable(body) else body
            answer = linking(*named) if said is None else reply(200, said)
            answer = stream(*(event("image_edit.completed", url=link) for link in named)) if events else answer
            request = replace(asking(n), parameters={"n": n, "stream": events})
            async with ScriptedServer([answer]) as server:
                provider = OpenAI(server.base, KEY, timeout_s=5, private_links=private)
                await provider.open()
                try:
                    got = await provider.send(request, "label", Sending())
                finally:
                    await provider.close()
                assert not isinstance(got, Ending)
                return provider.read(got, request, NOW), store.seen

    answer, seen = asyncio.run(run())
    return answer, seen


def test_images_by_link_are_fetched_and_the_key_stays_here():
    """Byte for byte, in their order, with the usage of the reply."""
    other = png()
    answer, seen = ask([reply(200, PICTURE), reply(200, other)], paths=("a.png", "b.png"), n=2)
    assert (answer.ending.outcome, answer.images) == (Outcome.SUCCEEDED, (PICTURE, other))
    assert answer.ending.usage.output_tokens == USAGE["output_tokens"]
    assert [(one.method, one.path) for one in seen] == [("GET", "/v1/a.png"), ("GET", "/v1/b.png")]
    assert KEY not in str([dict(one.headers) for one in seen])


def test_links_within_a_stream_are_followed():
    """A server may tell of its images in events and keep them elsewhere all the same."""
    other = png()
    answer, seen = ask([reply(200, PICTURE), reply(200, other)], paths=("a.png", "b.png"), n=2, events=True)
    assert (answer.ending.outcome, answer.images, len(seen)) == (Outcome.SUCCEEDED, (PICTURE, other), 2)
    answer, _ = ask([], links=["http://127.0.0.1:1/a.png"], private=False, events=True)
    assert (answer.ending.error_code, b"a.png" in answer.unread) == ("link_refused", True)
    answer, _ = ask([], links=["data:image/png;base64," + base64.b64encode(PICTURE).decode()], events=True)
    assert answer.images == (PICTURE,)


LARGE = png(320, 320) + bytes(300_000)


@pytest.mark.parametrize("image", [PICTURE, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("head", ["data:image/png;base64,", "DATA:;Base64,"])
@pytest.mark.parametrize("key", ["url", "b64_json"])
def test_an_image_within_a_data_url_is_no_link(image, head, key):
    """It is in the reply already, under whichever name and however long it is."""
    body = json.dumps({"data": [{"b64_json": None, key: head + base64.b64encode(image).decode()}]})
    answer, _ = ask([], body=body)
    assert (answer.ending.outcome, answer.images) == (Outcome.SUCCEEDED, (image,))


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"url": "data:image/svg+xml,%3Csvg"}, "link_refused"),
        ({"url": "data:image/svg+xml," + "%3C" * 200_000}, "link_refused"),
        ({"image": base64.b64encode(LARGE).decode()}, "unknown_form"),
        ({"image": "no"}, "too_few_images"),
    ],
)
def test_an_image_in_a_form_that_is_not_known_halts_the_run(entry, code):
    """Every further one would be paid for as well; an answer too short to hold an image may be about its row alone."""
    answer, _ = ask([], body=json.dumps({"data": [entry]}))
    assert (answer.ending.outcome, answer.ending.error_code) == (Outcome.INVALID_REPLY, code)
    assert (code in BOUGHT_IN_VAIN) == (answer.unread is not None) == (code != "too_few_images")


def test_links_are_seen_in_an_answer_of_any_length():
    """A server may write much beside them."""

    def body(link):
        return json.dumps({"thoughts": "." * 300_000, "data": [{"url": link}]})

    answer, _ = ask([reply(200, PICTURE)], body=body)
    assert answer.images == (PICTURE,)


def test_a_redirect_is_followed():
    """Stores move what they keep."""
    answer, seen = ask([moved("/elsewhere/a.png"), reply(200, PICTURE)])
    assert answer.images == (PICTURE,)
    assert seen[1].path == "/elsewhere/a.png"


def test_a_connection_that_breaks_once_does_not_cost_the_image():
    """It is bought; asking for it again is free."""
    answer, seen = ask([reset_unread(), reset_unread(), reply(200, PICTURE)])
    assert (answer.images, len(seen)) == ((PICTURE,), 3)


_FAILS = {
    "gone": [error(403, "expired")],
    "broken again and again": [reset_unread()] * 3,
    "leads on and on": [moved("/a"), moved("/b"), moved("/c"), moved("/d")],
}


@pytest.mark.parametrize("case", _FAILS)
def test_what_cannot_be_fetched_is_told_and_kept(case):
    """The reply with the link is kept for a person; the message names the host alone, since a link may be as good as a key."""
    answer, _ = ask(_FAILS[case])
    assert (answer.ending.outcome, answer.ending.error_code) == (Outcome.INVALID_REPLY, "link_failed")
    assert "127.0.0.1" in answer.ending.error_message
    assert "a.png" not in answer.ending.error_message
    assert b"a.png" in answer.unread


def test_an_endless_image_is_given_up(monkeypatch):
    """Within the size that an image can have."""
    monkeypatch.setattr("batchgen.providers.openai._MOST_BYTES_AN_IMAGE", 100_000)
    answer, _ = ask([endless()])
    assert answer.ending.error_code == "link_failed"
    assert "longer than 100,000 bytes" in answer.ending.error_message


_PRIVATE = [
    "http://127.0.0.1:1/a.png",
    "http://localhost:1/a.png",
    "http://[::1]:1/a.png",
    "http://10.0.0.7/a.png",
    "http://192.168.1.1/a.png",
    "http://169.254.169.254/latest/meta-data",
    "http://0.0.0.0:1/a.png",
    "file:///etc/hostname",
    "ftp://a.example/x.png",
    "http://[broken/a.png",
]


@pytest.mark.parametrize("link", _PRIVATE)
def test_no_link_leads_to_this_machine_or_into_its_network(link):
    """Nothing is connected to, and the run halts instead of buying what it will not fetch."""
    answer, seen = ask([], links=[link], private=False)
    assert (answer.ending.outcome, answer.ending.error_code) == (Outcome.INVALID_REPLY, "link_refused")
    assert seen == []


def test_nor_does_a_redirect():
    """Every place that is led to is looked at, whatever the first one was."""
    answer, _ = ask([moved("file:///etc/hostname")])
    assert answer.ending.error_code == "link_refused"
