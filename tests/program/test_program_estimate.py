"""`batchgen estimate`, and the line that a run begins with: what it will cost is what it costs."""

import os
import shutil
from collections.abc import Callable
from decimal import Decimal

import pytest

from batchgen.core.catalog import VENDORS
from batchgen.core.output_tokens import published

from .conftest import REPOSITORY, Program, Server, prompts

PUBLISHED = [name for name in VENDORS.names if published(name, "low", "1024x1024")]
SIZES = ("1024x1024", "1536x1024", "1024x1536")
SANDBOX = ("--provider", "sandbox")


def _rows_of_every_kind() -> str:
    """Every published table: a row for each model, quality and size, some of them edits, in numbers or with previews."""
    rows = ["custom_id,prompt,model,quality,size,n,image,stream,partial_images"]
    for model in PUBLISHED:
        known = VENDORS.find(model)
        assert known is not None
        for number, (quality, size) in enumerate((quality, size) for quality in known.qualities for size in SIZES):
            more = ("1,,,", "2,,,", "1,cup.png,,", "1,,true,2")[number % 4]
            rows.append(f"{model}-{quality}-{size},A red fox beneath the birches,{model},{quality},{size},{more}")
    return "\n".join(rows) + "\n"


def test_an_estimate_is_what_it_will_cost(program: Program) -> None:
    """Fixed sizes and qualities, every model with a published table, edits too: equal but for the prompts' text tokens."""
    shutil.copy(next((REPOSITORY / "jobs" / "pictures").glob("*.png")), program.folder / "cup.png")
    program.write("all.csv", _rows_of_every_kind())
    estimate = program.json("estimate", "all.csv", *SANDBOX)
    assert not list(program.folder.glob("*.db"))
    program.run("run", "all.csv", *SANDBOX)
    costs = {one["model"]: one for one in program.json("costs", "--by", "model")["costs"]}
    assert set(costs) == set(PUBLISHED)
    for model, spent in costs.items():
        lines = [line for line in estimate["by"] if line["model"] == model]
        text = sum(line["usage"]["input_text_tokens"] for line in lines) - spent["usage"]["input_text_tokens"]
        for kind in ("input_image_tokens", "output_tokens"):
            assert sum(line["usage"][kind] for line in lines) == spent["usage"][kind], (model, kind)
        price = VENDORS.find(model).price[0].text_in  # type: ignore[union-attr]
        difference = sum(Decimal(line["cost_usd"]) for line in lines) - Decimal(spent["cost_usd"])
        # Each attempt was rounded to a micro.
        assert abs(difference * 1_000_000 - text * price) <= len(lines), model
    assert sum(line["images"] for line in estimate["by"]) == sum(spent["images"] for spent in costs.values())


def test_what_it_says_to_a_person(program: Program) -> None:
    """A headline, a line a kind, and below it what decides: time, a batch, other qualities; what is left of a half."""
    program.write("signs.csv", prompts(30).replace("number 30,low", "number 30,medium"))
    program.write("config.toml", "[limits]\nimages_per_minute = 10\n")
    assert program.run("estimate", "signs.csv").stdout.splitlines() == [
        "signs.csv: 30 images, about $0.1858",
        "  model                quality  size       images  tokens out  an image     cost",
        "  gpt-image-2.5-flare  low      1024x1024      29       5,684   $0.0060  $0.1726",
        "  gpt-image-2.5-flare  medium   1024x1024       1         439   $0.0132  $0.0132",
        "",
        "  time        3 minutes at your [limits]",
        "  as a batch  $0.0929 by the vendor's Batch API, within a day",
        "  all at      low $0.1785, medium $0.3972, high $1.58, xhigh $2.81, max $6.32",
    ]
    assert [path.name for path in program.folder.iterdir() if path.suffix == ".db"] == []
    program.run("run", "signs.csv", *SANDBOX, "--limit", "24", "--images-per-minute", "0")
    told = program.run("estimate", "signs.csv", *SANDBOX).stdout.splitlines()
    assert told[0] == "signs.csv: 30 images, about $0.1858 (simulated)"
    assert told[5:] == [
        "  left to make  6 images, about $0.0430",
        "  time          36 s at your [limits]",
        "  as a batch    $0.0215 by the vendor's Batch API, within a day",
        "  all at        low $0.0357, medium $0.0794, high $0.3165, xhigh $0.5624, max $1.26",
    ]
    program.run("run", "signs.csv", *SANDBOX, "--images-per-minute", "0")
    told = program.run("estimate", "signs.csv", *SANDBOX).stdout.splitlines()
    assert [line.split() for line in told[5:]] == [["left", "to", "make", "nothing"]]
    assert program.json("estimate", "signs.csv", *SANDBOX)["left"]["images"] == 0


