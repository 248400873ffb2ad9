"""What an attempt costs, from its usage and the price of its day; and the most it can cost before it is sent.

Money is an integer of USD micros. A rate of one dollar per million tokens is one micro per token, so a cost is tokens times
rates, summed exactly and rounded half-even once an attempt. None means not known; 0 means free.

Prices and figures are those of a catalog: the settings may have changed them.
"""

import math
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from batchgen.core import output_tokens, prices
from batchgen.core.catalog import VENDORS, Catalog
from batchgen.core.input_tokens import input_image_tokens, most_input_image_tokens
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.prices import Price
from batchgen.core.request import Input, Request
from batchgen.core.usage import Usage

# Encoding adds this many tokens to the prompt's own (measured on generations, not documented by the vendor).
PROMPT_OVERHEAD_TOKENS = 6
# And an edit more, growing with its inputs: some forty were measured with one, the vendor says nothing.
INPUT_OVERHEAD_TOKENS = 64

# What the vendor's image guide says of each preview, in output tokens.
PREVIEW_TOKENS = 100

# Text that a model bills beside an image, where it bills any. Nobody has published how much that is, nor how much it can be:
# a bound of our own, to be reserved.
MOST_OUTPUT_TEXT_TOKENS = 1000

# Text has about as many bytes a token; good for an estimate and for no bound.
_BYTES_A_TOKEN = 4
# Statuses of a whole answer; a gateway may say 201 where the vendor says 200.
_SUCCESS = range(200, 300)


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


def price_on(model: str, day: date, catalog: Catalog = VENDORS) -> Price | None:
    """The price of a model on a day, or None for a model without one."""
    known = catalog.find(model)
    return None if known is None else prices.in_force(known.price, day)


def cost_micros(model: str, usage: Usage, day: date, catalog: Catalog = VENDORS) -> int | None:
    """What reported usage costs on a day, in USD micros; None without a price or without output tokens.

    Output tokens that are not told apart are priced as image tokens, the dearer kind. The model that writes an SVG has a price
    that nobody has published.
    """
    price = price_on(model, day, catalog)
    if price is None or usage.output_tokens is None or usage.author_tokens:
        return None
    text_out = min(usage.output_text_tokens or 0, usage.output_tokens)
    exact = (
        (usage.input_text_tokens or 0) * price.text_in
        + (usage.input_image_tokens or 0) * price.image_in
        + (usage.output_tokens - text_out) * price.image_out
        + text_out * price.other_out
    )
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


# Ends of an attempt after which nobody was billed: nothing was sent, or a complete answer refused (measured: free).
_NOT_BILLED = frozenset(
    {
        Outcome.REUSED,
        Outcome.REJECTED,
        Outcome.RATE_LIMITED,
        Outcome.UNAVAILABLE,
        Outcome.OFFLINE,
        Outcome.ACCOUNT_BLOCKED,
        Outcome.RELEASED,
        Outcome.LOST,
    }
)


def cost_of(ending: Ending, model: str, day: date, likely_micros: int | None, catalog: Catalog = VENDORS) -> Cost:
    """What an attempt of that day that ended so cost; `likely_micros` is taken where a whole answer came without usage."""
    if ending.outcome in _NOT_BILLED:
        return Cost(0, Basis.COMPUTED)
    computed = cost_micros(model, ending.usage, day, catalog)
    if computed is not None:
        return Cost(computed, Basis.COMPUTED)
    if ending.http_status in _SUCCESS and likely_micros is not None:
        return Cost(likely_micros, Basis.ESTIMATED)
    return Cost(None, Basis.UNKNOWN)


def most_usage(request: Request, catalog: Catalog = VENDORS) -> Usage:
    """The most tokens one attempt at a request can use.

    No text has more tokens than UTF-8 bytes, so the bytes bound the prompt. A request of n images is billed as n calls.
    """
    most = most_input_image_tokens(catalog.tokens_like(request.model)) * len(request.inputs)
    return _usage(request, text_tokens(request, 1), most, catalog)


def likely_micros(request: Request, day: date, catalog: Catalog = VENDORS) -> int | None:
    """What one attempt at a request should cost, in USD micros; None for a model without a price.

    Output tokens that are not published, and links to images that nobody has looked at, are taken at their bound.
    """
    most = most_input_image_tokens(catalog.tokens_like(request.model))
    likely = sum(most if known is None else known for known in (input_tokens(request, one, catalog) for one in request.inputs))
    usage = _usage(request, text_tokens(request), likely, catalog)
    return None if has_author(request) else cost_micros(request.model, usage, day, catalog)


def worst_case_micros(request: Request, day: date, catalog: Catalog = VENDORS) -> int | None:
    """The most one attempt at a request can cost, in USD micros; None for a model without a price."""
    price = price_on(request.model, day, catalog)
    if price is None or has_author(request):
        return None
    micros = cost_micros(request.model, most_usage(request, catalog), day, catalog)
    return None if micros is None else micros + math.ceil(most_text_out_micros(price) * request.images)


def most_text_out_micros(price: Price) -> Decimal:
    """What text beside one image can cost, where a model bills it."""
    return MOST_OUTPUT_TEXT_TOKENS * price.text_out if price.text_out else Decimal(0)


def text_tokens(request: Request, bytes_a_token: int = _BYTES_A_TOKEN) -> int:
    """Input text tokens of one image of a request, with what its encoding adds."""
    prompt = -(-len(request.prompt.encode()) // bytes_a_token)
    return prompt + PROMPT_OVERHEAD_TOKENS + INPUT_OVERHEAD_TOKENS * len(request.inputs)


def input_tokens(request: Request, one: Input, catalog: Catalog = VENDORS) -> int | None:
    """Tokens of an input image of a request; None where its pixels or its model's rule are not known."""
    if not one.width or not one.height:
        return None
    fidelity = request.parameters.get("input_fidelity")
    like = catalog.tokens_like(request.model)
    return input_image_tokens(like, one.width, one.height, None if fidelity is None else str(fidelity))


def kind_of(request: Request) -> tuple[str, str]:
    """What decides the tokens of its images: quality and size."""
    quality, size = (str(request.parameters.get(name, output_tokens.AUTO)) for name in ("quality", "size"))
    return quality, size


def is_published(request: Request, catalog: Catalog = VENDORS) -> bool:
    """Whether the vendor says how many output tokens an image of this request takes."""
    return output_tokens.published(catalog.tokens_like(request.model), *kind_of(request)) is not None


def has_author(request: Request) -> bool:
    """Whether a second model has a part in it, whose tokens nobody can tell before."""
    return request.parameters.get("output_format") == "svg"


def _usage(request: Request, text: int, input_image: int, catalog: Catalog) -> Usage:
    most = output_tokens.most(catalog.tokens_like(request.model), *kind_of(request))
    output = most + PREVIEW_TOKENS * request.previews
    n = request.images
    return Usage(input_text_tokens=text * n, input_image_tokens=input_image * n or None, output_tokens=output * n)


def dollars(micros: int) -> str:
    """USD with six places, exact: 1234567 is `1.234567`."""
    return f"{Decimal(micros) / 1_000_000:.6f}"
