"""The object `svg` of a body: who writes the SVG, and with how much effort."""

from collections.abc import Mapping
from typing import Any

from batchgen.providers.sandbox import invalid

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def check(fields: Mapping[str, Any]) -> None:
    """Raise the vendor's refusal of one that does not fit."""
    if "svg" not in fields:
        return
    svg = _object(fields["svg"], "svg", ("model", "reasoning"))
    if fields.get("output_format") != "svg":
        raise invalid.wrong_value("svg", "'svg' is only supported when 'output_format' is 'svg'.")
    if svg.get("model") is None:
        raise invalid.missing("svg.model")
    if not isinstance(svg["model"], str):
        raise invalid.wrong_type("svg.model", "a string", svg["model"])
    reasoning = svg.get("reasoning")
    effort = None if reasoning is None else _object(reasoning, "svg.reasoning", ("effort",)).get("effort")
    if effort is not None and effort not in _EFFORTS:
        raise invalid.wrong_word("svg.reasoning.effort", effort, _EFFORTS)


def _object(given: Any, param: str, parts: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise invalid.wrong_type(param, "an object", given)
    for name in given:
        if name not in parts:
            raise invalid.unknown(f"{param}.{name}")
    return given
