"""What is made of a row: templates over its columns, combinations of a matrix, and the names that come of them."""

import pytest

from batchgen.core import identity, jsonlines, tabular, tutorials
from batchgen.core.assembly import BUILT_IN, assemble
from batchgen.core.matrix import combinations
from batchgen.core.profile import Profile
from batchgen.core.recipe import Recipe
from batchgen.core.template import parse


def _rows(text: str, mapping: dict[str, str] | None = None) -> list:
    lines = text.splitlines(keepends=True)
    if text.startswith("{"):
        return list(jsonlines.rows(lines, mapping or {}))
    return list(tabular.rows(lines, mapping or {}, prompted=True))


def _for_all(template: str, **more) -> Recipe:
    return Recipe(parse(template), for_all=True, **more)


def _prompts(recipe: Recipe, text: str, mapping: dict[str, str] | None = None) -> list[str]:
    rows = _rows(text, mapping)
    assert [finding for row in rows for finding in recipe.unfit(row)] == []
    variants = [variant for row in rows for variant in recipe.variants(row)]
    assert [variant.findings for variant in variants] == [()] * len(variants)
    return [variant.cells["prompt"] for variant in variants]


WORDED = [
    # template, manifest, mapping of columns, prompt of the one row
    ("A {colour} {name}", "name,colour\ncup,red\n", {}, "A red cup"),
    ("A {COLOUR} { Name }", " Name ,Colour\ncup, red \n", {}, "A red cup"),
    ("{name}", "name,custom_id\n{colour},a\n", {}, "{colour}"),
    ("{custom_id} {id}", "custom_id,name\na,x\n", {}, "a a"),
    ("{custom_id} {id}", "id,name\na,x\n", {}, "a a"),
    ("{custom_id} {id}", "id,custom_id\na,b\n", {}, "b a"),
    ("{size} {quality} {priority}", "size,quality,priority\n1024x1024,low,3\n", {}, "1024x1024 low 3"),
    ("{prompt}, blue", "prompt\n A cup \n", {}, "A cup, blue"),
    ("{Title} {prompt}", "Title\ncup\n", {"prompt": "Title"}, "cup cup"),
    ("{Title} {prompt}", "Title,prompt\ncup,mine\n", {"prompt": "Title"}, "cup mine"),
    ("{size}", "Size,name\nXL,x\n", {"size": ""}, "XL"),
    ("{size}", "Format,Size\nauto,XL\n", {"size": "Format"}, "XL"),
    ("{size}", "Format,name\nauto,x\n", {"size": "Format"}, "auto"),
    ("No column", "name\ncup\n", {}, "No column"),
    ("A {colour} {name}", '{"name": "cup", "Colour": " red "}\n', {}, "A red cup"),
    ("{n} {price} {sale}", '{"n": 2, "price": 1.5, "sale": true}\n', {}, "2 1.5 true"),
    (
        "{prompt} {size} {shelf} {custom_id}",
        '{"custom_id": "a", "body": {"prompt": "x", "size": "auto"}, "shelf": "s"}',
        {},
        "x auto s a",
    ),
]


@pytest.mark.parametrize(("template", "text", "mapping", "prompt"), WORDED)
def test_a_template_takes_any_column_of_the_row(template, text, mapping, prompt):
    """Fields and metadata, by their header or the name of the field, in any case; what a cell holds is not expanded again."""
    assert _prompts(_for_all(template), text, mapping) == [prompt]


MISSING = [
    ("{nmae}", "name,colour\ncup,red\n", ["{nmae} is no column; the columns are name, colour; do you mean {name}?"]),
    ("{price}", "name,colour\ncup,red\n", ["{price} is no column; the columns are name, colour"]),
    (
        "{Colour} {Color}",
        "name,colour\ncup,red\n",
        ["{Color} is no column; the columns are name, colour; do you mean {colour}?"],
    ),
    ("{a} {b}", "name\ncup\n", ["{a} is no column; the columns are name", "{b} is no column; the columns are name"]),
    ("{prompt}", "name\ncup\n", ["{prompt} is no column; the columns are name"]),
    ("{size}", "name\ncup\n", ["{size} is no column; the columns are name"]),
    ("{colour}", '{"name": "cup"}\n', ["{colour} is no column; the columns are name"]),
    ("{colour}", "{}\n", ["{colour} is no column; the columns are none"]),
]


@pytest.mark.parametrize(("template", "text", "told"), MISSING)
def test_a_missing_column_is_told_of_the_file_and_not_of_the_row(template, text, told):
    """With the columns that there are and the one that may be meant; the row itself is not said to lack a prompt."""
    (row,) = _rows(text)
    findings = list(_for_all(template).unfit(row))
    assert [(finding.field, finding.message) for finding in findings] == [("prompt", message) for message in told]
    (variant,) = _for_all(template).variants(row)
    assert assemble(variant, BUILT_IN)[1] == ()


EMPTY = [
    ("name,colour\ncup,\n", ["{colour}"]),
    ("name,colour\ncup\n", ["{colour}"]),
    ("name,colour\n  ,red\n", ["{name}"]),
    ('{"name": "", "colour": null}\n', ["{name}", "{colour}"]),
]


