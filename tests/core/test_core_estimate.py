"""Estimates: sums by what decides the price, with bounds where something is not known, at limits and other qualities."""

from dataclasses import replace
from datetime import date

import pytest
import tariff

from batchgen.core import pricing
from batchgen.core.catalog import VENDORS, vendors
from batchgen.core.estimate import Tally, duration_s
from batchgen.core.output_tokens import Span, published
from batchgen.core.pace import Limits
from batchgen.core.request import Input, Request

DAY = date(2026, 11, 21)
PICTURE = Input("image", "/cup.png", "00", "image/png", 1024, 1024, 9)
LINK = Input("image", "https://shop.example/cup.png", "00")


def _request(model="gpt-image-2", inputs=(), **fields):
    asked = {"quality": "low", "size": "1024x1024", **fields}
    return Request("edit" if inputs else "generate", model, "A quick fox", asked, inputs)


def _estimate(*requests, catalog=VENDORS):
    tally = Tally(lambda _: catalog)
    for request in requests:
        tally.add(request)
    return tally.priced(DAY)


@pytest.mark.parametrize(
    "request_of",
    [
        lambda model: _request(model),
        lambda model: _request(model, n=3, quality="high", size="1536x1024"),
        lambda model: _request(model, stream=True, partial_images=2, n=2),
        lambda model: _request(model, inputs=(PICTURE, PICTURE), n=2),
        lambda model: _request(model, inputs=(PICTURE,), input_fidelity="high"),
    ],
)
@pytest.mark.parametrize("model", [name for name in VENDORS.names if published(name, "low", "1024x1024")])
def test_a_request_costs_what_an_attempt_at_it_should(model, request_of):
    """One arithmetic for the estimate and for the attempt whose answer tells no usage, where nothing is left open."""
    request = request_of(model)
    cost = _estimate(request, request).cost
    assert cost.likely == 2 * pricing.likely_micros(request, DAY)
    bills_text = pricing.price_on(model, DAY).text_out is not None
    text = 2 * request.images * pricing.MOST_OUTPUT_TEXT_TOKENS * 10 if bills_text else 0
    assert (cost.least, cost.most) == (cost.likely, cost.likely + text)


@pytest.mark.parametrize(("model", "quality", "size", "tokens"), list(tariff.figures()))
def test_an_estimate_is_what_the_reference_says(model, quality, size, tokens):
    """Every published figure: alone, several in one request, with previews, with input images; to the micro.

    The prompt has eleven bytes: three tokens, six that its encoding adds, and 64 for each input image.
    """
    forms = [({}, 0, 0), ({"n": 3}, 0, 0), ({"n": 2, "stream": True, "partial_images": 2}, 0, 2), ({"n": 2}, 2, 0)]
    for more, inputs, previews in forms:
        n = more.get("n", 1)
        found = _estimate(_request(model, (PICTURE,) * inputs, quality=quality, size=size, **more)).cost
        assert found.likely == tariff.micros(
            model,
            text_in=n * (3 + 6 + 64 * inputs),
            image_in=n * tariff.INPUT_IMAGE[model] * inputs,
            image_out=n * (tokens + tariff.PREVIEW * previews),
        )


def test_requests_of_a_kind_are_one_line():
    """A million rows that ask for the same take no more room than one; other sizes and qualities stand apart."""
    tally = Tally(vendors)
    for number in range(1000):
        tally.add(_request(quality=("low", "high")[number % 2], n=2))
    estimate = tally.priced(DAY)
    assert [(line.kind.quality, line.sums.rows, line.sums.images) for line in estimate.lines] == [
        ("low", 500, 1000),
        ("high", 500, 1000),
    ]
    assert (estimate.total.rows, estimate.total.images, estimate.unpriced) == (1000, 2000, 0)
    assert estimate.output == Span.exactly(1000 * 196 + 1000 * 7024)
    assert estimate.cost == Span.exactly(2000 * 9 * 5 + estimate.output.likely * 30)


@pytest.mark.parametrize(
    "request_",
    [
        _request(quality="auto"),
        _request(size="auto"),
        _request("gpt-image-1-mini", size="auto", quality="auto"),
        _request("gpt-image-2.6-flare"),
        _request("gpt-image-2.6-sunburst", quality="auto", size="auto"),
        _request(inputs=(LINK,)),
    ],
)
def test_what_is_left_open_has_bounds(request_):
    """Auto, 2.6 and a link that nobody has opened: at least, likely, at most; and never more than is reserved."""
    cost = _estimate(request_).cost
    assert cost.least < cost.most
    assert cost.least <= cost.likely <= cost.most <= pricing.worst_case_micros(request_, DAY)


