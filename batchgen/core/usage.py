"""Tokens of one attempt, by kind."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider reported them; None where it said nothing."""

    input_text_tokens: int | None = None
    input_image_tokens: int | None = None
    output_tokens: int | None = None
    output_text_tokens: int | None = None  # the part of output_tokens that is text, where told
    author_tokens: int | None = None  # beside all others: of the model that writes an SVG


NOTHING_SAID = Usage()
