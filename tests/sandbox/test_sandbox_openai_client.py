"""The vendor's own Python client cannot tell the sandbox from the API."""

import base64

import openai
import pytest

from batchgen.providers.sandbox import SandboxOptions, parse_faults


def client_of(base, key="sk-test"):
    return openai.AsyncOpenAI(base_url=base, api_key=key, max_retries=0)


def test_the_official_client_gets_an_image(serve):
    """images.generate and models.list work unchanged, with usage and request id in their places."""

    async def scenario(client):
        async with client_of(client.base) as official:
            answer = await official.images.generate(model="gpt-image-2", prompt="A lighthouse", quality="low", size="1536x1024")
            assert base64.b64decode(answer.data[0].b64_json).startswith(b"\x89PNG")
            assert (answer.usage.output_tokens, answer.size, answer.quality) == (158, "1536x1024", "low")
            assert answer._request_id.startswith("req_")
            assert "gpt-image-2" in [model.id async for model in official.models.list()]

    serve(scenario)


@pytest.mark.parametrize(
    ("prompt", "fields", "error", "code"),
    [
        ("A cat", {"quality": "standard"}, openai.BadRequestError, "invalid_value"),
        ("A cat", {"response_format": "url"}, openai.BadRequestError, "unknown_parameter"),
        ("A cat [moderation]", {}, openai.BadRequestError, "moderation_blocked"),
        ("A cat", {"model": "dall-e-3"}, openai.NotFoundError, "model_not_found"),
        ("A cat", {"n": 6}, openai.RateLimitError, "rate_limit_exceeded"),
    ],
)
def test_errors_arrive_as_the_clients_own(serve, prompt, fields, error, code):
    """Each refusal becomes the class that the client has for it, with its code."""

    async def scenario(client):
        async with client_of(client.base) as official:
            with pytest.raises(error) as caught:
                await official.images.generate(**{"model": "gpt-image-2", "prompt": prompt, **fields})
            assert caught.value.code == code

    serve(scenario, SandboxOptions(images_per_minute=5))


def test_keys_and_faults_arrive_as_the_clients_own(serve):
    """A refused key, a server's error and a broken connection are told apart."""

    async def scenario(client):
        async with client_of(client.base, "sk-invalid") as official:
            with pytest.raises(openai.AuthenticationError):
                await official.models.list()
        seen = set()
        async with client_of(client.base) as official:
            for number in range(20):
                with pytest.raises(openai.APIError) as caught:
                    await official.images.generate(model="gpt-image-2", prompt=f"{number}", quality="low")
                seen.add(type(caught.value))
        assert seen == {openai.InternalServerError, openai.APIConnectionError}

    serve(scenario, SandboxOptions(faults=parse_faults("500=0.5,reset=0.5")))
