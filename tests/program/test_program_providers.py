"""Providers by name as their users meet them: whom a row, a batch and a command ask, and what each of them sees."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from hostile.conftest import Stage, stage
from scripted_server import error, images, reply

from batchgen.core import identity

from .conftest import REPOSITORY, Program, Server, prompts

__all__ = ["stage"]

GOOD, BAD = "good-key-0123456789", "bad-key-0123456789"
ROWS = "id,prompt,provider\na,A fox,good\nb,A bear,bad\nc,A cat,good\nd,A dog,bad\n"


def _described(**servers: str) -> str:
    return "".join(
        f'[providers.{name}]\nbase_url = "{url}"\napi_key_env = "{name.upper()}_KEY"\n' for name, url in servers.items()
    )


@pytest.fixture
def shop(program: Program, stage: Callable[..., Stage]) -> tuple[Program, Stage, Stage]:
    """The program with two providers and their keys, none for the vendor."""
    good, bad = stage(), stage()
    program.environment |= {"GOOD_KEY": GOOD, "BAD_KEY": BAD, "BATCHGEN_RETRY__BACKOFF_BASE_S": "0"}
    program.write("config.toml", _described(good=good.url, bad=bad.url))
    program.write("m.csv", ROWS)
    return program, good, bad


def _who(program: Program) -> dict[str, str]:
    with closing(sqlite3.connect(program.folder / "batchgen.db")) as ledger:
        query = "SELECT custom_id, attempts.provider FROM attempts JOIN jobs ON jobs.id = job_id WHERE outcome = 'succeeded'"
        return dict(ledger.execute(query).fetchall())


def test_rows_ask_whom_they_name(shop: tuple[Program, Stage, Stage]) -> None:
    """In one run, each with its own key; a blocked one leaves its rows waiting, and the others are made."""
    program, good, bad = shop
    bad.server.then = error(401, "invalid_api_key")
    said = program.run("run", "m.csv", code=3).stderr
    assert "m: 2 pending, 2 succeeded" in said
    assert "batchgen: halted: bad: the provider refuses every request (invalid_api_key: no)" in said
    assert [seen.headers["Authorization"] for seen in good.server.seen] == [f"Bearer {GOOD}"] * 2
    assert {seen.headers["Authorization"] for seen in bad.server.seen} == {f"Bearer {BAD}"}
    assert set(program.json("status")["paces"]) == {"good", "bad"}
    bad.server.then = images()
    program.run("resume", "m")
    assert _who(program) == {"a": "good", "b": "bad", "c": "good", "d": "bad"}
    assert "pace of bad: " in program.run("status").stdout
    shown = program.json("show", "m", "b")
    assert (shown["provider"], [attempt["provider"] for attempt in shown["attempts"]][-1]) == ("bad", "bad")
    assert ",bad,\n" in program.run("export", "m", "--format", "csv").stdout


def test_a_matrix_varies_what_a_provider_accepts(shop: tuple[Program, Stage, Stage]) -> None:
    """Each value is sent: as metadata, three equal requests would be paid for."""
    program, good, bad = shop
    program.write("config.toml", _described(good=good.url, bad=bad.url).replace("\n", '\naccepts = ["seed"]\n', 1))
    program.write("one.csv", "id,prompt\na,A fox\n")
    program.write("job.toml", 'manifest = "one.csv"\n[provider]\nname = "good"\n[matrix]\nseed = [1, 2, 3]\n')
    program.run("run", "job.toml")
    assert sorted(seen.json["seed"] for seen in good.server.seen) == [1, 2, 3]
    assert "seed: " in program.run("submit", "job.toml", "--name", "other", "--provider", "bad", code=2).stderr


def test_a_key_that_lacks_is_told_before_anything_is_stored(shop: tuple[Program, Stage, Stage]) -> None:
    """Only those are needed that a row needs: the vendor's is not."""
    program, *_ = shop
    del program.environment["BAD_KEY"]
    assert "there is no API key for bad: set BAD_KEY in the environment" in program.run("run", "m.csv", code=2).stderr
    assert program.json("status")["batches"] == []
    program.write("m.csv", ROWS + "e,An eel,\n")
    program.environment["BAD_KEY"] = BAD
    assert "there is no API key: set OPENAI_API_KEY" in program.run("run", "m.csv", code=2).stderr
    program.run("run", "m.csv", "--provider", "good")
    assert _who(program)["e"] == "good"


