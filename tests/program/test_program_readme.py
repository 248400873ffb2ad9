"""The README cannot lie: its commands are run, its tables compared with the program."""

import re
import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import copied

from batchgen.core.fields import REQUEST_FIELDS
from batchgen.settings.model import tables
from batchgen.settings.providers import Written

from .conftest import KEY, REPOSITORY, Program, Server, clean_environment

_README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def _commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", _README, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("batchgen ")]


def test_the_commands_of_the_readme_work(tmp_path: Path, serve: Callable[..., Server]) -> None:
    """Every command line of the README ends with 0, in its order, in a folder with jobs/."""
    shutil.copytree(REPOSITORY / "jobs", tmp_path / "jobs")
    environment = clean_environment(OPENAI_BASE_URL=serve().url, OPENAI_API_KEY=KEY)
    commands = _commands()
    assert len(commands) >= 8
    for command in commands:
        done = copied.run(command.split()[1:], tmp_path, environment)
        assert done.returncode == 0, f"{command}\n{done.stderr.decode()}"
    assert (tmp_path / "quickstart-results.csv").is_file()
    assert len(list((tmp_path / "images" / "quickstart").iterdir())) == 8


def test_the_manifest_of_the_readme_is_one(tmp_path: Path, program: Program) -> None:
    """The manifest shown in the README can be submitted."""
    text = re.findall(r"^```csv\n(.*?)^```", _README, re.MULTILINE | re.DOTALL)[0]
    program.write("shown.csv", text)
    assert program.json("submit", "shown.csv")["batches"][0]["new"] == 2


def test_the_job_file_of_the_readme_is_one(program: Program) -> None:
    """The job file shown in the README can be submitted, and its rows are called as the README says."""
    program.write("shown.toml", re.findall(r"^```toml\n(.*?)^```", _README, re.MULTILINE | re.DOTALL)[0])
    program.write("products.csv", "sku,name,colour\ncup,A cup,red\nmug,A mug,blue\n")
    assert program.json("submit", "shown.toml")["batches"][0]["new"] == 8
    assert program.json("show", "spring", "cup-in-a-bright-studio-1024x1024")["state"] == "pending"
    assert "`cup-in-a-bright-studio-1024x1024`" in _README


def test_what_the_environment_can_set_is_as_the_readme_says(program: Program) -> None:
    """Every key of the tables that are named by the program, and none of those that are named by their users."""
    assert "except in tables whose names are your own" in _README
    program.environment |= {"BATCHGEN_LIMITS__CONCURRENCY": "8", "BATCHGEN_DEFAULTS__QUALITY": "low"}
    shown = program.json("config")
    assert (shown["limits.concurrency"]["value"], shown["defaults.quality"]["value"]) == (8, "low")
    for table in ("PROVIDERS", "MODELS", "PROFILES"):
        environment = {**program.environment, f"BATCHGEN_{table}__NAME": "x"}
        assert "is not a setting" in Program(program.folder, environment).run("config", code=2).stderr


def test_the_providers_of_the_readme_are_ones(program: Program) -> None:
    """The settings shown in the README can be used as they stand, and show every key that a provider has."""
    text = re.findall(r"^```toml\n(.*?)^```", _README, re.MULTILINE | re.DOTALL)[1]
    program.write("config.toml", text)
    shown = program.json("config")
    told = {key.split(".")[2] for key in shown if key.startswith("providers.")}
    assert told == {field.name for field in fields(Written)}
    program.write("signs.csv", "prompt,provider\nA fox,azure\nA bear,gateway\n")
    assert program.json("check", "signs.csv")["manifests"][0]["problems"] == []


def test_the_readme_names_every_command_and_every_field(program: Program) -> None:
    """Nothing that the program offers is missing from the README."""
    listed = re.findall(r"^  ([a-z]+) ", program.run("--help").stdout.split("Commands:")[1], re.MULTILINE)
    assert [name for name in listed if f"`batchgen {name}" not in _README] == []
    assert [field for field in REQUEST_FIELDS if f"`{field}`" not in _README] == []


def test_the_settings_file_shows_every_key_and_its_built_in_value(program: Program) -> None:
    """config.toml with every comment sign taken away is exactly the built-in settings, so that no key is missing or wrong."""
    text = (REPOSITORY / "config.toml").read_text(encoding="utf-8")
    uncommented = re.sub(r"^# ([a-z_]+ = )", r"\1", text, flags=re.MULTILINE)
    program.write("config.toml", uncommented)
    shown = program.json("config")
    # JSON has no tuples.
    before = {
        f"{table}.{key}": list(value) if isinstance(value, tuple) else value
        for table, keys in tables().items()
        for key, value in keys.items()
    }
    paths = {"database.url", "storage.root"}
    assert {key: shown[key]["value"] for key in before if key not in paths} == {
        key: value for key, value in before.items() if key not in paths
    }
    assert all(shown[key]["source"].endswith("config.toml") for key in before)