@pytest.mark.parametrize(("text", "names"), EMPTY)
def test_an_empty_cell_is_told_of_its_row(text, names):
    """A prompt with a hole in it is never sent; each empty cell that it needs is named once."""
    recipe = _for_all("{colour} {name}", matrix=combinations({"look": ["a", "b"]}))
    (row,) = _rows(text)
    assert list(recipe.unfit(row)) == []
    for variant in recipe.variants(row):
        found = [(finding.field, finding.message) for finding in assemble(variant, BUILT_IN)[1]]
        assert sorted(found) == sorted(("prompt", f"the template's {name} is empty in this row") for name in names)


def test_a_default_prompt_serves_rows_without_one():
    """Prompts of the manifest are taken to the letter, braces and all; the others get the template."""
    text = "name,prompt\ncup,\nmug,{name} {\n"
    assert _prompts(Recipe(parse("A {name}")), text) == ["A cup", "{name} {"]
    assert list(Recipe(parse("{gone}")).unfit(_rows("name,prompt\nmug,x\n")[0])) == []


def test_a_template_for_every_row_replaces_their_own_prompts():
    """`{prompt}` is the row's own; without it, it does not count."""
    text = "name,prompt\ncup,one\nmug,two\n"
    assert _prompts(_for_all("{prompt}: {name}"), text) == ["one: cup", "two: mug"]
    assert _prompts(_for_all("A {name}"), text) == ["A cup", "A mug"]


def test_a_profile_goes_around_every_prompt():
    """Around those of a template and those of the manifest alike, and a prompt that is empty stays a problem."""
    profile = Profile(prefix="Photo:")
    text = "name,prompt\ncup,\nmug,{x}\nbox,  \n"
    rows = [variant for row in _rows(text) for variant in Recipe(parse("A {name}"), profile=profile).variants(row)]
    assert [row.cells["prompt"] for row in rows] == ["Photo: A cup", "Photo: {x}", "  "]
    assert [finding.message for finding in assemble(rows[2], BUILT_IN)[1]] == ["is empty"]
    (bare,) = Recipe(profile=profile).variants(_rows("name,prompt\ncup,\n")[0])
    assert [finding.message for finding in assemble(bare, BUILT_IN)[1]] == ["is missing"]


def test_a_matrix_multiplies_rows():
    """Every row times every combination: its fields, its metadata, its words for the template, its part of the name."""
    matrix = combinations({"style": ["studio", "On a street"], "size": ["1024x1024", "auto"]})
    recipe = _for_all("{name}, {Style}, {size}", matrix=matrix)
    rows = [variant for row in _rows("id,name,shelf\ncup,A cup,s\nmug,A mug,\n") for variant in recipe.variants(row)]
    made = [assemble(row, BUILT_IN)[0] for row in rows]
    assert [(one.custom_id, one.given) for one in made] == [
        (f"{name}-{style}-{size}", True)
        for name in ("cup", "mug")
        for style in ("studio", "on-a-street")
        for size in ("1024x1024", "auto")
    ]
    assert [one.request.prompt for one in made[:3]] == [
        *("A cup, studio, 1024x1024", "A cup, studio, auto", "A cup, On a street, 1024x1024"),
    ]
    assert [one.request.parameters["size"] for one in made[:2]] == ["1024x1024", "auto"]
    assert made[1].metadata == {"name": "A cup", "shelf": "s", "style": "studio"}
    assert [one.line for one in made] == [2] * 4 + [3] * 4


CLASHES = [
    ({"name": ["a"]}, "name,size\nx,auto\n", {}, ["name"]),
    ({"NAME": ["a"]}, "name,size\nx,auto\n", {}, ["NAME"]),
    ({"size": ["auto"]}, "name,Size\nx,\n", {}, ["size"]),
    ({"size": ["auto"]}, "name,Format\nx,auto\n", {"size": "Format"}, ["size"]),
    ({"title": ["a"]}, "Title,name\nx,y\n", {"prompt": "Title"}, ["title"]),
    ({"size": ["auto"]}, "name,Size\nx,XL\n", {"size": ""}, []),
    ({"look": ["a"], "n": [1]}, '{"name": "x", "n": 2}\n', {}, ["n"]),
]


@pytest.mark.parametrize(("table", "text", "mapping", "fields"), CLASHES)
def test_a_column_cannot_be_varied_as_well(table, text, mapping, fields):
    """What both the manifest and the matrix give is told; a shop's own Size that is not ours may stand beside ours."""
    recipe = _for_all("A cup", matrix=combinations(table))
    found = list(recipe.unfit(_rows(text, mapping)[0]))
    assert [finding.field for finding in found] == fields
    assert all(
        finding.message == "is a column of the manifest and a key of [matrix]: give one of them another name"
        for finding in found
    )


