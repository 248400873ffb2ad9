"""A row becomes a request, or everything that is wrong with it."""

import pytest

from batchgen.core import identity
from batchgen.core.assembly import BUILT_IN, assemble
from batchgen.core.dialect import Dialect
from batchgen.core.manifest import Row
from batchgen.core.parameters import Finding

LAYERED = {**BUILT_IN, "quality": "high", "output_format": "webp"}


def _row(findings=(), metadata=None, **cells) -> Row:
    return Row(7, cells, metadata or {}, tuple(findings))


def test_built_in_values_are_always_sent():
    """Model, size and quality are never left to the server."""
    assert BUILT_IN == {"model": "gpt-image-2.5-flare", "size": "1024x1024", "quality": "medium"}
    wanted, findings = assemble(_row(prompt="A fox"), BUILT_IN)
    assert findings == ()
    assert wanted.request.body == {**BUILT_IN, "prompt": "A fox"}
    assert wanted.request.operation == "generate"


def test_a_cell_comes_before_the_defaults():
    """A row's own cell decides; what it leaves out is filled, and nothing is added."""
    wanted, _ = assemble(_row(prompt="A fox", quality="low", n=3, model="gpt-image-2"), LAYERED)
    expected = {"quality": "low", "n": 3, "model": "gpt-image-2", "size": "1024x1024", "output_format": "webp"}
    assert wanted.request.body == {"prompt": "A fox", **expected}


@pytest.mark.parametrize("prompt", ["A fox", "  A fox ", "A\nfox\t", "🦊", '"G I G G L E"', "x" * 32_000, "\x1b[2J", "\u202eA"])
def test_prompts_are_kept_to_the_letter(prompt):
    """No character of a prompt is touched."""
    wanted, findings = assemble(_row(prompt=prompt), BUILT_IN)
    assert findings == ()
    assert wanted.request.prompt == prompt


CASES = [
    # what a row says, what is sent
    ({"quality": "High", "background": "OPAQUE", "output_format": "WebP"}, {"quality": "high", "background": "opaque"}),
    ({"size": "1536X1024"}, {"size": "1536x1024"}),
    ({"size": "Auto", "quality": "AUTO", "moderation": "Low"}, {"size": "auto", "quality": "auto", "moderation": "low"}),
    ({"model": "GPT-Image-3", "user": "Me"}, {"model": "GPT-Image-3", "user": "Me"}),
]


@pytest.mark.parametrize(("cells", "sent"), CASES)
def test_a_word_of_the_api_is_one_in_any_case(cells, sent):
    """`High` is high, in a row and in what is said for all; fingerprint and derived name are those of the plain word."""
    wanted, findings = assemble(_row(prompt="A fox", **cells), BUILT_IN)
    assert findings == ()
    assert {**wanted.request.body, **sent} == wanted.request.body
    plain, _ = assemble(_row(prompt="A fox", **{**cells, **{name: wanted.request.body[name] for name in cells}}), BUILT_IN)
    default, _ = assemble(_row(prompt="A fox"), {**BUILT_IN, **cells})
    assert wanted.request.fingerprint == plain.request.fingerprint == default.request.fingerprint
    assert wanted.custom_id == plain.custom_id


def test_a_provider_that_accepts_a_field_gets_it_in_its_own_case():
    """It is sent untouched; a word that nobody knows is repeated as it was written."""
    dialects = {"": Dialect(), "gateway": Dialect(("quality",))}
    wanted, _ = assemble(_row(prompt="A fox", quality="High", provider="gateway"), BUILT_IN, dialects=dialects)
    assert wanted.request.body["quality"] == "High"
    _, (finding,) = assemble(_row(prompt="A fox", quality="Best"), BUILT_IN)
    assert finding.message.startswith("Best: must be one of low")
    _, (finding,) = assemble(_row(prompt="A fox", quality="HD"), BUILT_IN)
    assert finding.message == "hd: is a word of DALL-E; write high instead"
    made, _ = assemble(_row(prompt="A fox", operation="Generate"), BUILT_IN)
    assert made.request.operation == "generate"