def test_a_row_that_names_nobody_known_is_a_problem(shop: tuple[Program, Stage, Stage]) -> None:
    """By its line, with those there are; the sandbox is for whole batches."""
    program, *_ = shop
    program.write("m.csv", "id,prompt,provider\na,A fox,good\nb,A bear,nobody\nc,A cat,sandbox\n")
    said = program.run("submit", "m.csv", code=2).stderr
    assert "m.csv:3: provider: 'nobody' is none of openai, good, bad; if the column is your own, say --column provider=" in said
    assert "m.csv:4: provider: 'sandbox' is for all rows of a command: say --provider sandbox" in said
    program.run("submit", "m.csv", "--column", "provider=")


def test_on_the_sandbox_every_row_is_made_there(shop: tuple[Program, Stage, Stage]) -> None:
    """Whatever it names; nobody else is asked."""
    program, good, bad = shop
    program.run("run", "m.csv", "--provider", "sandbox")
    assert set(_who(program).values()) == {"sandbox"}
    assert good.server.seen == bad.server.seen == []


def test_resume_asks_whom_the_run_asked(shop: tuple[Program, Stage, Stage]) -> None:
    """An option and a job file are remembered with the batch; the same file without them is refused, and not made elsewhere."""
    program, good, bad = shop
    good.server.then = bad.server.then = error(400, "invalid_value")
    program.write("signs.csv", prompts(1))
    program.write("job.toml", 'manifest = "signs.csv"\n[provider]\nname = "bad"\n')
    program.run("run", "signs.csv", "--provider", "good", code=1)
    program.run("run", "job.toml", code=1)
    for name, server in (("signs", good), ("job", bad)):
        before = len(server.server.seen)
        program.run("resume", name, "--rejected", code=1)
        assert len(server.server.seen) == before + 1
    refused = program.run("submit", "signs.csv", code=2).stderr
    assert "signs.csv: batch signs was given to good, and the settings say openai; say --provider good, or" in refused
    bad.server.then = images()
    moved = program.run("resume", "signs", "--rejected", "--provider", "bad").stderr
    assert "signs: was given to good, and now to bad" in moved
    assert _who(program) == {"row-1": "bad"}
    assert "0 new" in program.run("run", "signs.csv", "--provider", "bad").stderr


def _owners(program: Program) -> dict[str, str]:
    with closing(sqlite3.connect(program.folder / "batchgen.db")) as ledger:
        return dict(ledger.execute("SELECT name, provider FROM batches").fetchall())


def test_a_batch_changes_hands_only_with_its_work(shop: tuple[Program, Stage, Stage]) -> None:
    """Not where the command is refused, and not one that has nothing to be made; what does is told."""
    program, good, _ = shop
    for name in ("old", "done"):
        program.write(f"{name}.csv", prompts(1))
        program.run("submit", f"{name}.csv", "--provider", "good")
    program.run("run", "--batch", "done")
    program.write("wrong.csv", "id,prompt,n\na,A fox,many\n")
    program.run("run", "wrong.csv", "--batch", "old", "--provider", "bad", code=2)
    assert _owners(program) == {"old": "good", "done": "good"}
    said = program.run("run", "--provider", "bad").stderr
    assert "old: was given to good, and now to bad; rows that name one keep it" in said
    assert "done: was given" not in said
    assert _owners(program) == {"old": "bad", "done": "good"}
    assert len(good.server.seen) == 1


