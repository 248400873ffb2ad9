"""Files as they come: encodings, dialects, standard input, columns of a shop, and a real list of prompts."""

import gc
import tracemalloc
from datetime import date, datetime
from pathlib import Path

import pytest

from batchgen.cli import options
from batchgen.core.assembly import BUILT_IN
from batchgen.core.identity import derive
from batchgen.errors import ManifestError, WrongUsage
from batchgen.ingest.source import Manifest
from batchgen.ingest.submit import batch_name

PARTI = Path(__file__).resolve().parents[3] / "shared" / "data" / "parti_prompts.tsv"

TWO = [
    ("m.csv", 'prompt,n\nA fox,2\n"A hare, red",\n'),
    ("m.csv", "prompt;n\r\nA fox;2\r\nA hare, red;\r\n"),
    ("m.csv", "\ufeffprompt|n\nA fox|2\nA hare, red|\n"),
    ("m.tsv", "prompt\tn\nA fox\t2\nA hare, red\t\n"),
    ("m.tsv", "\ufeffn\tprompt\n2\tA fox\n\tA hare, red\n"),
    ("m.txt", "prompt\tn\nA fox\t2\nA hare, red\n"),
    ("m.TSV", "prompt\tn\nA fox\t2\nA hare, red\n"),
    ("m.jsonl", '{"prompt": "A fox", "n": 2}\n{"prompt": "A hare, red"}\n'),
    ("m.JSONL", '\ufeff{"prompt": "A fox", "n": "2"}\r\n\r\n{"prompt": "A hare, red", "n": null}\r\n'),
    ("m.txt", '{"prompt": "A fox", "n": 2}\n{"prompt": "A hare, red"}'),
    (
        "m.ndjson",
        '{"body": {"prompt": "A fox", "n": 2}, "method": "POST", "url": "/v1/images/generations"}\n'
        '{"body": {"prompt": "A hare, red"}}\n',
    ),
]


@pytest.mark.parametrize(("name", "content"), TWO)
def test_every_form_of_a_manifest_means_the_same(desk, name, content):
    """Whatever a file looks like, the same rows are the same jobs under the same names."""
    desk.submit(desk.manifest(name, content))
    jobs = desk.jobs("m")
    assert [(job.request["prompt"], job.request.get("n")) for job in jobs] == [("A fox", 2), ("A hare, red", None)]
    assert [job.custom_id for job in jobs] == [derive({"prompt": "A fox", "n": 2}), derive({"prompt": "A hare, red"})]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le"])
def test_utf_16_is_told(desk, encoding):
    """What a spreadsheet calls Unicode Text is refused with the way to save it."""
    mark = "\ufeff" if encoding != "utf-16" else ""
    with pytest.raises(ManifestError, match="is UTF-16; save it as UTF-8"):
        desk.submit(desk.manifest("m.csv", f"{mark}prompt\nA fox\n".encode(encoding)))


def test_every_line_that_is_not_utf_8_is_named(desk):
    """The lines of another encoding, and the rest is still checked."""
    content = "prompt,n\nEin Fuchs,1\nEine Möwe,1\nEin Bär,0\n".encode("cp1252")
    with pytest.raises(ManifestError) as caught:
        desk.submit(desk.manifest("m.csv", content))
    told = [line.partition("m.csv:")[2] for line in str(caught.value).split("\n")[:-1]]
    assert told == [
        "3: byte 7 is not UTF-8; save the file as UTF-8",
        "4: byte 6 is not UTF-8; save the file as UTF-8",
        "4: n: 0: must be a whole number from 1 to 10",
    ]
    assert desk.count("jobs") == 0


EMPTY = [
    (b"", "is empty"),
    (b"\n\n", "is empty"),
    (b"prompt,size\n", "holds no rows"),
    (b"prompt,size\n,\n\n", "holds no rows"),
]


@pytest.mark.parametrize(("content", "told"), EMPTY)
def test_a_file_without_rows_is_told(desk, content, told):
    """An empty manifest is a mistake of somebody's, and no batch."""
    with pytest.raises(ManifestError, match=rf"m\.csv: {told}\n1 problem: nothing was stored$"):
        desk.submit(desk.manifest("m.csv", content))
    assert desk.count("batches") == 0


def test_a_file_that_cannot_be_read_is_told(desk):
    """A file that goes away between the command and the reading is a problem like any other."""
    gone = Manifest(desk.folder / "gone.csv", "gone", named=False, open=lambda: (desk.folder / "gone.csv").open("rb"))
    with pytest.raises(ManifestError, match=r"gone\.csv: cannot be read: No such file"):
        desk.submit(desk.manifest("m.csv", "prompt\nA fox\n"), gone)
    assert desk.count("batches") == 0


