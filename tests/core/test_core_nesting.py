"""Objects of a body and the fields that stand for their parts."""

import pytest

from batchgen.core.nesting import folded, unfolded

PAIRS = [
    ({}, {}),
    ({"n": 2, "prompt": "p"}, {"n": 2, "prompt": "p"}),
    ({"svg_model": "gpt-6"}, {"svg": {"model": "gpt-6"}}),
    (
        {"n": 1, "svg_effort": "low", "user": "u", "svg_model": "gpt-6"},
        {"n": 1, "svg": {"reasoning": {"effort": "low"}, "model": "gpt-6"}, "user": "u"},
    ),
]


@pytest.mark.parametrize(("fields", "body"), PAIRS)
def test_fields_become_objects_and_objects_fields(fields, body):
    """One is the other's turn."""
    assert folded(fields) == body
    assert unfolded(body) == fields


@pytest.mark.parametrize(
    "svg", ["gpt-6", None, 7, {}, [], {"author": "x"}, {"model": "x", "reasoning": {}}, {"model": {"a": 1}}]
)
def test_an_object_of_another_shape_stays(svg):
    """Whoever takes the body refuses it, by the name that it has there."""
    assert unfolded({"svg": svg, "n": 1}) == {"svg": svg, "n": 1}
