"""Edits that the vendor refuses are refused in its words, whichever way they are sent."""

import asyncio
import io
import struct
import zlib

import aiohttp
import msgspec
import pytest
from aiohttp import web
from edit_parts import Part, data_url, picture
from PIL import Image

from batchgen.providers.sandbox import SandboxOptions, form
from batchgen.providers.sandbox.refusals import Refusal

GOOD = picture()
IMAGE, LISTED = Part("image", GOOD), Part("image[]", GOOD)
HOLED, OTHER_SIZE = picture(hole=(0, 0, 9, 9)), picture((64, 64), hole=(0, 0, 9, 9))
TRUNCATED = GOOD[: len(GOOD) // 2]
USER_ERROR = "image_generation_user_error"
MOVING = {"model": "gpt-image-2.6-flare", "output_format": "gif"}
NEWER = {"model": "gpt-image-2.5-flare"}
# Codes and parameters that are too long for the tables.
MIMETYPE, FIDELITY, NO_FIDELITY = "unsupported_file_mimetype", "input_fidelity", "invalid_input_fidelity_model"
EXCLUSIVE, BAD_MASK = "mutually_exclusive_parameters", "invalid_mask_image_format"


def two_photos():
    """A JPEG with another one behind it, as some phones make them."""
    target = io.BytesIO()
    Image.new("RGB", (64, 48)).save(target, "MPO", save_all=True, append_images=[Image.new("RGB", (64, 48), "red")])
    return target.getvalue()


def bomb(edge):
    """The head of a PNG that would be enormous."""
    head = b"IHDR" + struct.pack(">IIBBBBB", edge, edge, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head)) + GOOD[33:]


FORMS = [
    # what is wrong in it, the files, the fields, code, param
    ("no file", [], {}, "missing_required_parameter", "image"),
    ("no prompt", [IMAGE], {"prompt": None}, "missing_required_parameter", "prompt"),
    ("an empty prompt", [IMAGE], {"prompt": ""}, "missing_required_parameter", "prompt"),
    ("a long prompt", [IMAGE], {"prompt": "x" * 32_001}, "string_above_max_length", "prompt"),
    ("no model", [IMAGE], {"model": None}, "missing_required_parameter", "model"),
    ("a word of other models", [IMAGE], {"quality": "max"}, "invalid_value", "quality"),
    ("a number that is none", [IMAGE], {"n": "two"}, "invalid_type", "n"),
    ("a number with a point", [IMAGE], {"n": "2.0"}, "invalid_type", "n"),
    ("too many wanted", [IMAGE], {"n": "11"}, "invalid_value", "n"),
    ("a size off the grid", [IMAGE], {"size": "1920x1080"}, "invalid_value", "size"),
    ("stream is no truth", [IMAGE], {"stream": "1"}, "invalid_type", "stream"),
    ("previews without a stream", [IMAGE], {"partial_images": 1}, "invalid_value", "partial_images"),
    ("a field of other APIs", [IMAGE], {"aspect_ratio": "16:9"}, "unknown_parameter", "aspect_ratio"),
    ("response_format", [IMAGE], {"response_format": "b64_json"}, "unknown_parameter", "response_format"),
    ("images of the JSON form", [IMAGE], {"images": "[]"}, "unknown_parameter", "images"),
    ("a file of another name", [IMAGE, Part("reference_image", b"\xff\xd8")], {}, "unknown_parameter", "reference_image"),
    ("a field twice", [IMAGE], {"size": ["auto", "1024x1024"]}, "duplicate_parameter", "size"),
    ("svg for a png", [IMAGE], {"svg[model]": "gpt-5"}, "invalid_value", "svg"),
    ("image twice", [IMAGE, IMAGE], {}, "duplicate_parameter", "image"),
    ("both names", [IMAGE, LISTED], {}, "duplicate_parameter", "image"),
    ("17 images", [LISTED] * 17, {}, "array_above_max_length", "image"),
    ("an image as text", [Part("image", b"iVBORw0KGgo", None)], {}, "invalid_value", "image"),
    ("no media type", [Part("image", GOOD, "a", "application/octet-stream")], {}, MIMETYPE, "image"),
    ("a second GIF", [LISTED, Part("image[]", GOOD, "a.gif", "image/gif")], {}, MIMETYPE, "image[1]"),
    ("a mask of JPEG", [IMAGE, Part("mask", GOOD, "a.jpg", "image/jpeg")], {}, MIMETYPE, "mask"),
    ("a large mask", [IMAGE, Part("mask", bytes(4 * 2**20))], {}, "file_too_large", "mask"),
    ("two masks", [IMAGE, Part("mask", HOLED), Part("mask", HOLED)], {}, "duplicate_parameter", "mask"),
    ("fidelity for 2", [IMAGE], {FIDELITY: "high"}, NO_FIDELITY, FIDELITY),
    ("fidelity for 2.5", [IMAGE], {"model": "gpt-image-2.5-flare", FIDELITY: "low"}, NO_FIDELITY, FIDELITY),
    ("high fidelity for mini", [IMAGE], {"model": "gpt-image-1-mini", FIDELITY: "high"}, "invalid_value", FIDELITY),
    ("some fidelity", [IMAGE], {"model": "gpt-image-1.5", FIDELITY: "medium"}, "invalid_value", FIDELITY),
    ("markup for 2", [IMAGE, Part("markup", HOLED)], {}, "invalid_value", "markup"),
    ("markup with a mask", [IMAGE, Part("mask", HOLED), Part("markup", HOLED)], NEWER, EXCLUSIVE, "markup"),
    ("markup of another size", [IMAGE, Part("markup", OTHER_SIZE)], NEWER, "invalid_value", "markup"),
    ("markup without holes", [IMAGE, Part("markup", GOOD)], NEWER, "invalid_value", "markup"),
    ("markup that is none", [IMAGE, Part("markup", b"nothing")], NEWER, "invalid_value", "markup"),
    ("a mask for a gif", [IMAGE, Part("mask", HOLED)], MOVING, "invalid_value", "mask"),
]  # fmt: skip

