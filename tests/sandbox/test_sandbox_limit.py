"""The limit on images per minute: the arithmetic without a clock, the words and headers over HTTP."""

import pytest

from batchgen.providers.sandbox import SandboxOptions
from batchgen.providers.sandbox.limit import ImageLimit

MODEL = "gpt-image-2"


def test_a_used_up_limit_of_five_asks_for_twelve_seconds():
    """The vendor's own figures: 5 a minute, 5 used, 12 seconds for one more."""
    limit = ImageLimit(5)
    assert limit.take(MODEL, 5, 100.0) is None
    refused = limit.take(MODEL, 1, 100.0)
    assert "Limit 5, Used 5, Requested 1. Please try again in 12s." in refused.message
    assert refused.headers == {"retry-after": "12", "retry-after-ms": "12000"}


@pytest.mark.parametrize("limit_of", [1, 5, 7, 50, 250])
def test_who_waits_as_told_gets_in(limit_of):
    """The hint is exact: at its end the request passes, a little before it does not; refusals are not counted."""
    limit, now = ImageLimit(limit_of), 0.0
    assert limit.take(MODEL, limit_of, now) is None
    for _ in range(100):
        refused = limit.take(MODEL, 1, now)
        wait = int(refused.headers["retry-after-ms"]) / 1000
        assert limit.take(MODEL, 1, now + wait * 0.95) is not None
        now += wait
        assert limit.take(MODEL, 1, now) is None


def test_more_than_the_limit_in_one_request_never_passes():
    """n above the limit is refused without a wait: waiting cannot help."""
    refused = ImageLimit(5).take(MODEL, 10, 0.0)
    assert "Limit 5, Requested 10." in refused.message
    assert (refused.code, refused.headers) == ("rate_limit_exceeded", {})


def test_short_waits_are_told_in_milliseconds():
    """Below a second the words say ms and Retry-After stays a whole second."""
    limit = ImageLimit(250)
    limit.take(MODEL, 250, 0.0)
    refused = limit.take(MODEL, 1, 0.0)
    assert "Please try again in 240ms." in refused.message
    assert refused.headers == {"retry-after": "1", "retry-after-ms": "240"}


def test_input_images_take_places_too():
    """Those asked for and those sent along share one limit; a refusal with inputs has the vendor's name for that."""
    limit = ImageLimit(5)
    assert limit.take(MODEL, 1, 0.0, inputs=3) is None
    refused = limit.take(MODEL, 1, 0.0, inputs=1)
    assert "on input-images per min: Limit 5, Used 4, Requested 2. Please try again in 12s." in refused.message
    assert (refused.type, limit.take(MODEL, 2, 0.0).type) == ("input-images", "requests")
    assert limit.take(MODEL, 1, 0.0) is None
    never = limit.take(MODEL, 1, 600.0, inputs=5)
    assert ("Limit 5, Requested 6." in never.message, never.type, never.headers) == (True, "input-images", {})


def test_the_limit_over_http(serve):
    """n counts n, the headers say what is left, and a refusal is a 429 of the vendor's shape."""

    async def scenario(client):
        first = await client.generate(n=4)
        assert (first.status, first.headers["x-ratelimit-remaining-requests"]) == (200, "1")
        assert first.headers["x-ratelimit-limit-requests"] == "5"
        assert first.headers["x-ratelimit-reset-requests"].endswith("s")
        refused = await client.generate(n=3)
        assert (refused.status, refused.error["code"], refused.error["type"]) == (429, "rate_limit_exceeded", "requests")
        assert "Limit 5, Used 4, Requested 3. Please try again in " in refused.error["message"]
        assert (await client.generate(quality="wrong")).status == 400
        assert (await client.generate()).status == 200

    serve(scenario, SandboxOptions(images_per_minute=5))
