"""What was made before: which job may take it, that no batch gets one picture twice, and forgetting it."""

from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from chained import put

from batchgen.core.job import State
from batchgen.core.outcome import Outcome
from batchgen.core.retry import Verdict
from batchgen.store import queue, reports, reusable, reuse
from batchgen.store.leases import Lease
from batchgen.store.reuse import Rules, Search

DAY = 86_400
ANY = Rules()
WITHIN = Rules(within_batch=True)


def make(ledger, *custom_ids, batch="old", at=0, **row):
    """Rows that ask for the same, and are made."""
    ledger.submit(*(ledger.row(name, **row) for name in custom_ids), batch=batch, at=at)
    for name in custom_ids:
        claim = ledger.claim(names=[batch], at=at)
        ledger.sent(claim)
        ledger.succeed(claim, f"{batch}/{name}.png", at=at + 1)


def take(ledger, *custom_ids, batch="new", at=10, rules=ANY, provider="openai", usable=lambda _: True):
    """Claim what can be used again for these jobs: their names with whose images they get."""
    wanted = replace(ledger.filter([batch], only=ledger.ids(*custom_ids, batch=batch)), provider=provider)
    with ledger.database.write() as tx:
        claims = reuse.take(tx, wanted, Lease("one", ledger.at(at + 60)), Search(rules, provider, ledger.at(at), usable))
        names = reports.names(tx, [claim.origin.job_id for claim in claims])
    return {claim.custom_id: names[claim.origin.job_id] for claim in claims}, claims


def taken(ledger, *custom_ids, **how):
    return take(ledger, *custom_ids, **how)[0]


def settle(ledger, claims, at=11):
    for claim in claims:
        path = f"{claim.folder}/{claim.custom_id}.png"
        ledger.finish(claim, Outcome.REUSED, State.SUCCEEDED, at=at, cost=0, images=[path])


def looked_up(ledger, rules=ANY, batch="new"):
    """The jobs that a first look finds."""
    with ledger.database.read() as tx:
        (part,) = ledger.filter([batch]).parts()
        found = reuse.page(tx, part, rules, reuse.START)
        ids = reuse.among_due(tx, ledger.filter([batch]), rules, ledger.at(10), 50)
    assert sorted(job_id for _, job_id in found) == sorted(ids)
    return len(found)


def test_the_same_request_of_another_batch_is_used_again(ledger):
    """The attempt says from whom; nothing is reserved for it and nobody was asked, and the job is claimed by nobody else."""
    make(ledger, "fox")
    ledger.submit(ledger.row("reynard"), batch="new")
    assert looked_up(ledger) == 1
    found, (claim,) = take(ledger, "reynard")
    assert found == {"reynard": "old/fox"}
    assert [image.path for image in claim.origin.images] == ["old/fox.png"]
    assert ledger.claim(names=["new"], at=10) is None
    settle(ledger, [claim])
    (attempt,) = ledger.attempts("reynard", batch="new")
    assert (attempt.outcome, attempt.cost_micros, attempt.reserved_micros, attempt.sent_at) == ("reused", 0, 0, None)
    assert (attempt.origin_job_id, attempt.origin_attempt) == (ledger.job("fox", "old").id, 1)
    assert (ledger.job("reynard", "new").state, ledger.files("reynard", "new")) == ("succeeded", ["new/reynard.png"])
    (line,) = ledger.lines("new")
    assert (line.reused_from, line.cost_micros, line.attempts) == ("old/fox", 0, 0)


def _failed(ledger):
    ledger.submit(ledger.row("fox"), batch="old")
    ledger.fail(ledger.claim(names=["old"]))


def _changed_since(ledger):
    make(ledger, "fox")
    ledger.submit(ledger.row("fox", "a bear"), batch="old")


def _forgotten(ledger):
    make(ledger, "fox")
    with ledger.database.write() as tx:
        assert reusable.forget_pictures(tx, ledger.batch("old").id) == 1


def _file_gone(ledger):
    make(ledger, "fox")
    with ledger.database.write() as tx:
        tx.exec_driver_sql("DELETE FROM artifacts")


# What is there, and how it is looked for.
_NOTHING = {
    "another prompt": (lambda ledger: make(ledger, "fox", prompt="a bear"), {}),
    "another model": (lambda ledger: make(ledger, "fox", model="gpt-image-1"), {}),
    "another parameter": (lambda ledger: make(ledger, "fox", quality="low"), {}),
    "simulated": (lambda ledger: _simulated(ledger, "old"), {}),
    "failed": (_failed, {}),
    "changed since": (_changed_since, {}),
    "forgotten": (_forgotten, {}),
    "without an image": (_file_gone, {}),
    "of another provider": (lambda ledger: make(ledger, "fox"), {"provider": "azure"}),
    "too old": (lambda ledger: make(ledger, "fox"), {"at": 3 * DAY, "rules": Rules(timedelta(days=2))}),
    "its files are not there": (lambda ledger: make(ledger, "fox"), {"usable": lambda _: False}),
}


