"""What a provider is asked to do: by the vendor's rules, and by its own where it differs."""

import pytest

from batchgen.core.assembly import BUILT_IN, assemble
from batchgen.core.dialect import Dialect
from batchgen.core.manifest import Row, typed

DIALECTS = {
    "": Dialect(official=True),
    "gateway": Dialect(accepts=("style", "quality", "size", "seed", "response_format"), variations=True),
    "plain": Dialect(),
}
VARIATION = {"operation": "variation", "image": "cup.png", "model": "dall-e-2"}


def _assembled(cells, *, translate=False, **defaults):
    wanted, findings = assemble(Row(2, cells, {}), {**BUILT_IN, **defaults}, translate=translate, dialects=DIALECTS)
    return wanted, [f"{finding.field}: {finding.message}" for finding in findings]


def test_words_go_untouched_to_whom_accepts_them():
    """Whatever the vendor says of them and whether or not words are translated."""
    cells = {"prompt": "A fox", "provider": "gateway", "style": "vivid", "quality": "hd", "size": "512x512", "seed": 7}
    for translate in (False, True):
        wanted, _ = _assembled(cells, translate=translate, response_format="url")
        sent = {"style": "vivid", "quality": "hd", "size": "512x512", "seed": 7, "response_format": "url"}
        assert (dict(wanted.request.parameters), wanted.provider, wanted.rewritten) == (sent, "gateway", ())


def test_they_are_what_they_are_to_others():
    """Errors with what to write instead, or rewritten."""
    cells = {"prompt": "A fox", "provider": "plain", "style": "vivid", "quality": "hd"}
    _, told = _assembled(cells)
    assert [line.partition(";")[0] for line in told] == [
        "style: is not taken by the GPT Image models",
        "quality: hd: is a word of DALL-E",
    ]
    wanted, _ = _assembled(cells, translate=True)
    assert (wanted.request.prompt, wanted.request.parameters["quality"]) == ("A fox\nStyle: vivid", "high")


def test_a_default_is_for_those_who_take_it():
    """Rows of the others do without it; what a row says itself is refused there."""
    note = "seed=7 is left out: the provider does not take it"
    for provider, sent, notes in (("gateway", {"seed": 7}, ()), ("plain", {}, (note,)), ("", {}, (note,))):
        wanted, told = _assembled({"prompt": "A fox", "provider": provider}, seed=7)
        found = {name: value for name, value in wanted.request.parameters.items() if name == "seed"}
        assert (told, found, wanted.rewritten) == ([], sent, notes)
    _, told = _assembled({"prompt": "A fox", "provider": "plain", "seed": 7}, seed=7)
    assert [line.partition(":")[0] for line in told] == ["seed"]


def test_the_provider_is_no_part_of_the_request():
    """The same picture has the same fingerprint and the same name, whoever makes it."""
    made = [_assembled({"prompt": "A fox", **more})[0] for more in ({}, {"provider": "plain"}, {"provider": "gateway"})]
    assert len({(one.request.fingerprint, one.custom_id) for one in made}) == 1
    assert [one.provider for one in made] == ["", "plain", "gateway"]


def test_a_variation_has_what_it_can_have():
    """No prompt; of what is said for all rows only what it takes; and what the provider accepts."""
    wanted, told = _assembled({**VARIATION, "provider": "gateway", "n": 2, "style": "vivid"}, user="me", background="opaque")
    assert told == []
    assert (wanted.request.operation, wanted.request.prompt) == ("variation", "")
    parameters = {"n": 2, "user": "me", "style": "vivid", "size": "1024x1024"}
    assert dict(wanted.request.parameters) == parameters
    assert wanted.request.body == {"model": "dall-e-2", **parameters}


REFUSED = [
    (
        {},
        "operation: variation: the API has no variations any more: write edit, with a prompt like 'a variation of this image'",
    ),
    ({"provider": "plain"}, "where a provider still has it, its table [providers.NAME] says variations = true"),
    ({"provider": "gateway", "image": ""}, "operation: variation is made of one image, a file or a result, without a mask"),
    ({"provider": "gateway", "image": "a.png;b.png"}, "operation: variation is made of one image"),
    ({"provider": "gateway", "image": "https://a.b/c.png"}, "operation: variation is made of one image"),
    ({"provider": "gateway", "mask": "hole.png"}, "operation: variation is made of one image"),
    ({"provider": "gateway", "prompt": "A fox"}, "prompt: is not taken by a variation: leave it empty, or write edit"),
    ({"provider": "gateway", "background": "opaque"}, "background: is not taken by a variation: leave it empty, or"),
]


@pytest.mark.parametrize(("more", "told"), REFUSED)
def test_what_is_no_variation(more, told):
    """Refused with the way out."""
    wanted, findings = _assembled({**VARIATION, **more})
    assert wanted is None
    assert any(told in line for line in findings)


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("seed", " 7 ", 7),
        ("steps", "-12", -12),
        ("guidance", "7.5", 7.5),
        ("lora", "true", True),
        ("lora", "film-2", "film-2"),
        ("lora", "1e999", "1e999"),
        ("negative_prompt", "1984", "1984"),
        ("image_2", "7", "7"),
        ("n", "2", 2),
        ("model", "3", "3"),
    ],
)
def test_a_cell_of_a_field_that_only_a_provider_knows(field, text, value):
    """A number is one, since a table cannot tell otherwise; what is known to be words stays words."""
    assert (typed(field, text), type(typed(field, text))) == (value, type(value))
