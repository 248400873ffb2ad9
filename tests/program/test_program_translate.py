"""The words of the tutorials, from a manifest to what a person is shown."""

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

from PIL import Image

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


SMALL = "custom_id,prompt,size,n,output_format\nfox,A fox,256x256,2,png\nowl,An owl,640x480,1,webp\ncat,A cat,1024x1024,1,png\n"
COPIES = {"fox~256x256.png": (256, 256), "fox~2~256x256.png": (256, 256), "owl~640x480.webp": (640, 480)}


def _sizes(folder: Path) -> dict[str, tuple[int, int]]:
    """The resized copies that lie in a folder."""
    sizes = {}
    for path in folder.glob("*~*x*.*"):
        with Image.open(path) as image:
            sizes[path.name] = image.size
    return sizes


def test_a_small_size_brings_a_copy(program: Program) -> None:
    """Beside each image, which stays as it came; named by show and exports, known to verify, and no artifact."""
    program.write("config.toml", "[compat]\ntranslate = true\n")
    program.write("zoo.csv", SMALL)
    program.run("run", "zoo.csv", "--provider", "sandbox")
    folder = program.folder / "images" / "sandbox-zoo"
    assert _sizes(folder) == COPIES
    assert len(list(folder.iterdir())) == 7
    assert program.json("verify") == {"sound": 4, "wrong": [], "unknown": []}
    files = program.json("show", "sandbox-zoo", "fox")["files"]
    assert [file["copy"] for file in files] == ["sandbox-zoo/fox~256x256.png", "sandbox-zoo/fox~2~256x256.png"]
    assert f"resized copy: {folder / 'owl~640x480.webp'}\n" in program.run("show", "sandbox-zoo", "owl").stdout
    rows = list(csv.DictReader(io.StringIO(program.run("export", "sandbox-zoo", "--format", "csv").stdout, newline="")))
    assert [row["copies"] for row in rows] == [
        "sandbox-zoo/fox~256x256.png;sandbox-zoo/fox~2~256x256.png",
        "sandbox-zoo/owl~640x480.webp",
        "",
    ]


def test_copies_that_are_gone_are_made_again_for_nothing(program: Program) -> None:
    """By the next run and by a repair; an image that is made again gets a new one."""
    program.write("config.toml", "[compat]\ntranslate = true\n")
    program.write("zoo.csv", SMALL)
    program.run("run", "zoo.csv", "--provider", "sandbox")
    folder = program.folder / "images" / "sandbox-zoo"
    attempts = program.json("status", "sandbox-zoo")["attempts"]
    for remake in (("run", "zoo.csv", "--provider", "sandbox"), ("verify", "--repair")):
        for name in list(COPIES)[:2]:
            (folder / name).unlink()
        told = program.run("verify").stdout
        assert "sandbox-zoo/fox~2~256x256.png: this resized copy is missing; --repair makes it, and so does a run\n" in told
        assert len(program.json("verify")["copies"]["missing"]) == 2
        program.run(*remake)
        assert _sizes(folder) == COPIES
    assert program.json("status", "sandbox-zoo")["attempts"] == attempts
    old = (folder / "owl~640x480.webp").read_bytes()
    program.write("zoo.csv", SMALL.replace("An owl", "Another owl"))
    program.run("run", "zoo.csv", "--provider", "sandbox", "--update")
    assert (_sizes(folder), (folder / "owl~640x480.webp").read_bytes() == old) == (COPIES, False)
    assert program.json("verify") == {"sound": 5, "wrong": [], "unknown": []}


def test_a_copy_that_cannot_be_made_is_a_remark(program: Program) -> None:
    """The job has its image and is done; what is in the way stays, and is told once in the ledger, and by a repair."""
    program.write("config.toml", "[compat]\ntranslate = true\n")
    program.write("zoo.csv", SMALL)
    folder = program.folder / "images" / "sandbox-zoo"
    (folder / "owl~640x480.webp").mkdir(parents=True)
    (folder / "owl~640x480.webp" / "mine.txt").write_text("mine")
    done = program.run("run", "zoo.csv", "--provider", "sandbox")
    assert "resized copies that could not be made: 1; exports say why, as a remark" in done.stderr
    os.utime(folder / "owl~640x480.webp", (0, 0))
    program.run("run", "zoo.csv", "--provider", "sandbox")
    owl = program.json("show", "sandbox-zoo", "owl")
    words = "no copy in 640x480 could be made of sandbox-zoo/owl.webp: Is a directory"
    assert (owl["state"], owl["attempts"][0]["remark"]) == ("succeeded", words)
    assert f"{words}\n" in program.run("verify", "--repair").stdout


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
    hint = "[compat] translate = true in the settings has this rewritten: style, quality=standard, size=512x512"
    assert told == [
        "zoo.csv:1: style: is not taken by the GPT Image models; write it into the prompt instead, like 'Style: vivid'; "
        "if the column is your own, say --column style=",
        "zoo.csv:2: quality: standard: is a word of DALL-E; write medium instead",
        "zoo.csv:2: size: 512x512: needs at least 655,360 pixels; nearest: 816x816",
        hint,
        "3 problems: nothing was stored",
    ]
    assert f"  {hint}\n" in program.run("check", "zoo.csv", code=2).stdout
    assert "has this rewritten: quality=hd" in program.run("check", "zoo.csv", "--quality", "hd", code=2).stderr
    program.write("one.csv", "prompt,size\nA fox,1000x1000\n")
    assert "[compat]" not in program.run("submit", "one.csv", code=2).stderr
    assert program.json("status")["batches"] == []
    program.environment["BATCHGEN_COMPAT__TRANSLATE"] = "true"
    assert program.json("submit", "zoo.csv")["batches"][0]["new"] == 2
    lines = program.run("export", "zoo", "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line)["rewritten"] for line in lines] == ["; ".join(NOTES), None]
