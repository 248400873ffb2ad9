"""The fields of a body -> what is to be drawn; or the vendor's refusal of it. The same for generations and edits."""

from collections.abc import Mapping
from typing import Any

from batchgen.core.catalog import Catalog, Model
from batchgen.core.parameters import PARAMETERS, PROMPT_MOST_CHARACTERS, Choice, Integer, problems
from batchgen.providers.sandbox import invalid
from batchgen.providers.sandbox.refusals import no_model
from batchgen.providers.sandbox.wanted import Wanted

# What `auto` becomes here. The vendor's model decides for itself; the client must read the answer either way.
AUTO_SIZE, AUTO_QUALITY = "1024x1024", "medium"

# A parameter of edits alone, which look at it themselves.
_OF_EDITS = "input_fidelity"
# In the vendor's API, but nothing a manifest can carry.
_OTHER_FIELDS = ("model", "prompt", "stream", "partial_images", "svg")
_MOST_PARTIALS = 3
# The events of a stream have no such format.
_UNSTREAMED_FORMATS = ("gif", "svg")


def check(fields: Mapping[str, Any], catalog: Catalog) -> Wanted:
    """The accepted request, without what came along. Raises Refusal with the vendor's code and the name of the field."""
    for name in fields:
        if name == _OF_EDITS or (name not in PARAMETERS and name not in _OTHER_FIELDS):
            raise invalid.unknown(name)
    prompt, model = _text(fields, "prompt"), _text(fields, "model")
    if len(prompt) > PROMPT_MOST_CHARACTERS:
        raise invalid.too_long_text("prompt", PROMPT_MOST_CHARACTERS, len(prompt))
    entry = catalog.find(model)
    if entry is None:
        raise no_model(model)
    _parameters(entry, fields, catalog)
    _streaming(fields)
    if "svg" in fields and (fields.get("output_format") != "svg" or not isinstance(fields["svg"], dict)):
        raise invalid.wrong_value("svg", "'svg' must be an object and is only supported when 'output_format' is 'svg'.")
    return _resolved(fields, prompt, model)


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise invalid.wrong_type(name, "a string", value)
    if not value:
        raise invalid.missing(name)
    return value


def _parameters(model: Model, fields: Mapping[str, Any], catalog: Catalog) -> None:
    given = {name: fields[name] for name in PARAMETERS if name in fields}
    for name, value in given.items():
        expected, fits = ("an integer", int) if isinstance(PARAMETERS[name], Integer) else ("a string", str)
        if not isinstance(value, fits) or isinstance(value, bool):
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


def _streaming(fields: Mapping[str, Any]) -> None:
    stream, partials, output = fields.get("stream", False), fields.get("partial_images"), fields.get("output_format")
    if not isinstance(stream, bool):
        raise invalid.wrong_type("stream", "a boolean", stream)
    if stream and output in _UNSTREAMED_FORMATS:
        raise invalid.wrong_value("stream", f"'stream' is not supported when 'output_format' is '{output}'.")
    if partials is None:
        return
    if not isinstance(partials, int) or isinstance(partials, bool):
        raise invalid.wrong_type("partial_images", "an integer", partials)
    if not 0 <= partials <= _MOST_PARTIALS:
        message = f"Invalid value for 'partial_images': {partials}: must be a whole number from 0 to {_MOST_PARTIALS}."
        raise invalid.wrong_value("partial_images", message)
    if not stream:
        raise invalid.wrong_value("partial_images", "'partial_images' is only supported when 'stream' is true.")


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
    )
