"""`batchgen models`."""

from typing import Any

import click

from batchgen.cli import options
from batchgen.cli.app import App, pass_app
from batchgen.cli.console import data, data_json, table

_LISTED = ["1024x1024", "1536x1024", "1024x1536"]
_LEGEND = """\
USD of one 1024x1024 image by quality, sync, without the prompt's text; ? is not published, the answer's usage tells it;
unknown has no price, so that no cost can be told.
Sizes: free is WxH in steps of 16, 655,360 to 8,294,400 pixels, edges up to 3840 and 3:1;
listed is 1024x1024, 1536x1024 and 1024x1536.
The dates are api.openai.com's; gateways may go on. Rates, formats and snapshots: batchgen models --json."""


@click.command("models")
@options.provider
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_app
def models_command(app: App, *, provider: str | None, as_json: bool) -> None:
    """What each model takes and costs at a provider, with those of the settings."""
    settings = app.settings({"provider.name": provider})
    catalog = settings.dialect(settings.provider.name).catalog
    found = [_model(model, catalog) for model in catalog.models]
    if as_json:
        data_json({"models": found})
        return
    qualities = ("low", "medium", "high", "xhigh", "max")
    rows = [[model["name"], *(_cost(model, quality) for quality in qualities), _sizes(model), _gone(model)] for model in found]
    data(table(["model", *qualities, "sizes", "shut down"], rows, right=range(1, 6)))
    data(_LEGEND)


def _model(model: Any, catalog: Any) -> dict[str, Any]:
    from datetime import UTC, datetime

    from batchgen.core import output_tokens, pricing
    from batchgen.core.usage import Usage

    today = datetime.now(UTC).date()
    price = pricing.price_on(model.name, today, catalog)
    prices = {}
    for quality in model.qualities:
        tokens = output_tokens.published(catalog.tokens_like(model.name), quality, "1024x1024")
        cost = None if tokens is None else pricing.cost_micros(model.name, Usage(output_tokens=tokens), today, catalog)
        prices[quality] = None if cost is None else pricing.dollars(cost)
    return {
        "name": model.name,
        "snapshots": list(model.snapshots),
        "qualities": list(model.qualities),
        "sizes": list(model.sizes) if isinstance(model.sizes, tuple) else None,
        "output_formats": list(model.output_formats),
        "shutdown": model.shutdown.isoformat() if model.shutdown else None,
        "replacement": model.replacement or None,
        "image_cost_usd": {"1024x1024": prices},
        "usd_per_million_tokens": None
        if price is None
        else {
            "text_in": str(price.text_in),
            "image_in": str(price.image_in),
            "image_out": str(price.image_out),
            "text_out": str(price.other_out),
            "batch_part": None if model.batch_part is None else str(model.batch_part),
            "source": price.source,
            "read": price.read.isoformat() if price.read else None,
        },
    }


def _cost(model: dict[str, Any], quality: str) -> str:
    prices = model["image_cost_usd"]["1024x1024"]
    if quality not in prices:
        return "-"
    if model["usd_per_million_tokens"] is None:
        return "unknown"
    return "?" if prices[quality] is None else f"{float(prices[quality]):.4f}"


def _sizes(model: dict[str, Any]) -> str:
    if model["sizes"] is None:
        return "free"
    return "listed" if model["sizes"] == _LISTED else ", ".join(model["sizes"]) or "auto"


def _gone(model: dict[str, Any]) -> str:
    if not model["shutdown"]:
        return ""
    return f"{model['shutdown']}" + (f", use {model['replacement']}" if model["replacement"] else "")
