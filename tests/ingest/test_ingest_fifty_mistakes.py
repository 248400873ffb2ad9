"""A manifest with fifty different mistakes: every one named by line and field, and nothing stored."""

import csv
import io
import json

import pytest

from batchgen.errors import ManifestError

HEADER = [
    *("custom_id", "prompt", "model", "size", "quality", "n", "background", "output_format", "output_compression"),
    *("moderation", "complexity", "frame_count", "frame_duration_ms", "user", "qualty", "Svg", "shelf", "Shelf", ""),
]
NEWEST = "gpt-image-2.6-flare"


def _line(**cells: str) -> bytes:
    stream = io.StringIO()
    csv.DictWriter(stream, HEADER, lineterminator="\n").writerow({"prompt": "A fox", **cells})
    return stream.getvalue().encode()


# What stands in the file, and what must be told of it: (field, part of the message).
CSV = [
    (
        (",".join(HEADER) + "\n").encode(),
        [
            ("qualty", "if you mean quality"),
            ("Svg", "write svg_model and svg_effort instead"),
            ("Shelf", "stands twice in the header"),
        ],
    ),
    (_line(custom_id="Fox"), []),
    (_line(prompt="", n="2"), [("prompt", "is missing")]),
    (_line(prompt="   "), [("prompt", "is empty")]),
    (_line(prompt="x" * 32_001), [("prompt", "has 32,001 characters")]),
    (_line(prompt="a\x00b"), [("prompt", "is not a character")]),
    (_line(custom_id="Möwe"), []),
    (_line(n="0"), [("n", "0: must be a whole number from 1 to 10")]),
    (_line(n="two"), [("n", "two: must be a whole number")]),
    (_line(quality="standard"), [("quality", "standard: is a word of DALL-E; write medium instead")]),
    (_line(model="gpt-image-2", quality="xhigh"), [("quality", "gpt-image-2 takes low, medium, high, auto")]),
    (_line(size="big"), [("size", "must be WIDTHxHEIGHT")]),
    (_line(size="1920x1080"), [("size", "multiples of 16; nearest: 1920x1088")]),
    (_line(size="512x512"), [("size", "at least 655,360 pixels; nearest: 816x816")]),
    (_line(size="3840x2400"), [("size", "8,294,400 pixels at most")]),
    (_line(size="4096x2304"), [("size", "longest edge may have 3840 pixels; nearest: 3840x2160")]),
    (_line(size="3072x768"), [("size", "ratio may be 3:1")]),
    (
        _line(model="gpt-image-1", size="1792x1024"),
        [("size", "gpt-image-1 takes 1024x1024"), ("model", "shut down on 2026-10-23; use gpt-image-2.5-sunburst")],
    ),
    (_line(model="dall-e-3"), [("model", "dall-e-3 was shut down on 2026-05-12")]),
    (_line(model="gpt-image-3"), [("model", "gpt-image-3 is not a model of api.openai.com")]),
    (_line(model="  "), [("model", "is empty")]),
    (_line(background="clear"), [("background", "must be one of transparent, opaque, auto")]),
    (_line(background="transparent", output_format="jpeg"), [("background", "needs output_format png or webp")]),
    (_line(output_format="jpg"), [("output_format", "must be one of png, jpeg, webp, gif, svg")]),
    (_line(output_format="gif"), [("output_format", "gpt-image-2.5-flare makes png, jpeg, webp")]),
    (_line(output_format="jpeg", output_compression="101"), [("output_compression", "from 0 to 100")]),
    (_line(output_compression="50"), [("output_compression", "only goes with output_format jpeg or webp")]),
    (_line(moderation="none"), [("moderation", "must be one of auto, low")]),
    (_line(model=NEWEST, complexity="max"), [("complexity", "must be one of low, medium, high")]),
    (_line(model=NEWEST, output_format="svg", n="2"), [("n", "svg is made one at a time")]),
    (_line(model=NEWEST, frame_count="4"), [("frame_count", "only goes with output_format gif")]),
    (_line(model=NEWEST, output_format="gif", frame_count="17"), [("frame_count", "from 2 to 16")]),
    (_line(model=NEWEST, output_format="gif", frame_duration_ms="9"), [("frame_duration_ms", "from 10 to 655350")]),
    (_line(user=" "), [("user", "is empty")]),
    (_line(custom_id="a/b"), [("custom_id", "'a/b' holds '/'")]),
    (_line(custom_id="con.txt"), [("custom_id", "name of a device")]),
    (_line(custom_id=".hidden"), [("custom_id", "begins or ends with a dot")]),
    (_line(custom_id="x" * 121), [("custom_id", "has 121 characters")]),
    (_line(custom_id="灯" * 67), [("custom_id", "too long for a file name")]),
    (_line(custom_id="🦊"), [("custom_id", r"'\U0001f98a' holds '\U0001f98a'")]),
    (_line(custom_id="a\x1b[2Jb"), [("custom_id", r"holds '\x1b'")]),
    (_line(custom_id="FOX"), [("custom_id", "'FOX' is also on line 2")]),
    (_line(custom_id="MO\u0308WE"), [("custom_id", "is also on line 7")]),
    (_line(custom_id="two-lines", prompt="A fox\n\nin the snow"), []),
    (b"one,A fox" + b"," * 16 + b",x\n", [("", "cell 19 has no name in the header")]),
    (b"two,A fox\n", []),
    (b"three,A fox" + b"," * 17 + b",too many\n", [("", "has 20 cells and the header 19")]),
    (b'four,"A "red" fox"\n', [("", "a quote inside a quoted cell must be doubled")]),
    ("five,Ein Fuchs über Kiel\n".encode("latin-1"), [("", "byte 16 is not UTF-8")]),
    (b"six,A fox\rin the snow\n", [("", "ends of line of Unix or Windows")]),
    (_line(custom_id="seven"), []),
    (b'eight,"A fox that never ends\n', [("", "a quote that opens in this row is never closed")]),
]


