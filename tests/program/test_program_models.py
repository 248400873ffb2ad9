"""Models of the settings, in the commands."""

from .conftest import Program

CONFIG = """
[models."gpt-image-3"]
qualities = ["low", "medium"]
sizes = ["1024x1024", "2000x1000"]
shutdown = 2099-12-31

[models."gpt-image-2"]
qualities = ["low"]
"""
MANIFEST = "custom_id,prompt,model,size,quality\nfox,A fox,gpt-image-3,2000x1000,low\n"


def test_the_commands_know_the_models_of_the_settings(program: Program) -> None:
    """`models` and `config` show what was written; a price that nobody knows is unknown and not zero."""
    program.write("config.toml", CONFIG)
    shown = {model["name"]: model for model in program.json("models")["models"]}
    assert shown["gpt-image-2"]["qualities"] == ["low"]
    assert shown["gpt-image-2"]["usd_per_million_tokens"] is not None
    added = shown["gpt-image-3"]
    assert (added["sizes"], added["shutdown"], added["replacement"]) == (["1024x1024", "2000x1000"], "2099-12-31", None)
    assert (added["usd_per_million_tokens"], added["image_cost_usd"]["1024x1024"]) == (None, {"low": None, "medium": None})
    (line,) = [line for line in program.run("models").stdout.splitlines() if line.startswith("gpt-image-3")]
    assert line.split() == ["gpt-image-3", "unknown", "unknown", "-", "-", "-", "1024x1024,", "2000x1000", "2099-12-31"]
    config = program.json("config")
    assert config['models."gpt-image-3".sizes']["value"] == "1024x1024, 2000x1000"
    assert config['models."gpt-image-2".qualities']["source"].endswith("config.toml")


def test_a_manifest_is_checked_against_the_models_of_the_settings(program: Program) -> None:
    """A model that was described is taken with its own rules at the vendor's address, a changed one with its new ones."""
    program.write("foxes.csv", MANIFEST)
    refused = program.run("submit", "foxes.csv", code=2).stderr
    assert "foxes.csv:2: model: gpt-image-3 is not a model of api.openai.com that this program knows" in refused
    assert 'a newer one can be described in the settings, under [models."gpt-image-3"]' in refused
    program.write("config.toml", CONFIG)
    done = program.run("submit", "foxes.csv")
    assert "warning: foxes.csv:2: gpt-image-3 will be shut down on 2099-12-31" in done.stderr
    program.write("owls.csv", "prompt,model,size,quality\nAn owl,gpt-image-3,1536x1024,max\nAn owl,gpt-image-2,,high\n")
    told = program.run("submit", "owls.csv", code=2).stderr.removeprefix("batchgen: ").splitlines()
    assert told == [
        "owls.csv:2: size: 1536x1024: gpt-image-3 takes 1024x1024, 2000x1000 or auto",
        "owls.csv:2: quality: max: gpt-image-3 takes low, medium, auto",
        "owls.csv:3: quality: high: gpt-image-2 takes low, auto",
        "3 problems: nothing was stored",
    ]
    assert [batch["name"] for batch in program.json("status")["batches"]] == ["foxes"]


def test_an_unknown_model_passes_at_a_gateway_with_a_warning(program: Program) -> None:
    """Nobody is kept from a model that the program does not know; what follows from that is said."""
    program.environment["OPENAI_BASE_URL"] = "http://127.0.0.1:9/v1"
    program.write("foxes.csv", MANIFEST)
    told = program.run("submit", "foxes.csv").stderr.splitlines()
    assert told == [
        "warning: foxes.csv:2: gpt-image-3 is not in the catalog: its parameters are not checked and its cost is unknown; "
        'a newer one can be described in the settings, under [models."gpt-image-3"]',
        "foxes: 1 row, 1 new",
    ]


def test_on_the_sandbox_a_model_that_is_gone_is_told_once(program: Program) -> None:
    """When it went and what to use, and not that nothing is known of it."""
    program.write("foxes.csv", "id,prompt,model\nfox,A fox,dall-e-3\n")
    told = program.run("submit", "foxes.csv", "--provider", "sandbox").stderr.splitlines()
    assert told[0] == "warning: foxes.csv:2: dall-e-3 was shut down on 2026-05-12; use gpt-image-2.5-sunburst"
    assert len(told) == 2


def test_the_sandbox_answers_to_the_models_of_the_settings(program: Program) -> None:
    """A rehearsal with a model that was described makes its image; its cost is unknown and not zero."""
    program.write("config.toml", CONFIG)
    program.write("foxes.csv", MANIFEST)
    done = program.json("run", "foxes.csv", "--provider", "sandbox")
    assert (done["this_run"]["succeeded"], done["this_run"]["unpriced_attempts"]) == (1, 1)
    fox = program.json("show", "sandbox-foxes", "fox")
    assert (fox["files"][0]["width"], fox["files"][0]["height"]) == (2000, 1000)
    assert fox["attempts"][0]["cost_usd"] is None


def test_the_prices_of_the_settings_are_those_that_are_booked(program: Program) -> None:
    """What a gateway takes: shown, estimated, and the cost of the attempt; the sandbox's log would say the same."""
    priced = 'tokens_like = "gpt-image-2"\nprice = { text_in = 1, image_in = 2.5, image_out = 20 }\n'
    program.write("config.toml", CONFIG.replace("shutdown = 2099-12-31\n", priced))
    program.write("foxes.csv", MANIFEST)
    shown = {model["name"]: model for model in program.json("models")["models"]}["gpt-image-3"]
    assert shown["image_cost_usd"]["1024x1024"] == {"low": "0.003920", "medium": "0.035120"}
    assert (shown["usd_per_million_tokens"]["source"], shown["usd_per_million_tokens"]["image_in"]) == ("settings", "2.5")
    assert "text_in = 1, image_in = 2.5" in program.run("config").stdout
    estimate = program.json("estimate", "foxes.csv", "--provider", "sandbox")
    done = program.json("run", "foxes.csv", "--provider", "sandbox")
    cost = (2 + 6) * 1 + 128 * 20
    assert done["this_run"]["cost_usd"] == estimate["cost_usd"] == f"{cost / 1_000_000:.6f}"
