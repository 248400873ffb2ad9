"""The audit: every attempt of the ledger beside the server's own line of it, and both beside the reference."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import tariff
from torture.books import Asked, Attempt

from .rows import row_of

# Where the server made images, beside those that it answered as it should.
_MADE_ALL_THE_SAME = frozenset({"504", "524", "reset", "cut", "bad_json", "bad_base64", "not_image", "html", "empty"}) | {
    *("fewer", "hang", "drip", "stream_error", "stream_end")
}
# Whole answers in which nobody can read what was used, and ends after which nobody can know: also a stream without any image.
_SAYS_NOTHING = frozenset({"html", "bad_json"})
_LOST = frozenset({"504", "524", "reset", "cut", "hang", "stream_end"})
_LOST_AS_STREAM = frozenset({"empty", "fewer"})
# For each input image the text of an edit is taken to be so much longer.
_MORE_TEXT = 64


@dataclass(frozen=True, slots=True)
class Audit:
    """`lines` are the server's log as it is written, `log` the same as it is read; `costs` is what `costs --json` says."""

    attempts: Mapping[str, Attempt]
    lines: list[dict[str, Any]]
    log: list[Asked]
    costs: Mapping[str, Any]
    is_done: bool

    @property
    def billed(self) -> int:
        """USD micros, by the server's log at the prices of the reference."""
        return sum(asked.cost for asked in self.log)

    @property
    def known(self) -> int:
        """By the ledger."""
        return sum(attempt.cost or 0 for attempt in self.attempts.values())

    @property
    def at_most(self) -> int:
        """The worst case of what the ledger calls unknown."""
        return sum(attempt.at_most for attempt in self.attempts.values() if attempt.cost is None)

    @property
    def bases(self) -> Counter[str | None]:
        """How many attempts there are of each basis."""
        return Counter(attempt.basis for attempt in self.attempts.values())

    def broken(self) -> Iterator[str]:
        """What does not hold."""
        repeated = [label for label, count in Counter(one.label for one in self.log).items() if count > 1]
        yield from (f"{label} was sent more than once" for label in repeated)
        asked = {one.label: (one, line) for one, line in zip(self.log, self.lines, strict=True)}
        yield from (f"{label} was asked for and is no attempt" for label in asked.keys() - self.attempts.keys())
        yield from (f"{words}: {line}" for _, line in asked.values() for words in _wrong_line(line))
        for label, attempt in self.attempts.items():
            one, line = asked.get(label, (None, {}))
            yield from (f"{label} {words}: {attempt}, {line}" for words in _wrong(attempt, one, line))
        if self._billed_for_unknown() > self.at_most:
            yield "what was billed and is not known is more than the unknown attempts explain"
        told = tuple(Decimal(self.costs["total"][name]) * 1_000_000 for name in ("cost_usd", "unknown_cost_usd"))
        if told != (self.known, self.at_most):
            yield f"costs says {told}, and the attempts add up to {(self.known, self.at_most)}"

    def _billed_for_unknown(self) -> int:
        unknown = {label for label, attempt in self.attempts.items() if attempt.cost is None}
        return sum(one.cost for one in self.log if one.label in unknown)


def _wrong_line(line: Mapping[str, Any]) -> Iterator[str]:
    """What of the server's own line is not as the reference has it."""
    fate = line["outcome"] if line["status"] in (None, 200) else str(line["status"])
    images = line["n"] - (fate in ("fewer", "stream_error"))
    is_billed = images > 0 and (fate == "succeeded" or fate in _MADE_ALL_THE_SAME)
    if line["billed"] != is_billed:
        yield "the server billed what it should not, or did not bill what it should"
    told = (line["input_image_tokens"], line["output_tokens"])
    if told != (row_of(line["prompt"]).tokens(images) if is_billed else (0, 0)):
        yield "the server's tokens are not those of the reference"
    if line["cost_micros"] != tariff.bill(line):
        yield "the server's bill is not its tokens at the prices of the reference"


def _wrong(attempt: Attempt, asked: Asked | None, line: Mapping[str, Any]) -> Iterator[str]:
    """What of an attempt is not as the server's line has it."""
    if attempt.outcome is None:
        yield "was left open"
    elif asked is None:
        if attempt.cost != 0:
            yield "was never asked for and is not free"
    elif attempt.basis == "unknown":
        if asked.fate not in _LOST and not (asked.fate in _LOST_AS_STREAM and row_of(asked.prompt).previews is not None):
            yield "is unknown for no reason"
        if asked.cost > attempt.at_most:
            yield "cost more than was reserved"
    elif attempt.basis == "estimated":
        text = _MORE_TEXT * line["input_images"] * line["n"] * float(tariff.RATES[line["model"]][0])
        if asked.fate not in _SAYS_NOTHING or not asked.cost <= (attempt.cost or 0) <= asked.cost + text:
            yield "is estimated for no reason, or at something else"
    else:
        yield from _wrongly_computed(attempt, asked)


def _wrongly_computed(attempt: Attempt, asked: Asked) -> Iterator[str]:
    if attempt.cost != asked.cost:
        yield "cost something else"
    if asked.cost and tuple(count or 0 for count in attempt.tokens) != asked.tokens:
        yield "has other tokens"
    if attempt.request_id not in (None, asked.request_id) or (asked.fate == "succeeded" and attempt.request_id is None):
        yield "names another request"