def test_a_submission_tells_what_changes_hands(shop: tuple[Program, Stage, Stage]) -> None:
    """The batch, by another option, and a row whose own word is another one; the same once more tells nothing."""
    program, *_ = shop
    program.run("submit", "m.csv", "--provider", "good")
    program.write("m.csv", ROWS.replace("A bear,bad", "A bear,good").replace("A cat,good", "A cat,"))
    said = program.run("submit", "m.csv", "--provider", "bad").stderr
    assert "m: was given to good, and now to bad; rows that name one keep it" in said
    assert "m: name another provider now: 2 jobs (b, c)" in said
    again = program.run("submit", "m.csv", "--provider", "bad").stderr
    assert (" now" in again, _owners(program)) == (False, {"m": "bad"})


def test_prompts_are_moderated_by_whom_they_are_for(shop: tuple[Program, Stage, Stage]) -> None:
    """Those of other providers' rows are shown to nobody, which is told and is no success; on the sandbox all are asked."""
    program, good, bad = shop
    good.server.then = reply(200, '{"results": [{"flagged": true, "categories": {"hate": true}}, {"flagged": false}]}')
    program.write("m.csv", ROWS.replace("A cat,good", "A cat,"))
    (one,) = program.json("check", "m.csv", "--moderation", "--provider", "good", code=3)["manifests"]
    asked = [seen.json["input"] for seen in good.server.seen if seen.path.endswith("moderations")]
    assert (asked, [seen for seen in bad.server.seen if seen.body]) == ([["A fox", "A cat"]], [])
    assert [row["custom_id"] for row in one["moderation"]["flagged"]] == ["a"]
    assert (one["moderation"]["rows_not_asked_about"], one["moderation"]["failure"]) == ({"bad": 2}, None)
    told = program.run("check", "m.csv", "--moderation", "--provider", "good", code=3).stdout
    assert "moderation: 2 distinct prompts asked about, 1 row flagged" in told
    assert (
        "moderation was not asked about 2 rows of bad, whose prompts nobody else is shown: "
        "check --moderation --provider bad asks it"
    ) in told
    (one,) = program.json("check", "m.csv", "--moderation", "--provider", "sandbox")["manifests"]
    assert (one["moderation"]["prompts"], one["moderation"]["failure"]) == (4, None)


@pytest.mark.parametrize("gone", ["key", "description"])
def test_resume_queues_nothing_that_it_could_not_ask_for(shop: tuple[Program, Stage, Stage], gone: str) -> None:
    """Whose provider has no key, or nobody describes any more: it exits with 2, and all stays as it was."""
    program, good, bad = shop
    bad.server.then = error(400, "invalid_value")
    program.run("run", "m.csv", code=1)
    if gone == "key":
        del program.environment["BAD_KEY"]
    else:
        program.write("config.toml", _described(good=good.url))
    program.run("resume", "m", "--rejected", code=2)
    (batch,) = program.json("status")["batches"]
    assert (batch["jobs"]["failed"], batch["jobs"]["pending"]) == (2, 0)


def test_a_provider_that_is_gone_is_told(shop: tuple[Program, Stage, Stage]) -> None:
    """Jobs that name it wait for its description, and go to nobody else."""
    program, good, _ = shop
    program.run("submit", "m.csv")
    program.write("config.toml", _described(good=good.url))
    said = program.run("run", "--batch", "m", code=2).stderr
    assert "jobs are to be made by bad, which nobody knows any more: describe it in [providers.bad] of the settings" in said
    assert good.server.seen == []


def test_a_row_of_the_vendor_names_it_where_another_one_is_chosen(shop: tuple[Program, Stage, Stage]) -> None:
    """Otherwise nobody would know why that key is asked for."""
    program, *_ = shop
    program.write("two.csv", "id,prompt,provider\na,A fox,\nb,A bear,openai\n")
    told = program.run("run", "two.csv", "--provider", "good", code=2).stderr
    assert "there is no API key for openai: set OPENAI_API_KEY" in told


