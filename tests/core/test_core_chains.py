"""Results of other rows: how they are named, what stands for them, and when they cannot be an input."""

import pytest

from batchgen.core import chains
from batchgen.core.chains import Parent
from batchgen.core.inputs import unfit_results
from batchgen.core.request import Input

_NAMED = {
    "@hero": Parent("hero", 1),
    "@hero#1": Parent("hero", 1),
    "@Hero (2)#12": Parent("Hero (2)", 12),
    "@@home": Parent("@home", 1),
    "@": "'' is empty, so it is no custom_id",
    "@a/b.png": "'a/b.png' holds '/': only letters, digits, space and ._-+@() are allowed, so it is no custom_id",
    "@hero#": "write @hero#2 for its second image",
    "@hero#0": "write @hero#2",
    "@hero#1234": "write @hero#2",
    "@hero#-1": "write @hero#2",
    "@hero#2#3": "write @hero#2",
    "@hero#\u0662": "write @hero#2",
}


@pytest.mark.parametrize("source", _NAMED)
def test_a_result_is_named_by_its_row_and_its_number(source):
    """What is not, is told with the way to write it."""
    wanted, found = _NAMED[source], chains.parent(source)
    assert found == wanted if isinstance(wanted, Parent) else str(found).startswith(wanted)


def test_what_stands_for_a_result_is_all_that_decides_it():
    """The row without regard to case, which image, and what the row asks for."""
    same = {Parent("hero", 1).digest("f"), Parent("HERO", 1).digest("f")}
    others = {Parent("hero", 2).digest("f"), Parent("villain", 1).digest("f"), Parent("hero", 1).digest("g")}
    assert (len(same), len(others), len(same & others)) == (1, 3, 0)


@pytest.mark.parametrize(
    ("ordinal", "images", "kind", "words"),
    [
        (2, 2, "png", ""),
        (2, 1, "png", "hero makes 1 image: name one of them"),
        (4, 3, "webp", "hero makes 3 images"),
        (1, 1, "svg", "hero makes svg"),
    ],
)
def test_a_parent_that_cannot_give_what_is_wanted(ordinal, images, kind, words):
    """Known before anything is paid for."""
    told = chains.unfit_parent(Parent("hero", ordinal), images, kind)
    assert told.startswith(words) if words else told == ""


def test_a_circle_is_told_by_its_rows():
    """All of a small one, the ends of a large one, and a row alone."""
    assert chains.circle(["a", "b"]).startswith("goes in a circle (a needs b needs a): let one")
    assert "(0 needs 1 needs 2 needs 3 needs 4 needs ... needs 99 needs 0)" in chains.circle([f"{n}" for n in range(100)])
    assert chains.circle(["a"]).startswith("@a is this row itself")


_MADE = Input("image", "@hero", "ab", "image/png", 40, 30, 1000, "shop/hero.png")
_LINK = Input("image", "https://a.example/x.png", "cd")
_MASK = Input("mask", "/shop/mask.png", "ef", "image/png", 40, 30, 1000)


def _like(one, **changes):
    return Input(**{name: getattr(one, name) for name in one.__struct_fields__} | changes)


_INPUTS = {
    "as it should be": ([_MADE, _MASK], ""),
    "beside a link": ([_MADE, _LINK], ""),
    "not there": ([Input("image", "@hero#2", "ab")], "@hero#2: there is no such image any more"),
    "a moving picture": ([_like(_MADE, media_type="image/gif")], "@hero is image/gif: the API takes PNG, WebP and JPEG"),
    "50 MB": ([_like(_MADE, bytes=50 * 1024 * 1024)], "@hero has 52,428,800 bytes, and fewer than 52,428,800 are taken"),
    "large beside a link": ([_LINK, _like(_MADE, bytes=16_000_000)], "@hero has 16,000,000 bytes: beside a link"),
    "of another size than the mask": ([_like(_MADE, height=31), _MASK], "/shop/mask.png is 40x30 and the first image 40x31"),
    "a mask for another first image": ([_LINK, _like(_MADE, height=31), _MASK], ""),
}


@pytest.mark.parametrize("case", _INPUTS)
def test_a_result_is_an_input_like_any_other(case):
    """What could not be known when it was submitted is looked at when it is there."""
    inputs, words = _INPUTS[case]
    told = unfit_results(inputs, as_json=False)
    assert told.startswith(words) if words else told == ""


def test_a_large_result_goes_within_json_nowhere():
    """A provider without forms takes it as little as the vendor does beside a link."""
    large = [_like(_MADE, bytes=16_000_000)]
    assert unfit_results(large, as_json=True).startswith("@hero has 16,000,000 bytes")
    assert unfit_results(large, as_json=False) == ""
