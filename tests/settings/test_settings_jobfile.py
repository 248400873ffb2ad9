"""Job files and profiles: what they say, what is refused in which words, and which layer counts."""

from pathlib import Path

import pytest

from batchgen.core import tabular, tutorials
from batchgen.core.assembly import BUILT_IN, assemble
from batchgen.core.fields import Words
from batchgen.core.manifest import Row
from batchgen.core.profile import Profile
from batchgen.core.recipe import Recipe
from batchgen.errors import SettingsError
from batchgen.project import Project
from batchgen.project.orders import Said
from batchgen.settings import jobfile
from batchgen.settings import load as loading
from batchgen.settings.profiles import chosen

WHOLE = """
manifest = "rows/products.csv"
prompt = "{name}, {style}"
name = "spring-%Y"
profile = "acme"
[columns]
ID = " SKU "
size = ""
[matrix]
style = ["a", "b"]
n = [1, 2]
[defaults]
quality = "low"
prompt = "{name}"
[limits]
concurrency = 4
[provider]
name = "sandbox"
[profiles.acme]
prefix = "Photo:"
suffix = "on white"
palette = ["navy", "cream"]
avoid = ["text"]
defaults = { size = "auto", n = "3" }
[profiles.plain]
"""


@pytest.fixture
def read(tmp_path):
    """Read this text as job.toml, which is named as a person in its folder would."""

    def run(text: str | bytes) -> jobfile.JobFile:
        path = tmp_path / "job.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return jobfile.read(path)

    return run


def _written(folder: Path, text: str) -> Path:
    path = folder / "job.toml"
    path.write_text(text)
    return path


def test_a_job_file_says_everything_about_a_manifest(read, tmp_path):
    """Every key arrives with the value that it has; the manifest is sought beside the job file."""
    job = read("\ufeff" + WHOLE)
    assert (job.path, job.manifest) == (tmp_path / "job.toml", tmp_path / "rows" / "products.csv")
    assert job.content == ("\ufeff" + WHOLE).encode()
    assert (job.name, job.profile) == ("spring-%Y", "acme")
    assert job.template is not None
    assert job.template.columns == ("name", "style")
    assert dict(job.columns) == {"custom_id": "SKU", "size": ""}
    assert [choice.name for choice in job.matrix] == ["a-1", "a-2", "b-1", "b-2"]
    assert dict(job.defaults) == {"quality": "low", "prompt": "{name}"}
    assert {key: given.value for key, given in job.laid_over.items()} == {
        "limits.concurrency": 4,
        "provider.name": "sandbox",
    }
    acme = Profile("Photo:", "on white", ("navy", "cream"), ("text",), {"size": "auto", "n": 3})
    assert job.profiles == {"acme": acme, "plain": Profile()}


def test_images_that_a_job_file_names_lie_beside_it(read, tmp_path):
    """Those of its matrix and of its defaults, wherever its manifest is; their names are made of what was written."""
    images = 'image = ["in/a.png", "/b.png", "https://h/c.png", "d.png;e.png"]\nmask = ["m.png"]\n'
    job = read(f'manifest = "elsewhere/p.csv"\n[matrix]\n{images}[defaults]\nimage = "f.png"\n')
    assert [choice.fields["image"] for choice in job.matrix] == [
        *(f"{tmp_path}/in/a.png", "/b.png", "https://h/c.png", f"{tmp_path}/d.png;{tmp_path}/e.png")
    ]
    assert job.matrix[0].fields["mask"] == f"{tmp_path}/m.png"
    assert [choice.name for choice in job.matrix] == [
        "in-a-png-m-png",
        "b-png-m-png",
        "https-h-c-png-m-png",
        "d-png-e-png-m-png",
    ]
    assert job.matrix[0].words["image"] == "in/a.png"
    assert job.defaults["image"] == f"{tmp_path}/f.png"


def test_only_the_manifest_must_be_named(read):
    """What is not said is as with the manifest alone."""
    job = read('manifest = "/elsewhere/p.csv"')
    assert job.manifest == Path("/elsewhere/p.csv")
    assert (job.name, job.template, job.profile, [choice.name for choice in job.matrix]) == (None, None, None, [""])
    assert (job.columns, job.defaults, job.profiles, job.laid_over) == ({}, {}, {}, {})