def test_a_bare_run_leaves_out_what_nobody_can_make(shop: tuple[Program, Stage, Stage]) -> None:
    """With an alarm that names the batch, and exit 3; the others are made. A batch that was named is refused."""
    program, *_ = shop
    program.write("old.csv", prompts(1))
    program.run("submit", "old.csv", "--provider", "bad")
    program.write("new.csv", prompts(2))
    program.run("submit", "new.csv", "--provider", "good")
    del program.environment["BAD_KEY"]
    words = "batch old: there is no API key for bad: set BAD_KEY"
    said = program.run("-q", "run", code=3).stderr
    assert f"left out: {words}" in said
    assert "halted: not everything could be begun" in said
    assert {batch["name"]: batch["jobs"]["succeeded"] for batch in program.json("status")["batches"]} == {"old": 0, "new": 2}
    assert words in program.run("run", "--batch", "old", "--batch", "new", code=2).stderr
    assert words in program.run("run", code=2).stderr


def test_the_limit_counts_the_jobs_of_all(shop: tuple[Program, Stage, Stage]) -> None:
    """Of two providers, as of one."""
    program, good, bad = shop
    program.run("run", "m.csv", "--limit", "3")
    assert len(good.server.seen) + len(bad.server.seen) == 3


def test_words_go_untouched_to_whom_takes_them(shop: tuple[Program, Stage, Stage]) -> None:
    """As columns and as options, a number as one; to others they are the errors that they are, by line."""
    program, good, _ = shop
    accepts = 'accepts = ["style", "negative_prompt", "seed", "quality", "size", "lora"]\n'
    program.write("config.toml", _described(bad="http://127.0.0.1:1/v1", good=good.url) + accepts)
    program.write("w.csv", "id,prompt,Style,seed,lora,quality,size\na,A fox,vivid,7,film-2,hd,512x512\n")
    told = program.run("submit", "w.csv", code=2).stderr
    assert "w.csv:1: Style: is not taken by the GPT Image models" in told
    options = ["--provider", "good", "--negative-prompt", "text, frames"]
    shown = program.json("check", "w.csv", *options)["manifests"][0]
    assert (shown["problems"], shown["first"][0]["sent"]["seed"]) == ([], 7)
    program.run("run", "w.csv", *options)
    assert good.server.seen[-1].json == {
        "model": "gpt-image-2.5-flare",
        "prompt": "A fox",
        "style": "vivid",
        "negative_prompt": "text, frames",
        "seed": 7,
        "lora": "film-2",
        "quality": "hd",
        "size": "512x512",
    }
    mixed = "id,prompt,provider,style,lora\na,A fox,good,vivid,film\nb,A bear,bad,,film\nc,A cat,bad,vivid,\n"
    program.write("mixed.csv", mixed)
    told = program.run("submit", "mixed.csv", code=2).stderr
    assert "mixed.csv:3: lora: is not taken by the provider of this row; if the column is your own, say --column lora=" in told
    assert "mixed.csv:4: style: is not taken by the GPT Image models" in told
    assert "mixed.csv:2" not in told
    program.write("mixed.csv", mixed.replace("bad,vivid", "good,vivid").replace(",,film", ",,"))
    assert "3 new" in program.run("submit", "mixed.csv").stderr


def test_job_files_and_defaults_know_the_words_of_providers(shop: tuple[Program, Stage, Stage]) -> None:
    """As options do: of a column and for every row, in a job file and in the settings; without such a provider, refused."""
    program, good, _ = shop
    accepts = 'accepts = ["seed", "lora", "strength"]\n'
    program.write("config.toml", f"[defaults]\nstrength = 0.5\n{_described(good=good.url)}{accepts}")
    program.write("w.csv", "id,prompt,Number\na,A fox,7\n")
    job = 'manifest = "w.csv"\n[columns]\nseed = "Number"\n[defaults]\nlora = "film-2"\n[provider]\nname = "good"\n'
    program.write("w.toml", job)
    program.run("run", "w.toml")
    sent = good.server.seen[-1].json
    assert (sent["seed"], sent["lora"], sent["strength"]) == (7, "film-2", 0.5)
    program.write("seed.toml", 'manifest = "w.csv"\n[defaults]\nseed = 9\n[provider]\nname = "good"\n')
    program.run("run", "seed.toml")
    assert good.server.seen[-1].json["seed"] == 9
    program.write("config.toml", _described(good=good.url))
    assert "w.toml: [columns] seed is not a field of the API" in program.run("submit", "w.toml", code=2).stderr


