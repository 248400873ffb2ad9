"""The words of the tutorials become what the API takes, and each change is told."""

import pytest

from batchgen.core import identity, parameters
from batchgen.core.assembly import BUILT_IN, assemble
from batchgen.core.catalog import VENDORS
from batchgen.core.manifest import Row
from batchgen.core.translation import translated
from batchgen.core.tutorials import TRANSLATED

GATEWAY = "a-gateway-model"
# what is given beside the prompt "A fox", what becomes of it, what is told
REWRITTEN = [
    ({}, {}, []),
    ({"style": "vivid"}, {"prompt": "A fox\nStyle: vivid"}, ["style=vivid is written into the prompt"]),
    (
        {"negative_prompt": "text, frames"},
        {"prompt": "A fox\nAvoid: text, frames"},
        ["negative_prompt=text, frames is written into the prompt"],
    ),
    (
        {"negative_prompt": "text", "style": "natural"},
        {"prompt": "A fox\nStyle: natural\nAvoid: text"},
        ["style=natural is written into the prompt", "negative_prompt=text is written into the prompt"],
    ),
    ({"response_format": "url"}, {}, ["response_format=url is left out"]),
    ({"reference_image": "cup.png"}, {"image": "cup.png"}, ["reference_image=cup.png is sent as image"]),
    (
        {"reference_image": "cup.png", "image_1": "mug.png"},
        {"image_1": "mug.png"},
        ["reference_image=cup.png is left out"],
    ),
    ({"quality": "hd"}, {"quality": "high"}, ["quality=hd is sent as high"]),
    ({"quality": "standard"}, {"quality": "medium"}, ["quality=standard is sent as medium"]),
    ({"quality": "low", "size": "1024x1024"}, {"quality": "low", "size": "1024x1024"}, []),
    ({"size": "512x512"}, {"size": "816x816"}, ["size=512x512 is sent as 816x816"]),
    ({"size": "640x480"}, {"size": "944x704"}, ["size=640x480 is sent as 944x704"]),
    (
        {"size": "256x256", "model": "gpt-image-1-mini"},
        {"size": "1024x1024", "model": "gpt-image-1-mini"},
        ["size=256x256 is sent as 1024x1024"],
    ),
    ({"size": "512x512", "model": GATEWAY}, {"size": "1024x1024", "model": GATEWAY}, ["size=512x512 is sent as 1024x1024"]),
    ({"size": "1920x1080"}, {"size": "1920x1080"}, []),
    ({"quality": "best", "seed": 7}, {"quality": "best", "seed": 7}, []),
]


@pytest.mark.parametrize(("given", "becomes", "told"), REWRITTEN, ids=str)
def test_words_are_rewritten(given, becomes, told):
    """What the API has a word for gets it, what it has none for goes into the prompt, and nothing else is touched."""
    fields, rewritten = translated({**BUILT_IN, "prompt": "A fox", **given}, VENDORS)
    assert fields == {**BUILT_IN, "prompt": "A fox", **becomes}
    assert list(rewritten.notes) == told
    if told:
        sent = {name: value for name, value in fields.items() if name not in ("prompt", "model", "image", "image_1")}
        assert parameters.problems(str(fields["model"]), sent) == ()


def test_every_word_that_is_translated_is_in_the_table():
    """A word that is added must be added here."""
    assert {name for given, _, _ in REWRITTEN for name in given} >= set(TRANSLATED)


@pytest.mark.parametrize(
    ("given", "size"),
    [
        *(({"size": small}, small) for small in ("256x256", "512x512", "640x480")),
        ({"size": "1024x1024", "quality": "hd", "style": "size=256x256"}, ""),
        ({"size": "auto"}, ""),
    ],
)
def test_a_small_size_has_a_copy(given, size):
    """In the size that was asked for, and no other one has."""
    assert translated({**BUILT_IN, "prompt": "A fox", **given}, VENDORS)[1].copy_size == size


def _assembled(translate: bool = True, **cells):
    return assemble(Row(7, cells, {}), BUILT_IN, translate=translate)


def test_the_request_is_the_one_that_the_rewritten_words_make():
    """The fingerprint is that of what is sent: whoever writes the right words later buys nothing again."""
    old, _ = _assembled(prompt="A fox", style="vivid", quality="hd", size="512x512", response_format="url")
    new, _ = _assembled(prompt="A fox\nStyle: vivid", quality="high", size="816x816")
    assert old.request == new.request
    assert old.request.fingerprint == new.request.fingerprint
    assert (len(old.rewritten), new.rewritten) == (4, ())


def test_a_derived_name_stays_that_of_the_row():
    """What the row itself says names the image, so that a change of the translation renames nothing."""
    cells = {"prompt": "A fox", "style": "vivid", "quality": "hd"}
    wanted, _ = _assembled(**cells)
    assert wanted.custom_id == identity.derive(cells)


NO_PROMPT = [(None, "is missing"), ("", "is empty"), ("  \n", "is empty"), (7, "7: must be text")]


@pytest.mark.parametrize(("prompt", "told"), NO_PROMPT)
def test_words_do_not_make_up_for_a_prompt(prompt, told):
    """A row without a prompt is refused, whatever its style."""
    wanted, (finding,) = _assembled(style="vivid", **({} if prompt is None else {"prompt": prompt}))
    assert wanted is None
    assert (finding.field, finding.message) == ("prompt", told)


def test_the_words_count_for_the_length_of_the_prompt():
    """What would be sent is measured."""
    wanted, (finding,) = _assembled(prompt="x" * 31_990, style="vivid")
    assert wanted is None
    assert finding.message == "has 32,003 characters: the API takes 32,000 at most"


def test_nothing_is_rewritten_unless_it_is_asked_for():
    """By default a word is an error."""
    wanted, (finding,) = _assembled(translate=False, prompt="A fox", quality="hd")
    assert wanted is None
    assert finding.message == "hd: is a word of DALL-E; write high instead"
