"""What a good edit gets, however it is sent."""

import asyncio
import base64
import io
from datetime import UTC, datetime

import msgspec
import pytest
from edit_parts import Part, data_url, picture, seen
from PIL import Image

from batchgen.core.catalog import VENDORS
from batchgen.core.input_tokens import input_image_tokens
from batchgen.core.output_tokens import published
from batchgen.core.pricing import cost_micros
from batchgen.core.usage import Usage
from batchgen.providers.sandbox import SandboxOptions, parse_faults

FIRST, SECOND = picture((1200, 800)), picture((300, 900), kind="JPEG")
MASK = picture((1200, 800), hole=(0, 0, 400, 300))


def answered(reply):
    assert reply.status == 200, reply.raw
    return reply.json


def test_one_image_is_fitted_into_the_size(serve):
    """The answer has the size asked for and shows the input in its colours, with the usage of an image that came along."""

    async def scenario(client):
        body = answered(await client.edit(Part("image", FIRST), size="1024x1024"))
        shown = seen(body["data"][0]["b64_json"])
        assert shown.size == (1024, 1024)
        orange, teal = shown.getpixel((200, 300)), shown.getpixel((800, 300))
        assert orange[0] > 180 > 110 > orange[2]
        assert teal[0] < 100 < teal[1]
        tokens = input_image_tokens("gpt-image-2", 1200, 800, None)
        assert body["usage"]["input_tokens_details"] == {"text_tokens": 3 + 6, "image_tokens": tokens}
        assert body["usage"]["input_tokens"] == 9 + tokens
        assert body["usage"]["output_tokens"] == published("gpt-image-2", "low", "1024x1024")

    serve(scenario)


def test_a_form_and_json_make_the_same_edit(serve):
    """Whichever way the files travel, the same inputs give the same picture and the same usage; another input, another one."""

    async def scenario(client):
        form = await client.edit(
            Part("image[]", FIRST), Part("image[]", SECOND, "b.jpg", "image/jpeg"), Part("mask", MASK), n=2
        )
        references = [{"image_url": data_url(FIRST)}, {"image_url": data_url(SECOND, "image/jpeg")}]
        json = await client.edit_json(references, mask={"image_url": data_url(MASK)}, n=2)
        other = await client.edit_json(references[1:], n=2)
        assert answered(form)["data"] == answered(json)["data"] != answered(other)["data"]
        assert form.json["usage"] == json.json["usage"]
        assert len({image["b64_json"] for image in form.json["data"]}) == 2

    serve(scenario)


def test_every_further_image_is_shown(serve):
    """Up to sixteen inputs; each of them leaves its trace in the picture, at any size."""
    colours = [(40 + 12 * number, 250 - 14 * number, 128) for number in range(16)]

    def plain(colour):
        target = io.BytesIO()
        Image.new("RGB", (80, 80), colour).save(target, "PNG")
        return Part("image[]", target.getvalue())

    async def scenario(client):
        for size in ("1024x1024", "1536x640", "640x1536"):
            body = answered(await client.edit(*map(plain, colours), size=size))
            shown = seen(body["data"][0]["b64_json"])
            pixels = {pixel for _, pixel in shown.getcolors(maxcolors=2**22)}
            assert set(colours[1:]) <= pixels
            assert body["usage"]["input_tokens_details"]["image_tokens"] == 16 * input_image_tokens("gpt-image-2", 80, 80, None)

    serve(scenario)


def test_a_mask_lets_only_its_hole_change(serve):
    """Outside of the transparent area, the foot and the mark the first image stays as it was."""
    plain = picture((1024, 1024))
    mask = picture((1024, 1024), hole=(100, 100, 300, 500))

    async def scenario(client):
        body = answered(await client.edit(Part("image", plain), Part("mask", mask), size="1024x1024"))
        shown, sent = seen(body["data"][0]["b64_json"]), Image.open(io.BytesIO(plain))
        for place in ((99, 99), (301, 400), (700, 200), (50, 600), (200, 501)):
            assert shown.getpixel(place) == sent.getpixel(place)
        for place in ((100, 100), (300, 500), (200, 300)):
            assert shown.getpixel(place) != sent.getpixel(place)

    serve(scenario)