M = 'manifest = "p.csv"\n'
MISTAKES = [
    ("", 'manifest is missing: name the file with the rows, like manifest = "products.csv"'),
    ('manifest = ""', "manifest is missing: name the file"),
    ("manifest = 5", "manifest = 5: must be text"),
    ('manifest = "other.TOML"', "manifest = 'other.TOML': must be a file with rows, not another job file"),
    (M + "manifest", "Expected '=' after a key"),
    (M + 'manifst = "p.csv"', "manifst is not a key of a job file; the nearest is manifest"),
    (M + 'promt = "x"', "promt is not a key of a job file; the nearest is prompt"),
    (M + "[matrx]\na = [1]", "matrx is not a key of a job file; the nearest is [matrix]"),
    (M + "[default]\nn = 1", "default is not a key of a job file; the nearest is [defaults]"),
    (M + "[storage]\nroot = 'x'", "[storage] is no part of a job file; it belongs into the settings, config.toml"),
    (M + "prompt = ['x']", "prompt = ['x']: must be text"),
    (M + "prompt = 'A {name'", "prompt: the { at character 3 is never closed; write {{ for a brace of your own"),
    (M + "name = 5", "name = 5: must be text"),
    (M + "profile = true", "profile = True: must be text"),
    (M + "columns = 'x'", "columns must be a table"),
    (M + "[columns]\nqualty = 'Q'", "[columns] qualty is not a field; the nearest is quality"),
    (M + "[columns]\nprompt = 5", "[columns] prompt = 5: must be text"),
    (
        M + "[columns]\nsvg = 'M'",
        "[columns] svg is an object of the API, with a model and its reasoning effort; write svg_model",
    ),
    (M + "[columns]\nseed = 'S'", "[columns] seed is not a field of the API, where no image can be made twice"),
    (M + "matrix = ['a']", "matrix must be a table"),
    (M + "[matrix]\nstyle = 'a'", '[matrix] style = \'a\': must be a list of values, like ["one", "another"]'),
    (M + "[matrix]\nstyle = [['a']]", "[matrix] style = [['a']]: must be a list of values"),
    (M + "[matrix]\nstyle = [2026-11-21]", "must be a list of values"),
    (M + "[matrix]\nstyle = []", "[matrix] style: has no values"),
    (M + "[matrix]\nquality = ['best']", "[matrix] quality: best: must be one of low"),
    (M + "[matrix]\na = ['x-y', 'x']\nb = ['z', 'y-z']", "[matrix] x-y, z and x, y-z would both be x-y-z"),
    (M + "[defaults]\nqualty = 'low'", "[defaults] qualty is not a field of a request; the nearest is [defaults] quality"),
    (M + "[defaults]\nn = 11", "[defaults] n: 11: must be a whole number from 1 to 10"),
    (M + "[defaults]\nprompt = '}'", "[defaults] prompt: the } at character 1 closes nothing"),
    (M + "[limits]\nconcurency = 1", "[limits] concurency is not a setting; the nearest is [limits] concurrency"),
    (
        M + "[provider]\nbase_url = 'https://a.b'",
        "[provider] base_url would be forgotten by resume: say it in [providers.NAME]",
    ),
    (M + "[providers.azure]\nbase_url = 'https://a.b'", "[providers] is no part of a job file; it belongs into the settings"),
    (M + "[provider]\napi_key = 'x'", "[provider] api_key is not a setting; the nearest is [provider] api_key_env"),
    (M + "profiles = 5", "profiles must be a table"),
    (M + "[profiles]\nacme = 'x'", "[profiles.acme] must be a table"),
    (M + "[profiles.acme]\npalete = ['x']", "[profiles.acme] palete is not a key of a profile; the nearest is palette"),
    (M + "[profiles.acme]\nprefix = 5", "[profiles.acme] prefix = 5: must be text"),
    (M + "[profiles.acme]\nsuffix = ['x']", "[profiles.acme] suffix = ['x']: must be text"),
    (M + "[profiles.acme]\npalette = 'navy'", "[profiles.acme] palette = 'navy': must be a list of texts"),
    (M + "[profiles.acme]\navoid = [5]", "[profiles.acme] avoid = [5]: must be a list of texts"),
    (M + "[profiles.acme]\navoid = [' ']", "[profiles.acme] avoid = [' ']: must be a list of texts"),
    (M + "[profiles.acme]\ndefaults = 5", "[profiles.acme.defaults] must be a table"),
    (
        M + "[profiles.acme.defaults]\nsizes = 'auto'",
        "[profiles.acme.defaults] sizes is not a field of a request; the nearest is size",
    ),
    (M + "[profiles.acme.defaults]\nn = 0", "[profiles.acme.defaults] n: 0: must be a whole number"),
]


