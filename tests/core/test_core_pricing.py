"""Money: every published figure, exact to the micro, and a bound that no attempt passes."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tariff import COLUMNS, FIXED, FIXED_MODELS, FORMULA, RATES, figures

from batchgen.core import pricing
from batchgen.core.catalog import VENDORS
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.output_tokens import parse_size, published
from batchgen.core.pricing import Basis, Cost
from batchgen.core.request import Request
from batchgen.core.usage import Usage

DAY = date(2026, 11, 21)
PRICES = Path(__file__).resolve().parents[3] / "shared" / "reference" / "prices.json"

# Reference 5.2: USD of one image, as the vendor's guide rounds them, in the order of FIXED.
FIXED_USD = {
    "gpt-image-1": (".011", ".016", ".016", ".042", ".063", ".063", ".167", ".25", ".25"),
    "gpt-image-1.5": (".009", ".013", ".013", ".034", ".05", ".05", ".133", ".2", ".2"),
}


def _image_usd(model: str, tokens: int) -> Decimal:
    cost = pricing.cost_micros(model, Usage(output_tokens=tokens), DAY)
    assert cost is not None
    return Decimal(cost) / 1_000_000


@pytest.mark.parametrize(("model", "size"), list(product(COLUMNS, FORMULA)))
def test_formula_tokens_and_dollars(model, size):
    """Every figure of reference 5.3: tokens exactly, dollars to its four places."""
    for quality, column in COLUMNS[model].items():
        tokens, usd = FORMULA[size][column]
        assert published(model, quality, size) == tokens
        assert round(_image_usd(model, tokens), 4) == Decimal(usd)


@pytest.mark.parametrize(
    ("model", "quality", "size", "tokens"),
    [
        ("gpt-image-2", "high", "1792x1024", 5063),
        ("gpt-image-2", "high", "3584x2048", 12329),
        ("gpt-image-2.5-flare", "xhigh", "1024x640", 1700),
        ("gpt-image-2.5-flare", "low", "1536x864", 120),
    ],
)
def test_measured_tokens(model, quality, size, tokens):
    """What the vendor billed is what the formula says."""
    assert published(model, quality, size) == tokens


@pytest.mark.parametrize(("model", "quality"), list(product(FIXED_MODELS, FIXED)))
def test_fixed_tokens(model, quality):
    """Every figure of reference 5.2, for each of the four older models."""
    for size, tokens in FIXED[quality].items():
        assert published(model, quality, size) == tokens


@pytest.mark.parametrize("model", FIXED_USD)
def test_fixed_dollars(model):
    """The guide's dollars of the older models, which it rounds by up to 0.002 this way or that."""
    tokens = [count for row in FIXED.values() for count in row.values()]
    for count, usd in zip(tokens, FIXED_USD[model], strict=True):
        assert abs(_image_usd(model, count) - Decimal(usd)) < Decimal("0.002")


@pytest.mark.parametrize(("model", "rates"), RATES.items())
def test_rates(model, rates):
    """A million tokens of each kind cost what reference 5.1 says."""
    million = 1_000_000
    kinds = (
        Usage(input_text_tokens=million, output_tokens=0),
        Usage(input_image_tokens=million, output_tokens=0),
        Usage(output_tokens=million, output_text_tokens=million),
        Usage(output_tokens=million),
    )
    assert [pricing.cost_micros(model, usage, DAY) for usage in kinds] == [int(Decimal(rate) * million) for rate in rates]


def test_every_model_of_the_catalog_has_a_price():
    """A model that is offered can be budgeted; one that is not known has no price, and no made-up one."""
    assert set(RATES) == set(VENDORS.names)
    assert pricing.price_on("a-gateway-model", DAY) is None
    assert pricing.cost_micros("a-gateway-model", Usage(output_tokens=5), DAY) is None
    assert pricing.price_on("gpt-image-2", date(2025, 3, 31)) is None


def _reference() -> dict:
    if not PRICES.is_file():
        pytest.skip("the reference does not lie beside this checkout")
    return json.loads(PRICES.read_text(encoding="utf-8"))["models"]


def test_every_token_figure_of_the_reference():
    """prices.json, figure by figure: tokens of every model, quality and size."""
    checked = 0
    for model, entry in _reference().items():
        for size, row in entry.get("output_tokens_per_image", {}).get("table", {}).items():
            for quality, tokens in row.items():
                assert published(model, quality, size) == tokens, (model, quality, size)
                checked += 1
    assert checked == 3 * 12 + 2 * 5 * 12 + 4 * 9


@pytest.mark.parametrize("lane", ["standard", "batch"])
def test_every_dollar_figure_of_the_reference(lane):
    """prices.json, figure by figure: USD of one image to the last place, alone and as a batch."""
    checked = 0
    for model, entry in _reference().items():
        known = VENDORS.find(model)
        for size, row in entry.get("output_usd_per_image", {}).get(lane, {}).items():
            for quality, usd in row.items():
                tokens = published(model, quality, size)
                assert tokens is not None
                part = known.batch_part if lane == "batch" else 1
                assert _image_usd(model, tokens) * part == Decimal(str(usd)), (model, quality, size)
                checked += 1
    assert checked == 3 * 12 + 2 * 5 * 12 + 4 * 9


