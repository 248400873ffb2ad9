"""Every parameter's good and bad values: what is certain to be refused is refused, in words that help."""

import pytest

from batchgen.core import parameters
from batchgen.core.parameters import PARAMETERS

ANY = "gpt-image-2.5-flare"
NEWEST = "gpt-image-2.6-flare"
OLD = "gpt-image-1-mini"

# model, parameters: all good
GOOD = [
    (ANY, {}),
    *((ANY, {"n": n}) for n in (1, 2, 10)),
    *((ANY, {"quality": word}) for word in ("low", "medium", "high", "xhigh", "max", "auto")),
    *(("gpt-image-2", {"quality": word}) for word in ("low", "medium", "high", "auto")),
    *((NEWEST, {"quality": word}) for word in ("xhigh", "max")),
    *((OLD, {"size": size}) for size in ("auto", "1024x1024", "1536x1024", "1024x1536")),
    *((ANY, {"size": size}) for size in ("auto", "1920x1088", "1792x1024", "2048x2048", "3840x2160", "2880x2880", "1024x640")),
    *((ANY, {"background": word}) for word in ("transparent", "opaque", "auto")),
    (ANY, {"background": "transparent", "output_format": "webp"}),
    *((ANY, {"background": word, "output_format": "jpeg"}) for word in ("opaque", "auto")),
    *((ANY, {"output_format": word}) for word in ("png", "jpeg", "webp")),
    *((NEWEST, {"output_format": word}) for word in ("gif", "svg")),
    *((ANY, {"output_format": "jpeg", "output_compression": amount}) for amount in (0, 50, 100)),
    (ANY, {"output_format": "webp", "output_compression": 5}),
    *((ANY, {"moderation": word}) for word in ("auto", "low")),
    *((NEWEST, {"complexity": word}) for word in ("low", "medium", "high")),
    (NEWEST, {"output_format": "svg", "n": 1}),
    *((NEWEST, {"output_format": "gif", "frame_count": count}) for count in (2, 16)),
    *((NEWEST, {"output_format": "gif", "frame_duration_ms": length}) for length in (10, 655_350)),
    *(("gpt-image-1.5", {"input_fidelity": word}) for word in ("high", "low")),
    (ANY, {"user": "u-1", "safety_identifier": "7f83b1657ff1fc53"}),
    *((ANY, {"stream": True, "partial_images": number}) for number in (0, 3)),
    *((NEWEST, {"stream": False, "output_format": word}) for word in ("gif", "svg")),
    *(
        (NEWEST, {"output_format": "svg", "svg_model": "gpt-6", "svg_effort": word})
        for word in ("none", "minimal", "low", "medium", "high", "xhigh", "max")
    ),
    (NEWEST, {"output_format": "svg", "svg_model": "gpt-6"}),
    ("some-gateway-model", {"partial_images": 2, "svg_effort": "max"}),
    ("some-gateway-model", {"size": "17x23", "quality": "max", "background": "transparent", "output_format": "jpeg"}),
]

