"""Templates: what stands for a column, what stands for itself, and what is no template."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.core.template import Malformed, as_text, parse

FILLED = [
    # template, columns, filled with each column's name in capitals
    ("A red cup", (), "A red cup"),
    ("", (), ""),
    ("A {colour} {name}", ("colour", "name"), "A COLOUR NAME"),
    ("{name}", ("name",), "NAME"),
    ("{name}{name}", ("name", "name"), "NAMENAME"),
    ("{ Der Name }, blau", ("Der Name",), "DER NAME, blau"),
    ("{size of print} {a.b} {x!r} {n:>5} {0}", ("size of print", "a.b", "x!r", "n:>5", "0"), "SIZE OF PRINT A.B X!R N:>5 0"),
    ("{{name}}", (), "{name}"),
    ("{{{name}}}", ("name",), "{NAME}"),
    ("}}{{", (), "}{"),
    ('{{"style": "{style}"}}', ("style",), '{"style": "STYLE"}'),
    ("line\n{name}\n\tend ", ("name",), "line\nNAME\n\tend "),
    ("{灯台} 🦊", ("灯台",), "灯台 🦊"),
]


@pytest.mark.parametrize(("text", "columns", "filled"), FILLED)
def test_templates_are_filled(text, columns, filled):
    """A name in braces is a column, two braces are one, and every other character stays as it is."""
    template = parse(text)
    assert template.columns == columns
    assert template.fill({column: column.upper() for column in columns}) == filled


MALFORMED = [
    ("A {name", "the { at character 3 is never closed; write {{ for a brace of your own"),
    ("{", "the { at character 1 is never closed; write {{ for a brace of your own"),
    ("{{{", "the { at character 3 is never closed; write {{ for a brace of your own"),
    ("{a{b}", "the { at character 1 is never closed; write {{ for a brace of your own"),
    ("a } b", "the } at character 3 closes nothing; write }} for a brace of your own"),
    ("{name}}", "the } at character 7 closes nothing; write }} for a brace of your own"),
    ("{name}}}}", "the } at character 9 closes nothing; write }} for a brace of your own"),
    ("a {}", "the {} at character 3 names no column; write {{}} for braces of your own"),
    ("a { } {b}", "the {} at character 3 names no column; write {{}} for braces of your own"),
]


@pytest.mark.parametrize(("text", "told"), MALFORMED)
def test_what_is_no_template_is_told(text, told):
    """Which brace, what is wrong with it, and what to write."""
    with pytest.raises(Malformed) as caught:
        parse(text)
    assert str(caught.value) == told


@given(st.text())
def test_any_text_can_be_written_as_a_template(text):
    """With its braces doubled every text stands for itself."""
    template = parse(text.replace("{", "{{").replace("}", "}}"))
    assert (template.columns, template.fill({})) == ((), text)


@given(st.text(), st.text())
def test_values_are_not_templates(before, value):
    """Braces in a cell are a cell's braces."""
    template = parse(f"{before.replace('{', '{{').replace('}', '}}')}{{name}}")
    assert template.fill({"name": value}) == before + value


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (" a\n", "a"), (7, "7"), (1.5, "1.5"), (True, "true"), (False, "false"), ("", ""), (" ", "")],
)
def test_values_as_words(value, text):
    """Blanks around a cell do not come along, and truth is written as in JSON."""
    assert as_text(value) == text
