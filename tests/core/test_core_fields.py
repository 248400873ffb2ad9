"""Headers: which column means which field, what is the person's own, and what was probably mistyped."""

import pytest

from batchgen.core import fields
from batchgen.core.fields import Words, mappable, match

MATCHED = [
    # headers, mapping, fields, metadata
    (["prompt"], {}, {"prompt": 0}, []),
    (["PROMPT", "Size", "qUaLiTy"], {}, {"prompt": 0, "size": 1, "quality": 2}, []),
    ([" prompt ", "\tsize"], {}, {"prompt": 0, "size": 1}, []),
    (["Prompt", "Category", "Challenge", "Note"], {}, {"prompt": 0}, ["Category", "Challenge", "Note"]),
    (["id", "prompt"], {}, {"custom_id": 0, "prompt": 1}, []),
    (["ID", "prompt", "Custom_ID"], {}, {"custom_id": 2, "prompt": 1}, ["ID"]),
    (["prompt", "", "shelf", ""], {}, {"prompt": 0}, ["shelf"]),
    (["prompt", "the prompt", "size of print", "my model"], {}, {"prompt": 0}, ["the prompt", "size of print", "my model"]),
    (["Text", "shelf"], {"prompt": "Text"}, {"prompt": 0}, ["shelf"]),
    (["Text", "prompt"], {"prompt": "Text"}, {"prompt": 0}, ["prompt"]),
    (["prompt", "Size", "Model"], {"size": "", "model": ""}, {"prompt": 0}, ["Size", "Model"]),
    (["prompt", "Size", "Format"], {"size": "Format"}, {"prompt": 0, "size": 2}, ["Size"]),
    (["sku", "id", "prompt"], {"custom_id": "sku"}, {"custom_id": 0, "prompt": 2}, ["sku", "id"]),
    (["ID", "prompt"], {"custom_id": "ID"}, {"custom_id": 0, "prompt": 1}, []),
    (["Style", "prompt"], {"custom_id": "Style"}, {"custom_id": 0, "prompt": 1}, ["Style"]),
    (["id", "prompt"], {"custom_id": ""}, {"prompt": 1}, ["id"]),
    (["prompt", "qualty"], {"quality": ""}, {"prompt": 0}, ["qualty"]),
    (["prompt", "Image", "mask"], {"image": "", "mask": ""}, {"prompt": 0}, ["Image", "mask"]),
    (["n", "no", "nn", "usr", "prompt"], {}, {"n": 0, "prompt": 4}, ["no", "nn", "usr"]),
    (["size", "prompt"], {"prompt": "size"}, {"prompt": 0}, ["prompt"]),
]


@pytest.mark.parametrize(("headers", "mapping", "taken", "metadata"), MATCHED)
def test_columns_are_matched(headers, mapping, taken, metadata):
    """Whole names in any case are fields, `--column` decides otherwise, all else is the person's own."""
    columns = fields.match(headers, mapping)
    assert columns.findings == ()
    assert dict(columns.fields) == taken
    assert [name for name, _ in columns.metadata] == metadata
    assert all(headers[index].strip() == name for name, index in columns.metadata)


@pytest.mark.parametrize("field", fields.FIELDS)
def test_every_field_is_found_in_any_case(field):
    """No field depends on how it is written."""
    for header in (field, field.upper(), field.title(), f" {field} "):
        assert dict(fields.match([header], {}).fields) == {field: 0}
        assert fields.canonical(header) == field


NEAR = [
    ("qualty", "quality"),
    ("Quality_", "quality"),
    ("promt", "prompt"),
    ("Prompts", "prompt"),
    ("sizes", "size"),
    ("modle", "model"),
    ("custom-id", "custom_id"),
    ("customid", "custom_id"),
    ("output format", "output_format"),
    ("output-compression", "output_compression"),
    ("framecount", "frame_count"),
    ("safety_identifer", "safety_identifier"),
    ("backgroud", "background"),
    ("complexty", "complexity"),
    ("input_fidelty", "input_fidelity"),
    ("partial images", "partial_images"),
    ("steam", "stream"),
    ("svg.model", "svg_model"),
]


