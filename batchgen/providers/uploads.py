"""The body of an edit: input images as files of a form, streamed from disk; as JSON where one of them is a link.

A file is sent only if it is still the one that was submitted: what is made of another one would be bought under its name.
"""

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager
from functools import lru_cache
from pathlib import PurePath
from typing import IO, Any

import aiohttp
import msgspec
import pybase64

from batchgen.core.inputs import as_data_url
from batchgen.core.request import IMAGE, Input, Request, Value
from batchgen.providers.http import json_body

_MOST_REMEMBERED = 4096
_ENDING = re.compile('["\x00-\x1f\x7f\ud800-\udfff]')

_CHANGED = "is no longer the file that was submitted; --update takes it as it is now"
_DAMAGED = "is no longer the image that was made; verify --repair finds it or has it made again"

_File = tuple[Input, IO[bytes]]


class InputChanged(Exception):
    """A file is not what it was when the manifest was submitted, or when it was made; the text names it.

    `code` tells the two apart.
    """

    def __init__(self, one: Input, words: str) -> None:
        super().__init__(f"{one.source} {words}")
        self.code = "input_changed" if one.path is None else "result_changed"


@asynccontextmanager
async def edit_body(request: Request, *, as_json: bool = False) -> AsyncIterator[aiohttp.Payload]:
    """What is sent, for as long as its files are open; `as_json` even where all are files. Raises InputChanged."""
    with ExitStack() as files:
        opened = await asyncio.to_thread(_open, request.inputs, files)
        if len(opened) == len(request.inputs) and not as_json:
            yield _form(request, opened)
        else:
            yield json_body(await asyncio.to_thread(_json, request, opened))


def _open(inputs: tuple[Input, ...], files: ExitStack) -> list[_File]:
    opened: list[_File] = []
    for one in inputs:
        if not one.is_file:
            continue
        try:
            file = files.enter_context(open(one.source, "rb"))  # noqa: PTH123, SIM115  (a path per file costs more than this)
            state = os.fstat(file.fileno())
            is_same = _sha256(one.source, state.st_mtime_ns, state.st_size) == one.sha256
        except OSError as error:
            raise InputChanged(one, f"cannot be read: {error.strerror or error}") from error
        if not is_same:
            raise InputChanged(one, _CHANGED if one.path is None else _DAMAGED)
        opened.append((one, file))
    return opened


@lru_cache(maxsize=_MOST_REMEMBERED)
def _sha256(path: str, _mtime_ns: int, _size: int) -> str:
    """Read once, however many rows use the file; a file that is written again has another time or size."""
    with open(path, "rb") as file:  # noqa: PTH123
        return hashlib.file_digest(file, "sha256").hexdigest()


def _form(request: Request, files: list[_File]) -> aiohttp.Payload:
    form = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, value in _fields(request.body.items()):
        form.add_field(name, _text(value))
    images = sum(one.role == IMAGE for one, _ in files)
    for one, file in files:
        name = f"{IMAGE}[]" if one.role == IMAGE and images > 1 else one.role
        form.add_field(name, file, filename=_file_name(one.source), content_type=one.media_type)
    return form()


def _fields(members: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Value]]:
    """The members of a body, parts of objects with the object's name before them: `svg[reasoning][effort]`."""
    for name, value in members:
        if isinstance(value, dict):
            yield from _fields((f"{name}[{part}]", value[part]) for part in value)
        else:
            yield name, value


def _json(request: Request, opened: list[_File]) -> bytes:
    files = dict(opened)
    links = [(one.role, {"image_url": _link(one, files.get(one))}) for one in request.inputs]
    images = [link for role, link in links if role == IMAGE]
    others = {role: link for role, link in links if role != IMAGE}
    return msgspec.json.encode({**request.body, "images": images, **others})


def _link(one: Input, file: IO[bytes] | None) -> str:
    if file is None or one.media_type is None:
        return one.source
    file.seek(0)  # one file may be named twice
    return as_data_url(one.media_type, pybase64.b64encode(file.read()).decode())


def _file_name(source: str) -> str:
    """As the vendor's own client and browsers write it: in its own letters, but for those that would end it."""
    return _ENDING.sub(lambda letter: f"%{ord(letter[0]):02X}", PurePath(source).name)


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
