"""What a reply says that it used, in tokens. Whatever is missing or not a count is not known, and never zero."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from batchgen.core.usage import Usage

# No reply has that many tokens; a larger figure is nonsense that no ledger could add up.
_MOST_TOKENS = 10**9


def read_usage(usage: Any, author: Any = None) -> Usage:
    """Tokens by kind out of a reply's `usage`; whatever is missing or not a count is None.

    Input that is not told apart is text: a generation has no input images. `author` is the usage of who writes an SVG.
    """
    if not isinstance(usage, Mapping):
        return Usage()
    authored = author if isinstance(author, Mapping) else {}
    inputs, outputs = _part(usage, "input_tokens_details"), _part(usage, "output_tokens_details")
    text, image = _count(inputs, "text_tokens"), _count(inputs, "image_tokens")
    if text is None:
        total = _count(usage, "input_tokens")
        text = None if total is None else max(0, total - (image or 0))
    return Usage(
        input_text_tokens=text,
        input_image_tokens=image,
        output_tokens=_count(usage, "output_tokens"),
        output_text_tokens=_count(outputs, "text_tokens"),
        author_tokens=sum(_count(authored, name) or 0 for name in ("input_tokens", "output_tokens")) or None,
    )


def added(usages: Sequence[Usage]) -> Usage:
    """The sum of what was told, by kind; None where nothing was."""
    told = {part.name: [getattr(usage, part.name) for usage in usages] for part in fields(Usage)}
    counts = {name: [count for count in each if count is not None] for name, each in told.items()}
    return Usage(**{name: sum(each) if each else None for name, each in counts.items()})


def _part(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = usage.get(name)
    return part if isinstance(part, Mapping) else {}


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS else None
