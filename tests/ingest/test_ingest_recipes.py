"""Manifests with templates and matrices: problems told once, the same jobs again and again."""

import hashlib

import pytest
from sqlalchemy import text

from batchgen.core.matrix import combinations
from batchgen.core.profile import Profile
from batchgen.core.recipe import Recipe
from batchgen.core.template import parse
from batchgen.errors import ManifestError, WrongUsage
from batchgen.ingest.source import Manifest, Origin

PRODUCTS = "custom_id,name,colour\ncup,A cup,red\nmug,A mug,blue\n"
STYLES = combinations({"look": ["studio", "street"], "size": ["1024x1024", "1536x1024"]})


def _recipe(template: str = "{name} in {colour}", **more) -> Recipe:
    return Recipe(parse(template), for_all=True, **more)


def _told(desk, content: str, recipe: Recipe, name: str = "m.csv") -> list[str]:
    with pytest.raises(ManifestError) as caught:
        desk.submit(desk.manifest(name, content), recipe=recipe)
    *problems, summary = str(caught.value).split("\n")
    assert summary == f"{len(problems)} problem{'s' if len(problems) > 1 else ''}: nothing was stored"
    assert desk.count("jobs") == 0
    return [line.partition(f"{name}:")[2] for line in problems]


def test_rows_times_combinations_are_jobs_in_order(desk):
    """Every row with every combination, in the order of the file and then of the matrix, with the columns as metadata."""
    submitted = desk.csv(PRODUCTS, recipe=_recipe("{name} in {colour}, {look}", matrix=STYLES))
    assert (submitted.comparison.rows, submitted.comparison.new) == (8, 8)
    jobs = desk.jobs("m")
    assert [job.custom_id for job in jobs] == [
        f"{name}-{look}-{size}"
        for name in ("cup", "mug")
        for look in ("studio", "street")
        for size in ("1024x1024", "1536x1024")
    ]
    assert (jobs[3].request["prompt"], jobs[3].request["size"]) == ("A cup in red, street", "1536x1024")
    assert jobs[3].metadata == {"name": "A cup", "colour": "red", "look": "street"}
    with desk.database.read() as tx:
        columns = tx.execute(text("SELECT metadata_columns FROM batches")).scalar_one()
    assert columns == '["name","colour","look"]'


def test_a_missing_column_is_told_once_for_the_file(desk):
    """At the header, with the columns there are, beside the problems of rows; nothing of it is said of every row."""
    rows = "".join(f"r{number},A cup,\n" for number in range(300))
    told = _told(desk, f"custom_id,name,colour\n{rows}a/b,x,\n", _recipe("{nmae} {name}", matrix=STYLES))
    assert told == [
        "1: prompt: {nmae} is no column; the columns are custom_id, name, colour, size, look; do you mean {name}?",
        "302: custom_id: 'a/b' holds '/': only letters, digits, space and ._-+@() are allowed",
    ]


def test_a_missing_key_is_told_once_for_all_objects_like_it(desk):
    """JSONL brings its columns with each row: objects with the same keys are told at the first of them."""
    like = '{"name": "cup"}\n'
    other = '{"name": "cup", "shelf": 1}\n'
    fine = '{"name": "cup", "colour": "red"}\n'
    told = _told(desk, fine + like * 300 + other * 300, _recipe(), "m.jsonl")
    assert told == [
        "2: prompt: {colour} is no column; the columns are name",
        "302: prompt: {colour} is no column; the columns are name, shelf",
    ]


def test_many_kinds_of_objects_are_counted_like_other_problems(desk):
    """Not more is remembered than is told."""
    lines = "".join(f'{{"k{number}": 1}}\n' for number in range(1000))
    with pytest.raises(ManifestError) as caught:
        desk.submit(desk.manifest("m.jsonl", lines), recipe=_recipe("{colour}"))
    assert str(caught.value).split("\n")[-1] == "1,000 problems: nothing was stored"


def test_what_all_combinations_share_is_told_once(desk):
    """A row has each of its problems once, however often it is multiplied, and a column that is varied too is one problem."""
    content = "custom_id,name,colour,n\ncup,A cup,,0\nmug,A mug,blue,99\n"
    assert _told(desk, content, _recipe(matrix=STYLES)) == [
        "2: prompt: the template's {colour} is empty in this row",
        "2: n: 0: must be a whole number from 1 to 10",
        "3: n: 99: must be a whole number from 1 to 10",
    ]
    assert _told(desk, PRODUCTS, _recipe(matrix=combinations({"colour": ["red", "blue"]}))) == [
        "1: colour: is a column of the manifest and a key of [matrix]: give one of them another name"
    ]


def test_names_that_fall_together_are_told(desk):
    """A row's name and a value may make the name of another row: with the line of the first."""
    content = "custom_id,name,colour\ncup,x,y\ncup-a,x,y\n"
    assert _told(desk, content, _recipe(matrix=combinations({"look": ["a", "a a"]}))) == [
        "3: custom_id: 'cup-a-a' is also on line 2 (case does not tell ids apart)"
    ]