BAD_FILES = [
    # what is wrong in it, the files, code, words
    ("text", [Part("image", b"nothing")], "invalid_image_file", "for image 1,"),
    ("nothing", [Part("image", b"")], "invalid_image_file", "for image 1,"),
    ("a piece", [Part("image", TRUNCATED)], "invalid_image_file", "for image 1,"),
    ("the second", [LISTED, Part("image[]", TRUNCATED)], "invalid_image_file", "for image 2,"),
    ("a GIF that says PNG", [Part("image", picture(kind="GIF"))], "invalid_image_file", "for image 1,"),
    ("two photos", [Part("image", two_photos(), "a.jpg", "image/jpeg")], "invalid_image_file", "for image 1,"),
    ("too many pixels", [Part("image", bomb(9_600))], "invalid_image_file", "for image 1,"),
    ("far too many pixels", [Part("image", bomb(60_000))], "invalid_image_file", "for image 1,"),
    ("no alpha", [IMAGE, Part("mask", GOOD)], BAD_MASK, "missing alpha channel"),
    ("another size", [IMAGE, Part("mask", OTHER_SIZE)], BAD_MASK, "size does not match"),
    ("a broken mask", [IMAGE, Part("mask", TRUNCATED)], BAD_MASK, "not a valid PNG"),
]  # fmt: skip

ONE = {"image_url": data_url(GOOD)}
BODIES = [
    ("no images", None, {}, "missing_required_parameter", "images"),
    ("no array", ONE, {}, "invalid_type", "images"),
    ("none in it", [], {}, "empty_array", "images"),
    ("17 images", [ONE] * 17, {}, "array_above_max_length", "images"),
    ("a bare URL", [ONE["image_url"]], {}, "invalid_type", "images[0]"),
    ("an empty object", [ONE, {}], {}, "missing_required_parameter", "images[1].image_url"),
    ("another property", [{**ONE, "detail": "high"}], {}, "unknown_parameter", "images[0].detail"),
    ("two ways", [{**ONE, "file_id": "file-1"}], {}, EXCLUSIVE, "images[0].image_url"),
    ("a number for a URL", [{"image_url": 7}], {}, "invalid_type", "images[0].image_url"),
    ("a path", [{"image_url": "photo.png"}], {}, "invalid_value", "images[0].image_url"),
    ("a file", [{"image_url": "file:///etc/passwd"}], {}, "invalid_value", "images[0].image_url"),
    ("a GIF", [{"image_url": data_url(GOOD, "image/gif")}], {}, "invalid_value", "images[0].image_url"),
    ("no base64", [{"image_url": "data:image/png;base64,a!b="}], {}, "invalid_value", "images[0].image_url"),
    ("a long URL", [{"image_url": "https://" + "x" * 20_971_520}], {}, "string_above_max_length", "images[0].image_url"),
    ("no image", [{"image_url": data_url(b"text")}], {}, "invalid_image_file", None),
    ("the multipart name", [ONE], {"image": "aGVsbG8="}, "unknown_parameter", "image"),
    ("markup", [ONE], {"markup": ONE}, "unknown_parameter", "markup"),
    ("a bare mask", [ONE], {"mask": ONE["image_url"]}, "invalid_type", "mask"),
    ("a mask without alpha", [ONE], {"mask": ONE}, BAD_MASK, None),
    ("a mask of WebP", [ONE], {"mask": {"image_url": data_url(GOOD, "image/webp")}}, MIMETYPE, "mask.image_url"),
    ("a number as text", [ONE], {"n": "2"}, "invalid_type", "n"),
    ("moderated", [ONE], {"prompt": "a [moderation] hat"}, "moderation_blocked", None),
]  # fmt: skip


