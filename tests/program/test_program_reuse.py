"""`--reuse` and `batchgen reuse` as a person meets them."""

import csv
from collections.abc import Callable

import pytest

from .conftest import Program, Server, prompts


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    """A sandbox."""
    return serve()


@pytest.fixture
def signs(server: Server, client: Callable[[Server], Program]) -> Program:
    """A program that has bought three images, and has a manifest of five that asks for the same three."""
    program = client(server)
    program.write("january.csv", prompts(3))
    program.run("run", "january.csv")
    program.write("february.csv", prompts(5))
    return program


def test_what_was_made_before_is_told_everywhere(signs: Program, server: Server) -> None:
    """Before the run and after it, by status, show, costs and export: what was used again, from where, and that it cost 0."""
    told = signs.run("run", "february.csv", "--reuse").stderr
    assert "to be made: 2 images, about $0.0119; made before and used again: 3 jobs\n" in told
    assert "made before and used again, for nothing: 3\n" in told
    assert "this run: 5 succeeded (3 made before), 0 failed, $0.01" in told
    assert len(server.requests()) == 5
    assert signs.json("status", "february")["reused"] == 3
    assert "february: 3 images made before and used again" in signs.run("status").stdout
    (attempt,) = signs.json("show", "february", "row-1")["attempts"]
    assert (attempt["outcome"], attempt["reused_from"], attempt["cost_usd"]) == ("reused", "january/row-1", "0.000000")
    assert "attempt 1: reused" in signs.run("show", "february", "row-1").stdout
    by_outcome = {one["outcome"]: one for one in signs.json("costs", "february", "--by", "outcome")["costs"]}
    assert (by_outcome["reused"]["images"], by_outcome["reused"]["cost_usd"]) == (3, "0.000000")
    rows = list(csv.DictReader(signs.run("export", "february", "--format", "csv").stdout.splitlines()))
    assert [row["reused_from"] for row in rows] == ["january/row-1", "january/row-2", "january/row-3", "", ""]
    assert "8 images as stored, 0 wrong, 0 unknown" in signs.run("verify").stdout


def test_it_is_done_only_where_somebody_says_so(signs: Program, server: Server) -> None:
    """By the settings or by the option, which counts before them; `resume` has it, too."""
    signs.write("config.toml", "[reuse]\nenabled = true\n")
    signs.run("run", "february.csv", "--no-reuse", "--limit", "1")
    assert len(server.requests()) == 4
    signs.run("resume", "february")
    assert len(server.requests()) == 6
    assert signs.json("status", "february")["reused"] == 2
    signs.run("run", "january.csv", "--name", "march", "--reuse", "--provider", "sandbox")
    assert signs.json("status", "sandbox-march")["reused"] == 0


def test_images_that_are_gone_count_as_what_they_will_cost(signs: Program, server: Server) -> None:
    """Before the run, and so for the question as well: what is there is free, the rest is bought only with a word."""
    signs.write("config.toml", "[budget]\nconfirm_above_usd = 0.001\n")
    signs.run("run", "january.csv", "--name", "march", "--reuse")
    for name in ("january", "march"):
        (signs.folder / "images" / name / "row-1.png").unlink()
    told = signs.run("run", "january.csv", "--name", "april", "--reuse", code=2).stderr
    assert "to be made: 1 image, about $0.0060; made before and used again: 2 jobs: more than [budget]" in told
    assert len(server.requests()) == 3


def test_what_costs_nothing_is_not_asked_about(signs: Program, server: Server) -> None:
    """A cron job with a limit to what it starts unasked goes on where everything is there already, with an empty purse."""
    signs.write("config.toml", "[budget]\nconfirm_above_usd = 0.001\nper_run_usd = 0\n")
    told = signs.run("run", "january.csv", "--name", "again", "--reuse").stderr
    assert "to be made: nothing; made before and used again: 3 jobs\n" in told
    assert len(server.requests()) == 3


def test_stats_prune_and_forget(signs: Program, server: Server) -> None:
    """How much there is and what it has saved; what is gone, and what a person does not want, is bought the next time."""
    signs.run("run", "january.csv", "--name", "copy", "--reuse")
    found = signs.json("reuse", "stats")
    assert (found["reusable_jobs"], found["different_images"]) == (6, 3)
    assert (found["reusable_images"], found["reused_images"]) == (6, 3)
    assert found["saved_usd"] == signs.json("status", "january")["cost_usd"]
    told = signs.run("reuse", "stats").stdout
    assert "6 jobs have what can be used again, 3 different pictures by the ledger (prune looks at the files)" in told
    assert "; 3 images were, which saved $0.01" in told
    (signs.folder / "images/january/row-1.png").unlink()
    assert signs.json("reuse", "prune") == {"too_old": 0, "gone": 1, "left": 5}
    assert signs.json("reuse", "forget", "january", "row-2") == {"name": "january", "forgotten": 2}
    assert "there is no batch 'nope'" in signs.run("reuse", "forget", "nope", code=2).stderr
    signs.run("run", "january.csv", "--name", "third", "--reuse")
    assert len(server.requests()) == 4
    assert [path.name for path in sorted((signs.folder / "images/january").iterdir())] == ["row-2.png", "row-3.png"]
    signs.environment["BATCHGEN_REUSE__MAX_AGE"] = "0.000000001"
    assert signs.json("reuse", "prune")["left"] == 0
    (signs.folder / "images").rename(signs.folder / "away")
    assert "is its disk mounted?" in signs.run("reuse", "prune", code=2).stderr
