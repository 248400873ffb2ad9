"""The words of the tutorials: each is refused wherever it stands, with what to write instead, and nothing is stored."""

import json

import pytest

from batchgen.cli import options
from batchgen.core import tutorials
from batchgen.errors import ManifestError, SettingsError, WrongUsage
from batchgen.settings import load as loading

EDIT = "is not a field of the API; write image instead, which makes the request an edit"
SIZE = "is not a field of the API; write size instead, in pixels, like 1024x1024"

# The word, a value of it, and all that is told of it.
WORDS = [
    ("style", "vivid", "is not taken by the GPT Image models; write it into the prompt instead, like 'Style: vivid'"),
    ("negative_prompt", "text", "is not a field of the API; write it into the prompt instead, like 'Avoid: text, frames'"),
    (
        "response_format",
        "url",
        "is not taken by the GPT Image models, whose answers always hold the image itself; leave it out",
    ),
    ("reference_image", "cup.png", EDIT),
    ("image_urls", "http://h/cup.png", EDIT),
    ("image_size", "square_hd", SIZE),
    ("resolution", "1K", SIZE),
    (
        "aspect_ratio",
        "16:9",
        "is not a field of the API; write size instead, with edges in that ratio, like 1536x1024 for 3:2",
    ),
    ("seed", 7, "is not a field of the API, where no image can be made twice; leave it out, and write n for several images"),
    ("steps", 30, "is not a field of the API; write quality instead, like high"),
    ("guidance", 7.5, "is not a field of the API; leave it out, and write what matters into the prompt"),
    ("thinking", True, "is not a field of the API; the nearest is complexity, of the gpt-image-2.6 models"),
    ("svg", "gpt-6", "is an object of the API, with a model and its reasoning effort; write svg_model and svg_effort instead"),
]
OWN = "; if the column is your own, say --column {}="


def test_every_word_is_in_the_table():
    """A word that is added must be added here, with what is told of it."""
    assert [word for word, _, _ in WORDS] == list(tutorials.FIELDS)


def _refused(desk, name: str, content: str, **terms) -> str:
    """What is told of a manifest with one problem, behind the file's name."""
    with pytest.raises(ManifestError) as caught:
        desk.submit(desk.manifest(name, content), **terms)
    told, *hint, count = str(caught.value).splitlines()
    assert all(line.startswith("[compat] translate = true in the settings") for line in hint[:1])
    assert len(hint) < 2
    assert count == "1 problem: nothing was stored"
    assert (desk.count("batches"), desk.count("jobs")) == (0, 0)
    return told.partition(name)[2]


@pytest.mark.parametrize("official", [True, False])
@pytest.mark.parametrize(("word", "value", "told"), WORDS)
def test_a_word_is_refused_as_a_column_and_as_a_key(desk, word, value, told, official):
    """At the vendor's address and at any other one: once in the header of a table, on its line in JSONL, in a body as well."""
    header = word.upper()
    assert _refused(desk, "m.csv", f"prompt,{header}\nA fox,{value}\nAn owl,\n", official=official) == (
        f":1: {header}: {told}{OWN.format(word)}"
    )
    lines = [{"prompt": "A fox"}, {"prompt": "A fox", word: value}]
    assert (
        _refused(desk, "m.jsonl", "\n".join(map(json.dumps, lines)), official=official)
        == f":2: {word}: {told}{OWN.format(word)}"
    )
    body = {"custom_id": "a", "method": "POST", "url": "/v1/images/generations", "body": lines[1]}
    assert _refused(desk, "b.jsonl", json.dumps(body), official=official) == f":1: {word}: {told}"


@pytest.mark.parametrize(("word", "value", "told"), WORDS)
def test_a_word_is_refused_as_an_option_and_as_a_default(tmp_path, word, value, told):
    """Told once, with the place where it stands, and not of every row."""
    option = f"--{word.replace('_', '-')}"
    with pytest.raises(WrongUsage) as caught:
        options.given_fields({word: str(value)})
    said, apart, hint = str(caught.value).partition("; [compat] translate = true")
    assert said == f"{option} {told}"
    assert (apart != "", hint.rpartition(" ")[2]) == ((True, word) if word in tutorials.TRANSLATED else (False, ""))
    with pytest.raises(SettingsError) as caught:
        loading.load(None, {}, {f"BATCHGEN_DEFAULTS__{word.upper()}": str(value)}, tmp_path)
    assert str(caught.value) == f"environment: [defaults] {word}: {told}"
    (tmp_path / "config.toml").write_text(f"[defaults]\n{word} = {json.dumps(value)}\n")
    with pytest.raises(SettingsError) as caught:
        loading.load(None, {}, {}, tmp_path)
    assert str(caught.value) == f"{tmp_path / 'config.toml'}: [defaults] {word}: {told}"


