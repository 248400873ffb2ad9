"""Providers that differ from the vendor: where a request goes, what goes with it, and what does not come back out of it."""

import asyncio
import json
from urllib.parse import quote

import pytest
from scripted_server import ScriptedServer, error, images, reply
from test_providers_edits import LINK, file, parts
from test_providers_openai import NOW, Sending

from batchgen.core.dialect import VENDORS_WIRE, Wire
from batchgen.core.request import Request
from batchgen.providers.openai import OpenAI

KEY, TOKEN = "azure-key-0123456789", "team-token-0123456789"
AZURE = Wire(
    key_header="api-key",
    headers={"X-Team": "shop", "X-Token": TOKEN},
    query={"api-version": "2025-04-01-preview", "code": TOKEN},
    paths={"generations": "/deployments/{model}/images/generations/", "models": "deployments"},
    idempotency_header="Idempotency-Key",
    secrets=(TOKEN, "shop"),
)
PICTURE = Request("generate", "my model/2", "a lighthouse", {"size": "1024x1024", "n": 1})


def ask(*script, request=PICTURE, wire=AZURE, key=KEY, once="once-1", **ways):
    """Send one request over a wire; the request that the server saw, and the answer."""

    async def run():
        async with ScriptedServer(list(script), images(1)) as server:
            provider = OpenAI(f"{server.base}/", key, timeout_s=5.0, wire=wire, **ways)
            await provider.open()
            try:
                got = await provider.send(request, "label-1", Sending(), once=once)
                return server.seen[0], provider.read(got, request, NOW)
            finally:
                await provider.close()

    return asyncio.run(run())


def test_a_request_as_azure_wants_it():
    """The deployment in the path, the version behind it, the key in a header of its own and in no other."""
    seen, answer = ask()
    assert (seen.method, seen.path) == ("POST", "/v1/deployments/my%20model%2F2/images/generations")
    assert seen.query == f"api-version=2025-04-01-preview&code={TOKEN}"
    assert (seen.headers["api-key"], seen.headers["X-Team"], seen.headers["X-Token"]) == (KEY, "shop", TOKEN)
    assert "Authorization" not in seen.headers
    assert seen.headers["X-Client-Request-Id"] == "label-1"
    assert seen.json == PICTURE.body
    assert len(answer.images) == 1


def test_what_is_not_said_is_as_the_vendor_has_it():
    """Another path, no query, a bearer's key, and no word that tells tries apart: the vendor has none."""
    seen, _ = ask(wire=VENDORS_WIRE)
    assert (seen.path, seen.query) == ("/v1/images/generations", "")
    assert seen.headers["Authorization"] == f"Bearer {KEY}"
    assert "once-1" not in dict(seen.headers).values()
    seen, _ = ask(wire=AZURE, key="")
    assert not {"api-key", "Authorization"} & set(seen.headers)


def test_what_tells_a_second_try_from_a_new_wish():
    """It stands under the header that the provider has for it, and nowhere if there is nothing to tell."""
    assert ask()[0].headers["Idempotency-Key"] == "once-1"
    assert "Idempotency-Key" not in ask(once="")[0].headers


@pytest.mark.parametrize(
    ("own", "asked"), [({}, "b64_json"), ({"response_format": "url"}, "url"), ({"style": "vivid"}, "b64_json")]
)
def test_a_reply_is_asked_for_where_it_must_be(own, asked):
    """As `response_format`, beside whatever the row says, which counts before it; nothing is asked of the vendor."""
    request = Request("generate", "m", "p", {"size": "1024x1024", **own})
    assert ask(request=request, wire=Wire(reply="b64_json"))[0].json == {**request.body, "response_format": asked}
    assert ask(request=request, wire=Wire())[0].json == request.body


