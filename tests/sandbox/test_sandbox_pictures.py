"""Pictures: the same for the same, different for different, marked, and of the size asked for."""

import io

import pytest
from PIL import Image, ImageChops

from batchgen.providers.sandbox.picture import Encoding, draw
from batchgen.providers.sandbox.picture.lettering import spell

PROMPTS = [
    "A lighthouse at dusk",
    "Bauhaus poster",
    "Golden wheat",
    "Planet of ice",
    "Forest path",
    "Tea garden",
    "Night market",
]


def picture_of(prompt, *, size=(1024, 1024), ordinal=0):
    return Image.open(io.BytesIO(draw(prompt, size, ordinal, Encoding()))).convert("RGB")


def test_pictures_are_repeatable_and_distinct():
    """The bytes follow from prompt, size and ordinal alone; another ordinal is another picture."""
    first = draw("A lighthouse", (1024, 1024), 0, Encoding())
    assert draw("A lighthouse", (1024, 1024), 0, Encoding()) == first
    files = {draw(prompt, (1024, 1024), ordinal, Encoding()) for prompt in PROMPTS for ordinal in range(3)}
    assert len(files) == 3 * len(PROMPTS)
    assert all(5_000 < len(file) < 200_000 for file in files)


@pytest.mark.parametrize("size", [(1024, 640), (640, 1024), (1920, 640), (512, 1536), (3840, 2160)])
@pytest.mark.parametrize("prompt", ["", "x" * 32_000, "word " * 3000, "東京の夜", "é\x00\u202e😀"])
def test_any_prompt_fits_any_size(prompt, size):
    """No text and no shape breaks the drawing."""
    assert picture_of(prompt, size=size).size == size


def test_the_words_and_the_mark_are_on_it():
    """Another prompt changes the foot; the mark in the corner is light on dark whatever lies beneath."""
    for prompt in PROMPTS:
        picture = picture_of(prompt)
        mark = picture.crop((820, 50, 975, 90)).convert("L")
        darkest, lightest = mark.getextrema()
        assert lightest - darkest > 120
        foot = picture.crop((0, 880, 1024, 1024)).convert("L")
        assert foot.getextrema()[1] - foot.getextrema()[0] > 120
    assert ImageChops.difference(picture_of("Golden wheat"), picture_of("Golden wheal")).getbbox()


def test_letters_that_the_font_lacks_are_not_drawn_as_boxes():
    """Accents go, other scripts leave an ellipsis or a remark."""
    assert spell("Café Zürich") == "Cafe Zurich"
    assert spell("neon 東京 の night") == "neon ... night"
    assert spell("東京") == "(a prompt in another script)"
