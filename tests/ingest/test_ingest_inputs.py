"""Manifests with input images: every file is looked at before anything is stored, and what is wrong is told by line."""

import base64
import io

import pytest
from PIL import Image

from batchgen.artifacts import looking
from batchgen.errors import ManifestError


def picture(path, mode="RGB", size=(40, 30), kind="PNG", **more):
    path.parent.mkdir(exist_ok=True)
    colour = {"RGB": (200, 10, 10), "RGBA": (200, 10, 10, 0), "L": 7}[mode]
    Image.new(mode, size, colour).save(path, kind, **more)
    return path


def test_an_edit_with_files(desk):
    """Paths are relative to the manifest; what was found is kept with the job, and the fingerprint is of the bytes."""
    picture(desk.folder / "in" / "cup.jpg", kind="JPEG")
    picture(desk.folder / "in" / "logo.png", "RGBA", (8, 8))
    desk.csv("custom_id,prompt,image\na,on a beach,in/cup.jpg;in/logo.png\n")
    (job,) = desk.jobs("m")
    assert job.operation == "edit"
    assert job.inputs == {"image": [str(desk.folder / "in" / "cup.jpg"), str(desk.folder / "in" / "logo.png")]}
    assert [(one["media_type"], one["width"], one["height"]) for one in job.request["inputs"]] == [
        ("image/jpeg", 40, 30),
        ("image/png", 8, 8),
    ]


def test_the_same_bytes_elsewhere_are_the_same_request(desk):
    """A file that was moved is nothing new and is read where it is now; one that was drawn again is, and only with --update."""
    first, second = picture(desk.folder / "a.png"), picture(desk.folder / "b.png")
    assert first.read_bytes() == second.read_bytes()
    desk.csv("custom_id,prompt,image\nx,on a beach,a.png\n")
    assert desk.csv("custom_id,prompt,image\nx,on a beach,b.png\n").comparison.changed.count == 0
    assert desk.jobs("m")[0].inputs["image"] == [str(second)]
    picture(second, size=(41, 30))
    with pytest.raises(ManifestError, match="--update"):
        desk.csv("custom_id,prompt,image\nx,on a beach,b.png\n")


def test_a_file_that_many_rows_use_is_read_once(desk, monkeypatch):
    """A thousand rows, one photo."""
    read = []
    look = looking.look_at_file
    monkeypatch.setattr("batchgen.ingest.inputs.look_at_file", lambda path: read.append(path) or look(path))
    picture(desk.folder / "cup.png")
    desk.csv("prompt,image\n" + "".join(f"scene {n},cup.png\n" for n in range(1000)))
    assert len(read) == 1
    assert desk.count("jobs") == 1000


def test_images_of_every_column_and_kind(desk):
    """One each, a mask, a link and a data URL."""
    picture(desk.folder / "a.png")
    picture(desk.folder / "mask.png", "RGBA")
    stream = io.BytesIO()
    Image.new("RGB", (5, 6)).save(stream, "WEBP")
    data = f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"
    lines = [
        "custom_id,prompt,image_1,image_2,mask",
        "files,p,a.png,a.png,mask.png",
        f'data,p,a.png,"{data}",',
        "link,p,https://a.example/x.png,a.png,",
    ]
    desk.csv("\n".join(lines) + "\n")
    files, with_data, link = desk.jobs("m")
    assert {role: len(sources) for role, sources in files.inputs.items()} == {"image": 2, "mask": 1}
    assert (with_data.request["inputs"][1]["width"], with_data.request["inputs"][1]["height"]) == (5, 6)
    assert "width" not in link.request["inputs"][0]


@pytest.mark.parametrize("name", ["image", "images"])
def test_edits_in_json_lines(desk, name):
    """A list of paths, and the body of the vendor's Batch API."""
    picture(desk.folder / "a.png")
    flat = '{"custom_id": "x", "prompt": "p", "image": ["a.png", "a.png"]}\n'
    body = '{"prompt": "p", "images": [{"image_url": "https://a.example/x.png"}], "mask": {"image_url": "https://a.example/m.png"}}'
    batch = f'{{"custom_id": "x", "method": "POST", "url": "/v1/images/edits", "body": {body}}}\n'
    desk.submit(desk.manifest("m.jsonl", flat if name == "image" else batch))
    (job,) = desk.jobs("m")
    assert (job.operation, len(job.inputs["image"])) == ("edit", 2 if name == "image" else 1)


