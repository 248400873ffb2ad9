"""Is this set of parameters one that the model takes? Pure rules over the catalog; messages say what would be right.

`problems` refuses what is certain to be refused by the API; `warnings` names what its documents leave open.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from batchgen.core import sizes, tutorials
from batchgen.core.catalog import GONE, VENDORS, Catalog, Model, SizeRule
from batchgen.core.request import OPERATIONS, Value

PROMPT_MOST_CHARACTERS = 32_000

# Said of what warns and does not refuse.
LEFT_OPEN = "the vendor's documents leave it open"

# Above so many pixels the vendor calls sizes experimental (2560x1440).
_EXPERIMENTAL_PIXELS = 2560 * 1440


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to tell about one field."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number within bounds, both included."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """Free text that is not empty."""


@dataclass(frozen=True, slots=True)
class Truth:
    """True or false."""


Kind = Integer | Choice | Text | Truth

# Every parameter of POST images/generations and images/edits, beside prompt, model and the images (reference 1.1 and 1.2, SDK
# 3.52.0). Those of the object `svg` are fields of their own here, since a table has no objects (`core/nesting.py`).
PARAMETERS: dict[str, Kind] = {
    "size": Text(),
    "quality": Choice(("low", "medium", "high", "xhigh", "max", "auto")),
    "n": Integer(1, 10),
    "background": Choice(("transparent", "opaque", "auto")),
    "output_format": Choice(("png", "jpeg", "webp", "gif", "svg")),
    "output_compression": Integer(0, 100),
    "moderation": Choice(("auto", "low")),
    "complexity": Choice(("low", "medium", "high")),
    "input_fidelity": Choice(("high", "low")),
    "frame_count": Integer(2, 16),
    "frame_duration_ms": Integer(10, 655_350),
    "safety_identifier": Text(),
    "user": Text(),
    "stream": Truth(),
    "partial_images": Integer(0, 3),
    "svg_model": Text(),
    "svg_effort": Choice(("none", "minimal", "low", "medium", "high", "xhigh", "max")),
}

# Fields that take words of their own, or a size; a person may write them in any case.
CASED = frozenset({"size", "operation", *(name for name, kind in PARAMETERS.items() if isinstance(kind, Choice))})

# The events of a stream hold no such image.
_UNSTREAMED = ("gif", "svg")


def problems(model: str, parameters: Mapping[str, Value], catalog: Catalog = VENDORS) -> tuple[Finding, ...]:
    """What the API is certain to refuse, one finding a parameter; empty for a model without rules except for wrong types."""
    found = [finding for name, value in parameters.items() for finding in misfits(name, value)]
    bad = {finding.field for finding in found}
    sound = {name: value for name, value in parameters.items() if name not in bad}
    return (
        *found,
        *(Finding(name, f"{_shown(sound[name])}: {message}") for name, message in _broken_rules(catalog.find(model), sound)),
    )


def warnings(model: str, parameters: Mapping[str, Value], catalog: Catalog = VENDORS) -> tuple[Finding, ...]:
    """What may be refused: the vendor's documents are silent or contradict each other."""
    entry = catalog.find(model)
    if entry is None:
        unknown = "is not in the catalog: its parameters are not checked and its cost is unknown"
        return (Finding("model", f"{model} {unknown}; {_describe(model)}"),)
    doubtful = [(name, str(value)) for name, value in entry.uncertain if parameters.get(name) == value]
    size = str(parameters.get("size"))
    edges = sizes.edges_of(size)
    if not entry.certain_sizes and isinstance(entry.sizes, SizeRule) and edges and sizes.fault(entry.sizes, *edges):
        doubtful.append(("size", size))
    found = [Finding(name, f"{name}={value} may be refused by {entry.name}: {LEFT_OPEN}") for name, value in doubtful]
    if isinstance(entry.sizes, SizeRule) and edges and edges[0] * edges[1] > _EXPERIMENTAL_PIXELS:
        found.append(Finding("size", f"size={size} is experimental: so the vendor calls what is above 2560x1440"))
    return tuple(found)


def unavailable(model: str, day: date, catalog: Catalog = VENDORS) -> str:
    """Why api.openai.com does not answer to this model on a day, with the model to write instead; empty if it does."""
    entry = catalog.find(model)
    if entry is None and model in GONE:
        gone, replacement = GONE[model]
        return f"{model} was shut down on {gone}; use {replacement}"
    if entry is None:
        known = ", ".join(catalog.names)
        return f"{model} is not a model of api.openai.com that this program knows; it knows {known}; {_describe(model)}"
    if not entry.shut_down_by(day):
        return ""
    return f"{model} was shut down on {entry.shutdown}" + (f"; use {entry.replacement}" if entry.replacement else "")


def _describe(model: str) -> str:
    return f'a newer one can be described in the settings, under [models."{model}"]'


def ending(model: str, day: date, catalog: Catalog = VENDORS) -> str:
    """When api.openai.com will shut this model down, if that is known and still ahead; else empty."""
    entry = catalog.find(model)
    if entry is None or entry.shutdown is None or entry.shut_down_by(day):
        return ""
    return f"{model} will be shut down on {entry.shutdown}" + (f"; then use {entry.replacement}" if entry.replacement else "")


def normal(name: str, value: Value) -> Value:
    """A value in the case in which the API takes it, where it is one of a field's words or a size; any other as it is."""
    if name not in CASED or not isinstance(value, str) or value.islower():
        return value
    kind, lower = PARAMETERS.get(name), value.lower()
    if isinstance(kind, Choice):
        return lower if lower in kind.words or tutorials.value_told(name, lower) else value
    return lower if lower in ("auto", *OPERATIONS) or sizes.edges_of(lower) else value


