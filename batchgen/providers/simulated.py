"""The provider `sandbox`: the simulated API in this very process, asked over loopback like the real one."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from batchgen.core.outcome import Ending
from batchgen.core.request import Request
from batchgen.providers.base import Answer
from batchgen.providers.http import HttpReply
from batchgen.providers.openai import OpenAI
from batchgen.providers.sandbox import Sandbox, SandboxOptions
from batchgen.providers.streamed import OnPreview

_KEY = "sandbox"


class Simulated:
    """Runs a sandbox for as long as it is open."""

    def __init__(self, options: SandboxOptions, *, timeout_s: float) -> None:
        self._sandbox = Sandbox(options)
        self._timeout_s = timeout_s
        self._client = OpenAI("", _KEY, timeout_s=timeout_s)

    async def open(self) -> None:
        """Start the server on a free port of loopback and connect to it."""
        self._client = OpenAI(await self._sandbox.start(), _KEY, timeout_s=self._timeout_s)
        await self._client.open()

    async def close(self) -> None:
        """Stop both."""
        await self._client.close()
        await self._sandbox.close()

    async def send(
        self,
        request: Request,
        label: str,
        on_sent: Callable[[], Awaitable[None]],
        on_preview: OnPreview | None = None,
        *,
        once: str = "",
    ) -> HttpReply | Ending:
        """See `Provider.send`."""
        return await self._client.send(request, label, on_sent, on_preview, once=once)

    async def moderate(self, texts: Sequence[str]) -> list[tuple[str, ...]] | Ending:
        """See `Moderator.moderate`."""
        return await self._client.moderate(texts)

    def read(self, reply: HttpReply, request: Request, now: datetime) -> Answer:
        """See `Provider.read`."""
        return self._client.read(reply, request, now)
