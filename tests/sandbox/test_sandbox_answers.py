"""What a good request gets, and what the other paths answer."""

import asyncio
import base64
import io
import re
import subprocess
import sys
import time
from xml.etree import ElementTree

import pytest
from PIL import Image

from batchgen.core.catalog import VENDORS
from batchgen.core.output_tokens import published
from batchgen.errors import WrongUsage
from batchgen.providers.sandbox import Sandbox, SandboxOptions


def test_an_answer_has_the_vendors_fields_usage_and_headers(serve):
    """A 200 carries resolved parameters, the published token figures and an id of its own."""

    async def scenario(client):
        reply = await client.generate("A lighthouse", n=2, quality="high", size="1536x1024")
        assert reply.status == 200
        body = reply.json
        assert (body["size"], body["quality"], body["background"], body["output_format"]) == (
            "1536x1024",
            "high",
            "opaque",
            "png",
        )
        text = 2 * (3 + 6)
        assert body["usage"]["input_tokens_details"] == {"text_tokens": text, "image_tokens": 0}
        assert body["usage"]["output_tokens"] == 2 * published("gpt-image-2", "high", "1536x1024") == 10976
        assert body["usage"]["total_tokens"] == text + 10976
        assert len({image["b64_json"] for image in body["data"]}) == 2
        assert re.fullmatch(r"req_[0-9a-f]{32}", reply.headers["x-request-id"])
        assert reply.headers["x-batchgen-sandbox"] == "1"
        assert "openai-processing-ms" in reply.headers
        assert "x-ratelimit-limit-requests" not in reply.headers
        assert (await client.generate()).headers["x-request-id"] != reply.headers["x-request-id"]

    serve(scenario)


def test_auto_and_null_are_resolved(serve):
    """`auto` becomes 1024x1024, medium and opaque; a null is as good as nothing."""

    async def scenario(client):
        body = (await client.generate(size="auto", quality=None, background="auto", n=None)).json
        assert (body["size"], body["quality"], body["background"], len(body["data"])) == ("1024x1024", "medium", "opaque", 1)

    serve(scenario)


@pytest.mark.parametrize(
    ("fields", "kind", "mode"),
    [
        ({}, "PNG", "P"),
        ({"output_format": "jpeg", "output_compression": 60}, "JPEG", "RGB"),
        ({"output_format": "webp", "output_compression": 60}, "WEBP", "RGB"),
        ({"background": "transparent"}, "PNG", "RGBA"),
        ({"background": "transparent", "output_format": "webp"}, "WEBP", "RGBA"),
    ],
)
def test_the_format_asked_for_is_the_format_sent(serve, fields, kind, mode):
    """Every format decodes as itself, in the size asked for."""

    async def scenario(client):
        reply = await client.generate(size="1024x640", **fields)
        picture = Image.open(io.BytesIO(base64.b64decode(reply.json["data"][0]["b64_json"], validate=True)))
        assert (picture.format, picture.mode, picture.size) == (kind, mode, (1024, 640))

    serve(scenario)


def test_moving_and_drawn_pictures_come_from_the_newest_models(serve):
    """gif has the frames asked for, svg is a document; 2.6 is billed by the sandbox's own figure, four times 2.5 at low."""

    async def scenario(client):
        newest = {"model": "gpt-image-2.6-flare", "size": "1024x640"}
        moving = await client.generate(output_format="gif", frame_count=3, **newest)
        assert Image.open(io.BytesIO(base64.b64decode(moving.json["data"][0]["b64_json"]))).n_frames == 3
        assert moving.json["usage"]["output_tokens"] == 4 * published("gpt-image-2.5-flare", "low", "1024x640")
        drawn = await client.generate("Stone & <glass>\x07", output_format="svg", **newest)
        root = ElementTree.fromstring(base64.b64decode(drawn.json["data"][0]["b64_json"]))
        assert root.get("viewBox") == "0 0 1024 640"
        assert "Stone & <glass>" in [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]

    serve(scenario)


def test_every_model_of_the_catalog_answers(serve):
    """Snapshots and models past their day answer too: the client decides about dates."""

    async def scenario(client):
        names = [name for model in VENDORS.models for name in (model.name, *model.snapshots)]
        replies = await asyncio.gather(*(client.generate(model=name) for name in names))
        assert [reply.status for reply in replies] == [200] * len(names)

    serve(scenario)


def test_models_are_listed_with_their_last_day(serve):
    """GET /models says which model ends when, and null for those that do not."""

    async def scenario(client):
        listed = {entry["id"]: entry["shutdown_date"] for entry in (await client.send("GET", "/models")).json["data"]}
        assert listed["gpt-image-1.5"] == "2026-12-01"
        assert listed["gpt-image-2"] is None
        assert "gpt-image-2-2026-04-21" in listed

    serve(scenario)


def test_requests_wait_side_by_side(serve):
    """The latency is kept by each request and shared by all: thirty take about as long as one."""

    async def scenario(client):
        began = time.monotonic()
        replies = await asyncio.gather(*(client.generate(output_format="svg", model="gpt-image-2.6-flare") for _ in range(30)))
        assert {reply.status for reply in replies} == {200}
        assert 0.2 <= time.monotonic() - began < 3
        assert all(int(reply.headers["openai-processing-ms"]) >= 200 for reply in replies)

    serve(scenario, SandboxOptions(latency_s=0.2))


def test_only_loopback_is_served():
    """A host that others can reach is refused before anything is opened."""
    for host in ("0.0.0.0", "192.0.2.1", "example.org", ""):
        with pytest.raises(WrongUsage, match="loopback"):
            asyncio.run(Sandbox(SandboxOptions()).start(host))


def test_a_port_in_use_and_a_bad_log_are_told(tmp_path):
    """What keeps the sandbox from starting is an error for the person, and nothing stays open."""

    async def scenario():
        first = Sandbox(SandboxOptions())
        port = int((await first.start()).removesuffix("/v1").rpartition(":")[2])
        with pytest.raises(WrongUsage, match="cannot start"):
            await Sandbox(SandboxOptions()).start(port=port)
        with pytest.raises(WrongUsage, match="nowhere"):
            await Sandbox(SandboxOptions(log=tmp_path / "nowhere" / "log.jsonl")).start()
        await first.close()
        await Sandbox(SandboxOptions()).close()

    asyncio.run(scenario())


def test_importing_is_cheap():
    """The face of the room loads neither aiohttp nor Pillow: `--help` must not pay for them."""
    code = (
        "import sys; from batchgen.providers.sandbox import Sandbox, SandboxOptions, parse_faults;"
        "Sandbox(SandboxOptions(faults=parse_faults('cut=1')));"
        "raise SystemExit(str({'aiohttp', 'PIL'} & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