def _batch(**changes) -> dict:
    return {"custom_id": "b", "method": "POST", "url": "/v1/images/generations", "body": {"prompt": "A fox"}} | changes


def _json(value: object) -> bytes:
    return (json.dumps(value) + "\n").encode()


def _flat(**cells) -> bytes:
    return _json({"prompt": "A fox", **cells})


JSONL = [
    (_flat(custom_id="Fox"), []),
    (_json({"custom_id": "none"}), [("prompt", "is missing")]),
    (_flat(prompt=" \n "), [("prompt", "is empty")]),
    (_flat(prompt=7), [("prompt", "7: must be text")]),
    (_flat(prompt=["A fox"]), [("prompt", "not nested")]),
    (_flat(prompt="x" * 32_001), [("prompt", "has 32,001 characters")]),
    (_flat(prompt="a\x00b"), [("prompt", "is not a character")]),
    (_flat(prompt="a\ud800b"), [("prompt", "half of a surrogate pair")]),
    (b"\n  \n", []),
    (b'{"prompt": "A fox"\n', [("", "is not JSON: Expecting ',' delimiter")]),
    (b"A fox\n", [("", "is not JSON: Expecting value")]),
    (b'{"prompt": "A fox"} {"prompt": "A dog"}\n', [("", "is not JSON: Extra data at character 21")]),
    (b"{'prompt': 'A fox'}\n", [("", "property name enclosed in double quotes")]),
    (b'["A fox"]\n', [("", "must be an object in braces")]),
    (b'{"prompt": "A fox", "prompt": "A dog"}\n', [("", "the key 'prompt' stands twice")]),
    (b'{"prompt": "A fox", "n": NaN}\n', [("", "NaN is not a value of JSON")]),
    (b'{"prompt": "A fox", "price": 1e999}\n', [("", "1e999 is too large a number")]),
    (b'{"prompt": ' + b"[" * 100_000 + b"\n", [("", "nested too deeply")]),
    ('{"prompt": "Füchse"}\n'.encode("latin-1"), [("", "byte 14 is not UTF-8")]),
    (_flat(Prompt="A dog"), [("Prompt", "stands twice in the header")]),
    (_flat(qualty="low"), [("qualty", "if you mean quality")]),
    (_flat(svg="m"), [("svg", "write svg_model and svg_effort instead")]),
    (_flat(shelf={"no": 1}), [("shelf", "not nested")]),
    (_flat(n=1), []),
    (_flat(n=True), [("n", "True: must be a whole number")]),
    (_flat(n=1.0), [("n", "1.0: must be a whole number")]),
    (_flat(n="many"), [("n", "many: must be a whole number")]),
    (_flat(quality=1), [("quality", "1: must be one of")]),
    (_flat(model="gpt-image-2", quality="max"), [("quality", "max: gpt-image-2 takes")]),
    (_flat(size=1024), [("size", "1024: must be text")]),
    (_flat(size="1080x1920"), [("size", "nearest: 1088x1920")]),
    (_flat(model=5), [("model", "5: must be text")]),
    (_flat(model="gpt-image-1"), [("model", "gpt-image-1 was shut down on 2026-10-23")]),
    (_flat(model="gpt-image-2.5"), [("model", "is not a model of api.openai.com")]),
    (_flat(background="transparent", output_format="jpeg"), [("background", "needs output_format png or webp")]),
    (_flat(output_compression=80), [("output_compression", "only goes with output_format jpeg or webp")]),
    (_flat(user=False), [("user", "False: must be text")]),
    (_flat(custom_id=True), [("custom_id", "True: must be text or a whole number")]),
    (_flat(custom_id=1.5), [("custom_id", "1.5: must be text or a whole number")]),
    (_flat(custom_id="\ud83e"), [("custom_id", r"holds '\ud83e'")]),
    (_flat(custom_id="nul"), [("custom_id", "name of a device")]),
    (_flat(custom_id="end "), [("custom_id", "begins or ends with")]),
    (_flat(custom_id="fOX"), [("custom_id", "'fOX' is also on line 1")]),
    (_flat(custom_id=12), []),
    (_flat(id="12"), [("custom_id", "'12' is also on line 45")]),
    (_json(_batch()), []),
    (_json(_batch(custom_id="c", method="GET")), [("method", "GET: must be POST")]),
    (
        _json(_batch(custom_id="d", url="/v1/responses")),
        [("url", "only /v1/images/generations and /v1/images/edits are supported")],
    ),
    (_json(_batch(custom_id="e", body="A fox")), [("body", "must be an object")]),
    (_json(_batch(custom_id="f", body={"prompt": "A fox", "seed": 1})), [("seed", "is not a field of the API")]),
    (_json(_batch(custom_id="g", body={"prompt": "A fox", "Size": "auto"})), [("Size", "do you mean size?")]),
    (_json(_batch(custom_id="h", body={"prompt": "A fox", "stream": "yes"})), [("stream", "yes: must be true or false")]),
    (_json(_batch(custom_id="i", body={"prompt": "A fox", "n": [1]})), [("n", "must not be nested")]),
    (_json(_batch(custom_id=["j"])), [("custom_id", "not nested")]),
    (_json(_batch(custom_id="B")), [("custom_id", "'B' is also on line 47")]),
]

