"""What the vendor refuses is refused in its shape, with its codes."""

import io

import pytest

JSON = {"Authorization": "Bearer sk-test-key", "Content-Type": "application/json"}

SVG = {"model": "gpt-image-2.6-flare", "output_format": "svg"}

REFUSED = [
    ({"prompt": ""}, 400, "missing_required_parameter", "prompt"),
    ({"prompt": None}, 400, "missing_required_parameter", "prompt"),
    ({"prompt": "x" * 32_001}, 400, "string_above_max_length", "prompt"),
    ({"prompt": 7}, 400, "invalid_type", "prompt"),
    ({"model": None}, 400, "missing_required_parameter", "model"),
    ({"model": "gpt-picture-9"}, 404, "model_not_found", "model"),
    ({"model": "dall-e-3"}, 404, "model_not_found", "model"),
    ({"response_format": "b64_json"}, 400, "unknown_parameter", "response_format"),
    ({"style": "vivid"}, 400, "unknown_parameter", "style"),
    ({"negative_prompt": "rain"}, 400, "unknown_parameter", "negative_prompt"),
    ({"seed": 1}, 400, "unknown_parameter", "seed"),
    ({"quality": "standard"}, 400, "invalid_value", "quality"),
    ({"quality": "max"}, 400, "invalid_value", "quality"),
    ({"output_format": "gif"}, 400, "invalid_value", "output_format"),
    ({"size": "512x512"}, 400, "invalid_value", "size"),
    ({"size": "1920x1080"}, 400, "invalid_value", "size"),
    ({"n": 11}, 400, "invalid_value", "n"),
    ({"n": "2"}, 400, "invalid_type", "n"),
    ({"n": True}, 400, "invalid_type", "n"),
    ({"background": "transparent", "output_format": "jpeg"}, 400, "invalid_value", "background"),
    ({"output_compression": 50}, 400, "invalid_value", "output_compression"),
    ({"stream": "true"}, 400, "invalid_type", "stream"),
    ({"stream": True, "partial_images": 4}, 400, "invalid_value", "partial_images"),
    ({"stream": True, "partial_images": -1}, 400, "invalid_value", "partial_images"),
    ({"stream": True, "partial_images": "1"}, 400, "invalid_type", "partial_images"),
    ({"stream": True, "partial_images": True}, 400, "invalid_type", "partial_images"),
    ({"partial_images": 1}, 400, "invalid_value", "partial_images"),
    ({"stream": False, "partial_images": 0}, 400, "invalid_value", "partial_images"),
    ({"model": "gpt-image-2.6-flare", "output_format": "gif", "stream": True}, 400, "invalid_value", "stream"),
    ({"model": "gpt-image-2.6-flare", "output_format": "svg", "stream": True}, 400, "invalid_value", "stream"),
    ({"images": [{"image_url": "https://example.org/a.png"}]}, 400, "unknown_parameter", "images"),
    ({"input_fidelity": "high"}, 400, "unknown_parameter", "input_fidelity"),
    ({"svg": {}}, 400, "invalid_value", "svg"),
    ({"svg_model": "gpt-6"}, 400, "unknown_parameter", "svg_model"),
    ({**SVG, "svg": "gpt-6"}, 400, "invalid_type", "svg"),
    ({**SVG, "svg": {}}, 400, "missing_required_parameter", "svg.model"),
    ({**SVG, "svg": {"reasoning": {"effort": "low"}}}, 400, "missing_required_parameter", "svg.model"),
    ({**SVG, "svg": {"model": 6}}, 400, "invalid_type", "svg.model"),
    ({**SVG, "svg": {"model": "gpt-6", "effort": "low"}}, 400, "unknown_parameter", "svg.effort"),
    ({**SVG, "svg": {"model": "gpt-6", "reasoning": "low"}}, 400, "invalid_type", "svg.reasoning"),
    ({**SVG, "svg": {"model": "gpt-6", "reasoning": {"much": 1}}}, 400, "unknown_parameter", "svg.reasoning.much"),
    ({**SVG, "svg": {"model": "gpt-6", "reasoning": {"effort": "much"}}}, 400, "invalid_value", "svg.reasoning.effort"),
    ({**SVG, "n": 2}, 400, "invalid_value", "n"),
    ({**SVG, "output_compression": 50}, 400, "invalid_value", "output_compression"),
    ({"frame_count": 4}, 400, "invalid_value", "frame_count"),
    ({**SVG, "output_format": "gif", "frame_count": 17}, 400, "invalid_value", "frame_count"),
    ({"complexity": "max"}, 400, "invalid_value", "complexity"),
    ({"moderation": "off"}, 400, "invalid_value", "moderation"),
    ({"prompt": "a cat [moderation]"}, 400, "moderation_blocked", None),
]


