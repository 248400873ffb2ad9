"""What a reply says that it used, in tokens. Whatever is missing or not a count is not known, and never zero.

Where a reply contradicts itself, or does not tell apart what has different prices, the dearer reading counts, and a remark
says so: a bill that is higher than what was reckoned is worse than the other way round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from batchgen.core.usage import NOTHING_SAID, Usage

# No reply has that many tokens; a larger figure is nonsense that no ledger could add up.
_MOST_TOKENS = 10**9


@dataclass(frozen=True, slots=True)
class Reported:
    """What was used, and what is strange about how that was told."""

    usage: Usage = NOTHING_SAID
    remark: str | None = None


NOTHING_REPORTED = Reported()


def read_usage(usage: Any, author: Any = None, *, has_inputs: bool = False) -> Reported:
    """Tokens by kind out of a reply's `usage`; whatever is missing or not a count is None.

    Input that is not told apart is text where no images went along, else images: they are the dearer kind. `author` is the
    usage of who writes an SVG.
    """
    if not isinstance(usage, Mapping):
        return NOTHING_REPORTED
    authored = author if isinstance(author, Mapping) else {}
    came, went = _kinds(usage, "input"), _kinds(usage, "output")
    text, image = _told_apart(came, has_inputs=has_inputs)
    remarks = [told for told in (_not_apart(came) if has_inputs else "", _sums(came), _sums(went), _total(usage)) if told]
    return Reported(
        Usage(
            input_text_tokens=text,
            input_image_tokens=image,
            output_tokens=max((count for count in (went.all, went.parts) if count is not None), default=None),
            output_text_tokens=went.text,
            author_tokens=sum(_count(authored, name) or 0 for name in ("input_tokens", "output_tokens")) or None,
        ),
        "; ".join(remarks) or None,
    )


def added(reports: Sequence[Reported]) -> Reported:
    """The sum of what was told, by kind, None where nothing was; with every remark once."""
    told = {part.name: [getattr(one.usage, part.name) for one in reports] for part in fields(Usage)}
    counts = {name: [count for count in each if count is not None] for name, each in told.items()}
    usage = Usage(**{name: sum(each) if each else None for name, each in counts.items()})
    return Reported(usage, "; ".join(dict.fromkeys(one.remark for one in reports if one.remark)) or None)


@dataclass(frozen=True, slots=True)
class _Kinds:
    """One side of a usage: what it is in all, and its parts."""

    side: str
    all: int | None
    text: int | None
    image: int | None

    @property
    def parts(self) -> int | None:
        return None if self.text is None or self.image is None else self.text + self.image


def _kinds(usage: Mapping[str, Any], side: str) -> _Kinds:
    details = _part(usage, f"{side}_tokens_details")
    return _Kinds(side, _count(usage, f"{side}_tokens"), _count(details, "text_tokens"), _count(details, "image_tokens"))


def _told_apart(came: _Kinds, *, has_inputs: bool) -> tuple[int | None, int | None]:
    """Text and images of the input."""
    if came.all is None:
        return came.text, came.image
    if came.text is None and came.image is None:
        return (None, came.all) if has_inputs else (came.all, None)
    if came.text is None:
        return max(0, came.all - (came.image or 0)), came.image
    rest = max(0, came.all - came.text - (came.image or 0))
    return came.text, (came.image or 0) + rest if rest else came.image


def _not_apart(came: _Kinds) -> str:
    is_apart = came.all is None or came.text is not None or came.image is not None
    return "" if is_apart else "input tokens are not told apart: all are counted as those of images"


def _sums(kinds: _Kinds) -> str:
    told = (kinds.text or 0) + (kinds.image or 0)
    if kinds.all is None or kinds.all == told or (kinds.all > told and kinds.parts is None):
        return ""
    parts = {"of text": kinds.text, "of images": kinds.image}
    words = " and ".join(f"{count} {what}" for what, count in parts.items() if count is not None)
    return f"usage does not add up: {kinds.all} {kinds.side} tokens, and {words}"


def _total(usage: Mapping[str, Any]) -> str:
    both, total = [_count(usage, f"{side}_tokens") for side in ("input", "output")], _count(usage, "total_tokens")
    known = [count for count in both if count is not None]
    if total is None or len(known) < len(both) or sum(known) == total:
        return ""
    return f"usage does not add up: {known[0]} input and {known[1]} output tokens, and {total} in all"


def _part(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = usage.get(name)
    return part if isinstance(part, Mapping) else {}


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS else None