@pytest.mark.parametrize(("text", "told"), MISTAKES)
def test_mistakes_name_their_place(read, tmp_path, text, told):
    """The file, the table and the key, with what would be right."""
    with pytest.raises(SettingsError) as caught:
        read(text)
    place, _, words = str(caught.value).partition("job.toml: ")
    assert place == f"{tmp_path}/"
    assert told in words


def test_all_mistakes_of_a_file_are_told(read, tmp_path):
    """Each once and on a line of its own: in texts, columns, the matrix, defaults, limits and profiles."""
    profile = "[profiles.acme]\nprefix = 5\navoid = 'x'\n[profiles.acme.defaults]\nn = 0\nsizes = 'auto'\n"
    tables = "[columns]\nqualty = 'Q'\nprompt = 5\n[matrix]\nstyle = 'a'\nquality = ['best']\nn = []\n"
    others = "[defaults]\nn = 11\nqualty = 'low'\n[limits]\nconcurency = 1\nimages = 2\n[provider]\nbase_url = 'x'\n"
    with pytest.raises(SettingsError) as caught:
        read(f"promt = 'x'\nprompt = '}}'\nname = 5\n{tables}{others}{profile}")
    lines = str(caught.value).splitlines()
    assert len(lines) == len(set(lines)) == 18
    assert all(line.startswith(f"{tmp_path}/job.toml: ") for line in lines)
    places = ["promt is", "prompt: the }", "name = 5", "manifest is missing", "qualty is not a field; ", "[columns] prompt = 5"]
    places += ["[matrix] style = 'a'", "[matrix] quality: best", "[matrix] n: has no values", "[defaults] n: 11"]
    places += ["[defaults] qualty", "concurency", "[limits] images", "[provider] base_url", "prefix = 5", "avoid = 'x'"]
    places += ["[profiles.acme.defaults] n: 0", "[profiles.acme.defaults] sizes"]
    assert [place for place in places if sum(place in line for line in lines) != 1] == []


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"\xff\xfe", "can't decode"), (b"a = " + b"[" * 100_000, "recursion"), (b"#" * 2**20, "is longer than 1,000,000 bytes")],
)
def test_files_that_are_no_toml_are_told(read, content, told):
    """Another encoding, a hostile file or a film is an error with its path."""
    with pytest.raises(SettingsError, match=rf"job\.toml: .*{told}"):
        read(content)


def test_values_of_settings_are_checked_where_they_count(read, tmp_path):
    """A limit out of bounds is told with the job file that holds it."""
    for text, told in (
        ("[limits]\nconcurrency = 0", "job.toml: [limits] concurrency = 0"),
        ("[limits]\nconcurrency = '4'", "job.toml: [limits] concurrency = '4'"),
        ("[provider]\nname = 'azure'", "job.toml: [provider] name = 'azure': must be openai or sandbox"),
    ):
        with pytest.raises(SettingsError) as caught:
            loading.load(None, {}, {}, tmp_path, read(M + text).laid_over)
        assert told in str(caught.value)


def test_a_job_file_counts_before_the_environment_and_after_options(read, tmp_path):
    """Option, job file, environment, .env, config.toml: take away the strongest, and the next one counts."""
    (tmp_path / "config.toml").write_text("[limits]\nconcurrency = 2\nimages_per_day = 2\n")
    environment = {"BATCHGEN_LIMITS__CONCURRENCY": "3", "BATCHGEN_LIMITS__REQUESTS_PER_MINUTE": "3"}
    job = read(M + "[limits]\nconcurrency = 4\nrequests_per_minute = 4\nimages_per_minute = 4\n")
    found = loading.load(None, {"limits.concurrency": 5}, environment, tmp_path, job.laid_over)
    limits = found.limits
    assert (limits.concurrency, limits.requests_per_minute, limits.images_per_minute, limits.images_per_day) == (5, 4, 4, 2)
    assert found.sources["limits.requests_per_minute"] == str(tmp_path / "job.toml")