@pytest.mark.parametrize("lane", ["standard", "batch"])
def test_every_rate_of_the_reference(lane):
    """prices.json: USD per million tokens of each kind but cached ones, of which no answer of the Images API tells."""
    checked = 0
    for model, entry in _reference().items():
        known, rates = VENDORS.find(model), pricing.price_on(model, DAY)
        told = entry.get("prices_per_1m_tokens_usd", {}).get(lane)
        # What is retired has no price by tokens, and of 2.6 nobody knows that it takes batches.
        part = None if known is None else known.batch_part if lane == "batch" else 1
        assert (told is None) == (part is None)
        if told is None:
            continue
        kinds = {"text_input": rates.text_in, "image_input": rates.image_in, "image_output": rates.image_out}
        kinds["text_output"] = rates.text_out
        for kind, rate in kinds.items():
            assert (None if rate is None else rate * part) == (None if told[kind] is None else Decimal(str(told[kind])))
            checked += 1
    assert checked == 4 * (9 if lane == "standard" else 7)


def test_the_worst_case_covers_the_ceilings_of_the_reference():
    """Where tokens are only estimated or measured (2.6), the bound lies above every one of those figures."""
    checked = 0
    for model, entry in _reference().items():
        tokens = entry.get("output_tokens_per_image", {})
        for table in (tokens.get("planning_ceiling", {}), tokens.get("measured", {})):
            for size, row in table.items():
                for quality, ceiling in row.items():
                    usage = pricing.most_usage(_request(model, quality=quality, size=size))
                    assert usage.output_tokens is not None
                    assert usage.output_tokens >= ceiling, (model, quality, size)
                    checked += 1
    assert checked > 100


# Tokens of image input at 2.5 USD a million (gpt-image-1-mini): half a micro goes to the even neighbour.
@pytest.mark.parametrize(("tokens", "micros"), [(0, 0), (1, 2), (2, 5), (3, 8), (5, 12), (7, 18), (9, 22), (11, 28)])
def test_half_a_micro_goes_to_the_even_one(tokens, micros):
    """Rounding favours nobody, and happens once an attempt."""
    assert pricing.cost_micros("gpt-image-1-mini", Usage(input_image_tokens=tokens, output_tokens=0), DAY) == micros


def test_kinds_are_summed_before_rounding():
    """Three kinds of tokens, one sum: 7 * 2 + 1 * 2.5 + 10 * 8 = 96.5 micros, rounded to 96."""
    usage = Usage(input_text_tokens=7, input_image_tokens=1, output_tokens=10)
    assert pricing.cost_micros("gpt-image-1-mini", usage, DAY) == 96


@pytest.mark.parametrize(
    ("usage", "micros"),
    [
        (Usage(output_tokens=100), 3200),
        (Usage(output_tokens=100, output_text_tokens=100), 1000),
        (Usage(output_tokens=100, output_text_tokens=25), 75 * 32 + 25 * 10),
        (Usage(output_tokens=100, output_text_tokens=500), 1000),
        (Usage(input_text_tokens=10, output_tokens=0), 50),
        (Usage(input_text_tokens=10), None),
        (Usage(), None),
    ],
)
def test_text_and_image_output_have_their_own_rates(usage, micros):
    """Output that is not told apart counts as images, the dearer kind; without output tokens nothing is known."""
    assert pricing.cost_micros("gpt-image-1.5", usage, DAY) == micros


FREE = {
    Outcome.REUSED,
    Outcome.REJECTED,
    Outcome.RATE_LIMITED,
    Outcome.UNAVAILABLE,
    Outcome.OFFLINE,
    Outcome.ACCOUNT_BLOCKED,
    Outcome.RELEASED,
    Outcome.LOST,
}


@pytest.mark.parametrize("outcome", Outcome)
def test_an_ending_costs_what_its_usage_says(outcome):
    """Refusals are free, answers cost their usage, and what was lost on the way is not known: never zero."""
    told = Usage(input_text_tokens=10, output_tokens=196)
    nothing, unknown = Cost(0, Basis.COMPUTED), Cost(None, Basis.UNKNOWN)
    free = outcome in FREE
    assert cost(Ending(outcome, usage=told)) == (nothing if free else Cost(5930, Basis.COMPUTED))
    assert cost(Ending(outcome)) == (nothing if free else unknown)
    assert cost(Ending(outcome, usage=told), "a-gateway-model", None) == (nothing if free else unknown)


def cost(ending, model="gpt-image-2", likely=7_000):
    return pricing.cost_of(ending, model, DAY, likely)


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome not in FREE])
def test_a_whole_answer_without_usage_is_estimated(outcome):
    """It was billed, so it costs what such a request should cost; without a whole answer nobody knows."""
    for status in (200, 201, 204):
        assert cost(Ending(outcome, http_status=status)) == Cost(7_000, Basis.ESTIMATED)
    assert cost(Ending(outcome, http_status=504)) == Cost(None, Basis.UNKNOWN)
    assert cost(Ending(outcome, http_status=200), "a-gateway-model", None) == Cost(None, Basis.UNKNOWN)