def _simulated(ledger, batch):
    ledger.submit(ledger.row("fox"), batch=batch, simulated=True)
    ledger.succeed(ledger.claim(names=[batch], at=2), at=3)


@pytest.mark.parametrize("case", _NOTHING)
def test_what_is_not_the_same_is_not_used(ledger, case):
    """The job stays as it is, to be bought."""
    prepare, how = _NOTHING[case]
    prepare(ledger)
    ledger.submit(ledger.row("reynard"), batch="new")
    assert taken(ledger, "reynard", **how) == {}
    assert ledger.states("new") == {"reynard": State.PENDING}
    assert ledger.claim(names=["new"], at=4 * DAY).attempt == 1


def test_what_is_young_enough_is_used(ledger):
    """A result that was used again is as old as the picture itself."""
    make(ledger, "fox")
    ledger.submit(ledger.row("reynard"), batch="new")
    settle(ledger, take(ledger, "reynard", at=DAY)[1], at=DAY)
    ledger.submit(ledger.row("renard"), batch="newer")
    assert taken(ledger, "renard", batch="newer", at=3 * DAY, rules=Rules(timedelta(days=2))) == {}
    assert taken(ledger, "renard", batch="newer", at=3 * DAY, rules=Rules(timedelta(days=4))) == {"renard": "old/fox"}


def test_equal_rows_of_one_manifest_never_get_one_picture(ledger):
    """Two pictures are wanted: of one that was made before one row takes it, of two each takes its own."""
    make(ledger, "one")
    ledger.submit(*map(ledger.row, ("a", "b", "c")), batch="new")
    found, claims = take(ledger, "a", "b", "c")
    assert found == {"a": "old/one"}
    assert taken(ledger, "b", "c") == {}  # while it is being taken
    settle(ledger, claims)
    assert taken(ledger, "b", "c") == {}
    make(ledger, "two", batch="older")
    assert taken(ledger, "b", "c") == {"b": "older/two"}


def test_rows_of_one_batch_are_two_pictures(ledger):
    """What a batch has made itself is not used for another row of it; nor is it by way of another batch."""
    make(ledger, "a", batch="new")
    ledger.submit(ledger.row("b"), batch="other")
    settle(ledger, take(ledger, "b", batch="other")[1])
    ledger.submit(ledger.row("a"), ledger.row("c"), batch="new")
    assert taken(ledger, "c") == {}


def test_one_picture_in_two_batches_is_one_picture(ledger):
    """It was used again before: the third batch gets it once, from either place, and by the name of who made it."""
    make(ledger, "fox")
    ledger.submit(ledger.row("a"), batch="between")
    settle(ledger, take(ledger, "a", batch="between")[1])
    ledger.submit(ledger.row("b"), ledger.row("c"), batch="new")
    found, (claim,) = take(ledger, "b", "c", usable=lambda origin: origin.images[0].path != "old/fox.png")
    assert found == {"b": "old/fox"}
    assert claim.origin.images[0].path == "between/a.png"


def test_a_job_whose_image_is_gone_takes_the_picture_again(ledger):
    """`verify --repair` took it out of the ledger: the picture is no longer in the batch, be it used again or its own."""
    make(ledger, "fox")
    ledger.submit(ledger.row("a"), batch="new")
    settle(ledger, take(ledger, "a")[1])
    for name, batch, source in (("a", "new", "old/fox.png"), ("fox", "old", "new/a.png")):
        job = ledger.job(name, batch)
        ledger.sql("DELETE FROM artifacts WHERE job_id = :id", id=job.id)
        ledger.sql("UPDATE jobs SET state = 'pending', finished_at = NULL WHERE id = :id", id=job.id)
        found, (claim,) = take(ledger, name, batch=batch, at=20)
        assert found == {name: "old/fox"}
        assert claim.origin.images[0].path == source
        settle(ledger, [claim], at=21)


def test_within_a_batch_if_a_person_asks(ledger):
    """One picture serves all rows, also of the batch that made it; and while it is being made the others wait for it."""
    ledger.submit(*map(ledger.row, ("a", "b", "c")), ledger.row("other", "a bear"), batch="new")
    wanted = replace(ledger.filter(["new"]), apart=True, provider="openai")
    with ledger.database.write() as tx:
        claims = queue.claim(tx, wanted, Lease("one", ledger.at(60)), ledger.at(1), lambda _: 1, most=9)
        assert [claim.custom_id for claim in claims] == ["a", "other"]
        assert queue.next_due(tx, wanted) is None
    assert looked_up(ledger, WITHIN) == 0
    ledger.sent(claims[0])
    ledger.succeed(claims[0])
    assert looked_up(ledger) == 0
    assert looked_up(ledger, WITHIN) == 2
    assert taken(ledger, "b", "c", rules=WITHIN) == {"b": "new/a", "c": "new/a"}


