"""Opening and closing the simulated API: where it listens, what it may be asked to do. The rest is imported at the start."""

from __future__ import annotations

import ipaddress
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from batchgen.core.catalog import VENDORS, Catalog
from batchgen.errors import WrongUsage
from batchgen.providers.sandbox.faults import Faults


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """How the simulated API behaves.

    latency_s: seconds before an image is answered; requests overlap, and a stream spreads them over its events.
    images_per_minute: 0 is no limit. log: a file to which one JSON line a generation or edit is appended. catalog: the models
    it answers to. links: images are named by link, and `response_format` is taken, as at gateways.
    """

    latency_s: float = 0.0
    images_per_minute: int = 0
    faults: Faults = field(default_factory=Faults)
    log: Path | None = None
    catalog: Catalog = VENDORS
    links: bool = False


class Sandbox:
    """One simulated API on loopback. `start` once, `close` once; close ends what is in flight without an answer."""

    def __init__(self, options: SandboxOptions) -> None:
        self._options = options
        self._open = AsyncExitStack()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen, and return the base URL. Raises WrongUsage for a host that others can reach, a port in use, or a bad log."""
        _only_loopback(host)
        # Only who starts a sandbox pays for loading aiohttp and Pillow.
        from aiohttp import web

        from batchgen.providers.sandbox.app import build

        try:
            runner = web.AppRunner(build(self._options), access_log=None, shutdown_timeout=1.0)
            self._open.push_async_callback(runner.cleanup)
            await runner.setup()
            site = web.TCPSite(runner, host, port)
            await site.start()
        except OSError as error:
            await self.close()
            raise WrongUsage(f"the sandbox cannot start: {error}") from error
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{runner.addresses[0][1]}/v1"

    async def close(self) -> None:
        """Stop listening and free what `start` opened; without a start it does nothing."""
        await self._open.aclose()


def _only_loopback(host: str) -> None:
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise WrongUsage(
            f"the sandbox listens on loopback only, not on {host!r}: it asks for no real key and has no encryption"
        )
