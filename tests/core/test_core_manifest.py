"""Cells become values, and problems become lines."""

import pytest

from batchgen.core.fields import CUSTOM_ID, REQUEST_FIELDS
from batchgen.core.manifest import Problem, Row, shortened, typed
from batchgen.core.parameters import PARAMETERS, Finding, Integer, Truth

INTEGERS = [name for name, kind in PARAMETERS.items() if isinstance(kind, Integer)]


@pytest.mark.parametrize("field", INTEGERS)
@pytest.mark.parametrize(
    ("text", "value"),
    [("2", 2), (" 2 ", 2), ("002", 2), ("2.0", "2.0"), ("-2", "-2"), ("two", "two"), ("２", "２"), ("1" * 10, "1" * 10)],
)
def test_numbers_become_numbers(field, text, value):
    """Plain digits are a number; everything else is left for the rules to refuse, as it was written."""
    assert typed(field, text) == value
    assert type(typed(field, text)) is type(value)


@pytest.mark.parametrize("field", [name for name, kind in PARAMETERS.items() if isinstance(kind, Truth)])
@pytest.mark.parametrize(
    ("text", "value"), [("true", True), (" FALSE ", False), ("True", True), ("yes", "yes"), ("1", "1"), ("tru", "tru")]
)
def test_truths_become_truths(field, text, value):
    """The two words in any case, as spreadsheets write them; everything else is left for the rules to refuse."""
    assert typed(field, text) is value or typed(field, text) == value
    assert type(typed(field, text)) is type(value)


@pytest.mark.parametrize("field", [name for name in REQUEST_FIELDS if name not in INTEGERS and name != "prompt"])
def test_words_are_stripped(field):
    """Blanks around a word are an accident, and digits in a word field are a word."""
    assert typed(field, " 12 ") == "12"


@pytest.mark.parametrize("field", ["prompt", CUSTOM_ID])
def test_prompts_and_ids_are_kept_to_the_letter(field):
    """Blanks of a prompt are its author's."""
    assert typed(field, "  12 \n") == "  12 \n"


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("a.csv", 3, "size", "is odd"), "a.csv:3: size: is odd"),
        (Problem("a.csv", 3, "", "is odd"), "a.csv:3: is odd"),
        (Problem("a.csv", 0, "", "is empty"), "a.csv: is empty"),
        (Problem("a.csv", 0, "size", "is odd"), "a.csv: size: is odd"),
    ],
)
def test_a_problem_names_its_place(problem, text):
    """File, line and field, in a form that editors can jump to."""
    assert str(problem) == text


@pytest.mark.parametrize(("cells", "custom_id"), [({}, None), ({CUSTOM_ID: "a"}, "a"), ({CUSTOM_ID: True}, None)])
def test_a_row_s_own_key(cells, custom_id):
    """Only text is a key."""
    assert Row(1, cells, {}).custom_id == custom_id


def test_a_problem_of_megabytes_is_told_in_a_few_words():
    """How the text begins and what is wrong with it are told; a message of ordinary length is told whole."""
    text = str(Problem.of("a.csv", 3, Finding("k" * 10**6, "m" * 10**6 + ": must be one of low, high")))
    assert text.startswith("a.csv:3: kkk")
    assert text.endswith("m: must be one of low, high")
    assert len(text) < 600
    assert shortened("x" * 400) == "x" * 400
