"""Prices and tokens as data: by the day, each figure with a source and a date, and what is not published within its bounds."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from batchgen.core import output_tokens, pricing
from batchgen.core.catalog import VENDORS, Catalog
from batchgen.core.input_tokens import input_image_tokens, most_input_image_tokens
from batchgen.core.output_tokens import FIGURES, Span, published, span
from batchgen.core.prices import PRICES, Price, in_force
from batchgen.core.request import Input, Request
from batchgen.core.sizes import fault
from batchgen.core.usage import Usage

DAY = date(2026, 11, 21)
MILLION = 1_000_000
FORMULA_MODELS = ("gpt-image-2.5-sunburst", "gpt-image-2.5-flare", "gpt-image-2")
OF_26 = ("gpt-image-2.6-sunburst", "gpt-image-2.6-flare")

# Reference 5.1: USD per million tokens as a batch: text in, image in, text out, image out.
BATCH = {
    **dict.fromkeys(FORMULA_MODELS, ("2.5", "4", None, "15")),
    "gpt-image-1.5": ("2.5", "4", "5", "16"),
    "chatgpt-image-latest": ("2.5", "4", "5", "16"),
}

# Reference 5.3: the vendor's own rounded dollars of gpt-image-2, for 1024x1024, 1024x1536 and 1536x1024.
ROUNDED = {"low": (".006", ".005", ".005"), "medium": (".053", ".041", ".041"), "high": (".211", ".165", ".165")}
SIZES = ("1024x1024", "1024x1536", "1536x1024")

# Reference 5.4: what 2.6 was measured to take.
MEASURED_26 = [("low", "1536x1024", 664), ("high", "1536x1024", 1353), ("high", "3840x2160", 3337)]


def test_every_figure_has_a_source_and_a_date():
    """Nobody has to believe a price: it is said where it was read, and when."""
    assert set(PRICES) == set(FIGURES) == set(VENDORS.names)
    told = [*(price for prices in PRICES.values() for price in prices), *FIGURES.values()]
    assert all(one.source and one.read for one in told)
    assert all(model.price == PRICES[model.name] for model in VENDORS.models)


@pytest.mark.parametrize("model", BATCH)
def test_a_batch_costs_half(model):
    """Reference 5.1, and nothing is said of a model whose batch price nobody knows."""
    known = VENDORS.find(model)
    price = pricing.price_on(model, DAY)
    kinds = (price.text_in, price.image_in, price.text_out, price.image_out)
    halves = tuple(None if rate is None else rate * known.batch_part for rate in kinds)
    assert halves == tuple(None if rate is None else Decimal(rate) for rate in BATCH[model])
    assert [VENDORS.find(name).batch_part for name in OF_26] == [None, None]


@pytest.mark.parametrize("quality", ROUNDED)
def test_the_vendor_s_rounded_dollars(quality):
    """Its guide has three places for gpt-image-2, and the formula gives just those."""
    costs = [
        pricing.cost_micros("gpt-image-2", Usage(output_tokens=published("gpt-image-2", quality, size)), DAY) for size in SIZES
    ]
    assert [round(Decimal(cost) / MILLION, 3) for cost in costs] == [Decimal(usd) for usd in ROUNDED[quality]]


@pytest.mark.parametrize(
    ("quality", "usd"), [("low", ".005 .006 .006"), ("medium", ".011 .015 .015"), ("high", ".036 .052 .052")]
)
def test_the_published_dollars_of_mini_lie_above_its_rates(quality, usd):
    """Reference 5.2: the guide's figures of gpt-image-1-mini are more than tokens times rate, which a bill was."""
    for size, told in zip(SIZES, map(Decimal, usd.split()), strict=True):
        tokens = published("gpt-image-1-mini", quality, size)
        assert Decimal(pricing.cost_micros("gpt-image-1-mini", Usage(output_tokens=tokens), DAY)) / MILLION < told


@pytest.mark.parametrize(("tokens", "usd"), [(1024, ".0082"), (1536, ".0123")])
def test_dollars_of_input_images(tokens, usd):
    """Reference 5.5: one of 1024x1024, and the most that the newer models can bill one as."""
    assert tokens in (input_image_tokens("gpt-image-2", 1024, 1024, None), most_input_image_tokens("gpt-image-2"))
    cost = pricing.cost_micros("gpt-image-2", Usage(input_image_tokens=tokens, output_tokens=0), DAY)
    assert round(Decimal(cost) / MILLION, 4) == Decimal(usd)


def test_the_text_of_an_edit_is_bounded_by_what_was_measured():
    """Reference 5.5: a prompt of 13 tokens was billed as 28 to 50 with an input image; no text has more tokens than bytes."""
    request = Request("edit", "gpt-image-1.5", "a" * 13, {}, (Input("image", "/cup.png", "00", "image/png", 1024, 1024, 9),))
    assert pricing.most_usage(request).input_text_tokens >= 50


