"""Input images as a row names them: taken apart, put together again, and refused in words that say what would be right."""

from pathlib import PurePath

import pytest

from batchgen.core import inputs
from batchgen.core.catalog import VENDORS
from batchgen.core.inputs import Facts, Reference, joined, references
from batchgen.core.request import Input, Request

_PNG = "data:image/png;base64,iVBORw0="
_CELLS = {
    "one": ({"image": "a.png"}, ["image a.png"]),
    "several": ({"image": " a.png ; b c.png;"}, ["image a.png", "image b c.png"]),
    "an array": ({"image": '["a;1.png", "b.png"]'}, ["image a;1.png", "image b.png"]),
    "a data URL": ({"image": _PNG}, [f"image {_PNG}"]),
    "a link": ({"image": "https://a.example/x.png?a=1"}, ["image https://a.example/x.png?a=1"]),
    "one each, in their order": (
        {"image_2": "b.png", "image_10": "c.png", "image_1": "a.png"},
        ["image_1 a.png", "image_2 b.png", "image_10 c.png"],
    ),
    "with a mask": ({"mask": "m.png", "image": "a.png"}, ["image a.png", "mask m.png"]),
    "results of other rows": ({"image": "@hero#2;a.png; @Hero"}, ["image @hero#2", "image a.png", "image @Hero"]),
    "a file whose name begins like a result": ({"image": "./@hero.png"}, ["image ./@hero.png"]),
    "none": ({"prompt": "a cat"}, []),
    "blank": ({"image": " ; "}, []),
}


@pytest.mark.parametrize("case", _CELLS)
def test_the_images_of_a_row(case):
    """In the order of the columns, whatever the way in which they are named."""
    cells, wanted = _CELLS[case]
    named, findings = references(cells)
    assert [f"{one.column} {one.source}" for one in named] == wanted
    assert findings == []


_WRONG = {
    "no list": ({"image": '["a.png"'}, "image", "is no list of images: write a;b, or a JSON array"),
    "a list of something else": ({"image": "[1]"}, "image", "is no list of images"),
    "seventeen": ({"image": ";".join(f"{n}.png" for n in range(17))}, "image", "names 17 images: 16 are the most"),
    "two masks": ({"image": "a.png", "mask": "b.png;c.png"}, "mask", "names 2 images: there is one mask"),
    "a mask on nothing": ({"mask": "b.png"}, "mask", "needs an image to lie on: name it in the column image"),
    "a result as a mask": ({"image": "a.png", "mask": "@hero"}, "mask", "@hero: a mask is a file that you draw"),
    "a result of nobody": (
        {"image": "@"},
        "image",
        "@: '' is empty, so it is no custom_id; a file of that name is written ./@",
    ),
    "no number": ({"image": "@hero#two"}, "image", "@hero#two: write @hero#2 for its second image"),
    "number nought": ({"image": "@hero#0"}, "image", "@hero#0: write @hero#2 for its second image"),
    "other data": ({"image": "data:text/plain,hello"}, "image", "a data URL must begin with data:image/png;base64,"),
}


@pytest.mark.parametrize("case", _WRONG)
def test_what_is_wrong_with_them_is_told_of_their_column(case):
    """With the way to write it."""
    cells, column, words = _WRONG[case]
    _, findings = references(cells)
    assert [(finding.field, words in finding.message) for finding in findings] == [(column, True)]


@pytest.mark.parametrize("texts", [["a.png"], ["a.png", "b.png"], ["a;b.png"], [_PNG, "c.png"], ["[a].png"]])
def test_what_is_joined_is_taken_apart_again(texts):
    """An export that is submitted again names the same images."""
    named, findings = references({"image": joined(texts)})
    assert ([one.source for one in named], findings) == (texts, [])


def test_paths_are_put_below_a_folder_and_links_stay():
    """An option is relative to where it was typed."""
    folder = PurePath("/shop")
    assert inputs.anchored("a.png;/b.png", folder) == "/shop/a.png;/b.png"
    assert inputs.anchored("https://a.example/x.png", folder) == "https://a.example/x.png"
    assert inputs.anchored("@hero;a.png", folder) == "@hero;/shop/a.png"
    assert inputs.anchored("[", folder) == "["