def test_a_copy_is_made_by_one_for_all(shop: tuple[Program, Stage, Stage]) -> None:
    """Each provider looks for what is missing at the end: what cannot be made is tried, told and remarked once."""
    program, good, bad = shop
    program.write("config.toml", "[compat]\ntranslate = true\n" + _described(good=good.url, bad=bad.url))
    program.write("old.csv", "id,prompt,size,provider\nold,A fox,256x256,good\n")
    program.run("run", "old.csv")
    folder = program.folder / "images" / "old"
    for path in folder.glob("*"):
        path.write_bytes(b"no image") if path.name == "old.png" else path.unlink()
    program.write("m.csv", ROWS)
    said = program.run("run", "m.csv", "--batch", "old").stderr
    assert said.count("resized copies that could not be made: 1;") == 1
    assert list(folder.glob("*~*")) == []


def test_variations_are_made_where_they_still_are(shop: tuple[Program, Stage, Stage]) -> None:
    """A form with the image and no prompt; elsewhere they are refused by line, with the edit that does the same."""
    program, good, _ = shop
    shutil.copytree(REPOSITORY / "jobs" / "pictures", program.folder / "pictures")
    program.write("config.toml", f"{_described(bad=good.url, good=good.url)}variations = true\n")
    rows = "id,prompt,operation,image,n,model,provider\n"
    program.write("v.csv", f"{rows}a,,variation,pictures/cup.png,2,dall-e-2,good\n")
    good.server.then = images(2)
    program.run("run", "v.csv")
    (seen,) = good.server.seen
    assert (seen.path, b'name="prompt"' in seen.body, b'name="quality"' in seen.body) == ("/v1/images/variations", False, False)
    assert len(list((program.folder / "images" / "v").iterdir())) == 2
    wrong = {
        "b,,variation,pictures/cup.png,,,": "3: operation: variation: the API has no variations any more: write edit, with",
        "c,,variation,pictures/cup.png,,,bad": "4: operation: variation: the API has no variations any more: write edit",
        "d,,variation,,,,good": "5: operation: variation is made of one image, a file or a result, without a",
        "e,A fox,variation,pictures/cup.png,,,good": "6: prompt: is not taken by a variation: leave it empty, or write edit",
    }
    program.write("v.csv", rows + "a,,variation,pictures/cup.png,2,dall-e-2,good\n" + "\n".join(wrong))
    told = program.run("submit", "v.csv", code=2).stderr
    assert [line for line in wrong.values() if f"v.csv:{line}" not in told] == []
    assert "[providers.NAME] says variations = true" in told


def test_the_example_runs_through_a_gateway_that_answers_by_url(program: Program, serve: Callable[..., Server]) -> None:
    """jobs/gateway.toml with the settings that its comment shows, on a server that names images by link."""
    server = serve("--links")
    shutil.copytree(REPOSITORY / "jobs", program.folder / "jobs")
    comment = (REPOSITORY / "jobs" / "gateway.toml").read_text(encoding="utf-8").partition("\nmanifest")[0]
    lines = [
        line.removeprefix("#     ") for line in comment.splitlines() if line.startswith("#     ") and "batchgen" not in line
    ]
    settings = "\n".join(lines).replace("https://gateway.example/v1", server.url)
    program.environment["GATEWAY_KEY"] = GOOD
    program.write("config.toml", settings)
    refused = program.run("run", "jobs/gateway.toml", "--limit", "1", code=3).stderr
    assert "private_links = true" in refused
    program.write("config.toml", f"{settings}\nprivate_links = true\n")
    program.run("resume", "gateway")
    assert sorted(path.name for path in (program.folder / "images" / "gateway").iterdir()) == ["dunes.png", "pier.png"]
    assert set(_who(program).values()) == {"gateway"}


