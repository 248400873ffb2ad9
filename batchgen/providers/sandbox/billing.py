"""What a request uses and what that would cost at the vendor.

Text is estimated at four bytes a token; an input image is counted by its pixels, a mask or markup not at all (nobody has told
what those are billed as). Every image asked for is billed with the prompt and all input images anew.
"""

from datetime import UTC, datetime
from typing import Any

from batchgen.core import output_tokens
from batchgen.core.catalog import Catalog
from batchgen.core.input_tokens import input_image_tokens
from batchgen.core.pricing import PREVIEW_TOKENS, PROMPT_OVERHEAD_TOKENS, cost_micros
from batchgen.core.usage import Usage
from batchgen.providers.sandbox.wanted import Wanted

# Of a model without any figures the sandbox takes these.
_OTHERWISE = "gpt-image-2.5-flare"

# What the model that writes an SVG uses is not published, nor what its tokens cost.
_AUTHOR_INPUT, _AUTHOR_OUTPUT = 1000, 4000


def usage_of(wanted: Wanted, images: int) -> Usage:
    """Tokens of so many images."""
    like = wanted.tokens_like if wanted.tokens_like in output_tokens.FIGURES else _OTHERWISE
    figure = output_tokens.span(like, wanted.quality, wanted.size)
    each = figure.likely if figure else 0
    text = -(-len(wanted.prompt.encode()) // 4) + PROMPT_OVERHEAD_TOKENS
    return Usage(
        input_text_tokens=text * images,
        input_image_tokens=_input_images(wanted) * images,
        output_tokens=(each + PREVIEW_TOKENS * wanted.partials) * images,
        output_text_tokens=0,
        author_tokens=(_AUTHOR_INPUT + _AUTHOR_OUTPUT) * images if wanted.output_format == "svg" else None,
    )


def cost_of(wanted: Wanted, usage: Usage, catalog: Catalog) -> int | None:
    """USD micros by today's prices; None for a model without a price."""
    return cost_micros(wanted.model, usage, datetime.now(UTC).date(), catalog)


def told(usage: Usage) -> dict[str, Any]:
    """The usage as an answer carries it."""
    text, image, output = usage.input_text_tokens or 0, usage.input_image_tokens or 0, usage.output_tokens or 0
    return {
        "input_tokens": text + image,
        "input_tokens_details": {"image_tokens": image, "text_tokens": text},
        "output_tokens": output,
        "output_tokens_details": {"image_tokens": output, "text_tokens": 0},
        "total_tokens": text + image + output,
    }


def told_of_author(model: str) -> dict[str, Any]:
    """The usage of the model that writes an SVG, as an answer carries it."""
    counts = {"input_tokens": _AUTHOR_INPUT, "output_tokens": _AUTHOR_OUTPUT, "reasoning_tokens": 0}
    return {**counts, "total_tokens": _AUTHOR_INPUT + _AUTHOR_OUTPUT, "model": model}


def _input_images(wanted: Wanted) -> int:
    edit = wanted.edit
    return sum(input_image_tokens(wanted.tokens_like, *size, edit.fidelity) or 0 for size in edit.sizes) if edit else 0
