"""Job files as their users give them: the examples of jobs/, cron, and what counts before what."""

import json
import shutil
import tomllib
from datetime import datetime
from pathlib import Path

import pytest

from .conftest import REPOSITORY, Program, clean_environment

EXAMPLES = {
    # file -> images, one of them, the beginning of its prompt, how many images it is made from
    "campaign.toml": (4, "mug-crate.png", "Product photograph for a coffee roaster in a harbour town", 0),
    "styles.toml": (18, "fox-paper-collage-1024x1536.jpg", "A fox asleep in the snow, paper collage, on a plain background", 0),
    "stickers.toml": (6, "happy-felt.png", "A sticker of this cup as a cartoon character, smiling and waving, felt", 1),
    "gateway.toml": (2, "pier.png", "A wooden pier in the fog", 0),
    "backgrounds.csv": (4, "cup-beach.png", "Put this cup on a weathered plank", 1),
    "comic.csv": (5, "wake.png", "The same picture a moment later", 1),
    "poster.jsonl": (1, "tableware.png", "One poster of these three", 3),
}
# Read by a job file, or the one of the README.
PARTS = {"gateway.csv", "campaign.csv", "styles.csv", "stickers.csv", "quickstart.csv"}
ROWS = "custom_id,name,colour\ncup,A cup,red\nmug,A mug,blue\n"


def _lines(program: Program, batch: str) -> list[dict]:
    return [json.loads(line) for line in program.run("export", batch, "--format", "jsonl").stdout.splitlines()]


def test_every_example_of_this_repository_is_tried() -> None:
    """One that nobody runs is none."""
    assert {path.name for path in (REPOSITORY / "jobs").iterdir() if path.is_file()} == {*EXAMPLES, *PARTS}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_run_on_the_sandbox(program: Program, name: str) -> None:
    """Each makes its images, and given again it has nothing to do."""
    shutil.copytree(REPOSITORY / "jobs", program.folder / "jobs")
    images, file, prompt, inputs = EXAMPLES[name]
    batch = f"sandbox-{Path(name).stem}"
    for _ in range(2):
        done = program.run("run", f"jobs/{name}", "--provider", "sandbox")
        assert len(list((program.folder / "images" / batch).iterdir())) == images
    assert f"{images} row{'s' if images > 1 else ''}, 0 new" in done.stderr
    assert "nothing to do" in done.stderr
    (line,) = (line for line in _lines(program, batch) if line["files"] == [f"{batch}/{file}"])
    assert line["prompt"].startswith(prompt)
    assert len([path for path in (line["image"] or "").split(";") if path]) == inputs
    assert line["operation"] == ("edit" if inputs else "generate")