_FIRST = Facts("image/jpeg", 40, 30, 1000, "ab", has_alpha=False, is_see_through=False)
_MASK = Facts("image/png", 40, 30, 1000, "cd", has_alpha=True, is_see_through=True)
_FITS = {
    "a photo": ("image", _FIRST, ""),
    "a gif": ("image", {"media_type": "image/gif"}, "is image/gif: the API takes PNG, WebP and JPEG"),
    "50 MB": ("image", {"bytes": 50 * 1024 * 1024}, "has 52,428,800 bytes, and fewer than 52,428,800 are taken"),
    "a mask": ("mask", _MASK, ""),
    "a mask that is a photo": ("mask", _FIRST, "is JPEG: a mask is a PNG with alpha"),
    "a mask without alpha": ("mask", {"has_alpha": False}, "has no alpha channel: make transparent what is to be changed"),
    "a mask of another size": ("mask", {"width": 41}, "is 41x30 and the first image 40x30: make it the same size"),
    "a mask of 4 MB": ("mask", {"bytes": 4 * 1024 * 1024}, "has 4,194,304 bytes, and fewer than 4,194,304 are taken"),
    "an opaque markup": ("markup", {"is_see_through": False}, "has no transparent pixels"),
}


@pytest.mark.parametrize("case", _FITS)
def test_whether_a_file_can_be_an_input(case):
    """By what the API takes in that role, and by the first image."""
    role, facts, words = _FITS[case]
    like = _FIRST if role == "image" else _MASK
    given = (
        Facts(**{name: getattr(like, name) for name in like.__struct_fields__} | facts) if isinstance(facts, dict) else facts
    )
    told = inputs.unfit(Reference(role, "a"), given, _FIRST)
    assert told.startswith(words) if words else told == ""


_FILE, _LINK = "a.png", "https://a.example/x.png"
_DOUBTS = {
    "a generation": ("gpt-image-2", {"moderation": "low"}, {}, []),
    "a form": ("gpt-image-2", {"moderation": "low"}, {"image": _FILE}, ["moderation may be refused beside input files"]),
    "a form without it": ("gpt-image-2", {}, {"image": _FILE}, []),
    "a link": ("gpt-image-2", {"moderation": "low"}, {"image": _LINK}, []),
    "markup": ("gpt-image-2.5-flare", {}, {"image": _FILE, "markup": _FILE}, []),
    "markup in JSON": ("gpt-image-2.5-flare", {}, {"image": _LINK, "markup": _FILE}, ["markup may be refused beside a link"]),
    "markup of 2.6": (
        "gpt-image-2.6-flare",
        {},
        {"image": _FILE, "markup": _FILE},
        ["markup may be refused by gpt-image-2.6-flare"],
    ),
    "an unknown model": ("mine", {"moderation": "low"}, {"image": _LINK, "markup": _FILE}, []),
}


@pytest.mark.parametrize("case", _DOUBTS)
def test_what_the_documents_leave_open_of_an_edit_is_warned_of(case):
    """It passes all the same."""
    model, parameters, sources, told = _DOUBTS[case]
    named = tuple(Input(role, source, "0" * 64) for role, source in sources.items())
    request = Request("edit" if named else "generate", model, "p", parameters, named)
    found = inputs.warnings(VENDORS.find(model), request)
    assert [finding.message for finding in found] == [f"{words}: the vendor's documents leave it open" for words in told]
    assert inputs.problems(VENDORS.find(model), parameters, set(sources)) == ()


_REQUESTS = {
    "fidelity where it is always high": ("gpt-image-2", {"input_fidelity": "high"}, {"image"}, "leave it out"),
    "fidelity the model has": ("gpt-image-1.5", {"input_fidelity": "high"}, {"image"}, None),
    "fidelity the model has not": ("gpt-image-1-mini", {"input_fidelity": "high"}, {"image"}, "gpt-image-1-mini takes low"),
    "fidelity of nothing": ("gpt-image-1.5", {"input_fidelity": "high"}, (), "only goes with input images"),
    "fidelity that is not documented": ("gpt-image-2.5-flare", {"input_fidelity": "high"}, {"image"}, None),
    "markup": ("gpt-image-2.5-flare", {}, {"image", "markup"}, None),
    "markup on an older model": ("gpt-image-2", {}, {"image", "markup"}, "gpt-image-2 does not take it"),
    "markup and mask": ("gpt-image-2.5-flare", {}, {"image", "markup", "mask"}, "does not go together with a mask"),
    "an unknown model": ("mine", {"input_fidelity": "high"}, {"image", "markup"}, None),
}


@pytest.mark.parametrize("case", _REQUESTS)
def test_rules_of_a_request_with_inputs(case):
    """By model and by what goes together."""
    model, parameters, roles, words = _REQUESTS[case]
    found = inputs.problems(VENDORS.find(model), parameters, roles)
    assert [words in finding.message for finding in found] == ([True] if words else [])


def test_a_file_beside_a_link_has_to_fit_into_json():
    """Where one input is a link, all are sent in a JSON body."""
    assert inputs.within_json(_FIRST) == ""
    large = Facts("image/jpeg", 40, 30, 16_000_000, "ab", has_alpha=False, is_see_through=False)
    assert "beside a link" in inputs.within_json(large)