_WRONG = {
    "not there": ("photo.png,", "image: photo.png is not there; a path is relative to the manifest"),
    "parted by commas": (
        '"a.png, mask.png",',
        "image: a.png, mask.png is not there; several are parted by ;, as in a.png;mask.png",
    ),
    "commas in a name": ('"a.png,b.png",', "image: a.png,b.png is not there; a path is relative to the manifest"),
    "a folder": ("in,", "image: in is not a file"),
    "no image": ("notes.txt,", "image: notes.txt is not an image that can be read"),
    "cut off": ("cut.png,mask.png", "mask: mask.png is 40x30 and the first image 44x33: make it the same size"),
    "a gif": ("moving.gif,", "image: moving.gif is image/gif: the API takes PNG, WebP and JPEG"),
    "a mask without alpha": ("a.png,a.png", "mask: a.png has no alpha channel"),
    "a mask on its own": (",mask.png", "mask: needs an image to lie on: name it in the column image"),
    "broken base64": ('"data:image/png;base64,!!!!",', "image: data:image/png;base64,!!!!... is not base64"),
}


@pytest.mark.parametrize("case", _WRONG)
def test_a_wrong_input_is_named_by_line_and_nothing_is_stored(desk, case):
    """With the file as it was written, what is wrong with it, and what would be right."""
    picture(desk.folder / "a.png")
    picture(desk.folder / "mask.png", "RGBA")
    picture(desk.folder / "moving.gif", "L", kind="GIF")
    picture(desk.folder / "cut.png", size=(44, 33))
    (desk.folder / "in").mkdir()
    (desk.folder / "notes.txt").write_text("no image")
    cells, words = _WRONG[case]
    with pytest.raises(ManifestError) as caught:
        desk.csv(f"custom_id,prompt,image,mask\ngood,p,a.png,mask.png\nbad,p,{cells}\n")
    assert f"m.csv:3: {words}" in str(caught.value)
    assert desk.count("jobs") == 0


def test_a_mask_that_marks_nothing_is_warned_of(desk):
    """It has an alpha channel and no transparent pixel: the whole image would come back as it pleases."""
    picture(desk.folder / "a.png")
    picture(desk.folder / "mask.png", "RGBA")
    Image.new("RGBA", (40, 30), (200, 10, 10, 255)).save(desk.folder / "opaque.png")
    told = desk.csv("custom_id,prompt,image,mask\ngood,p,a.png,mask.png\nbad,p,a.png,opaque.png\n").warnings
    words = "mask: opaque.png has no transparent pixels, so that it marks nothing: make transparent what is to be changed"
    assert [line.replace(f"{desk.folder}/", "") for line in told] == [f"m.csv:3: {words}"]


_OPERATIONS = {
    "edit,a.png": None,
    "generate,": None,
    "edit,": "operation: edit needs an input image: name it in the column image",
    "generate,a.png": "operation: generate takes no input images: write edit, or leave it out",
    "variation,a.png": "operation: variation: the API has no variations any more: write edit",
    "paint,": "operation: 'paint': must be generate or edit, or be left out",
}


@pytest.mark.parametrize("cells", _OPERATIONS)
def test_the_operation_is_said_or_seen(desk, cells):
    """A column that says it must fit to the others."""
    picture(desk.folder / "a.png")
    words = _OPERATIONS[cells]
    if words is None:
        desk.csv(f"prompt,operation,image\np,{cells}\n")
        assert desk.jobs("m")[0].operation == cells.partition(",")[0]
        return
    with pytest.raises(ManifestError) as caught:
        desk.csv(f"prompt,operation,image\np,{cells}\n")
    assert words in str(caught.value)


def test_an_image_for_all_rows(desk):
    """A default's image is that of rows which name none; a row that names one has only that."""
    picture(desk.folder / "all.png")
    picture(desk.folder / "own.png", size=(3, 3))
    defaults = {**desk.terms.defaults, "image": str(desk.folder / "all.png")}
    desk.csv("custom_id,prompt,image_1\na,p,\nb,p,own.png\n", defaults=defaults)
    assert [job.inputs["image"] for job in desk.jobs("m")] == [
        [str(desk.folder / "all.png")],
        [str(desk.folder / "own.png")],
    ]


def test_a_photo_that_lies_on_its_side_is_as_large_as_it_is_seen(desk):
    """A mask drawn over the picture on a screen fits."""
    turned = Image.Exif()
    turned[0x0112] = 6
    picture(desk.folder / "phone.jpg", kind="JPEG", exif=turned)
    picture(desk.folder / "mask.png", "RGBA", (30, 40))
    desk.csv("prompt,image,mask\np,phone.jpg,mask.png\n")
    assert desk.count("jobs") == 1
