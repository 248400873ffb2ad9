"""The vendor's own Python client cannot tell the sandbox from the API."""

import base64
import io

import openai
import pytest
from edit_parts import picture, seen

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


def named(data, name):
    """A file as the client takes it: it tells the media type by the name."""
    file = io.BytesIO(data)
    file.name = name
    return file


@pytest.mark.parametrize(
    ("images", "fields"),
    [
        (named(picture((300, 200)), "cup.png"), {}),
        (("cup.webp", picture((300, 200), kind="WEBP"), "image/webp"), {"n": 2, "size": "1536x1024"}),
        (named(picture((300, 200)), "cup.png"), {"mask": named(picture((300, 200), hole=(0, 0, 9, 9)), "mask.png")}),
        ([named(picture(), "a.png"), named(picture(kind="JPEG"), "b.jpg")], {"output_format": "webp"}),
        ([named(picture(), "a.png")], {"model": "gpt-image-1.5", "input_fidelity": "high"}),
        (
            named(picture(), "a.png"),
            {"model": "gpt-image-2.5-flare", "markup": named(picture(hole=(0, 0, 9, 9)), "m.png"), "quality": "xhigh"},
        ),
    ],
    ids=["one", "webp", "mask", "two", "fidelity", "markup"],
)
def test_the_official_client_makes_edits(serve, images, fields):
    """images.edit works unchanged, with one file and with several, and its usage counts the inputs."""

    async def scenario(client):
        async with client_of(client.base) as official:
            given = {"model": "gpt-image-2", "quality": "low", "size": "1024x1024", **fields}
            answer = await official.images.edit(image=images, prompt="Add a hat", **given)
            assert len(answer.data) == fields.get("n", 1)
            width, height = map(int, answer.size.split("x"))
            assert seen(answer.data[0].b64_json).size == (width, height)
            assert answer.usage.input_tokens_details.image_tokens > 0
            assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens

    serve(scenario)


@pytest.mark.parametrize("partials", [0, 2])
def test_the_official_client_reads_streams(serve, partials):
    """Generations and edits arrive as the client's own events, the last of them with the usage."""

    async def scenario(client):
        async with client_of(client.base) as official:
            asked = {"model": "gpt-image-2", "prompt": "A cat", "quality": "low", "stream": True, "partial_images": partials}
            made = [event async for event in await official.images.generate(**asked)]
            edited = [event async for event in await official.images.edit(image=named(picture(), "a.png"), **asked)]
            assert [type(event).__name__ for event in made] == ["ImageGenPartialImageEvent"] * partials + [
                "ImageGenCompletedEvent"
            ]
            assert [type(event).__name__ for event in edited] == ["ImageEditPartialImageEvent"] * partials + [
                "ImageEditCompletedEvent"
            ]
            assert seen(made[-1].b64_json).size == seen(edited[-1].b64_json).size == (1024, 1024)
            assert made[-1].usage.output_tokens == edited[-1].usage.output_tokens == 196 + 100 * partials
            assert edited[-1].usage.input_tokens_details.image_tokens == 4 * 3

    serve(scenario)


def test_the_official_client_hears_of_an_error_within_a_stream(serve):
    """The images before it come as ever."""

    async def scenario(client):
        async with client_of(client.base) as official:
            events = await official.images.generate(model="gpt-image-2", prompt="A cat", quality="low", stream=True, n=2)
            assert (await anext(events)).type == "image_generation.completed"
            with pytest.raises(openai.APIError, match="The server had an error"):
                await anext(events)

    serve(scenario, SandboxOptions(faults=parse_faults("stream_error=1")))


@pytest.mark.parametrize("edit", [False, True])
def test_the_official_client_says_who_writes_an_svg(serve, edit):
    """As an object of JSON, and in the brackets of a form; the author's tokens are told beside the others."""

    async def scenario(client):
        async with client_of(client.base) as official:
            asked = {"model": "gpt-image-2.6-flare", "prompt": "A cat", "quality": "low", "output_format": "svg"}
            asked["svg"] = {"model": "gpt-6", "reasoning": {"effort": "low"}}
            call, given = (
                (official.images.edit, {"image": named(picture(), "a.png")}) if edit else (official.images.generate, {})
            )
            answer = await call(**asked, **given)
            assert b"<svg" in base64.b64decode(answer.data[0].b64_json)
            assert (answer.svg_usage.model, answer.svg_usage.total_tokens) == ("gpt-6", 5000)
            with pytest.raises(openai.BadRequestError) as caught:
                await call(**{**asked, "svg": {"model": "gpt-6", "reasoning": {"effort": "much"}}}, **given)
            assert caught.value.param == "svg.reasoning.effort"

    serve(scenario)


@pytest.mark.parametrize(
    ("image", "fields", "error", "code"),
    [
        (picture(), {}, openai.BadRequestError, "unsupported_file_mimetype"),
        (named(b"nothing", "a.png"), {}, openai.BadRequestError, "invalid_image_file"),
        (named(picture(), "a.png"), {"mask": named(picture(), "m.png")}, openai.BadRequestError, "invalid_mask_image_format"),
        (named(picture(), "a.png"), {"input_fidelity": "high"}, openai.BadRequestError, "invalid_input_fidelity_model"),
        (named(picture(), "a.png"), {"response_format": "url"}, openai.BadRequestError, "unknown_parameter"),
        ([named(picture(), "a.png") for _ in range(17)], {}, openai.BadRequestError, "array_above_max_length"),
        ([named(picture(), "a.png") for _ in range(5)], {}, openai.RateLimitError, "rate_limit_exceeded"),
    ],
    ids=["octets", "text", "mask", "fidelity", "format", "many", "limit"],
)
def test_refused_edits_arrive_as_the_clients_own(serve, image, fields, error, code):
    """Each refusal becomes the class that the client has for it, with its code."""

    async def scenario(client):
        async with client_of(client.base) as official:
            with pytest.raises(error) as caught:
                await official.images.edit(image=image, model="gpt-image-2", prompt="Add a hat", **fields)
            assert caught.value.code == code

    serve(scenario, SandboxOptions(images_per_minute=5))


def test_the_official_client_asks_for_moderation_and_variations(serve):
    """moderations.create gets its answer, images.create_variation learns that it is gone."""

    async def scenario(client):
        async with client_of(client.base) as official:
            answer = await official.moderations.create(input=["A cat", "A [moderation] cat"], model="omni-moderation-latest")
            assert [result.flagged for result in answer.results] == [False, True]
            assert answer.results[1].categories.violence
            assert answer.results[1].category_applied_input_types.self_harm == ["text"]
            with pytest.raises(openai.APIStatusError) as caught, pytest.warns(DeprecationWarning):
                await official.images.create_variation(image=named(picture((64, 64)), "a.png"))
            assert caught.value.status_code == 410

    serve(scenario)


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
