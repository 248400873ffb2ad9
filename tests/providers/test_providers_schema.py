"""What goes out, held against the vendor's own schema (of August 2026): every parameter that it knows, in each kind of body."""

import asyncio
import json
from pathlib import Path

import jsonschema
import pytest
from scripted_server import ScriptedServer, images
from test_providers_edits import LINK, file, parts
from test_providers_openai import Sending, opened

from batchgen.core.parameters import PARAMETERS
from batchgen.core.request import Request

_TEXT = Path(__file__).resolve().parents[3] / "shared" / "reference" / "openai-images-openapi.json"
pytestmark = pytest.mark.skipif(not _TEXT.exists(), reason="the vendor's schema is not here")

_GIVEN = [
    {"size": "1024x1024", "quality": "medium"},
    {"size": "auto", "quality": "auto"},
    {"size": "1536x1024", "quality": "high", "n": 10},
    {"size": "1024x1536", "quality": "low", "background": "transparent", "output_format": "webp"},
    {"background": "opaque", "output_format": "jpeg", "output_compression": 80},
    {"background": "auto", "output_format": "png"},
    {"moderation": "low"},
    {"moderation": "auto"},
    {"user": "user-1234"},
    {"input_fidelity": "high"},
    {"input_fidelity": "low"},
]
# Newer than the schema; section 1 of the vendor's SDK has them.
_NEWER = {"complexity", "frame_count", "frame_duration_ms", "safety_identifier"}
# Bodies in which the schema does not have a parameter that another kind has.
_NOT_IN = {"CreateImageEditRequest": {"moderation"}, "CreateImageRequest": {"input_fidelity"}}


def _sent(request):
    async def run():
        async with ScriptedServer([images(1)]) as server, opened(server.base) as provider:
            await provider.send(request, "label", Sending())
            return server.seen[0]

    return asyncio.run(run())


def _check(kind, body):
    text = json.loads(_TEXT.read_text(encoding="utf-8"))
    schema = text["components"]["schemas"][kind]
    assert set(body) <= set(schema["properties"])
    jsonschema.Draft202012Validator({**text, "$ref": f"#/components/schemas/{kind}"}).validate(body)


def _cases(kind):
    return [given for given in _GIVEN if not set(given) & _NOT_IN.get(kind, set())]


@pytest.mark.parametrize("given", _cases("CreateImageRequest"))
def test_generations(given):
    """A JSON body with nothing in it that the schema does not have."""
    _check("CreateImageRequest", _sent(Request("generate", "gpt-image-1.5", "a cat", given)).json)


@pytest.mark.parametrize("count", [1, 2, 16])
@pytest.mark.parametrize("given", _cases("CreateImageEditRequest"))
def test_edits_as_a_form(tmp_path, given, count):
    """Fields are texts in a form: numbers are read as the schema has them."""
    inputs = [file(tmp_path / f"{n}.png") for n in range(count)]
    mask = [file(tmp_path / "mask.png", role="mask")]
    fields = parts(_sent(Request("edit", "gpt-image-1.5", "on a beach", given, (*inputs, *mask))))
    body = {name: value.decode() for name, filename, _, value in fields if filename is None}
    body |= {name: int(body[name]) for name in ("n", "output_compression") if name in body}
    files = [name for name, filename, *_ in fields if filename is not None]
    assert files == ["image" if count == 1 else "image[]"] * count + ["mask"]
    _check("CreateImageEditRequest", body | {"image": "..." if count == 1 else ["..."] * count, "mask": "..."})


@pytest.mark.parametrize("given", _GIVEN)
def test_edits_as_json(tmp_path, given):
    """With a link among the inputs, and a mask."""
    inputs = (LINK, file(tmp_path / "a.png"), file(tmp_path / "mask.png", role="mask"))
    _check("EditImageBodyJsonParam", _sent(Request("edit", "gpt-image-1.5", "on a beach", given, inputs)).json)


def test_every_parameter_is_in_the_table_or_newer():
    """A parameter that is added must be held against the schema as well."""
    assert {name for given in _GIVEN for name in given} | _NEWER == set(PARAMETERS)
