"""What requests will cost, told before they are made. They are summed by what decides the price, so that a million of them take
no more memory than a few.

The prompt's text is estimated by its length. What is not known otherwise (`auto`, models without published tokens, input images
that nobody has looked at) has a least and a most beside what is likely.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from batchgen.core import output_tokens, pace, pricing
from batchgen.core.catalog import Catalog, Catalogs
from batchgen.core.input_tokens import input_image_tokens, most_input_image_tokens
from batchgen.core.output_tokens import Span
from batchgen.core.pace import Limits, Pace, Weight
from batchgen.core.prices import Price
from batchgen.core.request import Request

_MINUTE_S, _DAY_S = 60, 86_400
QUALITIES = ("low", "medium", "high", "xhigh", "max")
NONE = Span.exactly(0)


@dataclass(frozen=True, slots=True)
class Kind:
    """What decides the price of an image. `has_author`: a second model writes it, at a price that nobody knows."""

    model: str
    quality: str
    size: str
    has_author: bool = False
    provider: str = ""


@dataclass(slots=True)
class Sums:
    """Requests of one kind. `inputs` go with them, `previews` come before their images; tokens are those of the input."""

    rows: int = 0
    images: int = 0
    inputs: int = 0
    previews: int = 0
    text_tokens: int = 0
    image_tokens: Span = NONE

    def add(self, other: "Sums") -> None:
        """Count others of this kind."""
        self.rows += other.rows
        self.images += other.images
        self.inputs += other.inputs
        self.previews += other.previews
        self.text_tokens += other.text_tokens
        self.image_tokens += other.image_tokens


@dataclass(frozen=True, slots=True)
class Line:
    """Requests of one kind with their output tokens and what all of it costs, in USD micros; None where nobody can tell."""

    kind: Kind
    sums: Sums
    output: Span | None
    cost: Span | None
    as_batch: Span | None = None  # through the vendor's Batch API


@dataclass(frozen=True, slots=True)
class Estimate:
    """All requests, by their kinds in the order in which they came."""

    lines: tuple[Line, ...]

    @property
    def providers(self) -> tuple[str, ...]:
        """Who makes them."""
        return tuple(dict.fromkeys(line.kind.provider for line in self.lines))

    def by(self, provider: str) -> "Estimate":
        """What one of them makes."""
        return Estimate(tuple(line for line in self.lines if line.kind.provider == provider))

    @property
    def total(self) -> Sums:
        """All kinds together."""
        total = Sums()
        for line in self.lines:
            total.add(line.sums)
        return total

    @property
    def output(self) -> Span | None:
        """Output tokens of what is known; None if nothing of it is."""
        return _known(line.output for line in self.lines)

    @property
    def cost(self) -> Span | None:
        """USD micros of what has a price; None if nothing has one. `unpriced` says how much is missing."""
        return _known(line.cost for line in self.lines)

    @property
    def as_batch(self) -> Span | None:
        """The same through the vendor's Batch API; None unless its price is known of all that has one."""
        priced = [line for line in self.lines if line.cost is not None]
        return _known(line.as_batch for line in priced) if all(line.as_batch for line in priced) else None

    @property
    def unpriced(self) -> int:
        """Images whose cost nobody can tell."""
        return sum(line.sums.images for line in self.lines if line.cost is None)


@dataclass(slots=True)
class Tally:
    """Adds up requests, whose models are those of their provider's catalog."""

    catalogs: Catalogs
    kinds: dict[Kind, Sums] = field(default_factory=dict)

    def add(self, request: Request, provider: str = "") -> None:
        """Count a request to a provider."""
        n = request.images
        kind = Kind(request.model, *pricing.kind_of(request), pricing.has_author(request), provider)
        tokens = _input_images(request, self.catalogs(provider))
        sums = Sums(1, n, len(request.inputs), request.previews * n, pricing.text_tokens(request) * n, tokens * n)
        self._add(kind, sums)

    def merge(self, other: "Tally") -> None:
        """Count all that another one has counted."""
        for kind, sums in other.kinds.items():
            self._add(kind, sums)

    def at(self, quality: str) -> "Tally | None":
        """The same requests at another quality; None if that changes nothing, or a model does not have it."""
        if all(kind.quality == quality for kind in self.kinds):
            return None
        changed = Tally(self.catalogs)
        for kind, sums in self.kinds.items():
            model = self.catalogs(kind.provider).find(kind.model)
            if model is None or quality not in model.qualities:
                return None
            changed._add(replace(kind, quality=quality), sums)
        return changed

    def priced(self, day: date) -> Estimate:
        """At the prices of a day."""
        return Estimate(tuple(self._line(kind, sums, day) for kind, sums in self.kinds.items()))

    def _add(self, kind: Kind, sums: Sums) -> None:
        self.kinds.setdefault(kind, Sums()).add(sums)

    def _line(self, kind: Kind, sums: Sums, day: date) -> Line:
        catalog = self.catalogs(kind.provider)
        each = output_tokens.span(catalog.tokens_like(kind.model), kind.quality, kind.size)
        price = pricing.price_on(kind.model, day, catalog)
        if each is None:
            return Line(kind, sums, None, None)
        output = each * sums.images + Span.exactly(sums.previews * pricing.PREVIEW_TOKENS)
        if price is None or kind.has_author:
            return Line(kind, sums, output, None)
        model = catalog.find(kind.model)
        part = model.batch_part if model else None
        exact = _exact(price, sums, output)
        return Line(kind, sums, output, _rounded(exact), None if part is None else _rounded([one * part for one in exact]))


def duration_s(estimate: Estimate, limits: Limits) -> float | None:
    """Seconds that the account's limits make it take; None where no limit makes it take any that anybody knows of."""
    total, output = estimate.total, estimate.output
    tokens = total.text_tokens + total.image_tokens.likely + (output.likely if output else 0)
    # A limit of requests is about each of them, the others about what they ask for.
    about_sums = replace(limits, requests_per_minute=0)
    seconds = pace.gap_s(Pace(rate=None), about_sums, Weight(total.images, tokens, total.inputs))
    if limits.requests_per_minute:
        seconds = max(seconds, total.rows * _MINUTE_S / limits.requests_per_minute)
    if limits.images_per_day and total.images:
        seconds = max(seconds, float((total.images - 1) // limits.images_per_day * _DAY_S))
    return seconds or None


def _input_images(request: Request, catalog: Catalog) -> Span:
    tokens = NONE
    for one in request.inputs:
        known = pricing.input_tokens(request, one, catalog)
        like = catalog.tokens_like(request.model)
        most = most_input_image_tokens(like)
        tokens += Span(input_image_tokens(like, 1, 1, None) or 0, most, most) if known is None else Span.exactly(known)
    return tokens


def _exact(price: Price, sums: Sums, output: Span) -> list[Decimal]:
    """The least, the likely and the most in USD micros."""
    text_out = pricing.most_text_out_micros(price) * sums.images
    beside = (Decimal(0), Decimal(0), text_out)
    return [
        sums.text_tokens * price.text_in + images_in * price.image_in + images_out * price.image_out + text
        for images_in, images_out, text in zip(sums.image_tokens, output, beside, strict=True)
    ]


def _rounded(exact: Iterable[Decimal]) -> Span:
    return Span(*(int(one.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)) for one in exact))


def _known(spans: Iterable[Span | None]) -> Span | None:
    """None only where there is something and nothing of it is known."""
    told = list(spans)
    known = [span for span in told if span is not None]
    return sum(known, NONE) if known or not told else None
