"""`batchgen models`."""

from typing import Any

import click

from batchgen.cli.console import data, data_json, table


@click.command("models")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models_command(*, as_json: bool) -> None:
    """What each model takes and costs, and when it is shut down."""
    from batchgen.core import catalog

    found = [_model(model) for model in catalog.MODELS]
    if as_json:
        data_json({"models": found})
        return
    headers = ["model", "sizes", "qualities", "USD of 1024x1024", "shut down"]
    rows = [
        [model["name"], model["sizes"], " ".join(model["qualities"]), model["cost"], model["shutdown"] or "-"]
        for model in ({**model, "sizes": _sizes(model), "cost": _cost(model)} for model in found)
    ]
    data(table(headers, rows))
    data("USD per million tokens: batchgen models --json. A price of ? is not published; the answer's usage tells it.")


def _model(model: Any) -> dict[str, Any]:
    from datetime import UTC, datetime

    from batchgen.core import pricing
    from batchgen.core.usage import Usage

    today = datetime.now(UTC).date()
    rates = pricing.rates_on(model.name, today)
    prices = {}
    for quality in model.qualities:
        tokens = pricing.output_tokens(model.name, quality, "1024x1024")
        cost = None if tokens is None else pricing.cost_micros(model.name, Usage(output_tokens=tokens), today)
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
        if rates is None
        else {
            "text_in": str(rates.text_in),
            "image_in": str(rates.image_in),
            "image_out": str(rates.image_out),
            "text_out": str(rates.text_out),
            "source": rates.source,
        },
    }


def _sizes(model: dict[str, Any]) -> str:
    return " ".join(model["sizes"]) if model["sizes"] else "WxH in steps of 16, up to 3840"


def _cost(model: dict[str, Any]) -> str:
    prices = model["image_cost_usd"]["1024x1024"].values()
    return " ".join("?" if price is None else f"{float(price):.4f}" for price in prices)
