"""A request's fingerprint tells wants apart, and nothing else does."""

from itertools import combinations

import pytest

from batchgen.core.request import Request

BASE = Request("generate", "gpt-image-2", "A fox", {"size": "1024x1024", "quality": "low"})

DIFFERENT = [
    BASE,
    Request("edit", "gpt-image-2", "A fox", {"size": "1024x1024", "quality": "low"}),
    Request("generate", "gpt-image-2.5-flare", "A fox", {"size": "1024x1024", "quality": "low"}),
    Request("generate", "gpt-image-2", "A fox ", {"size": "1024x1024", "quality": "low"}),
    Request("generate", "gpt-image-2", "a fox", {"size": "1024x1024", "quality": "low"}),
    Request("generate", "gpt-image-2", "A fox", {"size": "1024x1536", "quality": "low"}),
    Request("generate", "gpt-image-2", "A fox", {"size": "1024x1024", "quality": "auto"}),
    Request("generate", "gpt-image-2", "A fox", {"size": "1024x1024"}),
    Request("generate", "gpt-image-2", "A fox", {"size": "1024x1024", "quality": "low", "n": 1}),
    Request("generate", "gpt-image-2", "A fox", {"size": "1024x1024", "quality": "low", "n": 2}),
    Request("generate", "gpt-image-2", "A fox", {"size": "1024x1024", "quality": "low", "user": "2"}),
    Request("generate", "gpt-image-2", "A fox", {"size": "1024x1024", "quality": "low", "user": "é"}),
    Request("generate", "gpt-image-2", "A fox", {"size": "1024x1024", "quality": "low", "user": "e\u0301"}),
]


@pytest.mark.parametrize(("one", "other"), list(combinations(DIFFERENT, 2)))
def test_any_difference_makes_another_fingerprint(one, other):
    """Whatever is sent differently is another want, down to a blank and the form of a letter."""
    assert one.fingerprint != other.fingerprint


def test_the_order_of_parameters_does_not_count():
    """Columns that trade places buy nothing again."""
    turned = Request("generate", "gpt-image-2", "A fox", {"quality": "low", "size": "1024x1024"})
    assert turned.fingerprint == BASE.fingerprint


@pytest.mark.parametrize("transport", [{"stream": True}, {"stream": False}, {"stream": True, "partial_images": 2}])
def test_how_an_image_comes_makes_no_other_fingerprint(transport):
    """Nothing is bought again because it is to come as a stream now."""
    streamed = Request("generate", "gpt-image-2", "A fox", {"size": "1024x1024", "quality": "low", **transport})
    assert streamed.fingerprint == BASE.fingerprint
    assert streamed.body == {**BASE.body, **transport}
    assert (streamed.is_streamed, streamed.previews) == (transport["stream"], transport.get("partial_images", 0))


def test_parts_of_an_object_are_sent_as_an_object():
    """The API has no fields of these names."""
    request = Request("generate", "m", "p", {"output_format": "svg", "svg_effort": "low", "svg_model": "gpt-6"})
    assert request.body == {
        "model": "m",
        "prompt": "p",
        "output_format": "svg",
        "svg": {"reasoning": {"effort": "low"}, "model": "gpt-6"},
    }
    assert request.fingerprint != Request("generate", "m", "p", {**request.parameters, "svg_effort": "high"}).fingerprint


def test_the_fingerprint_is_the_same_for_ever():
    """It stands in ledgers: another value would make every finished row look changed."""
    assert BASE.fingerprint == "5aeb2d7a339e6ad12c25fdb1a10802360509b653c1265b828032a81c2680518f"


def test_the_body_is_what_was_asked_for():
    """Exactly the request's fields, nothing added."""
    assert BASE.body == {"model": "gpt-image-2", "prompt": "A fox", "size": "1024x1024", "quality": "low"}


@pytest.mark.parametrize(("parameters", "images"), [({}, 1), ({"n": 1}, 1), ({"n": 4}, 4)])
def test_images_asked_for(parameters, images):
    """One image, unless n says otherwise."""
    assert Request("generate", "m", "p", parameters).images == images


def test_asking_for_the_rest_leaves_the_request_alone():
    """A request for fewer images is another value; the first one is not touched, and the same number is the same request."""
    four = Request("generate", "m", "p", {"n": 4, "size": "auto"})
    three = four.asking_for(3)
    assert (three.images, four.images) == (3, 4)
    assert three.parameters["size"] == "auto"
    assert four.asking_for(4) is four
    assert BASE.asking_for(1) is BASE