def test_a_markup_lies_over_the_first_image(serve):
    """What is drawn on the transparent layer is seen in the answer; models of 2.5 and newer take it."""
    layer = Image.new("RGBA", (1024, 1024))
    layer.paste((255, 0, 0, 255), (400, 400, 500, 500))
    target = io.BytesIO()
    layer.save(target, "PNG")

    async def scenario(client):
        for model in ("gpt-image-2.5-flare", "gpt-image-2.5-sunburst-2026-09-08", "gpt-image-2.6-sunburst"):
            parts = (Part("image", picture((1024, 1024))), Part("markup", target.getvalue()))
            body = answered(await client.edit(*parts, model=model, size="1024x1024"))
            red, _, blue = seen(body["data"][0]["b64_json"]).getpixel((450, 450))
            assert red > 150 > 100 > blue

    serve(scenario)


@pytest.mark.parametrize(
    ("kind", "mode", "media_type"),
    [
        ("PNG", "RGBA", "image/png"),
        ("PNG", "P", "image/png"),
        ("PNG", "L", "image/png"),
        ("PNG", "1", "image/png"),
        ("JPEG", "CMYK", "image/jpeg"),
        ("JPEG", "L", "IMAGE/JPEG; charset=binary"),
        ("WEBP", "RGB", "image/webp"),
        ("WEBP", "RGBA", "image/webp"),
    ],
)
def test_images_of_all_kinds_are_taken(serve, kind, mode, media_type):
    """PNG, JPEG and WebP in whatever mode they store their pixels, as input and as the format of the answer."""

    async def scenario(client):
        data = picture((40, 30), kind=kind, mode=mode)
        answered(await client.edit(Part("image", data, "x", media_type), output_format=kind.lower()))

    serve(scenario)


def test_a_photo_lies_on_its_side_as_its_camera_says(serve):
    """Sizes are those of the upright picture: a mask for it is as wide as the stored rows are many."""
    turned = Image.Exif()
    turned[0x0112] = 6
    photo = picture((1200, 400), kind="JPEG", exif=turned)

    async def scenario(client):
        image = Part("image", photo, "photo.jpg", "image/jpeg")
        body = answered(await client.edit(image, Part("mask", picture((400, 1200), hole=(0, 0, 9, 9))), model="gpt-image-1.5"))
        assert body["usage"]["input_tokens_details"]["image_tokens"] == input_image_tokens("gpt-image-1.5", 400, 1200, None)
        refused = await client.edit(image, Part("mask", picture((1200, 400), hole=(0, 0, 9, 9))), model="gpt-image-1.5")
        assert refused.error["code"] == "invalid_mask_image_format"

    serve(scenario)


