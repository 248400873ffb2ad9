"""What goes out, held against the vendor's own texts: every parameter that they know, in each kind of body.

The schema is of August 2026; what is newer is held against the parameter tables of the reference.
"""

import asyncio
import json
import re
from functools import cache
from pathlib import Path

import jsonschema
import pytest
from scripted_server import ScriptedServer, images
from test_providers_edits import LINK, file, parts
from test_providers_openai import Sending, opened

from batchgen.core import tutorials
from batchgen.core.nesting import folded
from batchgen.core.parameters import PARAMETERS
from batchgen.core.request import Request

_REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference"
_SCHEMA, _TABLES = _REFERENCE / "openai-images-openapi.json", _REFERENCE / "openai-images-api.md"
pytestmark = pytest.mark.skipif(not (_SCHEMA.exists() and _TABLES.exists()), reason="the vendor's texts are not here")

GENERATION, FORM, JSON = "CreateImageRequest", "CreateImageEditRequest", "EditImageBodyJsonParam"

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
    {"stream": False},
    {"stream": True},
    {"stream": True, "partial_images": 0},
    {"stream": True, "partial_images": 3, "n": 2},
]
# What the schema does not have yet, as section 1 of the reference has it.
_NEWER = [
    {"quality": "xhigh", "complexity": "low"},
    {"quality": "max", "complexity": "high"},
    {"complexity": "medium", "safety_identifier": "7f83b1657ff1fc53"},
    {"output_format": "gif", "frame_count": 16, "frame_duration_ms": 200},
    {"output_format": "svg", "svg_model": "gpt-6"},
    {"output_format": "svg", "svg_model": "gpt-6", "svg_effort": "max", "n": 1},
]
_TABLE_OF_NEWER = {
    "type": "object",
    "properties": {
        "model": {"type": "string"},
        "prompt": {"type": "string"},
        "n": {"const": 1},
        "quality": {"enum": ["xhigh", "max"]},
        "complexity": {"enum": ["low", "medium", "high"]},
        "safety_identifier": {"type": "string"},
        "output_format": {"enum": ["gif", "svg"]},
        "frame_count": {"type": "integer", "minimum": 2, "maximum": 16},
        "frame_duration_ms": {"type": "integer"},
        "svg": {
            "type": "object",
            "properties": {
                "model": {"type": "string"},
                "reasoning": {
                    "type": "object",
                    "properties": {"effort": {"enum": ["none", "minimal", "low", "medium", "high", "xhigh", "max"]}},
                    "additionalProperties": False,
                },
            },
            "required": ["model"],
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
# Bodies in which the schema does not have a parameter that another kind has.
_NOT_IN = {FORM: {"moderation"}, GENERATION: {"input_fidelity"}}
_INPUTS = {"image", "images", "mask", "markup"}
_ALWAYS = {"model", "prompt"}


@cache
def _schema():
    return json.loads(_SCHEMA.read_text(encoding="utf-8"))


def _properties(kind):
    return _schema()["components"]["schemas"][kind]["properties"]


def _sent(request):
    async def run():
        async with ScriptedServer([images(1)]) as server, opened(server.base) as provider:
            await provider.send(request, "label", Sending())
            return server.seen[0]

    return asyncio.run(run())


def _check(kind, body):
    assert set(body) <= set(_properties(kind))
    jsonschema.Draft202012Validator({**_schema(), "$ref": f"#/components/schemas/{kind}"}).validate(body)


def _cases(kind):
    return [given for given in _GIVEN if not set(given) & _NOT_IN.get(kind, set())]


@pytest.mark.parametrize("given", _cases(GENERATION), ids=str)
def test_generations(given):
    """A JSON body with nothing in it that the schema does not have."""
    _check(GENERATION, _sent(Request("generate", "gpt-image-1.5", "a cat", given)).json)


@pytest.mark.parametrize("count", [1, 2, 16])
@pytest.mark.parametrize("given", _cases(FORM), ids=str)
def test_edits_as_a_form(tmp_path, given, count):
    """Fields are texts in a form: numbers and truths are read as the schema has them."""
    inputs = [file(tmp_path / f"{n}.png") for n in range(count)]
    mask = [file(tmp_path / "mask.png", role="mask")]
    fields = parts(_sent(Request("edit", "gpt-image-1.5", "on a beach", given, (*inputs, *mask))))
    body = {name: value.decode() for name, filename, _, value in fields if filename is None}
    body |= {name: json.loads(body[name]) for name in ("n", "output_compression", "stream", "partial_images") if name in body}
    files = [name for name, filename, *_ in fields if filename is not None]
    assert files == ["image" if count == 1 else "image[]"] * count + ["mask"]
    _check(FORM, body | {"image": "..." if count == 1 else ["..."] * count, "mask": "..."})


@pytest.mark.parametrize("given", _GIVEN, ids=str)
def test_edits_as_json(tmp_path, given):
    """With a link among the inputs, and a mask."""
    inputs = (LINK, file(tmp_path / "a.png"), file(tmp_path / "mask.png", role="mask"))
    _check(JSON, _sent(Request("edit", "gpt-image-1.5", "on a beach", given, inputs)).json)


@pytest.mark.parametrize("kind", [GENERATION, FORM, JSON])
def test_every_parameter_and_word_of_the_schema_is_sent_or_refused(kind):
    """One that no request of the table uses would go unseen; those of models that are gone are refused by name."""
    cases = _cases(kind)
    properties = {name: of for name, of in _properties(kind).items() if name not in _ALWAYS | _INPUTS}
    assert {name for given in cases for name in given} == properties.keys() - tutorials.FIELDS.keys()
    for name in properties.keys() - tutorials.FIELDS.keys() - {"size"}:
        unsent = _words(properties[name]) - {given[name] for given in cases if name in given}
        assert unsent == {word for word in unsent if tutorials.value_told(name, word)}


def _words(schema):
    """The words that a parameter takes, wherever the schema lists them."""
    if "$ref" in schema:
        schema = _schema()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return {*schema.get("enum", ()), *(word for one in schema.get("anyOf", ()) for word in _words(one))}


def _listed():
    """The names in the first column of the tables of section 1: of every body, and of edits alone."""
    text = _TABLES.read_text(encoding="utf-8")
    columns = [text.partition(f"### {title}")[2].partition("###")[0] for title in ("1.1", "1.2")]
    rows = [[row[1] for row in re.finditer(r"^\| ([^|]+) \|", column, re.MULTILINE)] for column in columns]
    return [{name for cell in some for name in re.split(r"[,/ ]+", cell) if re.fullmatch(r"[a-z_]{1,}", name)} for some in rows]


def test_every_parameter_of_the_reference_is_sent_or_refused():
    """Section 1 knows more than the schema: what is in neither table would go unseen."""
    common, of_edits = _listed()
    assert len(common) > 15
    assert {"mask", "markup", "input_fidelity"} <= of_edits
    sent = {name for given in (*_GIVEN, *_NEWER) for name in folded(given)} | _ALWAYS
    assert (common | {"input_fidelity"}) - tutorials.FIELDS.keys() <= sent | {"svg"}
    assert sent <= common | {"input_fidelity"}


def test_every_parameter_is_in_a_table():
    """A parameter that is added must be held against the vendor's texts as well."""
    assert {name for given in (*_GIVEN, *_NEWER) for name in given} == set(PARAMETERS)


@pytest.mark.parametrize("how", ["generation", "JSON"])
@pytest.mark.parametrize("given", _NEWER, ids=str)
def test_what_is_newer_in_json(given, how):
    """As section 1 of the reference has it: `svg` is an object."""
    inputs = () if how == "generation" else (LINK,)
    body = _sent(Request("edit" if inputs else "generate", "gpt-image-2.6-flare", "a cat", given, inputs)).json
    assert body.pop("images", None) == ([{"image_url": LINK.source}] if inputs else None)
    jsonschema.Draft202012Validator(_TABLE_OF_NEWER).validate(body)
    assert body.keys() == _ALWAYS | folded(given).keys()


@pytest.mark.parametrize("given", _NEWER, ids=str)
def test_what_is_newer_as_a_form(tmp_path, given):
    """The parts of `svg` are fields in brackets; a markup is a file like the image."""
    inputs = (file(tmp_path / "a.png"), file(tmp_path / "m.png", role="markup"))
    fields = parts(_sent(Request("edit", "gpt-image-2.6-flare", "a cat", given, inputs)))
    assert [name for name, filename, *_ in fields if filename] == ["image", "markup"]
    texts = {name: value.decode() for name, filename, _, value in fields if not filename}
    names = {"svg_model": "svg[model]", "svg_effort": "svg[reasoning][effort]"}
    expected = {names.get(name, name): str(value) for name, value in given.items()}
    assert texts == {"model": "gpt-image-2.6-flare", "prompt": "a cat", **expected}
