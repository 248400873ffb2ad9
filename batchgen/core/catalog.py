"""What each model accepts and until when it answers: data, not code. `VENDORS` is what is built in.

Source of every rule: the vendor's SDK 3.52.0, its OpenAPI text of 2026-08 and its deprecation page, read on 2026-11-21. Prices
and tokens have sources of their own (`core/prices.py`, `core/output_tokens.py`).
What those leave open is listed as `uncertain`: it warns and never refuses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from batchgen.core.prices import BATCH_PART, PRICES, Price

DEFAULT_MODEL = "gpt-image-2.5-flare"


@dataclass(frozen=True, slots=True)
class SizeRule:
    """Free sizes `WxH`: both edges multiples of `step`, ratio up to `ratio`:1, pixels within bounds (all in pixels)."""

    step: int = 16
    longest: int = 3840
    ratio: int = 3
    fewest: int = 655_360
    most: int = 8_294_400


@dataclass(frozen=True, slots=True)
class Model:
    """One model. `sizes` lists what is allowed, or is a rule; both allow `auto`, as `qualities` does.

    `price` has an entry for each day on which it changed. `tokens_like` names the model whose images take as many tokens as
    those of this one, `batch_part` is the part of the price that the vendor's Batch API takes (None: not known).
    """

    name: str
    qualities: tuple[str, ...]
    sizes: tuple[str, ...] | SizeRule
    output_formats: tuple[str, ...] = ("png", "jpeg", "webp")
    snapshots: tuple[str, ...] = ()
    shutdown: date | None = None
    replacement: str = ""
    certain_sizes: bool = True  # False: the vendor has not said that `sizes` holds for this model
    fidelities: tuple[str, ...] | None = None  # values of input_fidelity; none: it must be left out; None: not documented
    takes_markup: bool | None = False  # None: not documented
    uncertain: tuple[tuple[str, str], ...] = ()  # (parameter, value): the documents contradict each other or are silent
    price: tuple[Price, ...] = ()
    tokens_like: str = ""
    batch_part: Decimal | None = None

    def shut_down_by(self, day: date) -> bool:
        """True from the day on which api.openai.com no longer answers to this model."""
        return self.shutdown is not None and day >= self.shutdown


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """The models that are known, newest first. Each is itself alone, so that it is a cheap key of a cache."""

    models: tuple[Model, ...]
    _by_name: Mapping[str, Model] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """A name counts before a snapshot, and the first of several snapshots."""
        snapshots = {snapshot: model for model in reversed(self.models) for snapshot in model.snapshots}
        object.__setattr__(self, "_by_name", snapshots | {model.name: model for model in self.models})

    def find(self, name: str) -> Model | None:
        """The model of that name or snapshot, or None: an unknown model has no rules and no price."""
        return self._by_name.get(name)

    def canonical(self, name: str) -> str:
        """The model's name for a snapshot of it; an unknown name stays as it is."""
        model = self.find(name)
        return model.name if model else name

    def with_model(self, model: Model) -> "Catalog":
        """Another catalog, with this model in the place of the one of its name, or behind all others."""
        if all(known.name != model.name for known in self.models):
            return Catalog((*self.models, model))
        return Catalog(tuple(model if known.name == model.name else known for known in self.models))

    def tokens_like(self, name: str) -> str:
        """The model whose figures say how many tokens an image takes, in and out; an unknown name stays as it is."""
        model = self.find(name)
        return name if model is None else model.tokens_like or model.name

    @property
    def names(self) -> tuple[str, ...]:
        """Every model name, without snapshots."""
        return tuple(model.name for model in self.models)


_THREE = ("low", "medium", "high")
_FIVE = (*_THREE, "xhigh", "max")
_FIXED_SIZES = ("1024x1024", "1536x1024", "1024x1536")
_COMPLEXITY_UNKNOWN = (("complexity", "low"), ("complexity", "medium"), ("complexity", "high"))
_FIDELITY_UNKNOWN = (("input_fidelity", "high"), ("input_fidelity", "low"))
_UNTIL_DECEMBER = date(2026, 12, 1)

_RULES: tuple[Model, ...] = (
    *(
        Model(
            name=f"gpt-image-2.6-{variant}",
            qualities=_FIVE,
            sizes=SizeRule(),
            output_formats=("png", "jpeg", "webp", "gif", "svg"),
            certain_sizes=False,
            takes_markup=None,
            uncertain=(
                *_FIDELITY_UNKNOWN,
                ("quality", "xhigh"),
                ("quality", "max"),
                ("background", "transparent"),
                ("output_format", "gif"),
                ("output_format", "svg"),
            ),
        )
        for variant in ("sunburst", "flare")
    ),
    *(
        Model(
            name=f"gpt-image-2.5-{variant}",
            qualities=_FIVE,
            sizes=SizeRule(),
            snapshots=(f"gpt-image-2.5-{variant}-2026-09-08",),
            takes_markup=True,
            uncertain=(*_COMPLEXITY_UNKNOWN, *_FIDELITY_UNKNOWN),
        )
        for variant in ("sunburst", "flare")
    ),
    Model(
        name="gpt-image-2",
        qualities=_THREE,
        sizes=SizeRule(),
        snapshots=("gpt-image-2-2026-04-21",),
        fidelities=(),
        uncertain=(*_COMPLEXITY_UNKNOWN, ("background", "transparent")),
    ),
    Model(
        name="gpt-image-1.5",
        qualities=_THREE,
        sizes=_FIXED_SIZES,
        snapshots=("gpt-image-1.5-2025-12-16",),
        fidelities=("high", "low"),
        shutdown=_UNTIL_DECEMBER,
        replacement="gpt-image-2.5-sunburst",
        uncertain=_COMPLEXITY_UNKNOWN,
    ),
    Model(
        name="chatgpt-image-latest",
        qualities=_THREE,
        sizes=_FIXED_SIZES,
        shutdown=_UNTIL_DECEMBER,
        replacement="gpt-image-2.5-sunburst",
        uncertain=_COMPLEXITY_UNKNOWN,
    ),
    Model(
        name="gpt-image-1-mini",
        qualities=_THREE,
        sizes=_FIXED_SIZES,
        fidelities=("low",),
        shutdown=_UNTIL_DECEMBER,
        replacement=DEFAULT_MODEL,
        uncertain=_COMPLEXITY_UNKNOWN,
    ),
    Model(
        name="gpt-image-1",
        qualities=_THREE,
        sizes=_FIXED_SIZES,
        shutdown=date(2026, 10, 23),
        replacement="gpt-image-2.5-sunburst",
        uncertain=_COMPLEXITY_UNKNOWN,
    ),
)

# Gone from the vendor, with parameters of another age: no rules are kept for them, only the way out.
GONE: dict[str, tuple[date, str]] = {
    "dall-e-3": (date(2026, 5, 12), "gpt-image-2.5-sunburst"),
    "dall-e-2": (date(2026, 5, 12), DEFAULT_MODEL),
}

# No batch price of 2.6 is known; that it has none is reported and not certain.
_WITHOUT_BATCH = ("gpt-image-2.6-sunburst", "gpt-image-2.6-flare")

VENDORS = Catalog(
    tuple(
        replace(model, price=PRICES[model.name], batch_part=None if model.name in _WITHOUT_BATCH else BATCH_PART)
        for model in _RULES
    )
)

# The catalog of each provider, by its name.
Catalogs = Callable[[str], Catalog]


def vendors(_provider: str) -> Catalog:
    """Where nobody says anything of models, all providers have those that are built in."""
    return VENDORS