WORDS = [
    # what the settings and the job file say; what is told without a translation, and what a row becomes with one
    ("", "[defaults]\nquality = 'hd'", "job.toml: [defaults] quality: hd: is a word of DALL-E", {"quality": "high"}),
    ("", "[defaults]\nstyle = 'vivid'", "job.toml: [defaults] style: is not taken by", {"prompt": "A fox\nStyle: vivid"}),
    ("", "[matrix]\nquality = ['hd']", "job.toml: [matrix] quality: hd: is a word of", {"quality": "high"}),
    ("", "[columns]\nstyle = 'Look'", "job.toml: [columns] style is not taken by", {"prompt": "A fox\nStyle: oil"}),
    (
        "",
        "profile = 'acme'\n[profiles.acme.defaults]\nstyle = 'natural'",
        "job.toml: [profiles.acme.defaults] style: is not taken by",
        {"prompt": "A fox\nStyle: natural"},
    ),
    (
        "[profiles.acme.defaults]\nquality = 'standard'",
        "profile = 'acme'",
        "config.toml: [profiles.acme.defaults] quality: standard: is a word of DALL-E",
        {"quality": "medium"},
    ),
    ("[profiles.acme.defaults]\nstyle = 'natural'", "", None, {}),
    ("", "[defaults]\nquality = 'HD'", "job.toml: [defaults] quality: hd: is a word of DALL-E", {"quality": "high"}),
    ("[defaults]\nstyle = 'x'", "", "config.toml: [defaults] style: is not taken by", {"prompt": "A fox\nStyle: x"}),
]


@pytest.mark.parametrize(("settings", "job", "told", "becomes"), WORDS)
def test_words_of_the_tutorials_are_rewritten_wherever_they_stand(read, tmp_path, settings, job, told, becomes):
    """In every table that says something of all rows; without the translation its file and the table are named."""

    def terms(translate: bool):
        (tmp_path / "config.toml").write_text(settings)
        loaded = loading.load(None, {"compat.translate": translate}, {}, tmp_path)
        return Project(loaded).terms(Said({}, {}, None, update=False), read(M + job))

    found = terms(translate=True)
    words = Words(tutorials.TRANSLATED)
    (row,) = tabular.rows(iter(["prompt,Look\n", "A fox,oil\n"]), found.columns, words, tabs_first=False, prompted=False)
    (variant,) = found.recipe.variants(row)
    wanted, problems = assemble(variant, found.defaults, translate=True)
    assert problems == ()
    assert {**wanted.request.body, **becomes} == wanted.request.body
    assert bool(wanted.rewritten) == bool(becomes)
    if told is None:
        terms(translate=False)
        return
    with pytest.raises(SettingsError) as caught:
        terms(translate=False)
    assert str(caught.value).startswith(f"{tmp_path}/{told}")


@pytest.mark.parametrize("job", [one[1] for one in WORDS if one[1]])
def test_what_a_provider_accepts_is_let_be(read, tmp_path, job):
    """Wherever it stands: whether the row's own provider takes it is told with the row."""
    gateway = '[providers.gateway]\nbase_url = "http://localhost:1/v1"\napi_key_env = ""\naccepts = ["style", "quality"]\n'
    (tmp_path / "config.toml").write_text(f"{gateway}[profiles.acme.defaults]\nquality = 'hd'\n")
    found = Project(loading.load(None, {}, {}, tmp_path)).terms(Said({}, {}, None, update=False), read(M + job))
    assert found.words == Words((), ("style", "quality"))


