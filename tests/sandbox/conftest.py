"""A real sandbox on loopback and a plain client for it."""

import asyncio
import io
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
import pytest
from edit_parts import Part

from batchgen.providers.sandbox import Sandbox, SandboxOptions


@dataclass(frozen=True, slots=True)
class Reply:
    """One complete answer."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.raw)

    @property
    def error(self) -> Any:
        return self.json["error"]


@dataclass(frozen=True, slots=True)
class Client:
    """Asks one sandbox; fields of the body that are not given get plain defaults."""

    base: str
    session: aiohttp.ClientSession

    async def generate(self, prompt: str = "A lighthouse", *, headers: Mapping[str, str] | None = None, **fields: Any) -> Reply:
        body = {"model": "gpt-image-2", "prompt": prompt, "quality": "low", **fields}
        return await self.send("POST", "/images/generations", json=body, headers=headers)

    async def edit(self, *parts: Part, headers: Mapping[str, str] | None = None, **fields: Any) -> Reply:
        """A form; a field that is None is left out."""
        form = aiohttp.FormData(default_to_multipart=True)
        texts = {"model": "gpt-image-2", "prompt": "Add a hat", "quality": "low", **fields}
        for name, text in texts.items():
            for value in text if isinstance(text, list) else [text]:
                if value is not None:
                    form.add_field(name, str(value))
        for part in parts:
            # Without a file name aiohttp would make one up for bytes.
            value = io.BytesIO(part.data) if part.filename else part.data.decode()
            form.add_field(part.name, value, filename=part.filename, content_type=part.media_type)
        return await self.send("POST", "/images/edits", data=form, headers=headers)

    async def edit_json(self, images: Any, **fields: Any) -> Reply:
        body = {"model": "gpt-image-2", "prompt": "Add a hat", "quality": "low", "images": images, **fields}
        headers = {"Authorization": "Bearer sk-test-key", "Content-Type": "application/json"}
        return await self.send("POST", "/images/edits", data=io.BytesIO(msgspec.json.encode(body)), headers=headers)

    async def send(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any) -> Reply:
        sent = {"Authorization": "Bearer sk-test-key"} if headers is None else dict(headers)
        async with self.session.request(method, self.base + path, headers=sent, **options) as response:
            return Reply(response.status, response.headers, await response.read())


Scenario = Callable[[Client], Awaitable[None]]


@pytest.fixture
def serve() -> Callable[..., None]:
    """Run a scenario against a sandbox that is opened for it and closed after it."""

    def run(scenario: Scenario, options: SandboxOptions | None = None) -> None:
        async def opened() -> None:
            sandbox = Sandbox(options or SandboxOptions())
            base = await sandbox.start()
            try:
                async with asyncio.timeout(20), aiohttp.ClientSession() as session:
                    await scenario(Client(base, session))
            finally:
                await sandbox.close()

        asyncio.run(opened())

    return run