def test_what_has_no_price_is_not_counted_as_free():
    """An unknown model and an SVG are told apart from what is known; with nothing else the cost is not known."""
    unknown = [_request("a-gateway-model", n=2), _request("gpt-image-2.6-flare", output_format="svg")]
    estimate = _estimate(*unknown, _request())
    assert (estimate.cost, estimate.unpriced) == (_estimate(_request()).cost, 3)
    assert _estimate(*unknown).cost is None
    assert _estimate().cost == Span.exactly(0)


def test_the_same_at_another_quality():
    """All rows change, sums are kept; not where nothing would change, and not where a model does not have it."""
    tally = Tally(vendors)
    for quality in ("low", "medium"):
        tally.add(_request("gpt-image-2.5-flare", quality=quality))
    changed = tally.at("max").priced(DAY)
    assert [(line.kind.quality, line.sums.images) for line in changed.lines] == [("max", 2)]
    assert changed.cost == _estimate(*[_request("gpt-image-2.5-flare", quality="max")] * 2).cost
    assert tally.at("low").at("low") is None
    tally.add(_request("gpt-image-2"))
    assert tally.at("max") is None
    assert tally.at("high") is not None


def test_as_a_batch():
    """Half the price where the vendor says so; of a model whose batch price nobody knows, nothing is said."""
    half = _estimate(*[_request(), _request(quality="high")] * 2)
    assert half.as_batch * 2 == half.cost
    assert _estimate(_request(), _request("gpt-image-2.6-flare")).as_batch is None
    assert _estimate(_request(), _request("a-gateway-model")).as_batch == _estimate(_request()).as_batch


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        (Limits(), None),
        (Limits(images_per_minute=20), 120 * 60 / 20),
        (Limits(images_per_minute=20, requests_per_minute=5), 40 * 60 / 5),
        (Limits(tokens_per_minute=1000), (120 * 196 + 120 * 9) * 60 / 1000),
        (Limits(images_per_day=50), 2 * 86_400),
        (Limits(images_per_day=120), None),
    ],
)
def test_the_time_is_that_of_the_tightest_limit(limits, seconds):
    """Forty requests of three images: by images, requests, tokens or days, whichever takes longest."""
    tally = Tally(vendors)
    for _ in range(40):
        tally.add(_request(n=3))
    assert duration_s(tally.priced(DAY), limits) == pytest.approx(seconds) if seconds else seconds is None


def test_input_images_take_places_too():
    """As the pace counts them: each one that goes with a request."""
    plain, edit = (_estimate(*[_request(inputs=inputs)] * 10) for inputs in ((), (PICTURE, PICTURE)))
    limits = Limits(images_per_minute=10)
    assert [duration_s(estimate, limits) for estimate in (plain, edit)] == [60.0, 180.0]


def _cheaper():
    known = VENDORS.find("gpt-image-2")
    return VENDORS.with_model(replace(known, price=(replace(known.price[0], image_out=known.price[0].image_out / 2),)))


def test_the_prices_of_the_settings_count():
    """A catalog that was changed changes the estimate."""
    assert _estimate(_request(), catalog=_cheaper()).cost == Span.exactly(9 * 5 + 196 * 15)


def test_each_provider_has_its_own_prices():
    """The same request at two of them is two lines, each at its price, also at another quality and when tallies are merged."""
    tally, other = (Tally({"": VENDORS, "gateway": _cheaper()}.__getitem__) for _ in range(2))
    for provider in ("", "gateway", "gateway"):
        tally.add(_request(), provider)
    other.merge(tally)
    found = other.priced(DAY)
    assert [(line.kind.provider, line.sums.rows, line.cost.likely) for line in found.lines] == [
        ("", 1, 9 * 5 + 196 * 30),
        ("gateway", 2, 2 * (9 * 5 + 196 * 15)),
    ]
    assert found.providers == ("", "gateway")
    assert found.by("gateway").cost == _estimate(_request(), _request(), catalog=_cheaper()).cost
    high = _estimate(_request(quality="high"), catalog=_cheaper()).cost.likely
    assert tally.at("high").priced(DAY).by("gateway").cost == Span.exactly(2 * high)
