"""The fields of a body -> what is to be drawn; or the vendor's refusal of it. The same for generations and edits."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from batchgen.core.catalog import Catalog, Model
from batchgen.core.parameters import PARAMETERS, PROMPT_MOST_CHARACTERS, Choice, Integer, Truth, problems
from batchgen.providers.sandbox import invalid, svg
from batchgen.providers.sandbox.refusals import no_model
from batchgen.providers.sandbox.wanted import Wanted

# What `auto` becomes here. The vendor's model decides for itself; the client must read the answer either way.
AUTO_SIZE, AUTO_QUALITY = "1024x1024", "medium"

# A parameter of edits alone, which look at it themselves.
_OF_EDITS = "input_fidelity"
# Ours alone, for what the vendor has as an object.
_FLAT = ("svg_model", "svg_effort")
_PLAIN = tuple(name for name in PARAMETERS if name not in (_OF_EDITS, *_FLAT))
_FIELDS = ("model", "prompt", "svg", *_PLAIN)

# What a value has to be, in the words of the vendor's errors.
_TYPES: dict[type, tuple[str, type]] = {Integer: ("an integer", int), Truth: ("a boolean", bool)}
_TEXT = ("a string", str)


def check(fields: Mapping[str, Any], catalog: Catalog) -> Wanted:
    """The accepted request, without what came along. Raises Refusal with the vendor's code and the name of the field."""
    for name in fields:
        if name not in _FIELDS:
            raise invalid.unknown(name)
    prompt, model = _text(fields, "prompt"), _text(fields, "model")
    if len(prompt) > PROMPT_MOST_CHARACTERS:
        raise invalid.too_long_text("prompt", PROMPT_MOST_CHARACTERS, len(prompt))
    entry = catalog.find(model)
    if entry is None:
        raise no_model(model)
    _parameters(entry, fields, catalog)
    svg.check(fields)
    return replace(_resolved(fields, prompt, model), tokens_like=catalog.tokens_like(model))


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise invalid.wrong_type(name, "a string", value)
    if not value:
        raise invalid.missing(name)
    return value


def _parameters(model: Model, fields: Mapping[str, Any], catalog: Catalog) -> None:
    given = {name: fields[name] for name in _PLAIN if name in fields}
    for name, value in given.items():
        expected, fits = _TYPES.get(type(PARAMETERS[name]), _TEXT)
        if not isinstance(value, fits) or (isinstance(value, bool) and fits is not bool):
            raise invalid.wrong_type(name, expected, value)
        allowed = _allowed(model, name)
        if allowed and value not in allowed:
            raise invalid.wrong_word(name, value, allowed)
    for finding in problems(model.name, given, catalog):
        raise invalid.wrong_value(finding.field, f"Invalid value for '{finding.field}': {finding.message}.")


def _allowed(model: Model, name: str) -> tuple[str, ...]:
    """The words that a model takes for a parameter; empty for a parameter that is not a choice of words."""
    if name == "quality":
        return (*model.qualities, "auto")
    if name == "output_format":
        return model.output_formats
    kind = PARAMETERS[name]
    return kind.words if isinstance(kind, Choice) else ()


def _resolved(fields: Mapping[str, Any], prompt: str, model: str) -> Wanted:
    def unless_auto(name: str, otherwise: str) -> str:
        value = str(fields.get(name, "auto"))
        return otherwise if value == "auto" else value

    return Wanted(
        model=model,
        prompt=prompt,
        size=unless_auto("size", AUTO_SIZE),
        quality=unless_auto("quality", AUTO_QUALITY),
        n=int(fields.get("n", 1)),
        background=unless_auto("background", "opaque"),
        output_format=str(fields.get("output_format", "png")),
        compression=int(fields.get("output_compression", 100)),
        frames=int(fields.get("frame_count", 9)),
        frame_ms=int(fields.get("frame_duration_ms", 200)),
        safety_identifier=fields.get("safety_identifier"),
        streamed=bool(fields.get("stream", False)),
        partials=int(fields.get("partial_images", 0)),
        svg_author=str(fields.get("svg", {}).get("model", "")),
    )
