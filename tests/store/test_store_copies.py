"""Which images have a copy in a smaller size: those of jobs that were asked for one."""

from batchgen.store import copies

SMALL = "256x256"
NOTES = ["quality=hd is sent as high"]


def test_copies_belong_to_images_whose_size_was_rewritten(ledger):
    """Of jobs, of batches in parts, and of paths; images that made room have none any more."""
    ledger.submit(ledger.row("a", copy_size=SMALL, n=2), ledger.row("b", rewritten=NOTES), ledger.row("c"))
    for names in (("shop/a.png", "shop/a~2.png"), ("shop/b.png",), ("shop/c.png",)):
        ledger.succeed(ledger.claim(), *names)
    ledger.submit(*(ledger.row(f"{n}", copy_size=SMALL) for n in range(501)), batch="other")
    for n in range(501):
        ledger.succeed(ledger.claim(), f"other/{n}.png")
    (job,) = ledger.ids("a")
    batches = [ledger.batch(name).id for name in ("shop", "other")]
    with ledger.database.read() as tx:
        mine = copies.of_jobs(tx, ledger.ids("a", "b", "c"))
        assert [(one.job_id, one.attempt, one.path, one.size) for one in mine] == [
            (job, 1, "shop/a.png", "256x256"),
            (job, 1, "shop/a~2.png", "256x256"),
        ]
        first = copies.of_batches(tx, batches)
        rest = copies.of_batches(tx, batches, first[-1])
        assert len({one.path for one in (*first, *rest)}) == len(first) + len(rest) == 503
        assert copies.of_batches(tx, batches, rest[-1]) == []
        assert copies.of_images(tx, ["shop/a~2.png", "shop/b.png", "none.png"]) == {"shop/a~2.png": "256x256"}
    ledger.submit(ledger.row("a", "another fox", copy_size=SMALL))
    ledger.succeed_moving(
        ledger.claim(), ["shop/a.png"], [(name, f".previous/{name}") for name in ("shop/a.png", "shop/a~2.png")]
    )
    with ledger.database.read() as tx:
        assert [(one.attempt, one.path) for one in copies.of_jobs(tx, [job])] == [(2, "shop/a.png")]


def test_a_remark_is_written_down_once(ledger):
    """Beside what is told of the attempt already."""
    ledger.submit(ledger.row("a", copy_size=SMALL))
    ledger.succeed(ledger.claim())
    with ledger.database.write() as tx:
        (mine,) = copies.of_jobs(tx, ledger.ids("a"))
        for words in ("no copy: full", "no copy: full", "no copy: broken\0"):
            copies.remark(tx, mine, words)
    assert ledger.attempts("a")[0].remark == "no copy: full; no copy: broken\ufffd"