def test_cron_finds_everything_from_another_folder(program: Program, tmp_path: Path) -> None:
    """With --config, the ledger and the images lie beside the settings, and the manifest beside its job file."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    program.write("shop/config.toml", '[profiles.acme]\nprefix = "Photo:"\n')
    program.write("shop/lists/products.csv", ROWS)
    program.write(
        "lists/night.toml", 'manifest = "../shop/lists/products.csv"\nprompt = "{name}"\nprofile = "acme"\nname = "night-%Y"\n'
    )
    cron = Program(elsewhere, clean_environment())
    command = ["-q", "--config", "../shop/config.toml", "run", "../lists/night.toml", "--provider", "sandbox"]
    for _ in range(2):
        assert cron.run(*command).stderr == ""
    batch = f"sandbox-night-{datetime.now().astimezone():%Y}"
    assert sorted(path.name for path in (tmp_path / "shop" / "images" / batch).iterdir()) == ["cup.png", "mug.png"]
    assert (tmp_path / "shop" / "batchgen.db").is_file()
    assert list(elsewhere.iterdir()) == []
    home = Program(tmp_path / "shop", clean_environment())
    assert [line["prompt"] for line in _lines(home, batch)] == ["Photo: A cup", "Photo: A mug"]


def test_options_count_before_a_job_file(program: Program) -> None:
    """The name, a column, the profile and the provider can be said otherwise for once."""
    program.write("p.csv", "sku,title,other,colour\ncup,A cup,x,red\n")
    program.write(
        "p.toml",
        'manifest = "p.csv"\nname = "of job"\nprofile = "a"\n[columns]\nprompt = "other"\ncustom_id = "sku"\n'
        '[provider]\nname = "openai"\n[profiles.a]\nprefix = "a:"\n[profiles.b]\nprefix = "b:"\n',
    )
    program.run("submit", "p.toml")
    assert [(line["custom_id"], line["prompt"]) for line in _lines(program, "of job")] == [("cup", "a: x")]
    options = ["--name", "mine", "--column", "prompt=title", "--profile", "b", "--provider", "sandbox"]
    program.run("submit", "p.toml", *options)
    assert [(line["custom_id"], line["prompt"]) for line in _lines(program, "sandbox-mine")] == [("cup", "b: A cup")]


def test_the_provider_and_the_limits_of_a_job_file_hold(program: Program) -> None:
    """Its own sandbox, and a limit that is out of bounds is refused before anything is stored."""
    program.write("p.csv", ROWS)
    job = 'manifest = "p.csv"\nprompt = "{name}"\n[provider]\nname = "sandbox"\n[limits]\nconcurrency = '
    program.write("p.toml", f"{job}1\n")
    assert "2 succeeded" in program.run("run", "p.toml").stderr
    program.write("p.toml", f"{job}0\n")
    assert "p.toml: [limits] concurrency = 0" in program.run("run", "p.toml", code=2).stderr
    assert "2 rows, 0 new" in program.run("run", "p.toml", "--concurrency", "1").stderr


MISTAKES = [
    (["gone.toml"], "there is no job file gone.toml"),
    (["lost.toml"], "there is no manifest rows/lost.csv, which lost.toml names"),
    (["bad.toml"], "bad.toml: promt is not a key of a job file; the nearest is prompt"),
    (["p.toml", "q.toml"], "p.toml and q.toml do not agree about [limits] concurrency"),
    (["p.toml", "p.csv"], "p.toml and p.csv do not agree about [limits] concurrency"),
    (["p.toml", "p.toml"], "p.toml and p.toml would both be batch sandbox-p"),
    (["q.toml", "--name", "x", "q.toml"], "--name names one batch"),
    (["p.toml", "--profile", "acme"], "--profile: there is no profile 'acme'; there are plain"),
    (["r.toml"], "r.toml: profile: there is no profile 'acme'; write [profiles.acme] into the settings or the job file"),
    (["name.toml"], "'a/b' cannot name a batch: it holds '/'"),
    (["column.toml"], "p.csv:1: prompt: {nmae} is no column; the columns are custom_id, name, colour; do you mean {name}?"),
    (["columns.toml"], "p.csv:1: custom_id: there is no column 'SKU' for it; the columns are custom_id, name, colour"),
]


def test_mistakes_end_with_2_and_store_nothing(program: Program) -> None:
    """Each names the file that has to be mended, and the ledger stays empty."""
    program.write("p.csv", ROWS)
    start = 'manifest = "p.csv"\nprompt = "{name}"\n'
    files = {
        "lost": 'manifest = "rows/lost.csv"\n',
        "bad": 'promt = "x"\n',
        "p": f"{start}[limits]\nconcurrency = 1\n[profiles.plain]\n",
        "q": f"{start}[limits]\nconcurrency = 2\n",
        "r": f'{start}profile = "acme"\n',
        "name": f'{start}name = "a/b"\n',
        "column": 'manifest = "p.csv"\nprompt = "{nmae}"\n',
        "columns": f'{start}[columns]\ncustom_id = "SKU"\n',
    }
    for name, text in files.items():
        program.write(f"{name}.toml", text)
    for number, (arguments, told) in enumerate(MISTAKES):
        done = program.run(("submit", "run")[number % 2], *arguments, "--provider", "sandbox", code=2)
        assert told in done.stderr
        assert done.stdout == ""
    assert program.json("status")["batches"] == []


def test_config_lists_the_profiles(program: Program) -> None:
    """Each with what it says and the file that says so; one that says nothing is there to be chosen, too."""
    program.write(
        "config.toml",
        '[profiles.acme]\nprefix = """Photo:\nsoft light"""\npalette = ["navy", "cream"]\n'
        "defaults = { n = 2 }\n[profiles.plain]\n",
    )
    found = {key: entry for key, entry in program.json("config").items() if key.startswith("profiles")}
    assert {key: entry["value"] for key, entry in found.items()} == {
        "profiles.acme.prefix": "Photo:\nsoft light",
        "profiles.acme.palette": "navy, cream",
        "profiles.acme.defaults.n": "2",
        "profiles.plain": "",
    }
    assert {entry["source"] for entry in found.values()} == {str(program.folder / "config.toml")}
    lines = program.run("config").stdout.splitlines()
    assert [line for line in lines if line.startswith("profiles.acme.prefix ") and "Photo: soft light  " in line]


def test_a_profile_needs_a_manifest(program: Program) -> None:
    """What is stored keeps its prompts."""
    assert "options about rows need a manifest" in program.run("run", "--profile", "acme", code=2).stderr


def test_a_settings_file_is_no_job_file(program: Program) -> None:
    """config.toml of this repository, given by mistake, is refused with the reason."""
    shutil.copy(REPOSITORY / "config.toml", program.folder / "c.toml")
    first = next(iter(tomllib.loads((REPOSITORY / "config.toml").read_text(encoding="utf-8"))))
    assert f"c.toml: [{first}] is no part of a job file" in program.run("run", "c.toml", code=2).stderr