def misfits(name: str, value: Value) -> Iterator[Finding]:
    """What is wrong with a value for a parameter of this name, whatever the model."""
    match PARAMETERS.get(name):
        case Integer(least, most):
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                yield Finding(name, f"{value!s}: must be a whole number from {least} to {most}")
        case Choice(words):
            if value not in words:
                instead = tutorials.value_told(name, value)
                yield Finding(name, f"{value!s}: {instead or 'must be one of ' + ', '.join(words)}")
        case Text():
            if not isinstance(value, str) or not value:
                yield Finding(name, "is empty" if value == "" else f"{value!s}: must be text")
        case Truth():
            if not isinstance(value, bool):
                yield Finding(name, f"{value!s}: must be true or false")
        case None:
            yield Finding(name, "is not a parameter of the API")


def unfit(name: str, value: Value, *, translate: bool = False) -> Iterator[Finding]:
    """What is wrong with a field of a request that is given to every row, whatever the row and its model.

    `translate` tells that the words of the tutorials will be rewritten with each row.
    """
    value = normal(name, value)
    if translate and tutorials.is_translated(name, value):
        yield from misfits("user", value)
    elif name in tutorials.FIELDS:
        yield Finding(name, tutorials.FIELDS[name])
    elif name in PARAMETERS:
        yield from misfits(name, value)
    elif not isinstance(value, str) or not value:
        yield Finding(name, "is empty" if value == "" else f"{value!s}: must be text")


def _broken_rules(model: Model | None, parameters: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    if model is None:
        told = [("size", _size_of_dalle(None, str(parameters.get("size"))))]
    else:
        told = [(name, rule(model, parameters)) for name, rule in _RULES if name in parameters]
    return ((name, message) for name, message in told if message)


def _shown(value: Value) -> Value:
    return str(value).lower() if isinstance(value, bool) else value


def _quality(model: Model, parameters: Mapping[str, Value]) -> str:
    allowed = (*model.qualities, "auto")
    return "" if parameters["quality"] in allowed else f"{model.name} takes {', '.join(allowed)}"


def _output_format(model: Model, parameters: Mapping[str, Value]) -> str:
    allowed = model.output_formats
    return "" if parameters["output_format"] in allowed else f"{model.name} makes {', '.join(allowed)}"


def _background(model: Model, parameters: Mapping[str, Value]) -> str:
    fits = parameters.get("output_format", "png") in ("png", "webp")
    return "" if fits or parameters["background"] != "transparent" else "needs output_format png or webp"


def _output_compression(model: Model, parameters: Mapping[str, Value]) -> str:
    fits = parameters.get("output_format", "png") in ("jpeg", "webp")
    return "" if fits else "only goes with output_format jpeg or webp"


def _n(model: Model, parameters: Mapping[str, Value]) -> str:
    return "svg is made one at a time: n must be 1" if parameters.get("output_format") == "svg" and parameters["n"] != 1 else ""


def _gif_only(model: Model, parameters: Mapping[str, Value]) -> str:
    return "" if parameters.get("output_format") == "gif" else "only goes with output_format gif"


def _stream(model: Model, parameters: Mapping[str, Value]) -> str:
    made = parameters.get("output_format", "png")
    return f"does not go with output_format {made}; write false" if parameters["stream"] and made in _UNSTREAMED else ""


def _partial_images(model: Model, parameters: Mapping[str, Value]) -> str:
    return "" if parameters.get("stream") else "only goes with stream=true"


def _svg_model(model: Model, parameters: Mapping[str, Value]) -> str:
    return "" if parameters.get("output_format") == "svg" else "only goes with output_format svg"


def _svg_effort(model: Model, parameters: Mapping[str, Value]) -> str:
    return _svg_model(model, parameters) or ("" if "svg_model" in parameters else "needs svg_model, the model that it is for")


def _size(model: Model, parameters: Mapping[str, Value]) -> str:
    size = str(parameters["size"])
    if size == "auto":
        return ""
    if not isinstance(model.sizes, SizeRule):
        return "" if size in model.sizes else f"{model.name} takes {', '.join(model.sizes)} or auto"
    edges = sizes.edges_of(size)
    if edges is None:
        return "must be WIDTHxHEIGHT in pixels, like 1024x1024, or auto"
    if not model.certain_sizes:
        return _size_of_dalle(model, size)
    broken = sizes.fault(model.sizes, *edges)
    if not broken:
        return ""
    width, height = sizes.nearest(model.sizes, *edges)
    return f"{broken}; nearest: {width}x{height}"


def _size_of_dalle(model: Model | None, size: str) -> str:
    """Of a model whose sizes are not known for certain, what is certain all the same."""
    instead = sizes.enlarged(model, size)
    return f"is a size of DALL-E; write {instead} instead" if instead else ""


_RULES: tuple[tuple[str, Callable[[Model, Mapping[str, Value]], str]], ...] = (
    ("size", _size),
    ("quality", _quality),
    ("output_format", _output_format),
    ("background", _background),
    ("output_compression", _output_compression),
    ("n", _n),
    ("frame_count", _gif_only),
    ("frame_duration_ms", _gif_only),
    ("stream", _stream),
    ("partial_images", _partial_images),
    ("svg_model", _svg_model),
    ("svg_effort", _svg_effort),
)