def test_a_bill_that_was_measured():
    """A low image of gpt-image-1-mini was billed at 0.0022: tokens times rate, and less than its published table says."""
    assert (
        pricing.cost_micros("gpt-image-1-mini", Usage(output_tokens=published("gpt-image-1-mini", "low", SIZES[0])), DAY)
        == 2176
    )


def test_a_price_holds_from_its_day_on():
    """The eve has the old one, the days before all of them have none, whatever the order."""
    old, new = (Price(since, Decimal(5), Decimal(8), Decimal(rate)) for since, rate in ((date(2026, 1, 1), 30), (DAY, 20)))
    for prices in ((old, new), (new, old)):
        assert in_force(prices, date(2025, 12, 31)) is None
        assert in_force(prices, date(2026, 11, 20)) is old
        assert in_force(prices, DAY) is in_force(prices, date(2027, 1, 1)) is new
    catalog = Catalog((replace(VENDORS.find("gpt-image-2"), price=(old, new)),))
    usage = Usage(output_tokens=100)
    assert [pricing.cost_micros("gpt-image-2", usage, day, catalog) for day in (date(2026, 11, 20), DAY)] == [3000, 2000]


@pytest.mark.parametrize("model", OF_26)
@pytest.mark.parametrize(("quality", "size", "tokens"), MEASURED_26)
def test_what_was_measured_lies_within_the_bounds(model, quality, size, tokens):
    """Of 2.6 nothing is published: a range is told, and what to expect in it."""
    found = span(model, quality, size)
    assert found.least <= tokens <= found.most
    assert found.least < found.likely < found.most
    assert published(model, quality, size) is None


def test_what_a_server_was_seen_to_choose_lies_within_the_bounds():
    """Reference 5.4: with the quality left open a 2.6 took up to some 5,800 tokens for 1024x1024."""
    found = span("gpt-image-2.6-flare", "auto", "1024x1024")
    assert found.least < 5800 < found.most


@pytest.mark.parametrize("model", FORMULA_MODELS)
def test_what_is_published_has_no_bounds(model):
    """One figure, three times."""
    figure = published(model, "high", "1920x1088")
    assert span(model, "high", "1920x1088") == Span(figure, figure, figure)
    assert span(model, "best", "1920x1088") is None
    assert span("a-gateway-model", "high", "1920x1088") is None


@pytest.mark.parametrize("model", [*FORMULA_MODELS, *OF_26])
def test_whatever_the_server_chooses_lies_within_the_bounds(model):
    """Size, quality or both left open: no size that the model takes, and no quality, is cheaper or dearer than the range."""
    rule, figures = VENDORS.find(model).sizes, FIGURES[model]
    edges = [(w, h) for w in range(480, 3841, 160) for h in (*range(480, 2881, 96), 2880) if not fault(rule, w, h)]
    assert (2880, 2880) in edges
    for quality in figures.qualities:
        open_size = span(model, quality, "auto")
        for each in (span(model, quality, f"{w}x{h}") for w, h in edges):
            assert open_size.least <= each.least
            assert each.most <= open_size.most
        open_quality, written = span(model, "auto", "1024x1024"), span(model, quality, "1024x1024")
        assert open_quality.least <= written.least
        assert written.most <= open_quality.most
    assert span(model, "auto", "auto").likely == span(model, "medium", "1024x1024").likely


@pytest.mark.parametrize("model", FIGURES)
def test_the_reserve_lies_above_the_range(model):
    """What is reserved covers what an estimate calls its most, be the quality and the size left open or not."""
    for quality in ("auto", *FIGURES[model].qualities):
        for size in ("auto", *SIZES):
            assert output_tokens.most(model, quality, size) >= span(model, quality, size).most


@pytest.mark.parametrize(
    ("model", "bills_text"), [("gpt-image-1.5", True), ("chatgpt-image-latest", True), ("gpt-image-2", False)]
)
def test_a_worst_case_holds_the_text_that_is_billed_beside_an_image(model, bills_text):
    """Models with a price for output text bill some with every image, and nobody says how much."""
    request = Request("generate", model, "A fox", {"quality": "low", "size": "1024x1024", "n": 2})
    usage = pricing.most_usage(request)
    text = 2 * pricing.MOST_OUTPUT_TEXT_TOKENS
    with_text = replace(usage, output_tokens=usage.output_tokens + text, output_text_tokens=text)
    worst = pricing.worst_case_micros(request, DAY)
    assert worst == pricing.cost_micros(model, with_text if bills_text else usage, DAY)