def test_a_line_without_end_is_told(desk, monkeypatch):
    """A film in place of a manifest does not fill the memory."""
    monkeypatch.setattr("batchgen.ingest.source._MOST_LINE_BYTES", 1000)
    with pytest.raises(ManifestError, match=r"m\.csv:2: is longer than 1,000 bytes"):
        desk.submit(desk.manifest("m.csv", b"prompt\n" + b"\x00" * 5000))


COLUMNS = [
    (["prompt=Text"], {"prompt": "Text"}),
    (["PROMPT = Der Text "], {"prompt": "Der Text"}),
    (["id=SKU", "size="], {"custom_id": "SKU", "size": ""}),
    (["custom_id=SKU", "mask=", "n=a=b"], {"custom_id": "SKU", "mask": "", "n": "a=b"}),
]
BAD_COLUMNS = ["prompt", "=Text", "colour=Farbe", "qualty=Q", "svg=Vektor", ""]


@pytest.mark.parametrize(("given", "mapping"), COLUMNS)
def test_column_options(given, mapping):
    """FIELD=HEADER maps, FIELD= ignores, in any case."""
    assert options.column_mapping(given) == mapping


@pytest.mark.parametrize("text", BAD_COLUMNS)
def test_bad_column_options(text):
    """What is no field cannot be mapped."""
    with pytest.raises(WrongUsage, match="--column"):
        options.column_mapping([text])


def test_columns_of_a_shop(desk):
    """A shop's own Size, Model and Image come back as metadata, and so does the number that names its images."""
    content = "SKU,Title,Size,Model,Image\nA-1,A blue mug,XL,M-2026,mug.png\n"
    with pytest.raises(ManifestError) as caught:
        desk.csv(content, columns={"prompt": "Title", "custom_id": "SKU"})
    assert all(told in str(caught.value) for told in ("image: mug.png is not there", "model: M-2026 is not"))
    columns = {"prompt": "Title", "custom_id": "SKU", "size": "", "model": "", "image": ""}
    desk.csv(content, columns=columns)
    (job,) = desk.jobs("m")
    assert (job.custom_id, job.model) == ("A-1", BUILT_IN["model"])
    assert job.request == {"prompt": "A blue mug", "size": "1024x1024", "quality": "medium"}
    assert job.metadata == {"SKU": "A-1", "Size": "XL", "Model": "M-2026", "Image": "mug.png"}


NAMES = [
    ("spring", False, "spring"),
    ("spring", True, "sandbox-spring"),
    ("Frühling (2)", False, "Frühling (2)"),
]
BAD_NAMES = ["", "a/b", "..", "con", "x" * 121, "100%", "sandbox-a", "SANDBOX-a", " a", "a\nb"]


@pytest.mark.parametrize(("name", "simulated", "batch"), NAMES)
def test_batch_names(name, simulated, batch):
    """A simulated batch says so in its name."""
    assert batch_name(name, simulated=simulated) == batch


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_batch_names(name):
    """What cannot be a folder, or would look simulated, is refused before anything is read."""
    with pytest.raises(WrongUsage, match="--name"):
        batch_name(name, simulated=False)


def test_names_may_hold_the_date(tmp_path):
    """strftime fields are filled with the local time, so that a cron line makes a batch a day."""
    path = tmp_path / "m.csv"
    path.write_text("prompt\nA fox\n")
    days = [date.today().isoformat()]  # noqa: DTZ011  (the person's own day)
    (source,) = options.manifest_sources(options.given_files([str(path)], tuple), "daily-%Y-%m-%d", simulated=False)
    days.append(datetime.now().astimezone().date().isoformat())
    assert source.batch in [f"daily-{day}" for day in days]
    assert source.named


def test_a_name_is_for_one_manifest(tmp_path):
    """Two manifests cannot share a name, standard input needs one, an empty one is none, and a missing file is told."""
    path = tmp_path / "m.csv"
    path.write_text("prompt\nA fox\n")
    for paths, name, told in (
        ([str(path), str(path)], "a", "give it with one manifest"),
        (["-"], None, "standard input needs --name"),
        ([str(path)], "", "it is empty"),
        (["-"], "", "it is empty"),
        ([str(tmp_path / "gone.csv")], None, "there is no manifest"),
        ([str(tmp_path)], None, "there is no manifest"),
        (["x" * 400], None, "there is no manifest"),
        ([str(path)], "\udcff", "cannot name a batch"),
    ):
        with pytest.raises(WrongUsage, match=told):
            options.manifest_sources(options.given_files(paths, tuple), name, simulated=False)


