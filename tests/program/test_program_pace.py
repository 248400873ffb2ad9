"""What the program says of how fast it asks."""

from .conftest import Program, prompts

_LIMITS = "[limits]\nimages_per_minute = 6000\nrequests_per_minute = 7000\ntokens_per_minute = 90000000\nimages_per_day = 50\n"


def test_status_tells_the_pace_in_force_and_why(program: Program) -> None:
    """Before the first run there is none; then it is what was configured, and what is left of the day."""
    program.write("config.toml", _LIMITS)
    program.write("signs.csv", prompts(3))
    program.run("submit", "signs.csv", "--provider", "sandbox")
    assert program.json("status")["paces"] == {}
    program.run("run", "signs.csv", "--provider", "sandbox")
    assert program.json("status")["paces"]["sandbox"] == {
        "images_per_minute": 6000.0,
        "requests_per_minute": 7000,
        "tokens_per_minute": 90_000_000,
        "images_left_today": 47,
        "pause_s": 0.0,
        "why": "configured",
    }
    line = "pace: 6,000 images a minute (configured), 7,000 requests a minute, 90,000,000 tokens a minute, 47 images left today"
    assert line in program.run("status").stdout


def test_an_account_whose_limit_was_found_out_tells_so(program: Program) -> None:
    """The sandbox refuses and names its limit; the next run and `status` know it."""
    program.write("config.toml", "[sandbox]\nimages_per_minute = 600\n[retry]\nbackoff_base_s = 0.1\n")
    program.write("signs.csv", prompts(40))
    program.run("run", "signs.csv", "--provider", "sandbox")
    assert "pace: 600 requests a minute (named by the provider)" in program.run("status").stdout
