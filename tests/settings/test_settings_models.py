"""Models in the settings: added or changed without a release, and checked like the catalog's own facts."""

from datetime import date
from decimal import Decimal

import pytest

from batchgen.core import parameters, pricing
from batchgen.core.catalog import VENDORS, SizeRule
from batchgen.core.prices import Price
from batchgen.core.request import Request
from batchgen.errors import SettingsError
from batchgen.settings import load as loading

NEW = """
[models."gpt-image-3"]
qualities = ["low", "high", "auto"]
sizes = ["1024x1024", "2000x1000", "auto"]
output_formats = ["png", "svg"]
snapshots = ["gpt-image-3-2027-01-31"]
shutdown = 2028-01-01
replacement = "gpt-image-4"
"""


@pytest.fixture
def catalog(tmp_path):
    """The catalog of a file of settings with this text."""

    def of(text: str):
        (tmp_path / "config.toml").write_text(text, encoding="utf-8")
        return loading.load(None, {}, {}, tmp_path).catalog

    return of


def test_without_a_table_the_catalog_is_the_vendor_s(catalog):
    """Nothing is changed that nobody asked for."""
    assert catalog("") is VENDORS


def test_a_model_is_added(catalog):
    """A name that the program does not know has the rules that were written, and the others stay as they are."""
    found = catalog(NEW)
    assert found.names == (*VENDORS.names, "gpt-image-3")
    assert found.models[:-1] == VENDORS.models
    assert found.find("gpt-image-3-2027-01-31") is found.find("gpt-image-3")
    for good in ({"quality": "high"}, {"quality": "auto"}, {"size": "2000x1000"}, {"size": "auto"}, {"output_format": "svg"}):
        assert parameters.problems("gpt-image-3", good, found) == ()
        assert parameters.warnings("gpt-image-3", good, found) == ()
    for field, value, told in (
        ("quality", "medium", "medium: gpt-image-3 takes low, high, auto"),
        ("size", "1536x1024", "1536x1024: gpt-image-3 takes 1024x1024, 2000x1000 or auto"),
        ("output_format", "webp", "webp: gpt-image-3 makes png, svg"),
    ):
        (finding,) = parameters.problems("gpt-image-3", {field: value}, found)
        assert (finding.field, finding.message) == (field, told)


def test_an_end_that_was_written_counts_like_the_vendor_s_own(catalog):
    """With and without a replacement, before and from the day on."""
    found = catalog(NEW + '[models."gpt-image-2"]\nshutdown = 2027-05-01\n')
    eve, day = date(2027, 12, 31), date(2028, 1, 1)
    assert parameters.unavailable("gpt-image-3", eve, found) == ""
    assert parameters.ending("gpt-image-3", eve, found) == ("gpt-image-3 will be shut down on 2028-01-01; then use gpt-image-4")
    assert parameters.unavailable("gpt-image-3", day, found) == "gpt-image-3 was shut down on 2028-01-01; use gpt-image-4"
    assert parameters.unavailable("gpt-image-2", day, found) == "gpt-image-2 was shut down on 2027-05-01"
    assert parameters.ending("gpt-image-2", date(2027, 1, 1), found) == "gpt-image-2 will be shut down on 2027-05-01"
    again = catalog('[models."dall-e-3"]\nqualities = ["high"]\nsizes = "free"\n')
    assert parameters.unavailable("dall-e-3", day, again) == ""


def test_a_model_is_changed(catalog):
    """What is written replaces that fact alone, snapshots included, and is no longer uncertain."""
    doubtful = {"quality": "max", "output_format": "gif", "size": "1000x1000"}
    flare = "gpt-image-2.6-flare"
    assert [found.field for found in parameters.warnings(flare, doubtful)] == ["quality", "output_format", "size"]
    found = catalog(f'[models."{flare}"]\nqualities = ["low", "max"]\nsizes = "free"\n')
    assert found.names == VENDORS.names
    assert found.find(flare).sizes == SizeRule()
    assert found.find(flare).output_formats == VENDORS.find(flare).output_formats
    assert [found.field for found in parameters.warnings(flare, {**doubtful, "size": "auto"}, found)] == ["output_format"]
    assert [finding.field for finding in parameters.problems(flare, doubtful, found)] == ["size"]
    two = catalog('[models."gpt-image-2"]\nqualities = ["low"]\n')
    (finding,) = parameters.problems("gpt-image-2-2026-04-21", {"quality": "high"}, two)
    assert finding.message == "high: gpt-image-2 takes low, auto"


def test_a_snapshot_can_be_described_alone(catalog):
    """It starts from its model's facts, and the model keeps its own."""
    name = "gpt-image-2-2026-04-21"
    found = catalog(f'[models."{name}"]\noutput_formats = ["png"]\n')
    assert found.find(name).output_formats == ("png",)
    assert found.find(name).qualities == found.find("gpt-image-2").qualities
    assert found.find("gpt-image-2").output_formats == ("png", "jpeg", "webp")


PRICED = """
[models."gpt-image-3"]
qualities = ["low"]
sizes = "free"
tokens_like = "gpt-image-2"
batch_part = 0.75
price = { text_in = 1, image_in = 2.5, image_out = 20 }

[models."gpt-image-2.5-flare"]
price = [
  { since = 2027-02-01, text_in = 5, image_in = 8, image_out = 15, text_out = 10 },
  { since = 2027-01-01, text_in = 5, image_in = 8, image_out = 20 },
]
"""