def test_defaults_of_a_profile_may_hold_what_a_provider_accepts(read, tmp_path):
    """As those of the settings and of the job file do, in the settings and in a job file; without such a provider, none."""
    gateway = '[providers.gateway]\nbase_url = "http://localhost:1/v1"\napi_key_env = ""\naccepts = ["lora", "quality"]\n'
    profile = "[profiles.acme.defaults]\nlora = 'film'\nquality = 'hd'\n"
    (tmp_path / "config.toml").write_text(gateway + profile)
    told = {"lora": "film", "quality": "hd"}
    assert loading.load(None, {}, {}, tmp_path).profiles["acme"].defaults == told
    assert jobfile.read(_written(tmp_path, M + profile), ("lora", "quality")).profiles["acme"].defaults == told
    (tmp_path / "config.toml").write_text(profile)
    for refused in (lambda: loading.load(None, {}, {}, tmp_path), lambda: read(M + profile)):
        with pytest.raises(SettingsError, match=r"\[profiles\.acme\.defaults\] lora is not a field of a request"):
            refused()


def test_a_reference_that_a_job_file_names_lies_beside_it(read, tmp_path):
    """Like every image that it names; a row that names its own takes none from there."""
    job = read(M + "[defaults]\nreference_image = 'in/a.png'\n")
    assert job.defaults == {"reference_image": f"{tmp_path}/in/a.png"}
    for cell in ({"image": "b.png"}, {"reference_image": "b.png"}):
        wanted, _ = assemble(
            Row(2, {"prompt": "A fox", **cell}, {}), {**BUILT_IN, **job.defaults, "mask": "m.png"}, translate=True
        )
        assert [named.source for named in wanted.named] == ["b.png"]


LAYERS = {
    "--quality": "max",
    "job file": "high",
    "profile": "low",
    "environment": "auto",
    "settings": "xhigh",
    "built-in": "medium",
}


@pytest.mark.parametrize("first", range(len(LAYERS)))
def test_the_strongest_layer_of_a_field_counts(read, tmp_path, first):
    """Option, job file, profile, environment, settings, built-in: take away the strongest, and the next one counts."""
    left = dict(list(LAYERS.items())[first:])

    def line(layer: str) -> str:
        return f'quality = "{left[layer]}"\n' if layer in left else ""

    profile = f"[profiles.acme.defaults]\n{line('profile')}"
    (tmp_path / "config.toml").write_text(f"[defaults]\n{line('settings')}{profile}")
    environment = {"BATCHGEN_DEFAULTS__QUALITY": left["environment"]} if "environment" in left else {}
    said = Said({"quality": left["--quality"]} if "--quality" in left else {}, {}, None, update=False)
    job = read(f'{M}profile = "acme"\n[defaults]\n{line("job file")}')
    project = Project(loading.load(None, {}, environment, tmp_path, job.laid_over))
    assert project.terms(said, job).defaults["quality"] == next(iter(left.values()))


def test_what_a_command_says_counts_before_a_job_file(read, tmp_path):
    """A profile and a column of the command; a profile of the job file before one of that name in the settings."""
    (tmp_path / "config.toml").write_text("[profiles.acme]\nprefix = 'settings'\n[profiles.other]\n")
    job = read(M + "profile = 'acme'\n[columns]\nprompt = 'a'\nsize = 's'\n[profiles.acme]\nprefix = 'job'\n")
    project = Project(loading.load(None, {}, {}, tmp_path))
    terms = project.terms(Said({}, {"prompt": "b"}, None, update=False), job)
    assert (terms.recipe.profile, dict(terms.columns)) == (Profile("job"), {"prompt": "b", "size": "s"})
    assert project.terms(Said({}, {}, "other", update=False), job).recipe.profile == Profile()
    assert project.terms(Said({}, {}, "acme", update=False)).recipe.profile == Profile("settings")
    assert project.terms(Said({}, {}, None, update=False)).recipe == Recipe()


PROMPTS = [
    # prompt of the settings, the profile, the job's [defaults], the job file; the text before the column, whether for every row
    ("settings {a}", None, None, None, "settings ", False),
    ("settings {a}", "profile {a}", None, None, "profile ", False),
    ("settings {a}", "profile {a}", "defaults {a}", None, "defaults ", False),
    ("settings {a}", "profile {a}", "defaults {a}", "job {a}", "job ", True),
]