def test_standard_input(desk, batchgen):
    """A manifest from a pipe is CSV, TSV or JSONL as its first line says; again it is 0 new."""
    for batch, content in (
        ("a", b"prompt,n\nA fox,2\n"),
        ("b", b"prompt\tn\nA fox\t2\n"),
        ("c", b'{"prompt": "A fox", "n": 2}\n'),
    ):
        (submitted,) = desk.submit(desk.stdin(content, batch))
        assert (submitted.manifest, submitted.batch.name) == ("standard input", batch)
        assert desk.jobs(batch)[0].request["n"] == 2
        assert desk.submit(desk.stdin(content, batch))[0].comparison.new == 0
    with pytest.raises(ManifestError, match=r"^standard input:2: n: 0:"):
        desk.submit(desk.stdin(b"prompt,n\nA fox,0\n", "d"))
    out, err = batchgen("submit", "-", "--name", "piped", stdin=b"prompt\nA fox\n")
    assert (out, "1 new" in err) == ("", True)
    _, err = batchgen("submit", "-", code=2, stdin=b"prompt\nA fox\n")
    assert "standard input needs --name" in err


def test_warnings_name_the_first_row_and_count_the_others(desk):
    """What may be refused is stored all the same, and told once with its place."""
    content = "prompt,model,quality\na,gpt-image-2,low\nb,gpt-image-2.6-flare,max\nc,gpt-image-2.6-flare,max\n"
    (warning,) = desk.csv(content).warnings
    assert warning.endswith(
        "m.csv:3: quality=max may be refused by gpt-image-2.6-flare: the vendor's documents leave it open (and 1 more rows)"
    )
    assert desk.count("jobs") == 3


def test_a_model_s_end_counts_at_the_vendor_only(desk):
    """Shut down at api.openai.com on its day; a gateway or the sandbox may still answer to it."""
    content = "prompt,model\na,gpt-image-1\n"
    with pytest.raises(ManifestError, match="model: gpt-image-1 was shut down on 2026-10-23"):
        desk.csv(content)
    desk.csv(content, official=False)
    assert desk.jobs("m")[0].model == "gpt-image-1"
    mini = desk.manifest("mini.csv", "prompt,model\na,gpt-image-1-mini\n")
    (submitted,) = desk.submit(mini, day=date(2026, 11, 30))
    assert "gpt-image-1-mini will be shut down on 2026-12-01; then use gpt-image-2.5-flare" in submitted.warnings[0]
    with pytest.raises(ManifestError, match=r"was shut down on 2026-12-01; use gpt-image-2\.5-flare"):
        desk.submit(mini, day=date(2026, 12, 1))
    tried = desk.manifest("tried.csv", "prompt,model\na,gpt-image-1\na,gpt-image-1-mini\n")
    (submitted,) = desk.submit(tried, simulated=True, official=False, day=date(2026, 11, 30))
    assert "2: gpt-image-1 was shut down on 2026-10-23; use" in submitted.warnings[0]
    assert submitted.warnings[1].endswith("3: gpt-image-1-mini will be shut down on 2026-12-01; then use gpt-image-2.5-flare")


def test_one_bad_id_does_not_end_the_reading(desk):
    """An id that no database could keep is a problem of its row, and only that."""
    with pytest.raises(ManifestError) as caught:
        desk.submit(desk.manifest("m.jsonl", '{"prompt": "", "id": "\\ud800"}\n{"prompt": "a", "id": "' + "x" * 5000 + '"}\n'))
    assert str(caught.value).endswith("3 problems: nothing was stored")


@pytest.mark.skipif(not PARTI.is_file(), reason="the list of prompts does not lie beside this checkout")
def test_the_parti_prompts_to_the_letter(desk):
    """1,632 rows of a real file, unedited: every prompt and every column as a plain split at tabs gives it."""
    header, *rows = [line.split("\t") for line in PARTI.read_text(encoding="utf-8").removesuffix("\n").split("\n")]
    assert (len(rows), header) == (1632, ["Prompt", "Category", "Challenge", "Note"])
    (submitted,) = desk.submit(Manifest(PARTI, PARTI.stem, named=False, open=lambda: PARTI.open("rb")))
    assert (submitted.comparison.rows, submitted.comparison.new) == (1632, 1632)
    jobs = desk.jobs("parti_prompts")
    assert [job.request["prompt"] for job in jobs] == [row[0] for row in rows]
    assert [dict(job.metadata) for job in jobs] == [
        {name: cell for name, cell in zip(header[1:], row[1:], strict=False) if cell} for row in rows
    ]
    assert len({job.custom_id for job in jobs}) == 1632


def _peak(desk, rows: int) -> int:
    """The most memory that Python held at once while a manifest of so many rows was submitted."""
    path = desk.folder / f"rows{rows}.csv"
    with path.open("w") as stream:
        stream.write("id,prompt,shelf\n")
        stream.writelines(f"r{number},A fox in the snow number {number},{number % 7}\n" for number in range(rows))
    manifest = Manifest(path, path.stem, named=False, open=lambda: path.open("rb"))
    gc.collect()
    tracemalloc.start()
    try:
        (submitted,) = desk.submit(manifest)
        assert submitted.comparison.new == rows
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_rows(desk):
    """Seven times the rows need no more memory."""
    _peak(desk, 1_100)  # what is loaded and cached once
    few, many = _peak(desk, 1_500), _peak(desk, 10_500)
    assert many < 1.2 * few