def test_a_likely_cost_by_hand():
    """The published tokens and four bytes of the prompt a token, n times."""
    request = _request("gpt-image-2", "A quick fox", quality="low", size="1024x1024", n=3)
    assert pricing.likely_micros(request, DAY) == 3 * ((3 + 6) * 5 + 196 * 30)
    assert pricing.likely_micros(_request("a-gateway-model"), DAY) is None


def _request(model: str, prompt: str = "A fox", **fields) -> Request:
    return Request("generate", model, prompt, fields)


def test_a_worst_case_by_hand():
    """The bytes of the prompt and the overhead, n times, and the published tokens, n times."""
    request = _request("gpt-image-2", "Füchse", quality="low", size="1024x1024", n=3)
    assert pricing.most_usage(request) == Usage(input_text_tokens=(7 + 6) * 3, output_tokens=196 * 3)
    assert pricing.worst_case_micros(request, DAY) == 3 * (13 * 5 + 196 * 30)
    assert pricing.worst_case_micros(_request("a-gateway-model"), DAY) is None


@pytest.mark.parametrize("reckoned", [pricing.worst_case_micros, pricing.likely_micros])
def test_previews_cost_a_hundred_tokens_each(reckoned):
    """Every one that is asked for, of every image."""
    asked = {"quality": "low", "size": "1024x1024", "n": 2, "stream": True}
    plain, watched = (reckoned(_request("gpt-image-2", **asked, **more), DAY) for more in ({}, {"partial_images": 3}))
    assert watched - plain == 2 * 3 * 100 * 30


def test_an_svg_has_no_price():
    """A second model writes it, whose tokens nobody can tell before and whose rates nobody has published."""
    request = _request("gpt-image-2.6-flare", quality="low", size="1024x1024", output_format="svg")
    assert (pricing.worst_case_micros(request, DAY), pricing.likely_micros(request, DAY)) == (None, None)
    told = Usage(input_text_tokens=10, output_tokens=196)
    assert cost(Ending(Outcome.SUCCEEDED, http_status=200, usage=told), "gpt-image-2.6-flare", None) == Cost(
        5930, Basis.COMPUTED
    )
    authored = Ending(Outcome.SUCCEEDED, http_status=200, usage=replace(told, author_tokens=1))
    assert cost(authored, "gpt-image-2.6-flare", None) == Cost(None, Basis.UNKNOWN)


PUBLISHED = [(model, quality, size) for model, quality, size, _ in figures()]


@given(
    st.sampled_from(PUBLISHED),
    st.text(min_size=1, max_size=200).filter(lambda text: text.isprintable()),
    st.integers(1, 10),
    st.floats(0, 1),
    st.booleans(),
    st.booleans(),
)
def test_no_attempt_costs_more_than_its_worst_case(figure, prompt, images, share, any_quality, any_size):
    """Whatever part of its tokens is used, and whatever `auto` turns out to be, the bound holds."""
    model, quality, size = figure
    asked = {"quality": "auto" if any_quality else quality, "size": "auto" if any_size else size, "n": images}
    worst = pricing.worst_case_micros(_request(model, prompt, **asked), DAY)
    output = published(model, quality, size)
    assert output is not None
    text = int(share * len(prompt.encode())) + pricing.PROMPT_OVERHEAD_TOKENS
    cost = pricing.cost_micros(model, Usage(text * images, 0, output * images), DAY)
    assert cost is not None
    assert worst is not None
    assert cost <= worst


@pytest.mark.parametrize("model", [name for name in RATES if name not in FIXED_MODELS])
def test_auto_is_bounded_by_the_dearest_size(model):
    """Leaving size or quality to the server never lowers the bound below one that is written out."""
    sizes = ["2880x2880", "3840x2160", "3840x1280", "1024x1024", "2048x2048"]
    left_open = pricing.most_usage(_request(model, quality="auto", size="auto")).output_tokens
    by_quality = [pricing.most_usage(_request(model, quality="auto", size=size)).output_tokens for size in sizes]
    written = [pricing.most_usage(_request(model, quality="high", size=size)).output_tokens for size in sizes]
    assert left_open is not None
    for quality_open, both_written in zip(by_quality, written, strict=True):
        assert both_written is not None
        assert quality_open is not None
        assert both_written <= quality_open <= left_open


@pytest.mark.parametrize(
    ("micros", "text"),
    [(0, "0.000000"), (1, "0.000001"), (1_234_567, "1.234567"), (10**15 + 1, "1000000000.000001"), (-5, "-0.000005")],
)
def test_dollars_have_six_places(micros, text):
    """No float comes near money."""
    assert pricing.dollars(micros) == text


@pytest.mark.parametrize(
    ("text", "pixels"),
    [("1024x640", (1024, 640)), ("auto", None), ("", None), ("x", None), ("1x", None), ("-1x2", None), ("१x2", None)],
)
def test_sizes_are_read_strictly(text, pixels):
    """Only plain digits make a size."""
    assert parse_size(text) == pixels
