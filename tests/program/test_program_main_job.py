"""The main job, end to end: a manifest goes in, images and a ledger come out."""

import csv
import hashlib
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from PIL import Image

from .conftest import PARTI, Program, Server, prompts


def _exported(program: Program, name: str) -> list[dict[str, str]]:
    csv.field_size_limit(1_000_000)
    return list(csv.DictReader(io.StringIO(program.run("export", name, "--format", "csv").stdout, newline="")))


def _raw_prompts() -> list[str]:
    lines = PARTI.read_bytes().decode().split("\n")
    return [line.split("\t")[0] for line in lines[1:] if line]


@pytest.mark.skipif(not PARTI.exists(), reason="the real prompts are not beside this checkout")
def test_every_real_prompt_becomes_an_image_and_all_reports_agree(program: Program) -> None:
    """1,632 real prompts to the letter: as many images, one truth in every report, and a second run sends nothing."""
    # The smallest valid size: drawing is most of the time.
    small = ("--size", "1024x640")
    first = program.json("run", str(PARTI), "--provider", "sandbox", *small)
    assert first["this_run"]["succeeded"] == 1632
    status = program.json("status", "sandbox-parti_prompts")
    assert status["jobs"] == {"pending": 0, "running": 0, "succeeded": 1632, "failed": 0, "cancelled": 0}
    assert (status["artifacts"], status["attempts"], status["simulated"]) == (1632, 1632, True)

    rows = _exported(program, "sandbox-parti_prompts")
    assert [row["prompt"] for row in rows] == _raw_prompts()
    assert sum(Decimal(row["cost_usd"]) for row in rows) == Decimal(status["cost_usd"]) > 0
    assert sum(int(row["output_tokens"]) for row in rows) == status["usage"]["output_tokens"]
    lines = [
        json.loads(line) for line in program.run("export", "sandbox-parti_prompts", "--format", "jsonl").stdout.splitlines()
    ]
    assert [line["custom_id"] for line in lines] == [row["custom_id"] for row in rows]
    assert [line["metadata"].get("Note", "") for line in lines] == [row["Note"] for row in rows]

    on_disk = {path.relative_to(program.folder / "images").as_posix() for path in (program.folder / "images").rglob("*.*")}
    assert on_disk == {row["files"] for row in rows}
    again = program.json("run", str(PARTI), "--provider", "sandbox", *small)
    assert again["this_run"]["succeeded"] == 0
    assert program.json("status", "sandbox-parti_prompts") == status


def test_images_carry_their_names_sizes_and_hashes(program: Program) -> None:
    """Every row's image lies under its custom_id with the size that was asked for, and the ledger can prove it."""
    program.write(
        "cups.csv", "custom_id,prompt,size,n,output_format\nred cup,a red cup,1536x1024,2,webp\nblue,a blue cup,,,jpeg\n"
    )
    program.run("run", "cups.csv", "--provider", "sandbox")
    folder = program.folder / "images" / "sandbox-cups"
    assert sorted(path.name for path in folder.iterdir()) == ["blue.jpg", "red cup.webp", "red cup~2.webp"]
    shown = program.json("show", "sandbox-cups", "RED CUP")
    assert [(file["width"], file["height"], file["media_type"]) for file in shown["files"]] == [(1536, 1024, "image/webp")] * 2
    for file in shown["files"]:
        data = (program.folder / "images" / file["path"]).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (file["sha256"], file["bytes"])
        assert Image.open(io.BytesIO(data)).size == (1536, 1024)


def test_the_ledger_says_what_the_server_would_have_billed(
    serve: Callable[..., Server], client: Callable[[Server], Program]
) -> None:
    """Tokens and micro-dollars of the ledger are those of the server's own log."""
    server = serve()
    program = client(server)
    program.write("signs.csv", prompts(40))
    program.run("run", "signs.csv", "--quality", "medium")
    status = program.json("status", "signs")
    billed = [request for request in server.requests() if request["billed"]]
    assert len(billed) == 40
    assert status["cost_usd"] == f"{Decimal(sum(request['cost_micros'] for request in billed)) / 1_000_000:.6f}"
    assert status["usage"]["output_tokens"] == sum(request["output_tokens"] for request in billed)


def test_cron_from_another_folder_sends_nothing_twice(
    serve: Callable[..., Server], client: Callable[[Server], Program], tmp_path: Path
) -> None:
    """A cron line with --config finds the same ledger from any folder: the second run sends no request."""
    server = serve()
    shop = client(server)
    shop.write("shop/config.toml", '[storage]\nroot = "pictures"\n[database]\nurl = "sqlite:///books.db"\n')
    manifest = shop.write("shop/products.csv", prompts(5))
    (tmp_path / "elsewhere").mkdir()
    for folder in (tmp_path, tmp_path / "elsewhere"):
        cron = Program(folder, shop.environment)
        line = cron.run("-q", "--config", str(tmp_path / "shop" / "config.toml"), "run", str(manifest))
        assert line.stdout == line.stderr == ""
    assert len(server.requests()) == 5
    assert len(list((tmp_path / "shop" / "pictures" / "products").iterdir())) == 5
    assert (tmp_path / "shop" / "books.db").is_file()


def test_limit_starts_so_many_jobs_and_the_next_run_goes_on(program: Program) -> None:
    """--limit 3 makes three images and exits 0; the next run makes the rest."""
    program.write("signs.csv", prompts(7))
    limited = program.json("run", "signs.csv", "--provider", "sandbox", "--limit", "3")
    assert limited["this_run"]["succeeded"] == 3
    assert limited["batches"][0]["jobs"]["pending"] == 4
    assert program.json("run", "--batch", "sandbox-signs")["this_run"]["succeeded"] == 4


def test_a_simulated_batch_never_counts_as_made(serve: Callable[..., Server], client: Callable[[Server], Program]) -> None:
    """After a rehearsal on the sandbox the real run makes every image, under the plain name."""
    server = serve()
    program = client(server)
    program.write("signs.csv", prompts(3))
    program.run("run", "signs.csv", "--provider", "sandbox")
    assert server.requests() == []
    program.run("run", "signs.csv")
    assert len(server.requests()) == 3
    assert {batch["name"]: batch["simulated"] for batch in program.json("status")["batches"]} == {
        "sandbox-signs": True,
        "signs": False,
    }
    costs = {entry["batch"]: entry["simulated"] for entry in program.json("costs")["costs"]}
    assert costs == {"sandbox-signs": True, "signs": False}


def test_update_makes_changed_rows_again_and_keeps_the_old_images(program: Program) -> None:
    """A changed row is refused without --update; with it only that row is made, and its old image moves to .previous/."""
    program.write("signs.csv", prompts(3))
    program.run("run", "signs.csv", "--provider", "sandbox")
    folder = program.folder / "images" / "sandbox-signs"
    old = (folder / "row-2.png").read_bytes()
    program.write("signs.csv", prompts(3).replace("number 2", "number two"))
    refused = program.run("run", "signs.csv", "--provider", "sandbox", code=2)
    assert "row-2" in refused.stderr
    assert "--update" in refused.stderr
    made = program.json("run", "signs.csv", "--provider", "sandbox", "--update")
    assert made["this_run"]["succeeded"] == 1
    assert (folder / "row-2.png").read_bytes() != old
    kept = list((folder / ".previous").iterdir())
    assert [path.read_bytes() for path in kept] == [old]
    assert made["batches"][0]["artifacts"] == 3
