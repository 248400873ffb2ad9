"""`batchgen check`: everything that can be known before a cent is spent, and nothing is left behind."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime

from .conftest import Program, Server, prompts

ROWS = "id,prompt,size,image\na,A cat,1920x1080,\nb,A cat,,\nc,A cat,,\nd,A dog,,gone.png\n"


def _is_untouched(program: Program) -> bool:
    return not any(path.suffix == ".db" or path.name.startswith((".", "images")) for path in program.folder.iterdir())


def test_what_is_wrong_and_what_would_be_sent(program: Program) -> None:
    """Problems by line with exit 2, rows that ask for the same, the first requests; no ledger is made."""
    program.write("bad.csv", ROWS)
    told = program.run("check", "bad.csv", code=2).stdout.splitlines()
    assert told[0] == "bad.csv: 4 rows, 2 problems"
    assert told[1] == "  bad.csv:2: size: 1920x1080: edges must be multiples of 16; nearest: 1920x1088"
    assert told[2].startswith("  bad.csv:5: image: gone.png is not there")
    assert told[3] == "  1 row asking for just what an earlier one asks for: line 4"
    sent = '{"model": "gpt-image-2.5-flare", "prompt": "A cat", "size": "1024x1024", "quality": "medium"}'
    assert told[4] == "  what would be sent, of the first rows:"
    assert told[5:] == [f"  line 3, b: generate {sent}", f"  line 4, c: generate {sent}"]
    assert _is_untouched(program)


def test_one_mistake_is_told_once_with_all_its_lines(program: Program) -> None:
    """A wrong option does not fill the terminal; rows without a prompt are none that would be sent, and a folder is no file."""
    program.write("signs.csv", prompts(9).replace("number 4,low", "number 4,best").replace("row-6", "row/6"))
    told = program.run("check", "signs.csv", "--size", "512x512", code=2).stdout.splitlines()
    size = "size: 512x512: needs at least 655,360 pixels; nearest: 816x816 (also on lines 3-10)"
    assert told[:2] == ["signs.csv: 9 rows, 11 problems", f"  signs.csv:2: {size}"]
    assert [line.split(": ")[1] for line in told[2:4]] == ["quality", "custom_id"]
    assert told[4:] == ["  [compat] translate = true in the settings has this rewritten: size=512x512"]
    program.write("names.csv", "name,size\na cat,auto\na dog,auto\n")
    told = program.run("check", "names.csv", "--moderation", "--provider", "sandbox", code=2).stdout.splitlines()
    assert told[1].endswith("name yours with --column prompt=HEADER, or give a job file with a prompt for all rows")
    assert told[2:] == ["  moderation: 0 distinct prompts, 0 rows flagged"]
    (program.folder / "jobs").mkdir()
    assert (
        "no manifest jobs: it is a folder; name the files in it, as in jobs/*.csv"
        in program.run("check", "jobs", code=2).stderr
    )


def test_a_header_is_no_row(program: Program) -> None:
    """What is wrong with it is a problem, and the rows are those below it."""
    program.write("typo.csv", "sku,prompt,qualty\nA,b,c\n")
    assert program.run("check", "typo.csv", code=2).stdout.startswith("typo.csv: 1 row, 1 problem\n")


def test_a_row_is_told_with_who_makes_it(program: Program) -> None:
    """Where it names somebody, in what would be sent and in the export of what is not made yet."""
    program.write("config.toml", '[providers.mine]\nbase_url = "http://127.0.0.1:9/v1"\napi_key_env = "MINE_KEY"\n')
    program.write("m.csv", "id,prompt,provider\na,A fox,mine\nb,A bear,\n")
    told = program.run("check", "m.csv").stdout.splitlines()
    assert [line.partition(": ")[0] for line in told[2:]] == ["  line 2, a, by mine", "  line 3, b"]
    assert [row["provider"] for row in program.json("check", "m.csv")["manifests"][0]["first"]] == ["mine", None]
    program.run("submit", "m.csv")
    lines = program.run("export", "m", "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line)["provider"] for line in lines] == ["mine", None]


def test_rules_for_prompts_hold_for_every_command(program: Program) -> None:
    """What is sent is looked at, with its template and profile: told by line and field, and nothing is stored."""
    program.write(
        "config.toml",
        '[prompts]\nblocked = ["wine glass", "hell"]\nmax_length = 40\n[profiles.acme]\nsuffix = "seen from hell"\n',
    )
    program.write("p.csv", "id,name\na,Wine  Glass\nb,hello\nc,a bottle with a rather long name\n")
    program.write("p.toml", 'manifest = "p.csv"\nprompt = "A photo of {name}"\n')
    problems = [
        "p.csv:2: prompt: holds 'wine glass', which [prompts] blocked forbids",
        "p.csv:4: prompt: has 43 characters: [prompts] max_length allows 40 at most",
    ]
    assert [line.strip() for line in program.run("check", "p.toml", code=2).stdout.splitlines()[1:3]] == problems
    for command in ("submit", "run"):
        told = program.run(command, "p.toml", "--provider", "sandbox", code=2).stderr
        assert told == "".join(
            f"{line}\n" for line in [f"batchgen: {problems[0]}", problems[1], "2 problems: nothing was stored"]
        )
    assert (
        "p.csv:2: prompt: holds 'hell', which [prompts] blocked forbids (also on lines 3-4)"
        in program.run("check", "p.toml", "--profile", "acme", code=2).stdout
    )


def test_a_sound_manifest_ends_with_0(program: Program) -> None:
    """For people and for programs; the same options as submit."""
    program.write("signs.csv", prompts(5))
    found = program.json("check", "signs.csv", "--provider", "sandbox", "--size", "1536x1024")
    (one,) = found["manifests"]
    assert (one["batch"], one["rows"], one["problems"], one["asking_for_the_same"]) == ("sandbox-signs", 5, [], 0)
    assert [row["custom_id"] for row in one["first"]] == ["row-1", "row-2", "row-3"]
    assert one["first"][0]["sent"]["size"] == "1536x1024"
    assert _is_untouched(program)


def test_the_provider_is_asked_for_its_models(serve: Callable[..., Server], client: Callable[[Server], Program]) -> None:
    """Those that it does not have and those that it will shut down are told, and nothing is made."""
    server = serve()
    program = client(server)
    program.write("m.csv", "prompt,model\na cat,gpt-image-1.5\na dog,mine\na fox,gpt-image-1\n")
    told = program.run("check", "m.csv").stdout
    assert "warning: the provider's list of models does not have mine" in told
    for model, day in (("gpt-image-1.5", "2026-12-01"), ("gpt-image-1", "2026-10-23")):
        shuts = "shut" if datetime.now(UTC).date() >= date.fromisoformat(day) else "shuts"
        assert f"warning: the provider {shuts} {model} down on {day}" in told
    assert server.requests() == []


PROMPTS = "id,prompt,quality\na,A cat,low\nb,A [moderation] dog,low\nc,A cat,high\nd,A [moderation] dog,high\n"
FLAGGED = [{"line": line, "custom_id": name, "categories": ["violence"]} for line, name in ((3, "b"), (5, "d"))]


def test_prompts_are_moderated_for_nothing(
    program: Program, serve: Callable[..., Server], client: Callable[[Server], Program]
) -> None:
    """On the sandbox, within the program and as a server: flagged rows by line, and exit 1 that a script can rely on."""
    program.write("m.csv", PROMPTS)
    told = program.run("check", "m.csv", "--moderation", "--provider", "sandbox", code=1).stdout.splitlines()
    assert told[:4] == [
        "m.csv: 4 rows, 0 problems",
        "  moderation: 2 distinct prompts, 2 rows flagged",
        "  line 3, b: flagged as violence",
        "  line 5, d: flagged as violence",
    ]
    server = serve()
    (one,) = client(server).json("check", "m.csv", "--moderation", code=1)["manifests"]
    told = {"prompts": 2, "asked": 2, "flagged": FLAGGED, "more_flagged": 0, "rows_not_asked_about": {}, "failure": None}
    assert one["moderation"] == told
    assert server.requests() == []
    program.write("p.toml", 'manifest = "m.csv"\nprompt = "A fox"\n')
    (one,) = client(server).json("check", "p.toml", "--moderation")["manifests"]
    assert (one["moderation"]["prompts"], one["moderation"]["flagged"]) == (1, [])
    assert client(server).json("check", "m.csv")["manifests"][0]["moderation"] is None
    program.write("m.csv", PROMPTS.replace("high", "best"))
    (one,) = client(server).json("check", "m.csv", "--moderation", code=2)["manifests"]
    assert (len(one["problems"]), one["moderation"]["flagged"]) == (2, FLAGGED[:1])
    assert _is_untouched(program)


def test_prompts_that_could_not_be_moderated_are_no_success(program: Program, serve: Callable[..., Server]) -> None:
    """Without a key nothing is asked; a server that is away, or refuses, ends it with 3 and its words behind the rest."""
    program.write("m.csv", PROMPTS)
    assert "there is no API key" in program.run("check", "m.csv", "--moderation", code=2).stderr
    mistaken = program.run("check", "m.csv", "--moderation", "low", "--provider", "sandbox", code=2).stderr
    assert mistaken.startswith("batchgen: --moderation low: here it takes no value")
    for key, url, words in (
        ("sk-x", "http://127.0.0.1:9/v1", "cannot connect to 127.0.0.1:9"),
        ("sk-invalid", serve().url, "invalid_api_key: Incorrect API key provided: sk-***."),
    ):
        program.environment |= {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": url}
        done = program.run("check", "m.csv", "--moderation", code=3)
        assert done.stdout.splitlines()[1] == "  moderation: 0 of 2 distinct prompts asked about"
        assert done.stdout.splitlines()[2].startswith(f"  moderation ended early: {words}")
        assert done.stderr == "batchgen: halted: not every prompt was moderated; the rest was checked\n"
    assert _is_untouched(program)


def test_without_an_answer_the_check_goes_on(program: Program) -> None:
    """A provider that is away is told, and the rest is as good as ever."""
    program.environment |= {"OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    program.write("signs.csv", prompts(1))
    assert "warning: the provider's models are not known: cannot connect" in program.run("check", "signs.csv").stdout
