"""A real sandbox on loopback and a plain client for it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
import pytest

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
