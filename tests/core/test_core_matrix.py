"""Matrices: which combinations there are, what they are called, and what is no matrix."""

import pytest

from batchgen.core.matrix import NO_CHOICE, combinations, problems, taking

NAMES = [
    ({"style": ["studio", "street"]}, ["studio", "street"]),
    (
        {"style": ["studio", "street"], "size": ["1024x1024", "auto"]},
        ["studio-1024x1024", "studio-auto", "street-1024x1024", "street-auto"],
    ),
    ({"n": [1, 2], "b": ["x", "y"], "a": ["z"]}, ["1-x-z", "1-y-z", "2-x-z", "2-y-z"]),
    (
        {"style": ["On a Street, at night!", "in/the\\studio", "Möwe", "🦊 fox"]},
        [*("on-a-street-at-night", "in-the-studio", "möwe", "fox")],
    ),
    ({"real": [True, False]}, ["true", "false"]),
    ({"strength": [0.5, 10, -1]}, ["0-5", "10", "1"]),
    ({"style": ["x" * 60, "a " * 60]}, ["x" * 40, "-".join("a" * 20)]),
    ({}, [""]),
]


@pytest.mark.parametrize(("table", "names"), NAMES)
def test_every_combination_has_a_safe_name(table, names):
    """In the order of the table and of its lists, the last one changing fastest; each value becomes words of a name."""
    assert list(problems(table)) == []
    assert [combination.name for combination in combinations(table)] == names


def test_values_are_fields_or_metadata():
    """A key in any case that is called like a field is that field with the value it takes; any other key keeps its name."""
    (choice,) = combinations({"Size": [" auto "], "N": ["2"], " Style ": [" big "], "priority": [3], "model": ["gpt-image-2"]})
    assert dict(choice.fields) == {"size": "auto", "n": 2, "priority": 3, "model": "gpt-image-2"}
    assert dict(choice.metadata) == {"Style": " big "}
    assert choice.words == {"size": "auto", "n": "2", "priority": "3", "model": "gpt-image-2", "style": "big"}
    assert combinations({}) == (NO_CHOICE,)


def test_words_that_a_provider_takes_are_fields_as_well():
    """However they are joined and capitalised; the other keys stay what they are, and so do names and templates."""
    (one, two) = combinations({"seed": [1, 2], "LORAWEIGHT": [0.5], "look": ["a"], "n": [3]})
    found = taking([one, two, NO_CHOICE], ("seed", "loraWeight"))
    assert [dict(choice.fields) for choice in found] == [
        *({"n": 3, "seed": seed, "loraWeight": 0.5} for seed in (1, 2)),
        {},
    ]
    assert [dict(choice.metadata) for choice in found] == [{"look": "a"}, {"look": "a"}, {}]
    assert (found[0].name, found[0].words) == (one.name, one.words)
    assert taking([one], ()) == (one,)


NO_MATRIX = [
    ({"style": []}, "style", "has no values"),
    ({"style": ["a", " "]}, "style", "holds an empty text"),
    ({"style": ["a", float("nan")]}, "style", "holds what is not a number"),
    ({"style": [float("inf")]}, "style", "holds what is not a number"),
    ({" ": ["a"]}, " ", "is no name of a column"),
    ({"Custom_ID": ["a"]}, "Custom_ID", "cannot be varied: the names of the images are made of the row's own and the values"),
    ({"id": ["a"]}, "id", "cannot be varied: the names of the images are made of the row's own and the values"),
    (
        {"prompt": ["a"]},
        "prompt",
        "cannot be varied: write one prompt above the tables, with {column} for what the matrix varies",
    ),
    ({"stream": ["yes"]}, "stream", "yes: must be true or false"),
    ({"qualty": ["low"]}, "qualty", "is not a field; if you mean quality, write that; if not, choose another word"),
    ({"quality": ["low", "hd", "best"]}, "quality", "best: must be one of low, medium, high, xhigh, max, auto"),
    ({"n": [1, 11]}, "n", "11: must be a whole number from 1 to 10"),
    ({"n": [1.0]}, "n", "1.0: must be a whole number from 1 to 10"),
    ({"size": [1024]}, "size", "1024: must be text"),
    ({"a": list(range(101)), "b": list(range(100))}, "", "makes 10,100 rows of every one: 10,000 are the most"),
    (
        {"style": ["Studio!", "studio"]},
        "style",
        "'Studio!' and 'studio' would both be studio in the names of images; let them begin with other words",
    ),
    (
        {"style": ["🦊", "🐻"]},
        "style",
        "'🦊' and '🐻' would both be row in the names of images; let them begin with other words",
    ),
    (
        {"street": ["Straße", "strasse"]},
        "street",
        "'Straße' and 'strasse' would both be strasse in the names of images; let them begin with other words",
    ),
    ({"k": [1, "1"]}, "k", "1 and '1' would both be 1 in the names of images; let them begin with other words"),
    (
        {"a": ["x y", "x"], "b": ["z", "y z"]},
        "",
        "x y, z and x, y z would both be x-y-z in the names of images; choose other words",
    ),
]


@pytest.mark.parametrize(("table", "field", "message"), NO_MATRIX, ids=lambda value: ascii(value)[:40])
def test_what_is_no_matrix_is_told(table, field, message):
    """Each mistake by its key, and what falls together by the words that do."""
    assert [(finding.field, finding.message) for finding in problems(table)] == [(field, message)]


def test_a_key_in_two_cases_is_told_twice():
    """Columns are found in any case, so neither of the two could be meant."""
    told = [(finding.field, finding.message) for finding in problems({"style": ["a"], "Style ": ["b"]})]
    assert told == [("style", "stands twice"), ("Style ", "stands twice")]