@pytest.mark.parametrize(("word", "value", "told"), WORDS)
def test_a_column_can_be_the_person_s_own(desk, word, value, told):
    """`--column WORD=` makes it metadata; no other column can be given to a word."""
    columns = options.column_mapping([f"{word.title()}="])
    desk.csv(f"prompt,{word}\nA fox,{value}\n", columns=columns)
    (job,) = desk.jobs("m")
    assert job.metadata == {word: str(value)}
    assert word not in job.request
    with pytest.raises(WrongUsage) as caught:
        options.column_mapping([f"{word}=Mine"])
    assert str(caught.value) == f"--column {word}=Mine: {word} {told}"


@pytest.mark.parametrize("header", ["Negative Prompt", "negative-prompt", " NEGATIVE_PROMPT "])
def test_a_word_is_known_however_it_is_joined(desk, header):
    """A hyphen or a space does not turn it into metadata."""
    told = _refused(desk, "m.csv", f"prompt,{header}\nA fox,text\n")
    assert told.endswith(OWN.format("negative_prompt"))


def test_a_list_of_references_is_one_problem(desk):
    """What cannot be given at all is not also told that it is nested."""
    assert _refused(desk, "m.jsonl", '{"prompt": "A fox", "image_urls": ["http://h/a.png"]}').startswith(
        f":1: image_urls: {EDIT}"
    )


# field, value, model, and all that is told of it
VALUES = [
    ("quality", "standard", "gpt-image-2", "standard: is a word of DALL-E; write medium instead"),
    ("quality", "hd", "gpt-image-2.6-flare", "hd: is a word of DALL-E; write high instead"),
    ("quality", "hd", "a-gateway-model", "hd: is a word of DALL-E; write high instead"),
    (
        "quality",
        "thinking",
        "gpt-image-2",
        "thinking: is no quality; the nearest is complexity=high, of the gpt-image-2.6 models",
    ),
    ("size", "512x512", "gpt-image-2", "512x512: needs at least 655,360 pixels; nearest: 816x816"),
    ("size", "256x256", "gpt-image-2.5-flare", "256x256: needs at least 655,360 pixels; nearest: 816x816"),
    ("size", "256x256", "gpt-image-1-mini", "256x256: gpt-image-1-mini takes 1024x1024, 1536x1024, 1024x1536 or auto"),
    ("size", "512x512", "gpt-image-2.6-flare", "512x512: is a size of DALL-E; write 1024x1024 instead"),
    ("size", "512x512", "a-gateway-model", "512x512: is a size of DALL-E; write 1024x1024 instead"),
]


@pytest.mark.parametrize(("field", "value", "model", "told"), VALUES)
def test_a_value_is_refused_at_every_address(desk, field, value, model, told):
    """In a cell and in a key, on its line, also for a model that nobody knows."""
    assert _refused(desk, "m.csv", f"prompt,model,{field}\nA fox,{model},{value}\n", official=False) == f":2: {field}: {told}"
    line = json.dumps({"prompt": "A fox", "model": model, field: value})
    assert _refused(desk, "m.jsonl", line, official=False) == f":1: {field}: {told}"


def test_a_word_ends_a_command_before_anything_is_stored(batchgen):
    """Exit 2 and one line for a column, an option, a quality and a default; there is no batch afterwards."""
    plain = b"prompt\nA fox\n"
    for content, arguments, told in (
        (b"prompt,style\nA fox,vivid\n", (), "standard input:1: style: is not taken by the GPT Image models"),
        (plain, ("--seed", "7"), "--seed is not a field of the API"),
        (plain, ("--quality", "hd"), "--quality hd: is a word of DALL-E; write high instead"),
        (plain, ("--size", "512x512"), "standard input:2: size: 512x512: needs at least 655,360 pixels; nearest: 816x816"),
    ):
        out, err = batchgen("submit", "-", "--name", "m", *arguments, code=2, stdin=content)
        assert out == ""
        assert err.startswith(f"batchgen: {told}")
    assert json.loads(batchgen("status", "--json")[0])["batches"] == []


