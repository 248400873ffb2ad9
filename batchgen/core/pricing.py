"""What an attempt costs, from its usage and a dated price table; and the most it can cost before it is sent.

Money is an integer of USD micros. A rate of one dollar per million tokens is one micro per token, so a cost is tokens times
rates, summed exactly and rounded half-even once an attempt. None means not known; 0 means free.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from batchgen.core.catalog import VENDORS
from batchgen.core.input_tokens import input_image_tokens, most_input_image_tokens
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.request import Input, Request
from batchgen.core.usage import Usage

# Encoding adds this many tokens to the prompt's own (measured on generations, not documented by the vendor).
PROMPT_OVERHEAD_TOKENS = 6
# And an edit more, growing with its inputs: some forty were measured with one, the vendor says nothing.
INPUT_OVERHEAD_TOKENS = 64

# What the vendor's image guide says of each preview, in output tokens.
PREVIEW_TOKENS = 100

# Text has about as many bytes a token; good for an estimate and for no bound.
_BYTES_A_TOKEN = 4
# Statuses of a whole answer; a gateway may say 201 where the vendor says 200.
_SUCCESS = range(200, 300)

# Where a model's output tokens are not published, its dearest known figure is taken this many times over.
UNPUBLISHED_FACTOR = 4


class Basis(StrEnum):
    """How a cost is known; the text is what stands in the ledger."""

    COMPUTED = "computed"  # from reported usage, or certainly nothing
    ESTIMATED = "estimated"  # a whole answer came and reported no usage
    UNKNOWN = "unknown"  # whether anything was billed is not known, or the model has no price


@dataclass(frozen=True, slots=True)
class Cost:
    """USD micros, None where not known."""

    micros: int | None
    basis: Basis


@dataclass(frozen=True, slots=True)
class Rates:
    """USD per million tokens, synchronous lane, in force from `since`."""

    since: date
    text_in: Decimal
    image_in: Decimal
    image_out: Decimal
    text_out: Decimal
    source: str


def _rates(text_in: str, image_in: str, image_out: str, *, source: str, text_out: str = "") -> tuple[Rates, ...]:
    return (
        Rates(
            date(2025, 4, 1), Decimal(text_in), Decimal(image_in), Decimal(image_out), Decimal(text_out or image_out), source
        ),
    )


_PAGE = "vendor's price page, August 2026"
_COLLECTED = "genai-prices 0.2.3 (verified 2026-10-14) and litellm 1.109.1"

RATES: dict[str, tuple[Rates, ...]] = {
    "gpt-image-2.6-sunburst": _rates("5", "8", "30", source="vendor's model page, November 2026"),
    "gpt-image-2.6-flare": _rates("5", "8", "30", source="reported equal to sunburst, November 2026"),
    "gpt-image-2.5-sunburst": _rates("5", "8", "30", source=_COLLECTED),
    "gpt-image-2.5-flare": _rates("5", "8", "30", source=_COLLECTED),
    "gpt-image-2": _rates("5", "8", "30", source=_PAGE),
    "gpt-image-1.5": _rates("5", "8", "32", text_out="10", source=_PAGE),
    "chatgpt-image-latest": _rates("5", "8", "32", text_out="10", source=_PAGE),
    "gpt-image-1-mini": _rates("2", "2.5", "8", source=_PAGE),
    "gpt-image-1": _rates("5", "10", "40", source=_PAGE),
}

# The vendor's calculator: tokens = ceil(q * u * (2,000,000 + W*H) / 4,000,000), u = q * short/long rounded half up.
_FACTORS_2 = {"low": 16, "medium": 48, "high": 96}
_FACTORS_25 = {"low": 16, "medium": 24, "high": 48, "xhigh": 64, "max": 96}
_FACTORS: dict[str, Mapping[str, int]] = {
    "gpt-image-2": _FACTORS_2,
    "gpt-image-2.5-sunburst": _FACTORS_25,
    "gpt-image-2.5-flare": _FACTORS_25,
}
_DEAREST_FACTOR = 96

# The vendor's image guide: a fixed table for the older models.
_FIXED_TOKENS: dict[tuple[str, str], int] = {
    ("low", "1024x1024"): 272,
    ("low", "1024x1536"): 408,
    ("low", "1536x1024"): 400,
    ("medium", "1024x1024"): 1056,
    ("medium", "1024x1536"): 1584,
    ("medium", "1536x1024"): 1568,
    ("high", "1024x1024"): 4160,
    ("high", "1024x1536"): 6240,
    ("high", "1536x1024"): 6208,
}
_FIXED_MODELS = frozenset({"gpt-image-1.5", "chatgpt-image-latest", "gpt-image-1-mini", "gpt-image-1"})

# The free size that costs most: the largest square, since tokens fall with the ratio of the edges.
_DEAREST_NOT_BILLED_SIZE = (2880, 2880)


def parse_size(size: str) -> tuple[int, int] | None:
    """`WxH` as pixels, or None for `auto` and anything else."""
    width, _, height = size.partition("x")
    if width.isdecimal() and height.isdecimal() and width.isascii() and height.isascii():
        return int(width), int(height)
    return None


def rates_on(model: str, day: date) -> Rates | None:
    """The rates of a model on a day, or None for a model without a price."""
    in_force = [rates for rates in RATES.get(VENDORS.canonical(model), ()) if rates.since <= day]
    return max(in_force, key=lambda rates: rates.since, default=None)


def _by_formula(factor: int, width: int, height: int) -> int:
    short, long = sorted((width, height))
    u = (2 * factor * short + long) // (2 * long)
    return -(-factor * u * (2_000_000 + width * height) // 4_000_000)


def output_tokens(model: str, quality: str, size: str) -> int | None:
    """Output tokens of one image where the vendor's figures give them; None where they are not published."""
    name = VENDORS.canonical(model)
    if name in _FIXED_MODELS:
        return _FIXED_TOKENS.get((quality, size))
    factor = _FACTORS.get(name, {}).get(quality)
    edges = parse_size(size)
    return _by_formula(factor, *edges) if factor and edges else None


