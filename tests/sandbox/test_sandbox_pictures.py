"""Pictures: the same for the same, different for different, marked, and of the size asked for."""

import io

import pytest
from PIL import Image, ImageChops

from batchgen.providers.sandbox.picture import Encoding, Inputs, draw, retouch
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


def inputs(others=0):
    first = picture_of("A lighthouse", size=(900, 700))
    return Inputs(first, tuple(picture_of(prompt) for prompt in PROMPTS[:others]))


def test_edits_are_repeatable_and_distinct():
    """The bytes follow from the prompt, the inputs, the size and the ordinal; any other of them makes another picture."""
    size = (1024, 640)
    assert retouch("A hat", inputs(), size, 0, Encoding()) == retouch("A hat", inputs(), size, 0, Encoding())
    files = {
        retouch("A hat", inputs(), size, 0, Encoding()),
        retouch("A hat", inputs(), size, 1, Encoding()),
        retouch("A cat", inputs(), size, 0, Encoding()),
        retouch("A hat", inputs(1), size, 0, Encoding()),
        retouch("A hat", inputs(2), size, 0, Encoding()),
        retouch("A hat", inputs(), (640, 1024), 0, Encoding()),
        draw("A hat", size, 0, Encoding()),
    }
    assert len(files) == 7


@pytest.mark.parametrize("size", [(1024, 640), (640, 1920), (3840, 2160)])
@pytest.mark.parametrize("kind", [("RGB", (1, 1)), ("RGBA", (2048, 1)), ("RGB", (1, 2048))])
def test_any_inputs_fit_any_size(size, kind):
    """No shape breaks the collage, neither as the first nor as one of fifteen others."""
    image = Image.new(*kind, "red")
    made = retouch("A hat", Inputs(image, (image,) * 15, Image.new("L", image.size, 255)), size, 0, Encoding())
    assert Image.open(io.BytesIO(made)).size == size


def test_previews_are_coarse():
    """A row changes its colour as often as there are squares in it, or less; each preview is finer than the one before."""

    def changes(file):
        row = Image.open(io.BytesIO(file)).convert("RGB").crop((0, 400, 1024, 401))
        return sum(row.getpixel((x, 0)) != row.getpixel((x + 1, 0)) for x in range(1023))

    drawn = [changes(draw("Forest path", (1024, 1024), 0, Encoding(squares=squares))) for squares in (24, 48, 96)]
    edited = [changes(retouch("A hat", inputs(), (1024, 1024), 0, Encoding(squares=squares))) for squares in (24, 48, 96)]
    for counts in (drawn, edited):
        assert 0 < counts[0] < counts[1] < counts[2]
        assert [count <= most for count, most in zip(counts, (25, 50, 104), strict=True)] == [True] * 3