IDLE = [
    # matrix, template, what is wrong with it, what is warned of
    ({"look": ["a"]}, "{name}, {Look}", [], []),
    ({"look": ["a"], "size": ["auto"]}, "{name}", [], ["look"]),
    ({"Style": ["a"]}, "{name}, {style}", [], []),
    ({"Style": ["a"]}, "{name}", ["Style"], ["Style"]),
    ({"aspect-ratio": ["16:9"], "seed": [1]}, "{name}", ["aspect-ratio", "seed"], ["aspect-ratio", "seed"]),
]


@pytest.mark.parametrize(("table", "template", "wrong", "warned"), IDLE)
def test_values_that_change_nothing_are_told(table, template, wrong, warned):
    """What is no field and is not named by the prompt: words that the API refuses are mistakes, others may be meant."""
    recipe = _for_all(template, matrix=combinations(table))
    (row,) = _rows("name\nx\n")
    assert [(finding.field, finding.message) for finding in recipe.unfit(row)] == [
        (key, tutorials.FIELDS[tutorials.plain(key)]) for key in wrong
    ]
    assert [message.split()[1] for message in recipe.warnings(row)] == warned


def test_only_the_template_of_a_row_counts():
    """A default prompt may name what the prompts of the manifest do not."""
    recipe = Recipe(parse("{name}, {look}"), matrix=combinations({"look": ["a"]}))
    plain, own = _rows("name,prompt\nx,\nx,y\n")
    assert (list(recipe.warnings(plain)), len(list(recipe.warnings(own)))) == ([], 1)


def _names(recipe: Recipe, text: str) -> list[str]:
    made = [assemble(variant, BUILT_IN)[0] for row in _rows(text) for variant in recipe.variants(row)]
    assert not any(one.given for one in made)
    return [one.custom_id for one in made]


def test_a_row_without_an_id_is_named_after_what_it_says_for_the_template():
    """Its own cells and the columns that are used: not the template's text, not the profile, not other columns."""
    text = "name,colour,shelf\nRed cup,blue,1\nMug,blue,2\n"
    names = _names(_for_all("A {colour} {name}"), text)
    assert [name.rpartition("-")[0] for name in names] == ["blue-red-cup", "blue-mug"]
    for template in ("Another {colour} {name}", "{Name}{Colour}{name}"):
        assert _names(_for_all(template, profile=Profile("x")), text.replace(",1", ",3")) == names
    assert _names(_for_all("A {colour} {name}"), "shelf,colour,name\n,blue,Mug\n,blue,Red cup\n") == names[::-1]
    assert _names(_for_all("A {colour} {name}"), text.replace("Red", "red")) != names
    matrix = combinations({"style": ["a", "b"]})
    assert _names(_for_all("A {colour} {name} {style}", matrix=matrix), text) == [f"{name}-{s}" for name in names for s in "ab"]


def test_a_row_with_a_prompt_keeps_its_name():
    """Neither a template of `{prompt}` nor a profile makes another row of it."""
    text = "prompt,quality\nA fox,low\n"
    name = identity.derive({"prompt": "A fox", "quality": "low"})
    for recipe in (Recipe(), _for_all("{prompt} in snow"), Recipe(parse("x")), Recipe(profile=Profile("Photo:"))):
        assert _names(recipe, text) == [name]


def test_names_that_become_too_long_are_told():
    """The file's own name may fit where the combination's no longer does."""
    recipe = _for_all("A cup", matrix=combinations({"style": ["a long way of saying it"]}))
    for text, words in (("id,x\n" + "i" * 100 + ",1\n", "has 124 characters"), ("id,x\na/b,1\n", "'a/b' holds '/'")):
        (variant,) = recipe.variants(_rows(text)[0])
        ((finding,)) = assemble(variant, BUILT_IN)[1]
        assert finding.field == "custom_id"
        assert words in finding.message
    long = _for_all("{x}", matrix=combinations({f"axis {n}": ["y" * 40] for n in range(2)}))
    (variant,) = long.variants(_rows("x\n" + "x" * 40 + "\n")[0])
    assert [finding.field for finding in assemble(variant, BUILT_IN)[1]] == ["custom_id"]


def test_a_row_that_cannot_be_read_comes_as_it_is():
    """It has one problem and not one for every combination."""
    recipe = _for_all("{name}", matrix=combinations({"style": ["a", "b"]}))
    for text in ('name\nx\n"open\n', '{"name": "x"}\n{"name"\n'):
        row = _rows(text)[1]
        assert list(recipe.unfit(row)) == []
        assert list(recipe.variants(row)) == [row]


def test_what_a_provider_accepts_names_a_row_as_it_is_written():
    """Words that nobody rewrites keep the names that they have had; others are the same in any case."""
    upper, lower = _rows("x,quality,size\nchair,High,1024X1024\nchair,high,1024x1024\n")
    recipe = Recipe(parse("A {x}"))

    def name(row, accepted):
        (variant,) = recipe.variants(row, accepted)
        return variant.derived

    assert name(upper, ()) == name(lower, ()) == name(lower, ("quality", "size"))
    as_written = {"quality": "High", "size": "1024X1024", "{x}": "chair"}
    assert name(upper, ("quality", "size")) == identity.derive(as_written, "chair") != name(lower, ())