def _most_output_tokens(model: str, quality: str, size: str) -> int:
    """A bound for one image: the published figure, else the dearest known one four times over."""
    known = output_tokens(model, quality, size)
    if known is not None:
        return known
    if VENDORS.canonical(model) in _FIXED_MODELS:
        dearest = max(_FIXED_TOKENS.values())
    else:
        dearest = _by_formula(_DEAREST_FACTOR, *(parse_size(size) or _DEAREST_NOT_BILLED_SIZE))
    return UNPUBLISHED_FACTOR * dearest


def cost_micros(model: str, usage: Usage, day: date) -> int | None:
    """What reported usage costs on a day, in USD micros; None without a price or without output tokens.

    Output tokens that are not told apart are priced as image tokens, the dearer kind. The model that writes an SVG has a price
    that nobody has published.
    """
    rates = rates_on(model, day)
    if rates is None or usage.output_tokens is None or usage.author_tokens:
        return None
    text_out = min(usage.output_text_tokens or 0, usage.output_tokens)
    exact = (
        (usage.input_text_tokens or 0) * rates.text_in
        + (usage.input_image_tokens or 0) * rates.image_in
        + (usage.output_tokens - text_out) * rates.image_out
        + text_out * rates.text_out
    )
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


# Ends of an attempt after which nobody was billed: nothing was sent, or a complete answer refused (measured: free).
_NOT_BILLED = frozenset(
    {
        Outcome.REJECTED,
        Outcome.RATE_LIMITED,
        Outcome.UNAVAILABLE,
        Outcome.OFFLINE,
        Outcome.ACCOUNT_BLOCKED,
        Outcome.RELEASED,
        Outcome.LOST,
    }
)


def cost_of(ending: Ending, model: str, day: date, likely_micros: int | None) -> Cost:
    """What an attempt that ended so cost; `likely_micros` is taken where a whole answer came without usage."""
    if ending.outcome in _NOT_BILLED:
        return Cost(0, Basis.COMPUTED)
    computed = cost_micros(model, ending.usage, day)
    if computed is not None:
        return Cost(computed, Basis.COMPUTED)
    if ending.http_status in _SUCCESS and likely_micros is not None:
        return Cost(likely_micros, Basis.ESTIMATED)
    return Cost(None, Basis.UNKNOWN)


def most_usage(request: Request) -> Usage:
    """The most tokens one attempt at a request can use.

    No text has more tokens than UTF-8 bytes, so the bytes bound the prompt. A request of n images is billed as n calls.
    """
    most = most_input_image_tokens(request.model) * len(request.inputs)
    return _usage(request, len(request.prompt.encode()), most)


def likely_micros(request: Request, day: date) -> int | None:
    """What one attempt at a request should cost, in USD micros; None for a model without a price.

    Output tokens that are not published, and links to images that nobody has looked at, are taken at their bound.
    """
    likely = sum(_likely_input_tokens(request, one) for one in request.inputs)
    usage = _usage(request, -(-len(request.prompt.encode()) // _BYTES_A_TOKEN), likely)
    return None if _has_author(request) else cost_micros(request.model, usage, day)


def _likely_input_tokens(request: Request, one: Input) -> int:
    fidelity = request.parameters.get("input_fidelity")
    known = None
    if one.width and one.height:
        known = input_image_tokens(request.model, one.width, one.height, None if fidelity is None else str(fidelity))
    return most_input_image_tokens(request.model) if known is None else known


def _usage(request: Request, prompt_tokens: int, input_tokens: int) -> Usage:
    quality, size = (str(request.parameters.get(name, "auto")) for name in ("quality", "size"))
    text = prompt_tokens + PROMPT_OVERHEAD_TOKENS + INPUT_OVERHEAD_TOKENS * len(request.inputs)
    output = _most_output_tokens(request.model, quality, size) + PREVIEW_TOKENS * request.previews
    n = request.images
    return Usage(input_text_tokens=text * n, input_image_tokens=input_tokens * n or None, output_tokens=output * n)


def worst_case_micros(request: Request, day: date) -> int | None:
    """The most one attempt at a request can cost, in USD micros; None for a model without a price."""
    return None if _has_author(request) else cost_micros(request.model, most_usage(request), day)


def _has_author(request: Request) -> bool:
    """Whether a second model has a part in it, whose tokens nobody can tell before."""
    return request.parameters.get("output_format") == "svg"


def dollars(micros: int) -> str:
    """USD with six places, exact: 1234567 is `1.234567`."""
    return f"{Decimal(micros) / 1_000_000:.6f}"