FILES = {"bad.csv": CSV, "bad.jsonl": JSONL}


def _expected(table: list) -> list[tuple[int, str, str]]:
    """Line, field and words of each mistake; the lines are those that an editor would count."""
    found, line = [], 1
    for raw, mistakes in table:
        found += [(line, field, part) for field, part in mistakes]
        line += raw.count(b"\n")
    return found


def _check(told: list[str], label: str, table: list) -> None:
    *problems, summary = told
    expected = _expected(table)
    assert len(expected) == 50
    assert summary == "50 problems: nothing was stored"
    assert len(problems) == 50
    for line, field, part in expected:
        place = f"{label}:{line}: {field}: " if field else f"{label}:{line}: "
        matching = [text for text in problems if text.startswith(place) and part in text]
        assert len(matching) == 1, (place, part, [text for text in problems if text.startswith(f"{label}:{line}:")])
        problems.remove(matching[0])
    assert problems == []


def _without_hint(text: str) -> list[str]:
    """The lines but for the one about words that could be rewritten, which stands behind all problems."""
    *told, last = text.split("\n")
    return [*told[:-1], last] if told[-1].startswith("[compat]") else [*told, last]


@pytest.mark.parametrize("name", FILES)
def test_fifty_mistakes_are_all_named(desk, name):
    """Fifty problems, each with its line and field, in the order of the file; the ledger stays empty."""
    manifest = desk.manifest(name, b"".join(raw for raw, _ in FILES[name]))
    with pytest.raises(ManifestError) as caught:
        desk.submit(manifest)
    told = _without_hint(str(caught.value))
    _check(told, manifest.label, FILES[name])
    lines = [int(text.removeprefix(f"{manifest.label}:").split(":")[0]) for text in told[:-1]]
    assert lines == sorted(lines)
    assert (desk.count("batches"), desk.count("jobs")) == (0, 0)


