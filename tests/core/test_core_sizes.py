"""Free sizes: each rule refuses what it must, and names the nearest size that is right."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchgen.core import parameters, sizes
from batchgen.core.catalog import VENDORS, Model, SizeRule

MODEL = "gpt-image-2.5-flare"
RULE = SizeRule()

# asked for -> what is wrong, what would be right
BROKEN = [
    ("1920x1080", "edges must be multiples of 16", "1920x1088"),
    ("1080x1920", "edges must be multiples of 16", "1088x1920"),
    ("1000x1000", "edges must be multiples of 16", "1008x1008"),
    ("512x512", "needs at least 655,360 pixels", "816x816"),
    ("256x256", "needs at least 655,360 pixels", "816x816"),
    ("3840x2400", "may have 8,294,400 pixels at most", "3648x2272"),
    ("4096x2304", "the longest edge may have 3840 pixels", "3840x2160"),
    ("3072x768", "the edges' ratio may be 3:1 at most", "2656x896"),
    ("2000x16", "the edges' ratio may be 3:1 at most", "1408x480"),
]
NOT_SIZES = [
    "1024",
    "1024X1024",
    "1024 x 1024",
    "1024×1024",
    "0x1024",
    "-16x1024",
    "01024x1024",
    "1024x1024x1",
    "1e3x1e3",
    "big",
]
NOT_SIZES += ["1234567x1024", "１０２４x1024"]


@pytest.mark.parametrize(("size", "broken", "right"), BROKEN)
def test_a_broken_size_is_told_the_nearest(size, broken, right):
    """The rule that is broken, and a size to write instead, which passes."""
    (finding,) = parameters.problems(MODEL, {"size": size})
    assert finding.message == f"{size}: {broken}; nearest: {right}"
    assert parameters.problems(MODEL, {"size": right}) == ()


@pytest.mark.parametrize("size", NOT_SIZES)
def test_what_is_no_size_is_told_what_one_looks_like(size):
    """Whatever is not WIDTHxHEIGHT gets an example of it."""
    (finding,) = parameters.problems(MODEL, {"size": size})
    assert finding.message == f"{size}: must be WIDTHxHEIGHT in pixels, like 1024x1024, or auto"


@pytest.mark.parametrize("size", ["1792x1024", "2048x2048", "512x512", "wide"])
@pytest.mark.parametrize("model", ["gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5", "chatgpt-image-latest"])
def test_the_older_models_have_three_sizes(model, size):
    """What the newer ones take freely is refused for the older ones, with the list."""
    (finding,) = parameters.problems(model, {"size": size})
    assert finding.message == f"{size}: {model} takes 1024x1024, 1536x1024, 1024x1536 or auto"


EDGES = [(1024, 640), (640, 1024), (3840, 1280), (1280, 3840), (3840, 2160), (2880, 2880), (1408, 480), (1920, 1088)]


@pytest.mark.parametrize(("width", "height"), EDGES)
def test_sizes_on_the_bounds_are_good(width, height):
    """The bounds themselves are allowed."""
    assert parameters.problems(MODEL, {"size": f"{width}x{height}"}) == ()


def _is_valid(width: int, height: int) -> bool:
    """The rule of the reference, written once more and otherwise."""
    multiples = width % 16 == 0 and height % 16 == 0
    ratio = width <= 3 * height and height <= 3 * width
    return multiples and ratio and max(width, height) <= 3840 and 655_360 <= width * height <= 8_294_400


EDGE = st.one_of(st.integers(1, 999_999), st.integers(1, 5000), st.integers(1, 260).map(lambda steps: 16 * steps))


@given(EDGE, EDGE)
@example(1, 1)
@example(999_999, 999_999)
@example(999_999, 1)
@example(1, 999_999)
def test_the_nearest_size_is_valid(width, height):
    """Whatever is asked for, what is proposed is taken; and what is valid is proposed itself."""
    nearest = sizes.nearest(RULE, width, height)
    assert _is_valid(*nearest)
    if _is_valid(width, height):
        assert nearest == (width, height)


@given(EDGE, EDGE)
def test_a_size_is_refused_exactly_when_it_breaks_the_rule(width, height):
    """No valid size is refused, no invalid one passes, and none lies on its side in the answer."""
    found = parameters.problems(MODEL, {"size": f"{width}x{height}"})
    assert (not found) == _is_valid(width, height)
    nearest_width, nearest_height = sizes.nearest(RULE, width, height)
    assert (nearest_width - nearest_height) * (width - height) >= 0


LISTED = Model("listed", (), ("1024x1024", "1536x1024", "1024x1536", "2048x2048"))
# model, size that was asked for, the one to take instead
ENLARGED = [
    ("gpt-image-2", "512x512", "816x816"),
    ("gpt-image-2.5-flare", "256x256", "816x816"),
    ("gpt-image-2", "640x480", "944x704"),
    ("gpt-image-2", "480x640", "704x944"),
    ("gpt-image-2", "900x100", "1408x480"),
    ("gpt-image-2", "1024x640", None),
    ("gpt-image-2", "1000x1000", None),
    ("gpt-image-2", "big", None),
    ("gpt-image-2", "auto", None),
    ("gpt-image-1-mini", "512x512", "1024x1024"),
    ("gpt-image-1-mini", "640x480", "1536x1024"),
    ("gpt-image-1-mini", "300x500", "1024x1536"),
    ("gpt-image-1-mini", "1024x1024", None),
    ("gpt-image-1-mini", "1792x1024", None),
    ("gpt-image-2.6-flare", "512x512", "1024x1024"),
    ("gpt-image-2.6-flare", "640x480", None),
    ("a-gateway-model", "256x256", "1024x1024"),
    ("a-gateway-model", "640x480", None),
    ("listed", "512x512", "1024x1024"),
    ("only-auto", "512x512", None),
]


@pytest.mark.parametrize(("model", "size", "instead"), ENLARGED)
def test_a_size_that_is_too_small_is_enlarged(model, size, instead):
    """The smallest of that shape that the model takes; nothing else is touched, nor what nobody knows to be too small."""
    catalog = VENDORS.with_model(LISTED).with_model(replace(LISTED, name="only-auto", sizes=()))
    assert sizes.enlarged(catalog.find(model), size) == instead
    if instead:
        assert parameters.problems(model, {"size": instead}, catalog) == ()


@given(EDGE, EDGE)
def test_an_enlarged_size_is_valid_and_keeps_its_shape(width, height):
    """Whatever is too small: what is taken instead is valid, and nearly as wide for its height as far as the rule lets it."""
    instead = sizes.enlarged(VENDORS.find(MODEL), f"{width}x{height}")
    if width * height >= RULE.fewest:
        assert instead is None
        return
    edges = sizes.edges_of(instead)
    assert _is_valid(*edges)
    assert edges[0] * edges[1] < 1.1 * RULE.fewest
    wanted = min(max(width / height, 1 / 3), 3)
    assert abs(edges[0] / edges[1] / wanted - 1) < 0.08