@pytest.mark.parametrize(("files", "fields", "code", "param"), [case[1:] for case in FORMS], ids=[case[0] for case in FORMS])
def test_bad_forms_are_named(serve, files, fields, code, param):
    """A 400 with the vendor's code and the name of the field."""

    async def scenario(client):
        reply = await client.edit(*files, **fields)
        assert (reply.status, reply.error["code"], reply.error["param"]) == (400, code, param)
        assert reply.error["type"] == "invalid_request_error"

    serve(scenario)


@pytest.mark.parametrize(("files", "code", "words"), [case[1:] for case in BAD_FILES], ids=[case[0] for case in BAD_FILES])
def test_bad_files_are_named(serve, files, code, words):
    """What is no image, or no mask for the first one, is the user's error; the words say which."""

    async def scenario(client):
        reply = await client.edit(*files)
        assert (reply.status, reply.error["code"], reply.error["type"]) == (400, code, USER_ERROR)
        assert words in reply.error["message"]

    serve(scenario)


@pytest.mark.parametrize(("images", "fields", "code", "param"), [case[1:] for case in BODIES], ids=[case[0] for case in BODIES])
def test_bad_bodies_are_named(serve, images, fields, code, param):
    """The same for JSON, whose fields have names of their own."""

    async def scenario(client):
        reply = await client.edit_json(images, **fields)
        assert (reply.status, reply.error["code"], reply.error["param"]) == (400, code, param)

    serve(scenario)


def test_the_vendors_own_words(serve):
    """The messages that programs look for, letter by letter."""

    async def scenario(client):
        octets = await client.edit(Part("image", GOOD, "a", "application/octet-stream"))
        assert octets.error["message"] == (
            "Invalid file 'image': unsupported mimetype ('application/octet-stream'). "
            "Supported file formats are 'image/jpeg', 'image/png', and 'image/webp'."
        )
        twice = await client.edit(IMAGE, IMAGE)
        assert twice.error["message"].startswith("Duplicate parameter: 'image'. You provided multiple values")
        fidelity = await client.edit(IMAGE, input_fidelity="high")
        assert fidelity.error["message"] == "The model 'gpt-image-2' does not support the 'input_fidelity' parameter."
        many = await client.edit(*[Part("image[]", GOOD)] * 17)
        assert "maximum length 16, but got an array with length 17" in many.error["message"]

    serve(scenario)


def test_a_file_id_is_of_no_file(serve):
    """Nothing can be uploaded here, so every id is unknown, for an image as for a mask."""

    async def scenario(client):
        image = await client.edit_json([{"file_id": "file-abc"}])
        mask = await client.edit_json([ONE], mask={"file_id": "file-abc"})
        for reply, param in ((image, "images[0].file_id"), (mask, "mask.file_id")):
            assert (reply.status, reply.error["message"]) == (404, "No such File object: file-abc")
            assert reply.error["param"] == param

    serve(scenario)


def test_a_large_image_is_refused_and_the_next_one_taken(serve):
    """50 MB is too much for one file; it is read past, not kept, and the connection stays good."""

    async def scenario(client):
        reply = await client.edit(Part("image", GOOD + bytes(50 * 2**20)))
        assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "file_too_large", "image")
        assert (await client.edit(IMAGE)).status == 200

    serve(scenario)


