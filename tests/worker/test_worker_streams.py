"""Answers as streams: what came is in its place and in the ledger, whatever became of the rest."""

import pytest
from scripted_server import USAGE_MICROS, completed, event, png, preview, stream

from batchgen.core.job import State
from batchgen.verify import check

A, B, SMALL, SMALLER = png(1024, 1024), png(1024, 1024), png(4, 4), png(2, 2)
DONE = completed(A)
ERROR = event(
    "error", error={"message": "The server had an error.", "type": "server_error", "param": None, "code": "server_error"}
)


def submit(bench, n=2, previews=""):
    return bench.submit([f"cup,a cup,{n},true,{previews}"], columns="custom_id,prompt,n,stream,partial_images")


def previews_of(bench):
    home = bench.folder / ".images.answers" / "previews"
    return {str(path.relative_to(home)): path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()}


# How the first answer ends behind the first of two images; its outcome and cost.
ENDS = {
    "cut": (stream(DONE, end="cut"), "unknown", None),
    "an error": (stream(DONE, ERROR), "invalid_reply", USAGE_MICROS),
    "nothing more": (stream(DONE), "invalid_reply", USAGE_MICROS),
}


@pytest.mark.parametrize("end", ENDS)
def test_an_image_that_came_is_kept_and_only_the_rest_is_asked_for(bench, end):
    """The first image is not bought twice; what the first attempt cost is told, or called unknown."""
    behaviour, outcome, cost = ENDS[end]
    batch = submit(bench)
    result, server = bench.work(batch, behaviour, stream(completed(B)))
    job = bench.job(batch, "cup")
    assert (job.state, job.outcomes, job.costs) == (State.SUCCEEDED, [outcome, "succeeded"], [cost, USAGE_MICROS])
    assert [seen.json["n"] for seen in server.seen] == [2, 1]
    assert all(seen.json["stream"] is True for seen in server.seen)
    assert bench.images() == {"shop/cup.png": A, "shop/cup~2.png": B}
    assert (result.images, result.unknown) == (2, outcome == "unknown")


def test_a_stream_that_ends_without_an_image_may_have_been_billed(bench):
    """It is tried once more, and the first attempt stands at the most that it can have cost, previews included."""
    batch = submit(bench, n=1, previews="3")
    _, server = bench.work(batch, stream(preview(SMALL)), stream(DONE))
    job = bench.job(batch, "cup")
    assert (job.state, job.outcomes, job.costs) == (State.SUCCEEDED, ["unknown", "succeeded"], [None, USAGE_MICROS])
    # By the price table: 439 tokens of the image and 100 of each preview at $30 a million, and text at $5.
    assert job.attempts[0].reserved_micros == (439 + 3 * 100) * 30 + (len("a cup") + 6) * 5
    assert [seen.json["partial_images"] for seen in server.seen] == [3, 3]


def test_previews_lie_beside_the_images_and_are_none(bench):
    """By attempt, in the order in which they came; neither the ledger nor a check of the images knows them."""
    batch = submit(bench, n=1, previews="2")
    bench.work(batch, stream(preview(SMALL), end="cut"), stream(preview(SMALLER), preview(A, 1), DONE))
    assert previews_of(bench) == {"shop/cup~1-1.png": SMALL, "shop/cup~2-1.png": SMALLER, "shop/cup~2-2.png": A}
    assert bench.images() == {"shop/cup.png": A}
    assert [file.path for file in bench.job(batch, "cup").files] == ["shop/cup.png"]
    assert [one.problem for one in check.check(bench.database, bench.root, [batch])] == [""]
    assert bench.desks() == []


def test_the_next_start_leaves_previews_alone(bench):
    """They are no worker that died."""
    batch = submit(bench, n=1, previews="1")
    bench.work(batch, stream(preview(SMALL), DONE))
    other = bench.submit(["jug,a jug"], name="other")
    bench.work(other)
    assert previews_of(bench) == {"shop/cup~1-1.png": SMALL}


def test_a_preview_that_cannot_be_stored_is_no_loss(bench):
    """Nor is one that is no image: the image is what was paid for."""
    home = bench.folder / ".images.answers"
    home.mkdir()
    (home / "previews").write_bytes(b"a file, not a folder")
    batch = submit(bench, n=1, previews="2")
    bench.work(batch, stream(preview(b"no image"), preview(SMALL, 1), DONE))
    assert bench.job(batch, "cup").outcomes == ["succeeded"]
    assert bench.images() == {"shop/cup.png": A}


def test_previews_do_not_follow_a_link(bench):
    """Nobody shall lead what is stored elsewhere."""
    home, elsewhere = bench.folder / ".images.answers", bench.folder / "elsewhere"
    (home / "previews").mkdir(parents=True)
    elsewhere.mkdir()
    (home / "previews" / "shop").symlink_to(elsewhere)
    batch = submit(bench, n=1, previews="1")
    bench.work(batch, stream(preview(SMALL), DONE))
    assert list(elsewhere.iterdir()) == []
    assert bench.job(batch, "cup").outcomes == ["succeeded"]
