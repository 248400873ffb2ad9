"""The free moderation endpoint, which is of one opinion with the image endpoints."""

import pytest

from batchgen.providers.sandbox import SandboxOptions

SENT = {"Authorization": "Bearer sk-test-key"}


async def moderate(client, given, **fields):
    return await client.send("POST", "/moderations", json={"input": given, **fields}, headers=SENT)


@pytest.mark.parametrize(
    ("given", "flagged"),
    [
        ("A lighthouse", [False]),
        ("A [moderation] lighthouse", [True]),
        (["A cat", "[moderation]", ""], [False, True, False]),
        ([{"type": "text", "text": "A cat"}, {"type": "text", "text": "[moderation]"}], [True]),
        ([{"type": "image_url", "image_url": {"url": "https://example.org/[moderation]"}}], [False]),
    ],
)
def test_the_marker_is_flagged(serve, given, flagged):
    """One result a text, one for all parts together; a flagged one says as what."""

    async def scenario(client):
        reply = await moderate(client, given, model="omni-moderation-latest")
        assert reply.status == 200
        body = reply.json
        assert body["id"].startswith("modr-")
        assert body["model"] == "omni-moderation-2024-09-26"
        results = body["results"]
        assert [result["flagged"] for result in results] == flagged
        for result in results:
            assert len(result["categories"]) == len(result["category_scores"]) == 13
            assert [name for name, found in result["categories"].items() if found] == ["violence"] * result["flagged"]
            assert (max(result["category_scores"].values()) > 0.5) == result["flagged"]

    serve(scenario)


def test_an_image_is_looked_at_in_some_categories_only(serve):
    """The answer says which kinds of input each category was judged by."""

    async def scenario(client):
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
        (result,) = (await moderate(client, [{"type": "text", "text": "x"}, image])).json["results"]
        judged = result["category_applied_input_types"]
        assert (judged["violence"], judged["hate"]) == (["text", "image"], ["text"])
        (result,) = (await moderate(client, [image])).json["results"]
        assert (result["category_applied_input_types"]["sexual"], result["category_applied_input_types"]["hate"]) == (
            ["image"],
            [],
        )

    serve(scenario)


@pytest.mark.parametrize(
    ("given", "fields", "status", "code", "param"),
    [
        (None, {}, 400, "missing_required_parameter", "input"),
        (7, {}, 400, "invalid_type", "input"),
        ([], {}, 400, "empty_array", "input"),
        (["x", 7], {}, 400, "invalid_type", "input[0]"),
        ([{"type": "audio"}], {}, 400, "invalid_value", "input[0].type"),
        ([{"type": "text"}], {}, 400, "missing_required_parameter", "input[0].text"),
        ([{"type": "image_url", "image_url": "x"}], {}, 400, "missing_required_parameter", "input[0].image_url.url"),
        ("x", {"model": "gpt-image-2"}, 404, "model_not_found", "model"),
        ("x", {"n": 1}, 400, "unknown_parameter", "n"),
    ],
)
def test_bad_requests_are_named(serve, given, fields, status, code, param):
    """The same shape of errors as everywhere."""

    async def scenario(client):
        reply = await moderate(client, given, **fields)
        assert (reply.status, reply.error["code"], reply.error["param"]) == (status, code, param)

    serve(scenario)


def test_it_is_free(serve, tmp_path):
    """Neither the limit, nor the faults, nor the log knows of it."""
    log = tmp_path / "log.jsonl"

    async def scenario(client):
        assert [(await moderate(client, "x")).status for _ in range(5)] == [200] * 5
        assert log.read_bytes() == b""

    serve(scenario, SandboxOptions(log=log, images_per_minute=1))
