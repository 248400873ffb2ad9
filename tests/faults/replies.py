"""Complete messages of success and something wrong inside: invalid replies, which were paid for."""

import base64

from scripted_server import bad_base64, cut_json, empty_list, html, image_body, images, not_an_image, png, reply

from .behaviours import entries, good
from .case import ESTIMATED, PAID, PROMPT, Became, Case

_TOLD = Became("invalid_reply, succeeded", known=2 * PAID)
_NOT_TOLD = Became("invalid_reply, succeeded", known=ESTIMATED + PAID, estimated=ESTIMATED)
_GUESSED = Became("succeeded", requests=1, known=ESTIMATED, estimated=ESTIMATED)
_TWO = f"custom_id,prompt,n\nkettle,{PROMPT},2\n"
_PNG = base64.b64encode(png()).decode()

REPLIES = (
    Case("cut JSON", [cut_json()], _NOT_TOLD, message="not the JSON of the Images API", kept=1),
    Case("deeply nested JSON", [reply(200, '{"usage": ' + "[" * 200_000)], _NOT_TOLD, kept=1),
    Case("JSON of another kind", [reply(200, '{"data": "kettle"}')], _NOT_TOLD, kept=1),
    Case("an empty body", [reply(200, "")], _NOT_TOLD, kept=1),
    Case("an HTML page", [html()], _NOT_TOLD, kept=1),
    Case("broken gzip", [reply(200, "kettle", {"Content-Encoding": "gzip"})], _NOT_TOLD, message="not the JSON", kept=1),
    Case("bad base64", [bad_base64()], _TOLD, message="broken base64", kept=1),
    Case("not an image", [not_an_image()], _TOLD, kept=1),
    Case("an empty list", [empty_list()], _TOLD, message="0 of 1 images came"),
    Case(
        "a broken image at each of five tries",
        [bad_base64()] * 5,
        Became("invalid_reply ×5", "failed", "1", requests=5, known=5 * PAID),
        kept=5,
    ),
    Case(
        "a link in place of the image",
        [reply(200, '{"created": 1, "data": [{"url": "http://127.0.0.1/kettle.png"}]}')],
        Became("invalid_reply", "pending", "3", requests=1, known=ESTIMATED, estimated=ESTIMATED),
        says="`batchgen show` names the file with the link",
        message="answered with a link",
        kept=1,
    ),
    Case("one image where two were asked for", [images(1)], _TOLD, manifest=_TWO, asks=(2, 1), message="1 of 2 images came"),
    Case("one image and a broken one", [entries(_PNG, "iVBORw0KG*")], _TOLD, manifest=_TWO, asks=(2, 1), kept=1),
    Case("201 with an image", [reply(201, image_body([png(1024, 1024)]))], Became("succeeded", requests=1)),
    Case("202 without an image", [reply(202, '{"id": "job_1"}')], _NOT_TOLD, message="0 of 1 images came"),
    Case("204", [reply(204, "")], _NOT_TOLD, message="not the JSON of the Images API", kept=1),
    Case("no usage", [good(usage=None)], _GUESSED),
    Case("usage that is nonsense", [good(usage={"output_tokens": -1, "input_tokens": "ten"})], _GUESSED),
    Case("another size than asked", [good(size=(8, 8))], Became("succeeded", requests=1), note="8x8"),
)