@pytest.mark.parametrize(("fields", "status", "code", "param"), REFUSED, ids=lambda value: str(value)[:30])
def test_bad_requests_are_named(serve, fields, status, code, param):
    """Each refusal says which field and which code, and is numbered like an answer."""

    async def scenario(client):
        reply = await client.generate(**{"prompt": "A cat", **fields})
        assert (reply.status, reply.error["code"], reply.error["param"]) == (status, code, param)
        assert reply.headers["x-request-id"].startswith("req_")
        assert reply.headers["x-batchgen-sandbox"] == "1"

    serve(scenario)


# What is known of the vendor's own words.
WORDS = [
    ({"response_format": "url"}, "Unknown parameter: 'response_format'."),
    ({"quality": "standard"}, "Invalid value: 'standard'. Supported values are: 'low', 'medium', 'high', and 'auto'."),
    (
        {"quality": "hd", "model": "gpt-image-2.5-flare"},
        "Invalid value: 'hd'. Supported values are: 'low', 'medium', 'high', 'xhigh', 'max', and 'auto'.",
    ),
    ({"background": "clear"}, "Invalid value: 'clear'. Supported values are: 'transparent', 'opaque', and 'auto'."),
    ({"n": "2"}, "Invalid type for 'n': expected an integer, but got a string instead."),
    ({"stream": "true"}, "Invalid type for 'stream': expected a boolean, but got a string instead."),
    ({"svg": []}, "Invalid type for 'svg': expected an object, but got an array instead."),
    ({"prompt": None}, "Missing required parameter: 'prompt'."),
    (
        {"prompt": "x" * 32_001},
        "Invalid 'prompt': string too long. Expected a string with maximum length 32000, "
        "but got a string with length 32001 instead.",
    ),
    ({"model": "dall-e-3"}, "The model 'dall-e-3' does not exist or you do not have access to it."),
]


@pytest.mark.parametrize(("fields", "message"), WORDS, ids=lambda value: str(value)[:30])
def test_refusals_have_the_words_of_the_vendor(serve, fields, message):
    """What was wrong, and of a word every other one that would be right for this model."""

    async def scenario(client):
        error = (await client.generate(**{"prompt": "A cat", **fields})).error
        assert (error["message"], error["type"]) == (message, "invalid_request_error")

    serve(scenario)


def test_moderation_tells_its_stage(serve):
    """The marker in a prompt rehearses the safety system, details included."""

    async def scenario(client):
        error = (await client.generate("a [moderation] cat")).error
        assert error["type"] == "image_generation_user_error"
        assert error["moderation_details"]["moderation_stage"] == "input"

    serve(scenario)


@pytest.mark.parametrize(
    ("data", "headers", "code"),
    [
        (b"{", JSON, None),
        (b"\xff", JSON, None),
        (b'{"prompt": "\\ud800"}', JSON, None),
        (b"[]", JSON, "invalid_type"),
        (b"{}", {**JSON, "Content-Type": "text/plain"}, "unsupported_content_type"),
    ],
)
def test_bodies_that_are_no_json_object(serve, data, headers, code):
    """Whatever is sent as a body, the answer is a 400 of the vendor's shape."""

    async def scenario(client):
        reply = await client.send("POST", "/images/generations", data=data, headers=headers)
        assert (reply.status, reply.error["code"], reply.error["type"]) == (400, code, "invalid_request_error")

    serve(scenario)


def test_a_body_beyond_measure(serve):
    """An enormous body is refused and not read to its end, whether it says how long it is or not."""

    async def pieces():
        for _ in range(80):
            yield b" " * 2**16

    async def scenario(client):
        for data in (io.BytesIO(b" " * (5 * 2**20)), pieces()):
            reply = await client.send("POST", "/images/generations", data=data, headers=JSON)
            assert (reply.status, reply.error["type"]) == (413, "invalid_request_error")

    serve(scenario)


@pytest.mark.parametrize("header", [None, "Basic abc", "Bearer ", "Bearer sk-invalid"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/images/generations"),
        ("POST", "/images/edits"),
        ("POST", "/images/variations"),
        ("POST", "/moderations"),
        ("GET", "/models"),
    ],
)
def test_a_key_is_needed(serve, header, method, path):
    """No key, or the one that is always refused: 401, and no word of the key in the answer."""

    async def scenario(client):
        reply = await client.send(method, path, headers={"Authorization": header} if header else {})
        assert (reply.status, reply.error["code"]) == (401, "invalid_api_key")
        assert b"sk-invalid" not in reply.raw

    serve(scenario)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/images/variations", 410),
        ("POST", "/images/edits", 400),
        ("GET", "/images/edits", 405),
        ("POST", "/moderations", 400),
        ("GET", "/nothing", 404),
        ("GET", "/images/generations", 405),
    ],
)
def test_other_paths(serve, method, path, status):
    """Paths that do nothing answer in the vendor's shape too."""

    async def scenario(client):
        reply = await client.send(method, path)
        assert (reply.status, reply.error["type"]) == (status, "invalid_request_error")

    serve(scenario)