def test_warnings_count_rows(desk):
    """What may be refused is told of the row and not of each of its combinations."""
    matrix = combinations({"model": ["gpt-image-2.6-flare"], "look": ["a", "b"]})
    (warning,) = desk.csv(
        PRODUCTS.replace("colour", "quality").replace("red", "max").replace("blue", "max"),
        recipe=_recipe("{name} {look}", matrix=matrix),
    ).warnings
    assert "m.csv:2: quality=max may be refused" in warning
    assert warning.endswith("(and 1 more rows)")


def test_values_that_change_nothing_are_told(desk):
    """A key of the matrix that no prompt names buys the same several times: a warning, since it may be meant."""
    matrix = combinations({"take": [1, 2, 3], "look": ["a", "b"]})
    (warning,) = desk.csv(PRODUCTS, recipe=_recipe("{name}, {look}", matrix=matrix)).warnings
    words = "[matrix] take is no field of a request and the prompt does not name it: all its values ask for the same"
    assert warning == f"{desk.folder}/m.csv:2: {words} (and 1 more rows)"
    assert desk.count("jobs") == 12


CHANGES = [
    ("the same", _recipe(matrix=STYLES), 0),
    ("another template", _recipe("{name} in {colour}!", matrix=STYLES), 8),
    ("a profile", _recipe(profile=Profile("Photo:"), matrix=STYLES), 8),
    ("another value of a field", _recipe(matrix=(*STYLES[:3], *combinations({"look": ["street"], "size": ["1536x1024"]}))), 0),
]


@pytest.mark.parametrize(("recipe", "changed"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES])
def test_another_recipe_is_a_change_that_is_asked_for(desk, recipe, changed):
    """The same again is nothing new; what makes other prompts is listed and refused, and made again only with --update."""
    desk.csv(PRODUCTS, recipe=_recipe(matrix=STYLES))
    if changed:
        with pytest.raises(ManifestError, match=f"not what batch m holds, .* or a job file: {changed} rows"):
            desk.csv(PRODUCTS, recipe=recipe)
    found = desk.csv(PRODUCTS, recipe=recipe, update=True).comparison
    assert (found.rows, found.new, found.changed.count, found.gone.count) == (8, 0, changed, 0)


def test_rows_without_ids_are_found_again(desk):
    """Moved rows, other columns and another template rename nobody; equal rows are told apart by their order."""
    desk.csv("name,colour\ncup,red\nmug,red\nmug,red\n", recipe=_recipe(matrix=STYLES))
    names = sorted(job.custom_id for job in desk.jobs("m"))
    found = desk.csv(
        "shelf,colour,name\n1,red,mug\n2,red,mug\n3,red,cup\n", recipe=_recipe("{name}, {colour}", matrix=STYLES), update=True
    ).comparison
    assert (found.rows, found.new, found.gone.count) == (12, 0, 0)
    assert sorted(job.custom_id for job in desk.jobs("m")) == names
    assert sum(name.endswith("-2") for name in names) == 4


def _of_job(desk, job: str, name: str = "products.csv") -> Manifest:
    manifest = desk.manifest(name, PRODUCTS)
    path = desk.folder / job
    return Manifest(manifest.path, path.stem, named=False, open=manifest.open, origin=Origin(path, b"content of the job file"))


def test_a_batch_belongs_to_its_job_file(desk):
    """Its path is kept, and a hash over both files; problems of rows name the manifest, those of the batch the job file."""
    (submitted,) = desk.submit(_of_job(desk, "spring.toml"), recipe=_recipe())
    assert submitted.manifest == str(desk.folder / "spring.toml")
    with desk.database.read() as tx:
        path, sha256 = tx.execute(text("SELECT manifest_path, manifest_sha256 FROM batches")).one()
    assert path == str(desk.folder / "spring.toml")
    assert sha256 == hashlib.sha256(b"content of the job file" + PRODUCTS.encode()).hexdigest()
    with pytest.raises(ManifestError, match=rf"^{desk.folder}/products\.csv:1: prompt: "):
        desk.submit(_of_job(desk, "spring.toml"), recipe=_recipe("{price}"))
    with pytest.raises(ManifestError, match=rf"^{desk.folder}/spring\.toml: not what batch spring holds"):
        desk.submit(_of_job(desk, "spring.toml"), recipe=_recipe("{name}"))
    with pytest.raises(WrongUsage, match=r"other/spring\.toml: batch spring was submitted from .*/spring\.toml; .*--name"):
        desk.submit(_of_job(desk, "other/spring.toml"), recipe=_recipe())


def test_two_job_files_may_share_a_manifest(desk):
    """They are two batches, unless they have one name."""
    one, two = _of_job(desk, "one.toml"), _of_job(desk, "two.toml")
    assert [found.batch.name for found in desk.submit(one, two, recipe=_recipe())] == ["one", "two"]
    with pytest.raises(WrongUsage, match=r"one\.toml and .*/ONE\.toml would both be batch ONE"):
        desk.submit(one, _of_job(desk, "ONE.toml"), recipe=_recipe())


def test_a_table_without_fields_is_a_manifest_if_its_rows_get_a_prompt(desk):
    """All columns may be the person's own; without a template such a file is still none."""
    content = "name;colour\ncup;red\n"
    desk.csv(content, recipe=_recipe())
    assert [job.request["prompt"] for job in desk.jobs("m")] == ["cup in red"]
    with pytest.raises(ManifestError, match="there is no prompt column among name, colour"):
        desk.csv(content, recipe=Recipe(matrix=STYLES))