# model, parameters, field, part of the message
BAD = [
    *((ANY, {"n": value}, "n", "must be a whole number from 1 to 10") for value in (0, 11, -1, 2.0, "2", "two", True)),
    (ANY, {"quality": "best"}, "quality", "best: must be one of low, medium, high, xhigh, max, auto"),
    (ANY, {"quality": "standard"}, "quality", "standard: is a word of DALL-E; write medium instead"),
    (ANY, {"input_fidelity": "medium"}, "input_fidelity", "medium: must be one of high, low"),
    (ANY, {"quality": "HIGH"}, "quality", "must be one of"),
    (ANY, {"quality": 1}, "quality", "1: must be one of"),
    ("gpt-image-2", {"quality": "xhigh"}, "quality", "xhigh: gpt-image-2 takes low, medium, high, auto"),
    ("gpt-image-2-2026-04-21", {"quality": "max"}, "quality", "max: gpt-image-2 takes"),
    (OLD, {"quality": "xhigh"}, "quality", "gpt-image-1-mini takes low, medium, high, auto"),
    (ANY, {"background": "clear"}, "background", "must be one of transparent, opaque, auto"),
    (ANY, {"background": "transparent", "output_format": "jpeg"}, "background", "transparent: needs output_format png or webp"),
    *(
        (NEWEST, {"background": "transparent", "output_format": word}, "background", "needs output_format png or webp")
        for word in ("gif", "svg")
    ),
    (ANY, {"output_format": "jpg"}, "output_format", "must be one of png, jpeg, webp, gif, svg"),
    (ANY, {"output_format": "gif"}, "output_format", "gif: gpt-image-2.5-flare makes png, jpeg, webp"),
    (ANY, {"output_format": "svg"}, "output_format", "gpt-image-2.5-flare makes"),
    (ANY, {"output_compression": 50}, "output_compression", "only goes with output_format jpeg or webp"),
    *(
        (NEWEST, {"output_compression": 50, "output_format": word}, "output_compression", "only goes with output_format jpeg")
        for word in ("png", "gif", "svg")
    ),
    *(
        (ANY, {"output_compression": value, "output_format": "jpeg"}, "output_compression", "from 0 to 100")
        for value in (-1, 101, "80%", 0.8)
    ),
    (ANY, {"moderation": "none"}, "moderation", "must be one of auto, low"),
    (NEWEST, {"complexity": "max"}, "complexity", "must be one of low, medium, high"),
    (NEWEST, {"output_format": "svg", "n": 2}, "n", "svg is made one at a time"),
    (NEWEST, {"frame_count": 4}, "frame_count", "only goes with output_format gif"),
    (NEWEST, {"frame_duration_ms": 200, "output_format": "png"}, "frame_duration_ms", "only goes with output_format gif"),
    *((NEWEST, {"frame_count": v, "output_format": "gif"}, "frame_count", "from 2 to 16") for v in (1, 17)),
    *(
        (NEWEST, {"frame_duration_ms": v, "output_format": "gif"}, "frame_duration_ms", "from 10 to 655350")
        for v in (9, 655_351)
    ),
    (ANY, {"user": ""}, "user", "is empty"),
    (ANY, {"user": 7}, "user", "7: must be text"),
    (ANY, {"safety_identifier": True}, "safety_identifier", "must be text"),
    *((ANY, {"stream": value}, "stream", f"{value}: must be true or false") for value in ("yes", 1, "True")),
    *(
        (NEWEST, {"stream": True, "output_format": word}, "stream", f"true: does not go with output_format {word}; write false")
        for word in ("gif", "svg")
    ),
    *(
        (ANY, {"partial_images": 2, **given}, "partial_images", "2: only goes with stream=true")
        for given in ({}, {"stream": False})
    ),
    *((ANY, {"stream": True, "partial_images": value}, "partial_images", "from 0 to 3") for value in (4, -1, True, "2")),
    (NEWEST, {"svg_model": "gpt-6"}, "svg_model", "gpt-6: only goes with output_format svg"),
    (NEWEST, {"svg_model": "", "output_format": "svg"}, "svg_model", "is empty"),
    (NEWEST, {"svg_effort": "low", "output_format": "svg"}, "svg_effort", "low: needs svg_model, the model that it is for"),
    (NEWEST, {"svg_effort": "much", "output_format": "svg"}, "svg_effort", "much: must be one of none, minimal, low"),
    (ANY, {"size": 1024}, "size", "1024: must be text"),
    (ANY, {"size": ""}, "size", "is empty"),
    *(
        (ANY, {name: "x"}, name, "is not a parameter of the API")
        for name in ("response_format", "style", "seed", "negative_prompt")
    ),
    ("some-gateway-model", {"n": 0}, "n", "must be a whole number"),
    ("some-gateway-model", {"quality": "hd"}, "quality", "hd: is a word of DALL-E; write high instead"),
    ("some-gateway-model", {"size": "512x512"}, "size", "512x512: is a size of DALL-E; write 1024x1024 instead"),
    (NEWEST, {"size": "256x256"}, "size", "256x256: is a size of DALL-E; write 1024x1024 instead"),
]


@pytest.mark.parametrize(("model", "given"), GOOD, ids=str)
def test_good_values_pass(model, given):
    """What the API takes is never refused."""
    assert parameters.problems(model, given) == ()


@pytest.mark.parametrize(("model", "given", "field", "told"), BAD, ids=str)
def test_bad_values_are_named(model, given, field, told):
    """One finding, on the field that is wrong, that says what would be right."""
    (finding,) = parameters.problems(model, given)
    assert finding.field == field
    assert told in finding.message


def test_every_parameter_has_good_and_bad_examples_here():
    """A parameter that is added to the catalog must be added to these tables."""
    assert {name for _, given in GOOD for name in given} == set(PARAMETERS)
    assert {row[2] for row in BAD} >= set(PARAMETERS)


def test_several_problems_are_told_together():
    """Nobody mends one field only to learn of the next."""
    found = parameters.problems(ANY, {"n": 99, "quality": "hd", "background": "none", "seed": 1})
    assert [finding.field for finding in found] == ["n", "quality", "background", "seed"]
    found = parameters.problems("gpt-image-2", {"quality": "max", "size": "10x10", "output_compression": 3})
    assert {finding.field for finding in found} == {"quality", "size", "output_compression"}


WARNED = [
    ("gpt-image-2.6-sunburst", {"quality": "max"}, ["quality"]),
    ("gpt-image-2.6-flare", {"output_format": "gif", "quality": "xhigh"}, ["quality", "output_format"]),
    ("gpt-image-2", {"background": "transparent"}, ["background"]),
    ("gpt-image-2-2026-04-21", {"complexity": "low"}, ["complexity"]),
    ("gpt-image-2.5-flare", {"complexity": "high"}, ["complexity"]),
    ("gpt-image-2.5-flare", {"background": "transparent", "quality": "max"}, []),
    ("gpt-image-2.6-flare", {"complexity": "high", "quality": "high"}, []),
    ("gpt-image-2.6-flare", {"size": "640x480"}, ["size"]),
    ("gpt-image-2", {"size": "2560x1440"}, []),
    ("gpt-image-2", {"size": "1440x2560"}, []),
    ("gpt-image-2", {"size": "2576x1440"}, ["size"]),
    ("gpt-image-2", {"size": "3840x2160"}, ["size"]),
    ("a-gateway-model", {}, ["model"]),
]


@pytest.mark.parametrize(("model", "given", "fields"), WARNED, ids=str)
def test_what_the_documents_leave_open_warns(model, given, fields):
    """Uncertain is told and passes; certain is not talked about."""
    assert [finding.field for finding in parameters.warnings(model, given)] == fields
    assert parameters.problems(model, given) == ()