WORDY = {"prompt": "A fox", "Style": "vivid", "negative_prompt": "text", "response_format": "url", "quality": "hd"}
SENT = {"prompt": "A fox\nStyle: vivid\nAvoid: text", "size": "1024x1024", "quality": "high"}
NOTES = [
    "style=vivid is written into the prompt",
    "negative_prompt=text is written into the prompt",
    "response_format=url is left out",
    "quality=hd is sent as high",
]
BODY = {"custom_id": "a", "body": {name.lower(): value for name, value in WORDY.items()}}
TRANSLATED_FILES = [
    ("m.csv", f"{','.join(WORDY)}\n{','.join(WORDY.values())}\n"),
    ("m.csv", f"{','.join(WORDY).replace('_', ' ')}\n{','.join(WORDY.values())}\n"),
    ("m.tsv", "{}\n{}\n".format("\t".join(WORDY), "\t".join(WORDY.values()))),
    ("m.jsonl", json.dumps(WORDY)),
    ("m.jsonl", json.dumps(BODY)),
]


@pytest.mark.parametrize(("name", "content"), TRANSLATED_FILES)
def test_a_translation_rewrites_cells_and_keys(desk, name, content):
    """In every form of a manifest: what is stored is what the API takes, and beside it what was rewritten."""
    desk.submit(desk.manifest(name, content), translate=True)
    (job,) = desk.jobs("m")
    assert (job.request, job.metadata, list(job.rewritten)) == (SENT, {}, NOTES)


def test_a_translation_takes_columns_of_other_names(desk):
    """A person's own name of a column, and a column that is the person's own."""
    columns = options.column_mapping(["style=Stil", "negative_prompt="], translate=True)
    desk.csv("prompt,Stil,negative_prompt\nA fox,vivid,none\n", columns=columns, translate=True)
    (job,) = desk.jobs("m")
    assert (job.request["prompt"], job.metadata) == ("A fox\nStyle: vivid", {"negative_prompt": "none"})


def test_a_translation_rewrites_options_and_defaults(tmp_path, desk):
    """A word that is said for every row is rewritten with each that does not say its own."""
    (tmp_path / "config.toml").write_text('[compat]\ntranslate = true\n[defaults]\nstyle = "vivid"\nquality = "standard"\n')
    settings = loading.load(None, {}, {}, tmp_path)
    given = options.given_fields({"quality": "hd", "response_format": "url"}, translate=settings.compat.translate)
    defaults = {**desk.terms.defaults, **settings.defaults, **given}
    desk.csv("id,prompt,style\na,A fox,\nb,An owl,natural\n", defaults=defaults, translate=True)
    fox, owl = desk.jobs("m")
    assert (fox.request["prompt"], fox.request["quality"]) == ("A fox\nStyle: vivid", "high")
    assert owl.request["prompt"] == "An owl\nStyle: natural"
    assert fox.rewritten == [NOTES[0], NOTES[2], NOTES[3]]


@pytest.mark.parametrize(("word", "value", "told"), [row for row in WORDS if row[0] not in tutorials.TRANSLATED])
def test_a_word_that_cannot_be_translated_stays_an_error(tmp_path, desk, word, value, told):
    """Nothing does what it asks for: as a column, an option and a default."""
    assert _refused(desk, "m.csv", f"prompt,{word}\nA fox,{value}\n", translate=True) == f":1: {word}: {told}{OWN.format(word)}"
    with pytest.raises(WrongUsage):
        options.given_fields({word: str(value)}, translate=True)
    with pytest.raises(SettingsError):
        loading.load(None, {"compat.translate": True}, {f"BATCHGEN_DEFAULTS__{word.upper()}": str(value)}, tmp_path)


def test_what_is_no_word_is_refused_by_a_translation_too(desk):
    """A size between the steps and a quality that nobody knows are mistakes and no words."""
    for field, value in (("size", "1920x1080"), ("quality", "best")):
        assert _refused(desk, "m.csv", f"prompt,{field}\nA fox,{value}\n", translate=True).startswith(f":2: {field}: {value}: ")


def test_the_notes_follow_the_file(desk):
    """Who writes the right words afterwards changes the notes and makes nothing again."""
    desk.csv("id,prompt,quality\nfox,A fox,hd\n", translate=True)
    desk.put("fox", "state = 'succeeded', finished_at = '2026-11-21 12:00:00', attempt = 1")
    (job,) = desk.jobs("m")
    assert job.rewritten == [NOTES[3]]
    found = desk.csv("id,prompt,quality\nfox,A fox,high\n").comparison
    assert (found.new, found.changed.count) == (0, 0)
    (job,) = desk.jobs("m")
    assert (job.rewritten, job.state) == ([], "succeeded")
