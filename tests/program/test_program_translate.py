"""The words of the tutorials, from a manifest to what a person is shown."""

import csv
import io
import json
from collections.abc import Callable

from .conftest import Program, Server

MANIFEST = "custom_id,prompt,style,quality,size\nfox,A fox,vivid,standard,512x512\nowl,An owl,,low,1024x1024\n"
NOTES = [
    "style=vivid is written into the prompt",
    "quality=standard is sent as medium",
    "size=512x512 is sent as 816x816",
]


def test_what_was_rewritten_is_shown_after_it_was_made(
    serve: Callable[..., Server], client: Callable[[Server], Program]
) -> None:
    """The server takes what is sent, and show and exports tell what was written instead, also after a failure and a resume."""
    server = serve("--faults", "500=1")
    program = client(server)
    program.write("config.toml", "[compat]\ntranslate = true\n[retry]\nmax_attempts = 1\n")
    program.write("zoo.csv", MANIFEST)
    program.run("run", "zoo.csv", "--response-format", "url", code=1)
    program.environment["OPENAI_BASE_URL"] = serve().url
    program.run("resume", "zoo")
    fox = program.json("show", "zoo", "fox")
    assert (fox["state"], fox["files"][0]["width"]) == ("succeeded", 816)
    assert fox["request"] == {"prompt": "A fox\nStyle: vivid", "size": "816x816", "quality": "medium"}
    assert fox["rewritten"] == [NOTES[0], "response_format=url is left out", *NOTES[1:]]
    told = program.run("show", "zoo", "owl").stdout
    assert "  rewritten: response_format=url is left out\n" in told
    rows = list(csv.DictReader(io.StringIO(program.run("export", "zoo", "--format", "csv").stdout, newline="")))
    assert [row["rewritten"] for row in rows] == ["; ".join(fox["rewritten"]), "response_format=url is left out"]


def test_what_a_job_file_and_a_profile_say_is_rewritten_too(program: Program) -> None:
    """Show tells it like what a row says; without the translation the file and the table are told, once."""
    program.write("zoo.csv", "custom_id,prompt\nfox,A fox\nowl,An owl\n")
    job = 'manifest = "zoo.csv"\nprofile = "old"\n[defaults]\nquality = "hd"\n'
    program.write("zoo.toml", f'{job}[profiles.old.defaults]\nstyle = "vivid"\nsize = "512x512"\n')
    refused = program.run("submit", "zoo.toml", code=2).stderr
    assert refused == "batchgen: zoo.toml: [defaults] quality: hd: is a word of DALL-E; write high instead\n"
    program.environment["BATCHGEN_COMPAT__TRANSLATE"] = "true"
    program.run("submit", "zoo.toml")
    assert program.json("show", "zoo", "fox")["rewritten"] == [NOTES[0], "quality=hd is sent as high", NOTES[2]]


def test_a_word_is_an_error_unless_a_translation_is_asked_for(program: Program) -> None:
    """Exit 2 with every place, and nothing is stored; with the setting the same file is taken."""
    program.write("zoo.csv", MANIFEST)
    told = program.run("submit", "zoo.csv", code=2).stderr.removeprefix("batchgen: ").splitlines()
    assert told == [
        "zoo.csv:1: style: is not taken by the GPT Image models; write it into the prompt instead, like 'Style: vivid'; "
        "if the column is your own, say --column style=",
        "zoo.csv:2: quality: standard: is a word of DALL-E; write medium instead",
        "zoo.csv:2: size: 512x512: needs at least 655,360 pixels; nearest: 816x816",
        "3 problems: nothing was stored",
    ]
    assert program.json("status")["batches"] == []
    program.environment["BATCHGEN_COMPAT__TRANSLATE"] = "true"
    assert program.json("submit", "zoo.csv")["batches"][0]["new"] == 2
    lines = program.run("export", "zoo", "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line)["rewritten"] for line in lines] == ["; ".join(NOTES), None]