@pytest.mark.parametrize(("header", "meant"), NEAR)
def test_a_near_miss_is_told(header, meant):
    """A header that was probably meant as a field is not silently taken for metadata."""
    (finding,) = fields.match(["prompt", header] if meant != "prompt" else [header], {}).findings
    assert finding.field == header
    assert finding.message == (
        f"is not a field; if you mean {meant}, write that; if the column is your own, say --column {meant}="
    )


TWICE = [["prompt", "prompt"], ["prompt", "Prompt "], ["prompt", "shelf", "Shelf"], ["id", "ID", "prompt"]]


@pytest.mark.parametrize("headers", TWICE)
def test_a_name_that_stands_twice_is_told(headers):
    """Of two columns of one name nobody knows which one counts."""
    (finding,) = fields.match(headers, {}).findings
    assert finding.message == "stands twice in the header"


def test_a_mapped_column_must_be_there():
    """A typing error in --column is told with the columns there are."""
    (finding,) = fields.match(["prompt", "Format"], {"size": "Fromat"}).findings
    assert finding.field == "size"
    assert finding.message == "there is no column 'Fromat' for it; the columns are prompt, Format"


@pytest.mark.parametrize("word", ["", "prompts", "column", "no field"])
def test_other_words_are_no_fields(word):
    """Only whole names are fields."""
    assert fields.canonical(word) is None


def test_only_the_first_of_many_columns_are_listed():
    """A header of a hundred thousand columns fits into a line."""
    assert fields.listed(["a", " ", "c"]) == "a, (empty), c"
    assert fields.listed([f"c{number}" for number in range(100_000)]).endswith(", c18, c19 and 99,980 more")


FOUND = [
    # headers, mapping, name, slot
    (["prompt", " Shelf "], {}, "sHELF ", ("Shelf", False)),
    (["prompt", "Size"], {}, "size", ("size", True)),
    (["prompt", "Size"], {"size": ""}, "size", ("Size", False)),
    (["Title"], {"prompt": "Title"}, "title", ("prompt", True)),
    (["Title"], {"prompt": "Title"}, "prompt", ("prompt", True)),
    (["Title", "prompt"], {"prompt": "Title"}, "prompt", ("prompt", False)),
    (["id", "prompt"], {}, "custom_id", ("custom_id", True)),
    (["custom_id", "prompt"], {}, "id", ("custom_id", True)),
    (["custom_id", "id", "prompt"], {}, "id", ("id", False)),
    (["prompt", ""], {}, "", None),
    (["prompt"], {}, "size", None),
]


@pytest.mark.parametrize(("headers", "mapping", "name", "slot"), FOUND)
def test_a_column_is_found_by_its_header_or_its_field(headers, mapping, name, slot):
    """The header first, in any case; else the field that it carries."""
    found = fields.match(headers, mapping).find(name)
    assert (found and (found.name, found.is_field)) == slot


WORDS = Words(("style", "loraWeight"), ("seed",))


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        (["prompt", "Style", "LORAWEIGHT"], {"prompt", "style", "loraWeight"}),
        (["prompt", "Negative Prompt"], {"prompt"}),
        (["prompt", "seed"], {"prompt"}),
        (["prompt", "seed", "Provider"], {"prompt", "seed", "provider"}),
    ],
)
def test_words_that_a_provider_takes_are_fields(headers, taken):
    """However a header writes them; those of other providers only where rows name theirs."""
    assert set(dict(match(headers, {}, WORDS).fields)) == taken


def test_a_word_can_be_given_to_another_column_or_to_none():
    """As any field can."""
    headers = ["prompt", "Look", "style"]
    assert dict(match(headers, {"style": "Look"}, WORDS).fields)["style"] == 1
    assert "style" not in dict(match(headers, {"style": ""}, WORDS).fields)
    assert (mappable("LORA_WEIGHT", ["lora_weight"]), mappable("lora"), mappable("Style")) == ("lora_weight", None, "style")
