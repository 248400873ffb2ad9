"""Prices of a provider's own: what is told before, reserved meanwhile and booked in the end is by the same ones."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from hostile.conftest import Stage, stage

from .conftest import Program

__all__ = ["stage"]

# USD per million output tokens, which are 439 an image; the prompt's text is free, since it is only estimated before.
DEAR, CHEAP, TOKENS = 60, 6, 439
EACH = {"dear": DEAR * TOKENS, "cheap": CHEAP * TOKENS}
MODEL = """\
[providers.{name}]
base_url = "{url}"
api_key_env = ""
[providers.{name}.models."gpt-image-2.5-flare"]
price = {{ text_in = 0, image_in = 0, image_out = {rate} }}
"""


@pytest.fixture
def shop(program: Program, stage: Callable[..., Stage]) -> Program:
    """The same model at two providers with two prices, two rows of each, all at once."""
    prices = {"dear": DEAR, "cheap": CHEAP}
    program.write("config.toml", "".join(MODEL.format(name=name, url=stage().url, rate=rate) for name, rate in prices.items()))
    program.write("m.csv", "id,prompt,provider\na,A fox,dear\nb,A bear,cheap\nc,A cat,dear\nd,A dog,cheap\n")
    return program


def _micros(usd: str | float) -> int:
    return round(float(usd) * 1_000_000)


def test_estimate_caps_and_costs_agree(shop: Program) -> None:
    """One run makes all: under a cap of a micro less than it costs, all but one; with just as much, all."""
    estimate = shop.json("estimate", "m.csv")
    told = {line["provider"]: line["cost_usd"] for line in estimate["by"]}
    assert {name: _micros(cost) for name, cost in told.items()} == {name: 2 * micros for name, micros in EACH.items()}
    lines = shop.run("estimate", "m.csv").stdout.splitlines()
    assert [line.split()[-1] for line in lines[1:4]] == ["by", "dear", "cheap"]
    whole = sum(2 * micros for micros in EACH.values())
    short = shop.run("run", "m.csv", "--max-cost", f"{(whole - 1) / 1_000_000:.6f}", code=3).stderr
    assert f"to be made: 4 images, about ${whole / 1_000_000:.4f}" in short
    assert "1 remain, for $0.0" in short
    shop.run("run", "m.csv")
    costs = {entry["provider"]: entry["cost_usd"] for entry in shop.json("costs", "--by", "provider")["costs"]}
    assert {name: _micros(cost) for name, cost in costs.items()} == {name: 2 * micros for name, micros in EACH.items()}
    with closing(sqlite3.connect(shop.folder / "batchgen.db")) as ledger:
        attempts = ledger.execute("SELECT DISTINCT provider, reserved_micros, cost_micros FROM attempts").fetchall()
    assert sorted(attempts) == sorted((name, micros, micros) for name, micros in EACH.items())


def test_what_has_to_be_bought_again_has_those_prices(shop: Program) -> None:
    """Of an image that is gone, and in the list of models; on the sandbox there are the prices of everybody."""
    shop.run("run", "m.csv")
    (shop.folder / "images" / "m" / "a.png").unlink()
    told = shop.json("verify", "--repair", "--yes")["to_buy"]
    assert _micros(told["cost_usd"]) == EACH["dear"]
    prices = {name: shop.json("models", *options)["models"] for name, options in _CHOSEN.items()}
    rates = {
        name: [model["usd_per_million_tokens"]["image_out"] for model in models if model["name"] == "gpt-image-2.5-flare"]
        for name, models in prices.items()
    }
    assert rates == {"dear": [str(DEAR)], "cheap": [str(CHEAP)], "": ["30"]}
    (line,) = shop.json("estimate", "m.csv", "--provider", "sandbox")["by"]
    assert (line["provider"], line["images"]) == ("sandbox", 4)


_CHOSEN: dict[str, tuple[str, ...]] = {"": (), **{name: ("--provider", name) for name in EACH}}