def test_an_address_is_never_asked(serve):
    """For an http(s) address a drawn picture stands, billed as 1024x1024; nobody is called, and any mask fits it."""
    called = []

    async def scenario(client):
        def stranger(reader, writer):
            called.append(reader)
            writer.close()

        server = await asyncio.start_server(stranger, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/photo.png"
        body = answered(await client.edit_json([{"image_url": url}], mask={"image_url": data_url(MASK)}))
        assert body["usage"]["input_tokens_details"]["image_tokens"] == 1024
        again = answered(await client.edit_json([{"image_url": url}], mask={"image_url": data_url(MASK)}))
        assert again["data"] == body["data"]
        server.close()
        assert called == []

    serve(scenario)


def test_every_model_and_format_makes_edits(serve):
    """All models of the catalog; gif moves and svg is a document here too."""

    async def scenario(client):
        for name in VENDORS.names:
            answered(await client.edit(Part("image", FIRST), model=name))
        moving = answered(
            await client.edit(Part("image", FIRST), model="gpt-image-2.6-flare", output_format="gif", frame_count=3)
        )
        assert moving["output_format"] == "gif"
        assert Image.open(io.BytesIO(base64.b64decode(moving["data"][0]["b64_json"]))).n_frames == 3
        svg = {"output_format": "svg", "svg[model]": "gpt-5", "svg[reasoning][effort]": "low"}
        assert answered(await client.edit(Part("image", FIRST), model="gpt-image-2.6-flare", **svg))["output_format"] == "svg"

    serve(scenario)


@pytest.mark.parametrize(
    ("fields", "fidelity"),
    [
        ({"model": "gpt-image-2"}, None),
        ({"model": "gpt-image-2.5-sunburst", "n": 3}, None),
        ({"model": "gpt-image-1.5"}, None),
        ({"model": "gpt-image-1.5", "input_fidelity": "high", "n": 2}, "high"),
        ({"model": "gpt-image-1-mini", "input_fidelity": "low"}, "low"),
    ],
)
def test_the_log_bills_what_the_usage_says(serve, tmp_path, fields, fidelity):
    """Text, input images and output at their own rates; every image asked for is billed with all inputs anew."""
    log = tmp_path / "log.jsonl"

    async def scenario(client):
        reply = await client.edit(Part("image[]", FIRST), Part("image[]", SECOND, "b.jpg", "image/jpeg"), **fields)
        usage = answered(reply)["usage"]
        line = msgspec.json.decode(log.read_bytes())
        inputs = sum(input_image_tokens(fields["model"], *size, fidelity) for size in ((1200, 800), (300, 900)))
        assert usage["input_tokens_details"]["image_tokens"] == inputs * fields.get("n", 1)
        spent = Usage(
            input_text_tokens=usage["input_tokens_details"]["text_tokens"],
            input_image_tokens=usage["input_tokens_details"]["image_tokens"],
            output_tokens=usage["output_tokens"],
        )
        assert line["cost_micros"] == cost_micros(fields["model"], spent, datetime.now(UTC).date())
        assert (line["operation"], line["input_images"], line["billed"]) == ("edit", 2, True)
        assert line["input_image_tokens"] == usage["input_tokens_details"]["image_tokens"]

    serve(scenario, SandboxOptions(log=log))


@pytest.mark.parametrize(
    ("fault", "status", "billed"), [("500", 500, False), ("504", 504, True), ("html", 200, True), ("fewer", 200, False)]
)
def test_faults_strike_edits_too(serve, tmp_path, fault, status, billed):
    """The same as generations; where the image was made before, its inputs are billed as well."""
    log = tmp_path / "log.jsonl"

    async def scenario(client):
        assert (await client.edit(Part("image", FIRST))).status == status
        line = msgspec.json.decode(log.read_bytes())
        assert (line["billed"], line["input_image_tokens"] > 0, line["cost_micros"] > 0) == (billed,) * 3

    serve(scenario, SandboxOptions(log=log, faults=parse_faults(f"{fault}=1")))


def test_input_images_count_in_the_limit(serve):
    """Each of them takes a place beside those asked for, and the refusal says so in the vendor's word for it."""
    inputs = [Part("image[]", FIRST)] * 3

    async def scenario(client):
        assert (await client.edit(*inputs, n=2)).headers["x-ratelimit-remaining-requests"] == "1"
        refused = await client.edit(*inputs, n=1)
        assert (refused.status, refused.error["code"], refused.error["type"]) == (429, "rate_limit_exceeded", "input-images")
        assert "on input-images per min: Limit 6, Used 5, Requested 4. Please try again in " in refused.error["message"]
        assert int(refused.headers["retry-after-ms"]) > 20_000
        never = await client.edit(*inputs, n=4)
        assert "on input-images per min: Limit 6, Requested 7." in never.error["message"]
        assert (await client.generate()).status == 200

    serve(scenario, SandboxOptions(images_per_minute=6))