def test_a_given_id_is_final_and_a_missing_one_is_derived_from_the_row_s_own_cells():
    """Defaults and metadata do not enter a derived id; the row's request cells do."""
    given, _ = assemble(_row(prompt="A fox", custom_id="Fox 1"), BUILT_IN)
    assert (given.custom_id, given.given, given.line) == ("Fox 1", True, 7)
    plain, _ = assemble(_row(prompt="A fox"), BUILT_IN)
    assert (plain.custom_id, plain.given) == (identity.derive({"prompt": "A fox"}), False)
    same, _ = assemble(_row(prompt="A fox", metadata={"shelf": "b"}), LAYERED)
    assert same.custom_id == plain.custom_id
    assert same.metadata == {"shelf": "b"}
    other, _ = assemble(_row(prompt="A fox", quality="medium"), BUILT_IN)
    assert other.custom_id != plain.custom_id
    assert other.request.fingerprint == plain.request.fingerprint


WRONG = [
    ({}, [("prompt", "is missing")]),
    ({"prompt": "  \n\t"}, [("prompt", "is empty")]),
    ({"prompt": 7}, [("prompt", "7: must be text")]),
    ({"prompt": True}, [("prompt", "True: must be text")]),
    ({"prompt": "x" * 32_001}, [("prompt", "has 32,001 characters: the API takes 32,000 at most")]),
    ({"prompt": "a\x00b"}, [("prompt", "holds what is not a character")]),
    ({"prompt": "a\ud800b"}, [("prompt", "holds what is not a character")]),
    ({"prompt": "a", "model": ""}, [("model", "is empty")]),
    ({"prompt": "a", "model": 5}, [("model", "5: must be text")]),
    ({"prompt": "a", "user": "\udfff"}, [("user", "holds what is not a character")]),
    ({"prompt": "a", "n": 99}, [("n", "99: must be a whole number from 1 to 10")]),
    ({"prompt": "a", "size": "1x1"}, [("size", "nearest")]),
    ({"prompt": "a", "custom_id": "a/b"}, [("custom_id", "'a/b' holds '/'")]),
    ({"prompt": "a", "custom_id": "\ud800"}, [("custom_id", r"'\ud800' holds '\ud800'")]),
    ({"prompt": "a", "custom_id": "x" * 200}, [("custom_id", "x' has 200 characters")]),
    ({"prompt": "a", "custom_id": True}, [("custom_id", "True: must be text or a whole number")]),
    ({"prompt": "a", "custom_id": 1.5}, [("custom_id", "1.5: must be text or a whole number")]),
    (
        {"prompt": "", "n": 0, "quality": "hd", "custom_id": "con"},
        [("prompt", "is empty"), ("quality", "write high"), ("n", "must be"), ("custom_id", "device")],
    ),
]


@pytest.mark.parametrize(("cells", "told"), WRONG, ids=lambda value: ascii(value)[:40])
def test_everything_wrong_is_told_at_once(cells, told):
    """No row with a problem is stored, and each of its problems is named by field."""
    wanted, findings = assemble(_row(**cells), BUILT_IN)
    assert wanted is None
    assert sorted(finding.field for finding in findings) == sorted(field for field, _ in told)
    for field, part in told:
        assert any(finding.field == field and part in finding.message for finding in findings)


@pytest.mark.parametrize("metadata", [{"shelf": "a\x00"}, {"she\x00lf": "a"}, {"shelf": "\ud800"}])
def test_metadata_that_cannot_be_stored_is_told(metadata):
    """What no database keeps is named before one refuses it."""
    wanted, (finding,) = assemble(_row(prompt="a", metadata=metadata), BUILT_IN)
    assert wanted is None
    assert "holds what is not a character" in finding.message


def test_a_broken_row_is_not_also_told_that_it_has_no_prompt():
    """A line that could not be read has one problem, and a prompt of the wrong kind has one too."""
    broken = Finding("", "a quote that opens in this row is never closed")
    assert assemble(_row([broken]), BUILT_IN) == (None, (broken,))
    nested = Finding("prompt", "must not be nested")
    assert assemble(_row([nested], n=2), BUILT_IN) == (None, (nested,))
    ragged = Finding("", "has 3 cells and the header 2")
    assert assemble(_row([ragged], n=2), BUILT_IN)[1] == (ragged, Finding("prompt", "is missing"))


@pytest.mark.parametrize("values", [(1, True, 1.0), (True, 1, 1.0), (1.0, True, 1)])
def test_equal_values_of_other_kinds_are_told_apart(values):
    """1, 1.0 and true are equal to Python and not to the API, whatever the rows before held."""
    for value in values:
        wanted, findings = assemble(_row(prompt="a", n=value), BUILT_IN)
        assert (wanted is not None) == (type(value) is int)
        assert [finding.message for finding in findings] == (
            [] if type(value) is int else [f"{value}: must be a whole number from 1 to 10"]
        )