def test_two_at_once_do_not_take_one_picture_for_two_rows(ledger):
    """Each looks while the other one has not said yet what it took."""
    make(ledger, "fox")
    names = [f"job-{n}" for n in range(8)]
    ledger.submit(*map(ledger.row, names), batch="new")
    barrier, found = Barrier(len(names)), {}

    def run(name):
        barrier.wait()
        found.update(taken(ledger, name))

    workers = [Thread(target=run, args=(name,)) for name in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert list(found.values()) == ["old/fox"]


def test_a_child_is_used_again_only_with_its_parent(ledger):
    """It was made from the parent's image: from another one of the same request it would be another picture."""
    rows = {"hero": [], "child": ["@hero"]}
    put(ledger, rows, batch="old")
    for at, name in enumerate(rows, start=2):
        claim = ledger.claim(names=["old"], at=at)
        ledger.sent(claim)
        ledger.succeed(claim, f"old/{name}.png", f"old/{name}~2.png", at=at + 1)
        # Every image of these tests has one hash.
        ledger.sql("UPDATE artifacts SET sha256 = :hash WHERE job_id = :id", hash=f"{claim.job_id:064}", id=claim.job_id)
    for batch in ("bought", "again"):
        put(ledger, rows, batch=batch)
    claim = ledger.claim(names=["bought"], at=4)
    ledger.sent(claim)
    ledger.succeed(claim, "bought/hero.png", "bought/hero~2.png", at=6)
    assert taken(ledger, "child", batch="bought") == {}
    assert taken(ledger, "child", batch="again") == {}  # it waits for its parent
    _, (claim,) = take(ledger, "hero", batch="again")
    ledger.finish(claim, Outcome.REUSED, State.SUCCEEDED, at=11, cost=0, images=["again/hero.png", "again/hero~2.png"])
    old = ledger.job("hero", "old").id
    ledger.sql("UPDATE artifacts SET sha256 = :hash WHERE job_id = :id", hash=f"{old:064}", id=claim.job_id)
    assert taken(ledger, "child", batch="again", at=12) == {"child": "old/child"}


@pytest.mark.parametrize("is_made_again", [False, True])
def test_a_parent_that_was_made_again_has_not_made_the_child(ledger, is_made_again):
    """Its image was lost and bought anew: the child beside it was made from the one before."""
    rows = {"hero": [], "child": ["@hero"]}
    put(ledger, rows, batch="old")
    for at, name in enumerate(rows, start=2):
        claim = ledger.claim(names=["old"], at=at)
        ledger.succeed(claim, f"old/{name}.png", f"old/{name}~2.png", at=at + 1)
    if is_made_again:
        hero = ledger.job("hero", "old").id
        ledger.sql("UPDATE attempts SET finished_at = '2026-12-01 00:00:00' WHERE job_id = :id", id=hero)
    put(ledger, rows, batch="again")
    _, (claim,) = take(ledger, "hero", batch="again")
    ledger.finish(claim, Outcome.REUSED, State.SUCCEEDED, at=11, cost=0, images=["again/hero.png", "again/hero~2.png"])
    assert taken(ledger, "child", batch="again", at=12) == ({} if is_made_again else {"child": "old/child"})


def test_a_reuse_that_came_to_nothing_leaves_the_picture_free(ledger):
    """Its worker died, or the file was another one: the row, and any other of its batch, may take it."""
    make(ledger, "fox")
    ledger.submit(ledger.row("a"), ledger.row("b"), batch="new")
    (claim,) = take(ledger, "a")[1]
    ledger.finish(claim, Outcome.RELEASED, Verdict(State.PENDING), cost=0, at=11)
    assert taken(ledger, "b", at=12) == {"b": "old/fox"}


def test_what_is_reusable_what_was_reused_and_what_that_saved(ledger):
    """By whether it is simulated; the saving is what the first ones cost."""
    make(ledger, "fox", "vixen")
    _simulated(ledger, "toys")
    ledger.submit(ledger.row("a"), batch="new")
    settle(ledger, take(ledger, "a")[1])
    with ledger.database.read() as tx:
        found = reusable.stats(tx, ledger.at(-1))
        late = reusable.stats(tx, ledger.at(5))
    assert found[False] == reusable.Reusable(3, 1, 3, 1, 40, 0)
    assert found[True] == reusable.Reusable(1, 1, 1, 0, 0, 0)
    assert (late[False].images, late[False].reused) == (0, 1)


def test_forgetting_a_batch_forgets_its_pictures_everywhere(ledger):
    """Those that it took from others, and where others took them from it; what is made later can be used again."""
    make(ledger, "fox")
    ledger.submit(ledger.row("a"), batch="new")
    settle(ledger, take(ledger, "a")[1])
    make(ledger, "bear", batch="other", prompt="a bear")
    with ledger.database.write() as tx:
        assert reusable.forget_pictures(tx, ledger.batch("new").id, ledger.ids("a", batch="new")) == 2
        assert reusable.forget_pictures(tx, ledger.batch("new").id) == 0
        assert [kept.files for kept in reusable.kept(tx)] == [(("other/bear.png", 5_000_000_000),)]
    ledger.submit(ledger.row("b"), ledger.row("c", "a bear"), batch="newer")
    assert taken(ledger, "b", "c", batch="newer") == {"c": "other/bear"}
    make(ledger, "again", batch="later", at=20)
    assert taken(ledger, "b", batch="newer", at=30) == {"b": "later/again"}
