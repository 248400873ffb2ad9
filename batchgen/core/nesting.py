"""The objects within a body of the API, whose parts are fields of their own here: `svg_model` for `{"svg": {"model": ...}}`."""

from collections.abc import Iterator, Mapping
from typing import Any

# Field -> where its value stands in a body.
_PLACES: dict[str, tuple[str, ...]] = {
    "svg_model": ("svg", "model"),
    "svg_effort": ("svg", "reasoning", "effort"),
}
_FIELDS = {place: field for field, place in _PLACES.items()}
_OBJECTS = frozenset(place[0] for place in _PLACES.values())
_DEEPEST = max(map(len, _PLACES.values()))


def folded(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields as a body has them."""
    if fields.keys().isdisjoint(_PLACES):
        return dict(fields)
    body: dict[str, Any] = {}
    for field, value in fields.items():
        *path, last = _PLACES.get(field, (field,))
        place = body
        for name in path:
            place = place.setdefault(name, {})
        place[last] = value
    return body


def unfolded(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body as fields. An object that has other parts than ours stays as it is, for somebody else to refuse."""
    fields: dict[str, Any] = {}
    for name, value in body.items():
        parts = dict(_parts((name,), value)) if name in _OBJECTS and isinstance(value, dict) else {}
        is_ours = parts and parts.keys() <= _FIELDS.keys() and not any(_FIELDS[place] in body for place in parts)
        fields |= {_FIELDS[place]: part for place, part in parts.items()} if is_ours else {name: value}
    return fields


def _parts(place: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What stands in an object, by its place; an empty object is a part as well, and null is as good as nothing."""
    if isinstance(value, dict) and value and len(place) < _DEEPEST:
        for name, part in value.items():
            yield from _parts((*place, name), part)
    elif value is not None:
        yield place, value