@pytest.mark.parametrize("name", FILES)
def test_fifty_mistakes_at_the_command_line(batchgen, tmp_path, name):
    """Exit 2, all fifty on stderr, nothing on stdout, no traceback, and no batch afterwards."""
    (tmp_path / name).write_bytes(b"".join(raw for raw, _ in FILES[name]))
    out, err = batchgen("submit", name, code=2)
    assert out == ""
    told = _without_hint(err.removeprefix("batchgen: ").removesuffix("\n"))
    _check(told, name, FILES[name])
    out, _ = batchgen("status", "--json")
    assert json.loads(out)["batches"] == []


def test_what_is_more_than_fifty_is_counted(desk):
    """The first fifty in full, the next by their places, and how many there are in all."""
    with pytest.raises(ManifestError) as caught:
        desk.csv("prompt,n\n" + "A fox,0\n" * 1234)
    told = str(caught.value).split("\n")
    assert told[-1] == "1,234 problems: nothing was stored"
    places = told[-2].removeprefix("... and 1,184 more: ").split(", ")
    assert [place.rpartition("m.csv")[2] for place in places[:-1]] == [f":{line} (n)" for line in range(52, 252)]
    assert places[-1] == "..."
    assert [text.partition(" ")[0].rpartition("m.csv")[2] for text in told[:-2]] == [f":{line}:" for line in range(2, 52)]


def test_repeated_ids_are_counted_with_the_others(desk):
    """Also problems that only the database finds are shown up to fifty, placed, and counted in full."""
    with pytest.raises(ManifestError) as caught:
        desk.csv("id,prompt\n" + "fox,A fox\n" * 200)
    told = str(caught.value).split("\n")
    assert told[-1] == "199 problems: nothing was stored"
    assert told[-2].startswith("... and 149 more: ")
    assert told[-2].endswith("m.csv:201 (custom_id)")
    assert "m.csv:3: custom_id: 'fox' is also on line 2" in told[0]


def test_one_mistake_is_one_problem(desk):
    """A single problem reads like one."""
    with pytest.raises(ManifestError, match=r"m\.csv:3: n: 0: must be .*\n1 problem: nothing was stored$"):
        desk.csv("prompt,n\nA fox,1\nA dog,0\n")


def test_a_missing_column_of_prompts_is_told_once_and_beside_the_other_mistakes(desk):
    """Names and wrong cells are told in the same breath; no row is said to lack what the file lacks."""
    with pytest.raises(ManifestError) as caught:
        desk.csv("custom_id,text,size\nfox,A fox,auto\na/b,A dog,auto\nFOX,A cat,huge\n")
    told = [line.partition("m.csv:")[2] for line in str(caught.value).splitlines()[:-1]]
    assert [line.split(":")[:2] for line in told] == [
        [
            "1",
            " there is no prompt column among custom_id, text, size; name yours with --column prompt=HEADER, "
            "or give a job file with a prompt for all rows",
        ],
        ["3", " custom_id"],
        ["4", " size"],
        ["4", " custom_id"],
    ]
