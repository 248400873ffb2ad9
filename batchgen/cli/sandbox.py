"""`batchgen sandbox`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchgen.cli.app import App, pass_app
from batchgen.cli.signals import on_signals

if TYPE_CHECKING:
    from batchgen.providers.sandbox import SandboxOptions


@click.command("sandbox")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8090, show_default=True, help="Port on 127.0.0.1; 0 takes a free one."
)
@click.option("--latency", type=click.FloatRange(0), default=0.0, help="Seconds before each answer.")
@click.option("--images-per-minute", type=click.IntRange(0), default=0, help="The limit to enforce; 0 is none.")
@click.option(
    "--faults", default="", metavar="NAME=RATE,...", help="Faults and how often they strike, as in 500=0.05,cut=0.02."
)
@click.option("--links", is_flag=True, help="Name images by link, and take response_format, as gateways do.")
@click.option("--log", type=click.Path(path_type=Path, dir_okay=False), help="Append a JSON line a request to this file.")
@pass_app
def sandbox_command(app: App, /, port: int, **given: Any) -> None:
    """Run the simulated API as a server.

    Any key is taken. Point a client at it with OPENAI_BASE_URL.

    Faults are any HTTP status from 400 to 599, slow_down, quota and moderation, which are refusals; and of answers that are
    billed: reset, cut, bad_json, bad_base64, not_image, html, empty, fewer, hang, drip, stream_error, stream_end.
    """
    from batchgen.providers.sandbox import SandboxOptions, parse_faults

    options = SandboxOptions(
        given["latency"],
        given["images_per_minute"],
        parse_faults(given["faults"]),
        given["log"],
        app.settings().catalog,
        links=given["links"],
    )
    asyncio.run(_serve(app, options, port))


async def _serve(app: App, settings: "SandboxOptions", port: int) -> None:
    from batchgen.providers.sandbox import Sandbox

    sandbox = Sandbox(settings)
    url = await sandbox.start(port=port)
    stop = asyncio.Event()
    on_signals(stop.set, "SIGINT", "SIGTERM")
    click.echo(url)
    app.console.tell(f"use it with: OPENAI_BASE_URL={url} OPENAI_API_KEY=anything batchgen run MANIFEST")
    try:
        await stop.wait()
    finally:
        await sandbox.close()