def test_files_of_an_edit_go_within_json_where_there_is_no_form(tmp_path):
    """As data URLs, a mask beside the images."""
    inputs = (file(tmp_path / "cup.png"), file(tmp_path / "hole.png", role="mask"))
    request = Request("edit", "gpt-image-2", "on a beach", {"n": 1}, inputs)
    seen, _ = ask(request=request, wire=Wire(paths={"edits": "{model}/edit"}), json_edits=True)
    assert seen.path == "/v1/gpt-image-2/edit"
    assert [list(image) for image in seen.json["images"]] == [["image_url"]]
    assert seen.json["images"][0]["image_url"].startswith("data:image/png;base64,")
    assert seen.json["mask"]["image_url"].startswith("data:image/png;base64,")
    linked = Request("edit", "gpt-image-2", "on a beach", {"n": 1}, (LINK,))
    assert ask(request=linked, wire=VENDORS_WIRE, json_edits=True)[0].json["images"] == [{"image_url": LINK.source}]


def test_a_variation_is_a_form_without_a_prompt(tmp_path):
    """One image and its parameters, also where edits have no form."""
    request = Request("variation", "dall-e-2", "", {"n": 2, "size": "512x512"}, (file(tmp_path / "cup.png"),))
    seen, answer = ask(images(2), request=request, wire=VENDORS_WIRE, json_edits=True)
    assert seen.path == "/v1/images/variations"
    fields = [part[:2] for part in parts(seen)]
    assert fields == [("model", None), ("n", None), ("size", None), ("image", "cup.png")]
    assert len(answer.images) == 2


@pytest.mark.parametrize("secret", [KEY, TOKEN, "".join(f"\\u{ord(letter):04x}" for letter in TOKEN)])
@pytest.mark.parametrize("status", [400, 200])
def test_no_secret_comes_back_out_of_what_a_server_says(secret, status):
    """Neither the key nor what else was sent in headers and query, in whatever letters a server repeats it."""
    words = json.dumps({"error": {"message": "KEY", "code": "KEY"}, "data": []}).replace("KEY", secret)
    _, answer = ask(reply(status, words))
    told = repr(answer) + (answer.unread or b"").decode()
    assert not any(one in told for one in (KEY, TOKEN))


SIGNATURE, BEARER = "aB3+kd9/QQx7 Zw12==", "sk-bearer-0123456789"
SIGNED = Wire(headers={"Authorization": f"Bearer {BEARER}"}, query={"sig": SIGNATURE}, secrets=(f"Bearer {BEARER}", SIGNATURE))


@pytest.mark.parametrize("status", [404, 401, 200])
def test_no_secret_comes_back_as_it_was_sent(status):
    """A query in the letters of an address, and of a header's words the one that is the key."""
    seen, _ = ask(wire=SIGNED, key="")
    sent, header = seen.query.partition("=")[2], seen.headers["Authorization"].partition(" ")[2]
    assert (sent == SIGNATURE, header) == (False, BEARER)
    _, answer = ask(reply(status, f"nothing at /v1?sig={sent} for {header}, {quote(SIGNATURE)}"), wire=SIGNED, key="")
    told = repr(answer) + (answer.unread or b"").decode()
    assert not any(one in told for one in ("aB3", "Zw12", BEARER))


def test_a_short_value_of_a_header_is_left_in_the_words():
    """Else every `shop` of a message would become a key."""
    _, answer = ask(error(400, "bad", message="no such shop"))
    assert answer.ending.error_message == "no such shop"


def test_what_is_no_secret_is_left_in_the_words():
    """A version that a settings file holds is what the message is about."""
    _, answer = ask(error(400, "bad", message="api-version 2025-04-01-preview is not supported"))
    assert answer.ending.error_message == "api-version 2025-04-01-preview is not supported"


def test_the_models_are_asked_for_where_they_are():
    """With the same key and query."""

    async def run():
        async with ScriptedServer(then=reply(200, '{"data": [{"id": "a"}]}')) as server:
            provider = OpenAI(server.base, KEY, timeout_s=5.0, wire=AZURE)
            await provider.open()
            try:
                return await provider.models(), server.seen[0]
            finally:
                await provider.close()

    found, seen = asyncio.run(run())
    assert (found, seen.path, seen.query) == ({"a": None}, "/v1/deployments", f"api-version=2025-04-01-preview&code={TOKEN}")
    assert seen.headers["api-key"] == KEY