AZURE = """
[provider]
name = "azure"
[providers.azure]
base_url = "{}/openai"
api_key_env = "AZURE_KEY"
key_header = "api-key"
headers = {{ X-Token = "env:TEAM_TOKEN" }}
query = {{ api-version = "2025-04-01-preview", code = "env:TEAM_TOKEN" }}
paths = {{ generations = "deployments/{{model}}/images/generations", models = "models" }}
"""


def test_neither_key_nor_token_is_written_anywhere(program: Program, stage: Callable[..., Stage]) -> None:
    """A server that is asked as Azure is, and repeats what it was sent: nothing said, stored or exported holds a part of it."""
    key, token = "Zq7vT2mX9wLr4KpD8sHn3B", "cYf6JgUe1AhR5tNb0vQx2W"
    words = f'{{"error": {{"message": "no: {key} {token}", "code": "{token}"}}}}'
    server = stage(reply(400, words, {"x-request-id": token}), reply(500, words), then=images(headers={"x-request-id": key}))
    program.environment |= {
        "AZURE_KEY": key,
        "TEAM_TOKEN": token,
        "BATCHGEN_RETRY__MAX_ATTEMPTS": "1",
        "PYTHONASYNCIODEBUG": "1",
    }
    program.write("config.toml", AZURE.format(server.url))
    program.write("signs.csv", prompts(3))
    commands = [
        (("-v", "check", "signs.csv"), 0),
        (("-v", "run", "signs.csv", "--concurrency", "1", "--model", "my-images"), 1),
        *(((*command,), 0) for command in (["config"], ["config", "--json"], ["failures", "signs"], ["status"], ["costs"])),
        *((("show", "signs", f"row-{number}", "--json"), 0) for number in (1, 2, 3)),
        (("export", "signs", "--format", "csv", "--to", "out.csv"), 0),
    ]
    said = ""
    for command, code in commands:
        done = program.run(*command, code=code)
        said += done.stdout + done.stderr
    asked = server.server.seen[-1]
    assert asked.path == "/v1/openai/deployments/my-images/images/generations"
    assert asked.query == f"api-version=2025-04-01-preview&code={token}"
    assert (asked.headers["api-key"], asked.headers["X-Token"]) == (key, token)
    assert "Authorization" not in asked.headers
    assert "(the key)" in said
    assert "providers.azure.headers.X-Token" in said
    written = [path.read_bytes() for path in sorted(program.folder.rglob("*")) if path.is_file()]
    parts = [one[start : start + 12].encode() for one in (key, token) for start in range(len(one) - 12)]
    assert [part for part in parts for data in (*written, said.encode()) if part in data] == []


@pytest.mark.parametrize("is_varied", [False, True])
def test_a_word_that_a_provider_takes_as_it_is_names_a_row_as_it_is(
    shop: tuple[Program, Stage, Stage], is_varied: bool
) -> None:
    """With a template as without one, whether the row names the provider or a matrix does: an upgrade buys nothing again."""
    program, good, _ = shop
    program.write("config.toml", _described(bad="http://127.0.0.1:1/v1", good=good.url) + 'accepts = ["quality", "size"]\n')
    program.write("w.csv", "x,quality,size\nchair,High,1024X1024\n" if is_varied else "x,quality,provider\nchair,High,good\n")
    matrix = '[matrix]\nprovider = ["good"]\n' if is_varied else ""
    program.write("job.toml", f'manifest = "w.csv"\nprompt = "A {{x}}"\n{matrix}')
    (shown,) = program.json("check", "job.toml")["manifests"][0]["first"]
    size = {"size": "1024X1024"} if is_varied else {}
    name = identity.derive({"quality": "High", **size, "{x}": "chair"}, "chair")
    assert shown["custom_id"] == (f"{name}-good" if is_varied else name)
