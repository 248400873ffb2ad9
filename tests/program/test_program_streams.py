"""Streams as their users ask for them: images and previews on disk, and what they cost."""

import json
from collections.abc import Callable
from decimal import Decimal

from .conftest import Program, Server


def _exported(program: Program, batch: str) -> list[dict]:
    return [json.loads(line) for line in program.run("export", batch, "--format", "jsonl").stdout.splitlines()]


def test_an_image_is_the_same_however_it_comes(program: Program) -> None:
    """Previews lie beside the images, and their tokens are in the ledger; both check and verify are content."""
    program.write("m.csv", "custom_id,prompt,partial_images,stream\nplain,A cup,,\nstreamed,A cup,2,TRUE\n")
    said = program.run("run", "m.csv", "--provider", "sandbox", "--quality", "low").stderr
    home = program.folder / "images" / "sandbox-m"
    assert (home / "plain.png").read_bytes() == (home / "streamed.png").read_bytes()
    previews = program.folder / ".images.answers" / "previews" / "sandbox-m"
    assert sorted(path.name for path in previews.iterdir()) == ["streamed~1-1.png", "streamed~1-2.png"]
    assert f"previews: {previews}\n" in said
    plain, streamed = _exported(program, "sandbox-m")
    assert streamed["output_tokens"] - plain["output_tokens"] == 200
    program.run("verify")


def test_what_streams_with_errors_cost(serve: Callable[..., Server], client: Callable[[Server], Program]) -> None:
    """Every image is there in the end, and the ledger has to the micro what the server has billed for them."""
    server = serve("--faults", "stream_error=0.5")
    program = client(server)
    rows = "".join(f"row-{number},a sign with the number {number},low,2\n" for number in range(6))
    program.write("m.csv", f"custom_id,prompt,quality,n\n{rows}")
    program.environment |= {"BATCHGEN_RETRY__MAX_ATTEMPTS": "30", "BATCHGEN_RETRY__BACKOFF_BASE_S": "0.01"}
    program.run("run", "m.csv", "--stream", "true")
    made = _exported(program, "m")
    assert [len(job["files"]) for job in made] == [2] * 6
    asked = server.requests()
    assert "stream_error" in {line["outcome"] for line in asked}
    assert len(asked) == sum(job["attempts"] for job in made)
    assert sum(Decimal(job["cost_usd"]) for job in made) * 1_000_000 == sum(line["cost_micros"] for line in asked)