FORM = {"Authorization": "Bearer sk", "Content-Type": "multipart/form-data; boundary=x"}


@pytest.mark.parametrize(
    ("data", "headers", "status", "code"),
    [
        (b"", FORM, 400, None),
        (b"{}", FORM, 400, None),
        (b"--x\r\n\r\nnameless\r\n--x--\r\n", FORM, 400, None),
        (b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nbegun', FORM, 400, None),
        (b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n\xff\r\n--x--\r\n', FORM, 400, None),
        (b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y--\r\n--x--\r\n", FORM, 400, None),
        (b'--x\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n--x--\r\n', FORM, 400, None),
        (b"--x\r\nno header\r\n\r\n\r\n--x--\r\n", FORM, 400, None),
        (b"{}", {**FORM, "Content-Type": "multipart/form-data"}, 400, None),
        (b"--x--\r\n", FORM, 400, "missing_required_parameter"),
        (b"{", {**FORM, "Content-Type": "application/json"}, 400, None),
        (b"[" * 100_000, {**FORM, "Content-Type": "application/json"}, 400, None),
        (b"{}", {**FORM, "Content-Type": "text/plain"}, 400, "unsupported_content_type"),
        (b"{}", {**FORM, "Content-Type": "application/json", "Content-Length": str(2**30)}, 413, None),
        (b"--x", {**FORM, "Content-Length": str(2**30)}, 413, None),
    ],
)
def test_bodies_that_are_no_edit(serve, data, headers, status, code):
    """Whatever is sent, the answer has the vendor's shape, and one that announces too much is not waited for."""

    async def scenario(client):
        host, port = client.base.removeprefix("http://").removesuffix("/v1").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        sent = {"Host": "sandbox", "Content-Length": str(len(data)), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        writer.write(f"POST /v1/images/edits HTTP/1.1\r\n{head}\r\n".encode() + data)
        told = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(told.split(b"content-length: ")[1].split(b"\r\n")[0])
        error = msgspec.json.decode(await reader.readexactly(length))["error"]
        assert (int(told.split()[1]), error["code"], error["type"]) == (status, code, "invalid_request_error")
        writer.close()

    serve(scenario)


def test_a_form_without_end_is_refused(serve):
    """Neither the number of parts nor the length of a text is without bounds."""

    async def scenario(client):
        many = await client.edit(IMAGE, **{f"field{number}": "x" for number in range(200)})
        assert many.status == 413
        long = await client.edit(IMAGE, prompt="x" * (2**19 + 1))
        assert long.status == 413

    serve(scenario)


@pytest.mark.parametrize(("most", "status"), [(10_000, 413), (200_000, 200)])
def test_a_form_is_bounded_as_a_whole(most, status):
    """Also one that does not say how long it is: nobody can fill the memory with files that are small enough."""

    async def receive(request):
        try:
            return web.Response(text=str(len((await form.read(request, most)).files)))
        except Refusal as refusal:
            return web.Response(status=refusal.status)

    async def pieces():
        for _ in range(16):
            yield b'--x\r\nContent-Disposition: form-data; name="image[]"; filename="a"\r\n\r\n' + bytes(5_000) + b"\r\n"
        yield b"--x--\r\n"

    async def scenario():
        app = web.Application()
        app.router.add_post("/", receive)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        async with aiohttp.ClientSession() as session, session.post(url, data=pieces(), headers=FORM) as reply:
            assert (reply.status, await reply.text()) == (status, "16" if status == 200 else "")
        await runner.cleanup()

    asyncio.run(scenario())


def test_refused_edits_are_logged_and_free(serve, tmp_path):
    """A line each, with the fields as they were given and no cost."""
    log = tmp_path / "log.jsonl"

    async def scenario(client):
        await client.edit(Part("image", b"nothing"), n=3)
        await client.edit_json([], prompt="A scarf")
        await client.edit(headers={})
        lines = [msgspec.json.decode(line) for line in log.read_bytes().splitlines()]
        assert [(line["outcome"], line["prompt"], line["n"]) for line in lines] == [
            ("invalid_image_file", "Add a hat", 3),
            ("empty_array", "A scarf", None),
            ("invalid_api_key", None, None),
        ]
        assert all((line["operation"], line["billed"], line["cost_micros"]) == ("edit", False, 0) for line in lines)

    serve(scenario, SandboxOptions(log=log))