@pytest.mark.parametrize(("settings", "profile", "defaults", "prompt", "text", "for_all"), PROMPTS)
def test_a_default_prompt_is_for_rows_without_one(read, tmp_path, settings, profile, defaults, prompt, text, for_all):
    """The strongest default counts; a job file's own prompt is for every row."""
    told = f"[defaults]\nprompt = '{settings}'\n[profiles.acme.defaults]\n" + (f"prompt = '{profile}'\n" if profile else "")
    (tmp_path / "config.toml").write_text(told)
    lines = [
        f"prompt = '{prompt}'\n" if prompt else "",
        "profile = 'acme'\n",
        f"[defaults]\nprompt = '{defaults}'\n" if defaults else "",
    ]
    terms = Project(loading.load(None, {}, {}, tmp_path)).terms(Said({}, {}, None, update=False), read(M + "".join(lines)))
    assert terms.recipe.template is not None
    assert (terms.recipe.template.texts[0], terms.recipe.for_all) == (text, for_all)
    assert "prompt" not in terms.defaults


TOGETHER = [
    # what each of the files says (None is a plain manifest), options, the disagreement or None
    (["[limits]\nconcurrency = 4", "[limits]\nconcurrency = 4"], [], None),
    (["", None], [], None),
    ([None, None, None], [], None),
    (["[limits]\nconcurrency = 4", "[limits]\nconcurrency = 5"], [], "0 and 1 do not agree about [limits] concurrency"),
    (["[limits]\nconcurrency = 4", ""], [], "0 and 1 do not agree about [limits] concurrency"),
    (["", "", "[provider]\nname = 'sandbox'"], [], "0 and 2 do not agree about [provider] name"),
    ([None, "[provider]\nname = 'sandbox'"], [], "0 and 1 do not agree about [provider] name"),
    (["[provider]\nname = 'sandbox'", None], ["provider.name"], None),
    (["[limits]\nconcurrency = 4", "[limits]\nconcurrency = 5"], ["limits.concurrency"], None),
    (["[defaults]\nn = 1", "[defaults]\nn = 2"], [], None),
]


@pytest.mark.parametrize(("texts", "options", "told"), TOGETHER)
def test_files_of_one_command_have_to_agree(read, texts, options, told):
    """A command has one provider and one set of limits; an option decides where they differ. Defaults are each file's own."""
    paths = [str(number) for number in range(len(texts))]
    jobs = {path: read(M + text) for path, text in zip(paths, texts, strict=True) if text is not None}
    if told is None:
        jobfile.laid_over(paths, jobs, options)
        return
    with pytest.raises(SettingsError) as caught:
        jobfile.laid_over(paths, jobs, options)
    assert str(caught.value) == f"{told}, which counts for all that a command does: give them to a command each"


def test_profiles_stand_in_the_settings_too(tmp_path):
    """In the same words; what is wrong with them names the file and the table."""
    path = tmp_path / "config.toml"
    path.write_text('[limits]\nconcurrency = 4\n[profiles.acme]\nprefix = "Photo:"\navoid = ["text"]\n')
    found = loading.load(None, {}, {}, tmp_path)
    assert found.profiles == {"acme": Profile("Photo:", avoid=("text",))}
    assert found.limits.concurrency == 4
    for text, told in (
        ("[profiles.acme]\nprefx = 'x'", "[profiles.acme] prefx is not a key of a profile; the nearest is prefix"),
        ("[profile.acme]\nprefix = 'x'", "[profile] acme is not a setting; the nearest is [profiles.NAME]"),
        ("[profiles.acme.defaults]\nprompt = '{'", "[profiles.acme.defaults] prompt: the { at character 1"),
        ("[defaults]\nprompt = 'a {'", "[defaults] prompt: the { at character 3 is never closed"),
    ):
        path.write_text(text)
        with pytest.raises(SettingsError) as caught:
            loading.load(None, {}, {}, tmp_path)
        assert str(caught.value).startswith(f"{path}: {told}")


def test_an_unknown_profile_is_told_with_those_there_are():
    """Or, where there is none, with where to write it."""
    known = {"acme": Profile(), "plain": Profile()}
    assert chosen("plain", known, "--profile") is known["plain"]
    with pytest.raises(SettingsError, match=r"^--profile: there is no profile 'acne'; there are acme, plain$"):
        chosen("acne", known, "--profile")
    with pytest.raises(SettingsError, match=r"no profile 'acme'; write \[profiles\.acme\] into the settings or the job file$"):
        chosen("acme", {}, "job.toml: profile")
