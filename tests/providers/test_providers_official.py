"""The vendor's own Python client beside ours: what both send for the same request, compared on the wire."""

import asyncio
import inspect
import re
from email import message_from_bytes
from email.policy import HTTP
from pathlib import Path

import openai
import pytest
from openai.types import image_edit_params, image_generate_params
from scripted_server import ScriptedServer, images
from test_providers_edits import file
from test_providers_openai import KEY, Sending, opened

from batchgen.core import tutorials
from batchgen.core.fields import INPUTS
from batchgen.core.nesting import folded
from batchgen.core.parameters import PARAMETERS
from batchgen.core.request import Request

GIVEN = [
    {},
    {"size": "1536x1024", "quality": "low", "n": 3},
    {"size": "auto", "quality": "auto", "background": "transparent", "output_format": "webp", "output_compression": 0},
    {"background": "opaque", "output_format": "jpeg", "output_compression": 100},
    {"quality": "max", "complexity": "high", "safety_identifier": "7f83b1657ff1fc53", "user": "Zoë “Z”"},
    {"stream": True, "partial_images": 2},
    {"stream": False},
    {"output_format": "gif", "frame_count": 2, "frame_duration_ms": 100},
    {"output_format": "svg", "svg_model": "gpt-6"},
    {"output_format": "svg", "svg_model": "gpt-6", "svg_effort": "none"},
]
OF_GENERATIONS = [{"moderation": "low"}]
OF_EDITS = [{"input_fidelity": "high"}]
PROMPT = "Füchse, “quoted”\n\u2028 & <b>"


def both(request):
    """What a server saw of our client and of theirs."""

    async def run():
        async with ScriptedServer([images(1)] * 2) as server:
            async with opened(server.base) as ours:
                await ours.send(request, "label", Sending())
            async with openai.AsyncOpenAI(base_url=server.base, api_key=KEY, max_retries=0) as theirs:
                call, given = theirs.images.generate, {}
                if request.inputs:
                    call, given = theirs.images.edit, _files(request)
                answer = await call(model=request.model, prompt=request.prompt, **folded(request.parameters), **given)
                if inspect.isasyncgen(answer) or hasattr(answer, "close"):
                    await answer.close()
            return server.seen

    return asyncio.run(run())


def _files(request):
    """The inputs as that client takes them: one image as it is, several as a list."""
    by_role = {role: [Path(one.source) for one in request.inputs if one.role == role] for role in INPUTS}
    return {role: some if len(some) > 1 else some[0] for role, some in by_role.items() if some}


def fields(seen):
    """The fields of a form: name, file name, content type, bytes. A text without a type is plain."""
    head = f"Content-Type: {seen.headers['Content-Type']}\r\n\r\n".encode()
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message_from_bytes(head + seen.body, policy=HTTP).iter_parts()
    ]


def same_way(ours, theirs):
    """Where it goes, and whose key it carries."""
    said = [(seen.method, seen.path, seen.headers["Authorization"]) for seen in (ours, theirs)]
    assert said[0] == said[1]


@pytest.mark.parametrize("given", GIVEN + OF_GENERATIONS, ids=str)
def test_generations_have_the_same_members(given):
    """One JSON body is the other."""
    ours, theirs = both(Request("generate", "gpt-image-2.6-flare", PROMPT, given))
    same_way(ours, theirs)
    assert ours.json == theirs.json
    assert ours.headers["Content-Type"] == theirs.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("given", GIVEN + OF_EDITS, ids=str)
def test_edits_have_the_same_fields(tmp_path, given):
    """Names, values, file names, content types and the files' bytes; a mask or a markup among them."""
    for other in ("mask", "markup"):
        inputs = (file(tmp_path / "cup.png"), file(tmp_path / f"{other}.png", role=other))
        ours, theirs = both(Request("edit", "gpt-image-2.6-flare", PROMPT, given, inputs))
        same_way(ours, theirs)
        assert sorted(fields(ours)) == sorted(fields(theirs))


@pytest.mark.parametrize("count", [2, 16])
def test_several_images_stand_in_the_same_order(tmp_path, count):
    """The order means something: the mask lies on the first."""
    inputs = tuple(file(tmp_path / f"{number} “ü”.png") for number in range(count, 0, -1))
    ours, theirs = both(Request("edit", "gpt-image-2", PROMPT, {"n": 2}, inputs))
    files = [[field for field in fields(seen) if field[1]] for seen in (ours, theirs)]
    assert files[0] == files[1]
    assert [name for name, *_ in files[0]] == ["image[]"] * count


@pytest.mark.parametrize("name", ["my cup.png", "Möwe “1”.png", 'a"b.png', "a\\b.png", "50%.png", "a;b=c.png", "カップ.png"])
def test_a_file_has_the_same_name(tmp_path, name):
    """In whatever letters: the header is the same to the byte."""
    ours, theirs = both(Request("edit", "gpt-image-2", PROMPT, {}, (file(tmp_path / name),)))
    names = [re.findall(rb'name="image"; filename="([^\r\n]*)"\r\n', seen.body) for seen in (ours, theirs)]
    assert len(names[0]) == 1
    assert names[0] == names[1]


@pytest.mark.parametrize(("kind", "suffix"), [("PNG", "png"), ("JPEG", "jpg"), ("JPEG", "jpeg"), ("WEBP", "webp")])
def test_a_file_of_each_kind_has_the_same_type(tmp_path, kind, suffix):
    """Ours is told from the bytes, theirs from the name."""
    from PIL import Image

    Image.new("RGB", (4, 4)).save(tmp_path / f"a.{suffix}", kind)
    one = file(tmp_path / f"a.{suffix}", (tmp_path / f"a.{suffix}").read_bytes(), media_type=Image.MIME[kind])
    ours, theirs = both(Request("edit", "gpt-image-2", PROMPT, {}, (one,)))
    assert sorted(fields(ours)) == sorted(fields(theirs))


@pytest.mark.parametrize(
    ("types", "of_ours"),
    [
        (image_generate_params.ImageGenerateParamsBase, GIVEN + OF_GENERATIONS),
        (image_edit_params.ImageEditParamsBase, GIVEN + OF_EDITS),
    ],
)
def test_every_parameter_of_that_client_is_compared_or_refused(types, of_ours):
    """`stream` is added where that client has it; what our fields do not have is refused by name."""
    known = {name for name in (*types.__annotations__, "stream") if name not in ("model", "prompt", *INPUTS)}
    compared = {name for given in of_ours for name in folded(given)}
    assert compared <= known
    assert known - compared <= tutorials.FIELDS.keys()


def test_every_parameter_of_ours_is_compared():
    """A parameter that is added must be compared as well."""
    assert {name for given in (*GIVEN, *OF_GENERATIONS, *OF_EDITS) for name in given} == set(PARAMETERS)