def test_a_price_is_said(catalog):
    """Of a new model, which borrows another one's tokens; and of a known one from a day on, before which the vendor's holds."""
    found = catalog(PRICED)
    assert pricing.price_on("gpt-image-3", date(2020, 1, 1), found) == Price(
        date.min, Decimal(1), Decimal("2.5"), Decimal(20), None, "settings"
    )
    request = Request("generate", "gpt-image-3", "A fox", {"quality": "low", "size": "1024x1024"})
    assert pricing.likely_micros(request, date(2026, 11, 21), found) == (2 + 6) * 1 + 196 * 20
    assert found.find("gpt-image-3").batch_part == Decimal("0.75")
    days = (date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 31), date(2027, 2, 1))
    prices = [pricing.price_on("gpt-image-2.5-flare-2026-09-08", day, found) for day in days]
    assert [(price.image_out, price.text_out) for price in prices] == [(30, None), (20, None), (20, None), (15, 10)]


def test_a_snapshot_keeps_its_model_s_tokens_and_price(catalog):
    """A table about it alone changes what it says and nothing else."""
    name = "gpt-image-2-2026-04-21"
    found = catalog(f'[models."{name}"]\noutput_formats = ["png"]\n')
    assert found.tokens_like(name) == "gpt-image-2"
    assert found.find(name).price == VENDORS.find("gpt-image-2").price


_PRICE = '[models."gpt-image-2"]\nprice = '

BAD = [
    (f"{_PRICE}5\n", '[models."gpt-image-2"] price must be a table'),
    (f"{_PRICE}[]\n", "price is empty: say text_in, image_in and image_out, in USD per million tokens"),
    (f"{_PRICE}{{ text_in = 5, images = 8 }}\n", "price: images is no part of a price; the nearest is image_in"),
    (f"{_PRICE}{{ text_in = 5 }}\n", "price: say image_in and image_out as well, in USD per million tokens"),
    (f"{_PRICE}{{ text_in = 5, image_in = 8, image_out = -1 }}\n", "image_out = -1: must be an amount of USD, 0 or more"),
    (f"{_PRICE}{{ text_in = 5, image_in = nan, image_out = 1 }}\n", "image_in = nan: must be an amount of USD, 0 or more"),
    (f"{_PRICE}{{ text_in = 5, image_in = true, image_out = 1 }}\n", "price: image_in = True: "),
    (
        f"{_PRICE}[{{ text_in = 5, image_in = 8, image_out = 1 }}, {{ text_in = 5, image_in = 8, image_out = 2 }}]\n",
        "two prices hold from the same day: say since of each, like since = 2026-12-01",
    ),
    ('[models."gpt-image-2"]\nbatch_part = 50\n', "batch_part = 50: must be a part of the price, from 0 to 1"),
    ('[models."gpt-image-2"]\ntokens_like = "gpt-4"\n', "tokens_like = 'gpt-4': must be a model whose tokens are known: gpt-"),
    ("models = 5\n", 'models must be a table for each model, like [models."NAME"]'),
    ("[models]\nx = 5\n", '[models."x"] must be a table with the facts of a model'),
    ('[models."x"]\n', '[models."x"] is not in the catalog: say its qualities and sizes as well'),
    ('[models."x"]\nsizes = "free"\n', '[models."x"] is not in the catalog: say its qualities as well'),
    (
        '[models."gpt-image-2"]\nquality = ["low"]\n',
        '[models."gpt-image-2"] quality is no fact of a model; the nearest is qualities',
    ),
    ('[models."gpt-image-2"]\nuncertain = []\n', "uncertain is no fact of a model"),
    (
        '[models.gpt-image-2.5-flare]\nsizes = "free"\n',
        'a name that holds a dot stands in quotes, as in [models."gpt-image-2.5-flare"]',
    ),
    (
        '[models."gpt-image-2"]\nqualities = ["hd"]\n',
        '[models."gpt-image-2"] qualities: hd: must be one of low, medium, high, xhigh, max, auto',
    ),
    ('[models."gpt-image-2"]\nqualities = "low"\n', "qualities = 'low': "),
    ('[models."gpt-image-2"]\nsizes = "all"\n', """sizes = 'all': must be "free" or a list, like ["1024x1024"]"""),
    ('[models."gpt-image-2"]\nsizes = ["big"]\n', "sizes: big: must be WIDTHxHEIGHT in pixels, like 1024x1024"),
    ('[models."gpt-image-2"]\nsizes = [1024]\n', "sizes = [1024]: "),
    ('[models."gpt-image-2"]\noutput_formats = ["tiff"]\n', "output_formats: tiff: must be one of png, jpeg, webp, gif, svg"),
    ('[models."gpt-image-2"]\nfidelities = ["some"]\n', "fidelities: some: must be one of high, low"),
    ('[models."gpt-image-2"]\nshutdown = "soon"\n', "shutdown = 'soon': "),
]


@pytest.mark.parametrize(("text", "told"), BAD, ids=str)
def test_a_mistake_names_its_place(catalog, text, told):
    """Which file, which model, which fact, and what would be right."""
    with pytest.raises(SettingsError) as caught:
        catalog(text)
    assert "config.toml: " in str(caught.value)
    assert told in str(caught.value)