def test_what_it_says_to_a_program(program: Program) -> None:
    """Sums with bounds over all files, and each of them; a changed row is left to make, whatever was made under its name."""
    program.write("a.csv", prompts(2))
    program.write("b.csv", "custom_id,prompt,model,quality\nx,A fox,gpt-image-2.6-flare,auto\ny,A fox,mine,low\n")
    program.environment["OPENAI_BASE_URL"] = "http://127.0.0.1:9/v1"
    found = program.json("estimate", "a.csv", "b.csv")
    assert (found["images"], found["unpriced_images"], found["left"], found["as_batch"]) == (4, 1, None, None)
    assert Decimal(found["cost_low_usd"]) < Decimal(found["cost_usd"]) < Decimal(found["cost_high_usd"])
    assert [(one["manifest"], one["images"]) for one in found["manifests"]] == [("a.csv", 2), ("b.csv", 2)]
    assert [(line["model"], line["quality"], line["images"]) for line in found["by"]] == [
        ("gpt-image-2.5-flare", "low", 2),
        ("gpt-image-2.6-flare", "auto", 1),
        ("mine", "low", 1),
    ]
    assert found["by"][-1]["cost_usd"] is None
    assert "image-2.6-flare is not" not in str(found["manifests"][1]["warnings"])
    program.run("run", "a.csv", *SANDBOX)
    again = program.json("estimate", "a.csv", *SANDBOX, "--size", "1536x1024")
    assert (again["left"]["images"], again["left"]["cost_usd"]) == (2, again["cost_usd"])
    (warning,) = again["manifests"][0]["warnings"]
    assert warning == "a.csv: not what batch sandbox-a holds: 2 rows (row-1, row-2); only with --update a run makes that again"
    update = program.json("estimate", "a.csv", *SANDBOX, "--size", "1536x1024", "--update")
    assert update["manifests"][0]["warnings"] == []


def test_a_manifest_with_problems_ends_with_2(program: Program) -> None:
    """The problems are those of check, and the rest is reckoned all the same; the file of the ledger is not made."""
    program.write("bad.csv", prompts(3).replace("number 2,low", "number 2,best"))
    checked = program.run("check", "bad.csv", code=2).stdout.splitlines()
    told = program.run("estimate", "bad.csv", code=2).stdout.splitlines()
    assert told[1] == checked[1]
    assert told[2] == "bad.csv: 2 images, about $0.0119, without the rows that have problems"
    found = program.json("estimate", "bad.csv", code=2)
    assert found["manifests"][0]["problems"] == program.json("check", "bad.csv", code=2)["manifests"][0]["problems"]
    program.write("empty.csv", "custom_id,name\n")
    assert len(program.run("estimate", "empty.csv", code=2).stdout.splitlines()) == 2
    assert not list(program.folder.glob("*.db"))


def test_results_of_other_rows_are_as_large_as_those_are_asked_for(program: Program) -> None:
    """A chain is reckoned as it will be billed, before and after its first image is made."""
    program.write("c.csv", "custom_id,prompt,image,size\nhero,A fox,,1536x1024\nnight,At night,@hero,\n")
    before = program.json("estimate", "c.csv", *SANDBOX)
    program.run("run", "c.csv", *SANDBOX, "--limit", "1")
    left = program.json("estimate", "c.csv", *SANDBOX)["left"]
    assert left["usage"]["input_image_tokens"] == before["usage"]["input_image_tokens"] > 0
    program.run("run", "c.csv", *SANDBOX)
    usage = program.json("status", "sandbox-c")["usage"]
    assert usage["input_image_tokens"] == before["usage"]["input_image_tokens"]


DEAR = "[budget]\nconfirm_above_usd = 0.01\n"


def _client(serve: Callable[..., Server], client: Callable[[Server], Program], rows: int) -> tuple[Program, Server]:
    server = serve()
    program = client(server)
    program.write("config.toml", DEAR)
    program.write("signs.csv", prompts(rows))
    return program, server


def test_a_dear_run_needs_a_word(serve: Callable[..., Server], client: Callable[[Server], Program]) -> None:
    """Without a terminal it ends with exit 2 and nothing sent; --yes starts it; what costs less just starts."""
    program, server = _client(serve, client, 3)
    told = program.run("run", "signs.csv", code=2).stderr.splitlines()
    assert told == [
        "signs: 3 rows, 3 new",
        "batchgen: to be made: 3 images, about $0.0179: more than [budget] confirm_above_usd = 0.01; nothing was sent: "
        "add --yes to start all the same",
    ]
    assert server.requests() == []
    assert "to be made: 1 image, about $0.0060\n" in program.run("run", "--batch", "signs", "--limit", "1").stderr
    assert len(server.requests()) == 1
    program.run("run", "signs.csv", "--yes")
    assert len(server.requests()) == 3
    program.run("resume", "signs", "--yes")
    program.write("mine.csv", "prompt,model\nA fox,mine\n")
    told = program.run("run", "mine.csv", code=2).stderr
    assert "to be made: 1 image, at a cost that is not known: more than [budget]" in told


@pytest.mark.parametrize(("answer", "code", "made"), [("y", 0, 3), ("n", 2, 0)])
def test_a_person_is_asked(
    serve: Callable[..., Server], client: Callable[[Server], Program], answer: str, code: int, made: int
) -> None:
    """At a terminal a word is enough, be the run quiet or not."""
    program, server = _client(serve, client, 3)
    ours, theirs = os.openpty()
    os.write(ours, f"{answer}\n".encode())
    told = program.run("-q", "run", "signs.csv", code=code, stdin=theirs).stderr
    os.close(ours)
    os.close(theirs)
    assert "That may be more than [budget] confirm_above_usd = 0.01. Start? [y/N]" in told
    assert len(server.requests()) == made


def test_simulated_money_is_no_money(program: Program) -> None:
    """The sandbox is told of and never asked about."""
    program.write("config.toml", DEAR)
    program.write("signs.csv", prompts(5))
    told = program.run("run", "signs.csv", *SANDBOX).stderr
    assert "to be made: 5 images, about $0.0297 (simulated)\n" in told
