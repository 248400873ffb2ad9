"""Edits against a real server: a form with files from disk, or JSON where an input is a link; and only what was submitted."""

import asyncio
import base64
import hashlib
import os
from email import message_from_bytes
from email.policy import HTTP
from pathlib import Path

import pytest
from scripted_server import ScriptedServer, images, png
from test_providers_openai import Sending, opened

from batchgen.core.outcome import Ending, Outcome
from batchgen.core.request import Input, Request

PARAMETERS = {"size": "1024x1024", "quality": "low", "n": 1}
LINK = Input("image", "https://a.example/x.png", "0" * 64)


def file(path, content=None, role="image", media_type="image/png"):
    """An input as it is known since it was submitted."""
    data = png() if content is None else content
    path.write_bytes(data)
    return Input(role, str(path), hashlib.sha256(data).hexdigest(), media_type, 8, 8, len(data))


def ask(*inputs, change=lambda: None):
    """Send one edit; what came back, what the server saw, and whether the moment of sending was told."""

    async def run():
        async with ScriptedServer([images(1)]) as server, opened(server.base) as provider:
            change()
            sending = Sending(server)
            reply = await provider.send(Request("edit", "gpt-image-2", "on a beach", PARAMETERS, inputs), "label", sending)
            return reply, server.seen, sending

    return asyncio.run(run())


def parts(seen):
    """The fields of a form in their order: name, file name, content type, bytes."""
    head = f"Content-Type: {seen.headers['Content-Type']}\r\n\r\n".encode()
    message = message_from_bytes(head + seen.body, policy=HTTP)
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get_content_type() if part.get_filename() else None,
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


def test_files_go_as_a_form(tmp_path):
    """Every parameter as a field, one image as `image`, each with its name and type, and nothing before it was told."""
    one = file(tmp_path / "cup.png")
    reply, (seen,), sending = ask(one, file(tmp_path / "hole.png", role="mask"))
    assert reply.status == 200
    assert seen.path == "/v1/images/edits"
    fields = parts(seen)
    assert fields[:5] == [
        ("model", None, None, b"gpt-image-2"),
        ("prompt", None, None, b"on a beach"),
        ("size", None, None, b"1024x1024"),
        ("quality", None, None, b"low"),
        ("n", None, None, b"1"),
    ]
    assert fields[5] == ("image", "cup.png", "image/png", (tmp_path / "cup.png").read_bytes())
    assert fields[6][:3] == ("mask", "hole.png", "image/png")
    assert int(seen.headers["Content-Length"]) == len(seen.body)
    assert (sending.calls, sending.body_seen_before) == (1, [])


def test_several_images_stand_in_their_order(tmp_path):
    """As `image[]`, the same file twice as well."""
    first, second = file(tmp_path / "a.png"), file(tmp_path / "b.png")
    _, (seen,), _ = ask(second, first, second)
    assert [(name, filename) for name, filename, *_ in parts(seen)[5:]] == [
        ("image[]", "b.png"),
        ("image[]", "a.png"),
        ("image[]", "b.png"),
    ]


@pytest.mark.parametrize("name", ["a\nb.png", 'a"\r\nContent-Type: text.png', "a\x7fb.png"])
def test_a_file_s_name_cannot_end_its_header(tmp_path, name):
    """Whatever a file is called, it is one part with its own type."""
    one = file(tmp_path / name)
    _, (seen,), _ = ask(one)
    (sent,) = [part for part in parts(seen) if part[1]]
    assert sent[0] == "image"
    assert sent[2:] == ("image/png", (tmp_path / name).read_bytes())


def test_beside_a_link_everything_is_json(tmp_path):
    """A form cannot carry a link, so files stand in the body as data."""
    one, mask = file(tmp_path / "a.png"), file(tmp_path / "m.png", role="mask")
    _, (seen,), _ = ask(LINK, one, one, mask)
    data = f"data:image/png;base64,{base64.b64encode((tmp_path / 'a.png').read_bytes()).decode()}"
    assert seen.headers["Content-Type"] == "application/json"
    assert seen.json["images"] == [{"image_url": LINK.source}, {"image_url": data}, {"image_url": data}]
    assert seen.json["mask"]["image_url"].startswith("data:image/png;base64,")
    assert {name: seen.json[name] for name in ("model", "prompt", *PARAMETERS)} == {
        "model": "gpt-image-2",
        "prompt": "on a beach",
        **PARAMETERS,
    }


CHANGES = {
    "gone": (lambda path: path.unlink(), "cannot be read: No such file or directory"),
    "another": (lambda path: path.write_bytes(png()), "is no longer the file that was submitted"),
    "as long as before": (
        lambda path: path.write_bytes(bytes(path.stat().st_size)),
        "is no longer the file that was submitted",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_file_that_changed_since_is_not_sent(tmp_path, case):
    """Nothing is asked for and nothing is billed; the end names the file and says what to do."""
    change, words = CHANGES[case]
    one = file(tmp_path / "a.png")
    ending, seen, sending = ask(one, change=lambda: change(tmp_path / "a.png"))
    assert isinstance(ending, Ending)
    assert (ending.outcome, ending.error_code, ending.http_status) == (Outcome.REJECTED, "input_changed", None)
    assert ending.error_message.startswith(f"{tmp_path / 'a.png'} {words}")
    assert (seen, sending.calls) == ([], 0)


def test_a_file_that_was_only_touched_is_the_same(tmp_path):
    """Its time says nothing of what is in it."""
    one = file(tmp_path / "a.png")
    reply, _, _ = ask(one, change=lambda: os.utime(tmp_path / "a.png", (1, 1)))
    assert reply.status == 200


def test_no_file_stays_open(tmp_path):
    """A million edits do not use up what a process may have open."""
    one = file(tmp_path / "a.png")
    handles = Path("/proc/self/fd")

    async def run():
        async with ScriptedServer([images(1)] * 21) as server, opened(server.base) as provider:
            for _ in range(20):
                await provider.send(Request("edit", "gpt-image-2", "p", PARAMETERS, (one, LINK)), "label", Sending())
            await provider.send(Request("edit", "gpt-image-2", "p", PARAMETERS, (one,)), "label", Sending())
            return [handle for handle in handles.iterdir() if handle.resolve() == Path(one.source)]

    if not handles.is_dir():
        pytest.skip("this system does not list open files")
    assert asyncio.run(run()) == []
