"""A request's body -> what is to be drawn, with every `auto` resolved; or the vendor's refusal of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from batchgen.core.catalog import Catalog, Model
from batchgen.core.parameters import PARAMETERS, PROMPT_MOST_CHARACTERS, Choice, Integer, problems
from batchgen.core.pricing import parse_size
from batchgen.providers.sandbox.refusals import bad, no_model

# What `auto` becomes here. The vendor's model decides for itself; the client must read the answer either way.
AUTO_SIZE, AUTO_QUALITY = "1024x1024", "medium"

# In the vendor's API, but nothing a manifest can carry.
_OTHER_FIELDS = ("model", "prompt", "stream", "partial_images", "svg")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An accepted request: nothing in it is `auto`."""

    model: str
    prompt: str
    size: str
    quality: str
    n: int
    background: str
    output_format: str
    compression: int
    frames: int
    frame_ms: int
    safety_identifier: str | None

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height."""
        edges = parse_size(self.size)
        if edges is None:
            raise ValueError(f"an accepted size is WIDTHxHEIGHT, not {self.size!r}")
        return edges


def parse(content_type: str, raw: bytes) -> dict[str, Any]:
    """The JSON object of a body, without its nulls: a null means that the field is not given."""
    if content_type != "application/json":
        message = f"Unsupported content type: '{content_type}'. This API method only accepts 'application/json' requests."
        raise bad(message, None, "unsupported_content_type")
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = (
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
            "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
        )
        raise bad(message, None, None) from error
    if not isinstance(body, dict):
        raise bad(f"Invalid type for the body: expected an object, but got {_kind(body)} instead.", None, "invalid_type")
    return {name: value for name, value in body.items() if value is not None}


def check(body: Mapping[str, Any], catalog: Catalog) -> Wanted:
    """The accepted request. Raises Refusal with the vendor's code and the name of the field."""
    for name in body:
        if name not in PARAMETERS and name not in _OTHER_FIELDS:
            raise bad(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    prompt, model = _text(body, "prompt"), _text(body, "model")
    if len(prompt) > PROMPT_MOST_CHARACTERS:
        message = (
            f"Invalid 'prompt': string too long. Expected a string with maximum length {PROMPT_MOST_CHARACTERS}, "
            f"but got a string with length {len(prompt)} instead."
        )
        raise bad(message, "prompt", "string_above_max_length")
    entry = catalog.find(model)
    if entry is None:
        raise no_model(model)
    _parameters(entry, body, catalog)
    _beyond_manifests(body)
    return _resolved(body, prompt, model)


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise bad(f"Invalid type for '{name}': expected a string, but got {_kind(value)} instead.", name, "invalid_type")
    if not value:
        raise bad(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
    return value


def _parameters(model: Model, body: Mapping[str, Any], catalog: Catalog) -> None:
    given = {name: body[name] for name in PARAMETERS if name in body}
    for name, value in given.items():
        expected, fits = ("an integer", int) if isinstance(PARAMETERS[name], Integer) else ("a string", str)
        if not isinstance(value, fits) or isinstance(value, bool):
            raise bad(f"Invalid type for '{name}': expected {expected}, but got {_kind(value)} instead.", name, "invalid_type")
        allowed = _allowed(model, name)
        if allowed and value not in allowed:
            raise bad(f"Invalid value: '{value}'. Supported values are: {_listed(allowed)}.", name, "invalid_value")
    for finding in problems(model.name, given, catalog):
        raise bad(f"Invalid value for '{finding.field}': {finding.message}.", finding.field, "invalid_value")


def _allowed(model: Model, name: str) -> tuple[str, ...]:
    """The words that a model takes for a parameter; empty for a parameter that is not a choice of words."""
    if name == "quality":
        return (*model.qualities, "auto")
    if name == "output_format":
        return model.output_formats
    kind = PARAMETERS[name]
    return kind.words if isinstance(kind, Choice) else ()


def _beyond_manifests(body: Mapping[str, Any]) -> None:
    if body.get("stream", False) is not False:
        raise bad("Streaming is not simulated by the sandbox.", "stream", "invalid_value")
    if "partial_images" in body:
        raise bad("'partial_images' is only supported when 'stream' is true.", "partial_images", "invalid_value")
    if "svg" in body and (body.get("output_format") != "svg" or not isinstance(body["svg"], dict)):
        raise bad("'svg' must be an object and is only supported when 'output_format' is 'svg'.", "svg", "invalid_value")


def _resolved(body: Mapping[str, Any], prompt: str, model: str) -> Wanted:
    def unless_auto(name: str, otherwise: str) -> str:
        value = str(body.get(name, "auto"))
        return otherwise if value == "auto" else value

    return Wanted(
        model=model,
        prompt=prompt,
        size=unless_auto("size", AUTO_SIZE),
        quality=unless_auto("quality", AUTO_QUALITY),
        n=int(body.get("n", 1)),
        background=unless_auto("background", "opaque"),
        output_format=str(body.get("output_format", "png")),
        compression=int(body.get("output_compression", 100)),
        frames=int(body.get("frame_count", 9)),
        frame_ms=int(body.get("frame_duration_ms", 200)),
        safety_identifier=body.get("safety_identifier"),
    )


def _listed(words: tuple[str, ...]) -> str:
    quoted = [f"'{word}'" for word in words]
    return f"{', '.join(quoted[:-1])}, and {quoted[-1]}"


def _kind(value: object) -> str:
    names = (
        (bool, "a boolean"),
        (str, "a string"),
        (int, "an integer"),
        (float, "a decimal"),
        (list, "an array"),
        (dict, "an object"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "null")
