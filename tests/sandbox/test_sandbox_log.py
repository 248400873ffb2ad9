"""The sandbox's log: the second book in which a run's money can be looked up."""

import asyncio
from datetime import UTC, datetime

import aiohttp
import msgspec
import pytest

from batchgen.core.pricing import cost_micros
from batchgen.core.usage import Usage
from batchgen.providers.sandbox import SandboxOptions, parse_faults


def lines_of(path):
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


async def line_number(path, number):
    """Wait until the log has so many lines, and return the last of them."""
    async with asyncio.timeout(5):
        while len(lines := lines_of(path)) < number:
            await asyncio.sleep(0.01)
    return lines[number - 1]


def test_a_line_tells_the_whole_request(serve, tmp_path):
    """Prompt, resolved parameters, tokens and cost by the price table, joined to the client by both ids."""
    log = tmp_path / "log.jsonl"

    async def scenario(client):
        headers = {"Authorization": "Bearer sk-very-secret", "X-Client-Request-Id": "job-7.1"}
        reply = await client.generate("A lighthouse", n=2, size="auto", headers=headers)
        (line,) = lines_of(log)
        usage = reply.json["usage"]
        assert datetime.fromisoformat(line.pop("time")).tzinfo == UTC
        assert line == {
            "request_id": reply.headers["x-request-id"],
            "client_request_id": "job-7.1",
            "operation": "generation",
            "prompt": "A lighthouse",
            "model": "gpt-image-2",
            "size": "1024x1024",
            "quality": "low",
            "n": 2,
            "input_images": 0,
            "status": 200,
            "outcome": "succeeded",
            "input_text_tokens": usage["input_tokens"],
            "input_image_tokens": 0,
            "output_tokens": usage["output_tokens"],
            "billed": True,
            "cost_micros": cost_micros(
                "gpt-image-2",
                Usage(input_text_tokens=usage["input_tokens"], output_tokens=usage["output_tokens"]),
                datetime.now(UTC).date(),
            ),
            "client_waiting": True,
        }
        assert b"secret" not in log.read_bytes()

    serve(scenario, SandboxOptions(log=log))


def test_refusals_are_logged_and_free(serve, tmp_path):
    """What was refused has a line with its code, no tokens and no cost; earlier lines of the file stay."""
    log = tmp_path / "log.jsonl"
    log.write_text('{"outcome": "from yesterday"}\n')

    async def scenario(client):
        await client.generate(seed=3)
        await client.generate(headers={})
        await client.send("POST", "/images/generations", data=b"{", headers={"Authorization": "Bearer x"})
        await client.generate(n=4)
        lines = lines_of(log)
        assert [(line["outcome"], line["status"]) for line in lines[1:]] == [
            ("unknown_parameter", 400),
            ("invalid_api_key", 401),
            ("unsupported_content_type", 400),
            ("rate_limit_exceeded", 429),
        ]
        assert lines[0] == {"outcome": "from yesterday"}
        assert all((line["billed"], line["cost_micros"], line["output_tokens"]) == (False, 0, 0) for line in lines[1:])

    serve(scenario, SandboxOptions(log=log, images_per_minute=3))


@pytest.mark.parametrize(
    ("fault", "outcome", "status", "billed"),
    [
        ("500", "server_error", 500, False),
        ("504", "server_error", 504, True),
        ("418", "418", 418, False),
        ("quota", "insufficient_quota", 429, False),
        ("html", "html", 200, True),
        ("empty", "empty", 200, True),
        ("fewer", "fewer", 200, False),
        ("cut", "cut", 200, True),
        ("reset", "reset", None, True),
        ("hang", "hang", None, True),
    ],
)
def test_faults_are_logged_with_what_they_cost(serve, tmp_path, fault, outcome, status, billed):
    """The line says what happened and whether it was billed, also where the client learns neither."""
    log = tmp_path / "log.jsonl"

    async def scenario(client):
        asked = asyncio.ensure_future(client.generate())
        line = await line_number(log, 1)
        assert (line["outcome"], line["status"], line["billed"]) == (outcome, status, billed)
        assert (line["cost_micros"] > 0, line["output_tokens"] > 0) == (billed, billed)
        if fault == "hang":
            asked.cancel()
        (ended,) = await asyncio.gather(asked, return_exceptions=True)
        assert not isinstance(ended, Exception) or isinstance(ended, aiohttp.ClientError)

    serve(scenario, SandboxOptions(log=log, faults=parse_faults(f"{fault}=1")))


def test_a_client_that_vanishes_is_billed(serve, tmp_path):
    """Leaving during the latency saves nothing: the image is made, logged and billed, and the line says that nobody waited."""
    log = tmp_path / "log.jsonl"

    async def scenario(client):
        asked = asyncio.ensure_future(client.generate())
        await asyncio.wait([asked], timeout=0.1)
        asked.cancel()
        line = await line_number(log, 1)
        assert (line["outcome"], line["billed"], line["client_waiting"]) == ("succeeded", True, False)
        assert line["cost_micros"] > 0

    serve(scenario, SandboxOptions(log=log, latency_s=0.4))


def test_closing_ends_what_is_in_flight(serve, tmp_path):
    """A sandbox that is closed during the latency decides nothing any more: no line, and no waiting for the latency."""
    log = tmp_path / "log.jsonl"

    async def scenario(client):
        asked = asyncio.ensure_future(client.generate())
        await asyncio.wait([asked], timeout=0.1)
        asked.cancel()

    serve(scenario, SandboxOptions(log=log, latency_s=3600))
    assert lines_of(log) == []
