"""Jobs that take the results of others: they wait for their parents, get their images, and share their fate."""

from threading import Thread

import pytest
from chained import put, waits
from sqlalchemy import event

from batchgen.core.job import State
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.pricing import Basis, Cost
from batchgen.core.retry import Verdict
from batchgen.store import closing, control, links, queue, reports, shelf, submission
from batchgen.store.chains import PARENT_FAILED
from batchgen.store.closing import Closing, Finish, Moved
from batchgen.store.control import Also, Cancelled
from batchgen.store.leases import Lease
from batchgen.store.reports import Failed, Failure

PENDING, SUCCEEDED, FAILED, CANCELLED = State.PENDING, State.SUCCEEDED, State.FAILED, State.CANCELLED
COMIC = {"hero": [], "a": ["@hero"], "b": ["@a", "@hero"], "alone": []}


def end(claim, state, outcome=None, images=()):
    outcome = outcome or (Outcome.SUCCEEDED if state is SUCCEEDED else Outcome.REJECTED)
    return Finish(claim.job_id, claim.attempt, Closing(Ending(outcome), Verdict(state), Cost(0, Basis.COMPUTED), tuple(images)))


def requeue(ledger, **chosen):
    with ledger.database.write() as tx:
        return control.requeue(tx, ledger.batch(), ledger.at(60), Also(**chosen))


def cancel(ledger, *custom_ids):
    with ledger.database.write() as tx:
        return control.cancel(tx, ledger.batch(), custom_ids, ledger.at(50))


def failures(ledger):
    with ledger.database.read() as tx:
        return reports.failures(tx, ledger.batch(), 5)


def test_a_job_waits_for_all_its_parents(ledger):
    """The order of the file does not matter, nor a priority: what is claimed has all it needs."""
    put(ledger, COMIC)
    assert waits(ledger) == {"a": 1, "b": 2}
    assert [ledger.claim(f"w{n}").custom_id for n in range(2)] == ["hero", "alone"]
    assert ledger.claim() is None


def test_a_parent_that_succeeds_frees_its_children_with_its_images(ledger):
    """Each is told where the very image lies and what it is, the second one as well; the fingerprint stays as it was."""
    put(ledger, {"hero": [], "first": ["@Hero"], "second": ["@hero#2"]})
    fingerprint = ledger.job("second").fingerprint
    ledger.succeed(ledger.claim(), "shop/hero.png", "shop/hero~2.png")
    assert waits(ledger) == {}
    inputs = [ledger.claim().request.inputs[0] for _ in range(2)]
    assert [(one.source, one.path) for one in inputs] == [("@Hero", "shop/hero.png"), ("@hero#2", "shop/hero~2.png")]
    known = {(one.sha256, one.media_type, one.width, one.height, one.bytes) for one in inputs}
    assert known == {("ab" * 32, "image/png", 1024, 1024, 5_000_000_000)}
    assert ledger.attempts("second")[0].fingerprint == fingerprint


def test_a_result_that_the_ledger_does_not_have_stays_a_name(ledger):
    """The parent succeeded and has no such image any more: the claim says so by leaving it as it was."""
    put(ledger, {"hero": [], "second": ["@hero#2"]})
    ledger.succeed(ledger.claim())
    (one,) = ledger.claim().request.inputs
    assert (one.source, one.path, one.media_type) == ("@hero#2", None, None)


def test_two_parents_that_end_at_once_free_their_child(ledger):
    """In two transactions beside each other, neither of which sees what the other does."""
    put(ledger, {"x": [], "y": [], "child": ["@x", "@y"]})
    first, second = ledger.claim(), ledger.claim()

    def finish_second():
        with ledger.database.write() as tx:
            closing.finish(tx, [end(second, SUCCEEDED)], ledger.at(2))

    with ledger.database.write() as tx:
        closing.finish(tx, [end(first, SUCCEEDED)], ledger.at(1))
        other = Thread(target=finish_second)
        other.start()
        if not ledger.database.is_sqlite:
            _until_it_waits_for_a_lock(ledger)
    other.join()
    assert waits(ledger) == {}
    assert ledger.claim(at=3).custom_id == "child"


def _until_it_waits_for_a_lock(ledger):
    with ledger.database.read() as tx:
        name = tx.exec_driver_sql("SELECT current_database()").scalar_one()
    query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND wait_event_type = 'Lock'"
    for _ in range(20_000):
        with ledger.database.read() as tx:
            if tx.exec_driver_sql(query).scalar_one():
                return
    raise AssertionError("nobody waits")


def test_a_parent_that_fails_for_good_fails_all_that_wait_for_it(ledger):
    """In the same transaction, through every generation, with its name; what has nothing to do with it is left alone."""
    put(ledger, COMIC)
    claim = ledger.claim()
    wrong = Closing(Ending(Outcome.REJECTED, error_message="no foxes"), Verdict(FAILED), Cost(0, Basis.COMPUTED))
    with ledger.database.write() as tx:
        moved = closing.finish(tx, [Finish(claim.job_id, 1, wrong)], ledger.at(1))
    assert moved == [Moved(FAILED, 2)]
    assert ledger.states() == {"hero": FAILED, "a": FAILED, "b": FAILED, "alone": PENDING}
    told = {line.custom_id: (line.attempts, line.outcome, line.error_code, line.error_message) for line in ledger.lines()}
    assert told["b"] == (0, None, PARENT_FAILED, "hero failed: no foxes")
    assert failures(ledger) == [
        Failure(Outcome.REJECTED, None, "no foxes", 1, ("hero",)),
        Failure(None, PARENT_FAILED, "hero failed", 2, ("a", "b"), ("hero", "hero")),
    ]
    with ledger.database.read() as tx:
        assert reports.failed(tx, ledger.batch()) == Failed(3, 1, 0, 2)


def test_a_parent_that_is_tried_again_fails_nobody(ledger):
    """Only what is final counts."""
    put(ledger, COMIC)
    ledger.finish(ledger.claim(), Outcome.UNAVAILABLE, Verdict(PENDING, failed=1))
    assert set(ledger.states().values()) == {PENDING}
    assert waits(ledger) == {"a": 1, "b": 2}


def test_children_that_are_made_keep_what_they_have(ledger):
    """A job in the middle is lost later: only what still waits for it fails."""
    put(ledger, {"hero": [], "done": ["@hero"], "late": ["@hero"], "last": ["@late"]})
    ledger.succeed(ledger.claim())
    ledger.succeed(ledger.claim(at=2))
    ledger.fail(ledger.claim(at=2), at=3)
    assert ledger.states() == {"hero": SUCCEEDED, "done": SUCCEEDED, "late": FAILED, "last": FAILED}
    assert failures(ledger)[-1].message == "late failed"


def test_a_cancelled_parent_fails_its_children_likewise(ledger):
    """By its name; where all of a batch is cancelled, the children are cancelled themselves."""
    put(ledger, COMIC)
    assert cancel(ledger, "a") == Cancelled(1, 0, 1)
    assert ledger.states() == {"hero": PENDING, "a": CANCELLED, "b": FAILED, "alone": PENDING}
    assert failures(ledger) == [Failure(None, PARENT_FAILED, "a was cancelled", 1, ("b",), ("a",))]
    assert cancel(ledger) == Cancelled(3, 0)
    assert set(ledger.states().values()) == {CANCELLED}


def test_a_running_parent_that_is_cancelled_fails_its_children_when_it_ends(ledger):
    """Its image would have made it succeeded, and them as well."""
    put(ledger, COMIC)
    claim = ledger.claim()
    assert cancel(ledger, "hero") == Cancelled(0, 1)
    assert waits(ledger) == {"a": 1, "b": 2}
    assert ledger.finish(claim, Outcome.UNAVAILABLE, PENDING) is CANCELLED
    assert ledger.states() == {"hero": CANCELLED, "a": FAILED, "b": FAILED, "alone": PENDING}


@pytest.mark.parametrize(
    ("outcome", "chosen", "count"),
    [
        (Outcome.UNAVAILABLE, {}, 3),
        (Outcome.REJECTED, {}, 0),
        (Outcome.REJECTED, {"rejected": True}, 3),
        (Outcome.UNKNOWN, {"unknown": True}, 3),
    ],
)
def test_resuming_a_parent_resumes_its_children(ledger, outcome, chosen, count):
    """And what leaves the parent out leaves them out as well."""
    put(ledger, COMIC)
    ledger.fail(ledger.claim(), outcome)
    assert requeue(ledger, **chosen) == count
    assert ledger.states() == dict.fromkeys(COMIC, PENDING if count else FAILED) | {"alone": PENDING}
    assert requeue(ledger) == 0
    if count:
        assert waits(ledger) == {"a": 1, "b": 2}
        ledger.succeed(ledger.claim(at=60), at=61)
        assert ledger.claim(at=62).custom_id == "a"


def test_a_child_of_two_lost_parents_waits_for_both(ledger):
    """One is resumed: the child stays failed, by the name of the other one now."""
    put(ledger, {"x": [], "y": [], "child": ["@x", "@y"]})
    ledger.fail(ledger.claim())
    ledger.fail(ledger.claim(), Outcome.REJECTED)
    assert failures(ledger)[-1].message == "x failed"
    assert requeue(ledger) == 1
    assert ledger.states() == {"x": PENDING, "y": FAILED, "child": FAILED}
    assert failures(ledger)[-1].message == "y failed"
    assert requeue(ledger, rejected=True) == 2
    assert waits(ledger) == {"child": 2}


def test_a_cancelled_parent_is_resumed_with_its_children(ledger):
    """With --cancelled; a child that was cancelled itself fails again where its parent stays away."""
    put(ledger, COMIC)
    cancel(ledger, "hero")
    assert requeue(ledger) == 0
    assert requeue(ledger, cancelled=True) == 3
    cancel(ledger, "a")
    ledger.fail(ledger.claim(at=60), Outcome.REJECTED, at=61)
    assert requeue(ledger, cancelled=True) == 0
    assert ledger.states() == {"hero": FAILED, "a": FAILED, "b": FAILED, "alone": PENDING}


def test_an_answer_that_comes_late_brings_the_children_back(ledger):
    """The parent was given up and had failed; its image is found, and they are made from it."""
    put(ledger, COMIC)
    claim = ledger.claim(lease_s=1)
    ledger.sent(claim)
    ledger.finish(claim, Outcome.UNKNOWN, Verdict(FAILED, failed=1, unknown=1), at=5)
    assert ledger.states()["b"] is FAILED
    assert ledger.succeed(claim, at=9) is SUCCEEDED
    assert ledger.states() == {"hero": SUCCEEDED, "a": PENDING, "b": PENDING, "alone": PENDING}
    assert waits(ledger) == {"b": 1}


def shelved(ledger, custom_id):
    with ledger.database.read() as tx:
        return [one for one in shelf.artifacts_of(tx, ledger.batch()) if one.custom_id == custom_id]


def test_a_parent_whose_image_is_gone_is_waited_for_again(ledger):
    """What was made from it stays; what was not waits for the new one."""
    put(ledger, {"hero": [], "done": ["@hero"], "late": ["@hero"]})
    ledger.succeed(ledger.claim())
    ledger.succeed(ledger.claim(at=2))
    with ledger.database.write() as tx:
        shelf.queue_again(tx, sorted(shelf.forget(tx, shelved(ledger, "hero"))), ledger.at(5))
    assert ledger.states() == {"hero": PENDING, "done": SUCCEEDED, "late": PENDING}
    assert waits(ledger) == {"done": 1, "late": 1}
    assert ledger.claim(at=6).custom_id == "hero"
    assert ledger.claim(at=6) is None


def test_a_child_that_ran_meanwhile_shares_the_fate_of_its_parent(ledger):
    """Its parent was queued again, and failed: a child that would be tried again has nothing to be made from."""
    put(ledger, {"hero": [], "child": ["@hero"], "last": ["@child"]})
    ledger.succeed(ledger.claim())
    child = ledger.claim("two", at=2)
    with ledger.database.write() as tx:
        shelf.queue_again(tx, sorted(shelf.forget(tx, shelved(ledger, "hero"))), ledger.at(3))
    ledger.fail(ledger.claim(at=4), at=5)
    assert ledger.finish(child, Outcome.UNAVAILABLE, Verdict(PENDING, failed=1), at=6) is FAILED
    assert ledger.states() == {"hero": FAILED, "child": FAILED, "last": FAILED}
    assert [line.error_message for line in ledger.lines()][1:] == ["hero failed", "hero failed"]
    assert requeue(ledger) == 3


def test_a_changed_parent_makes_its_children_stale(ledger):
    """All of a chain is queued again, and told which were done; they wait for the new images."""
    put(ledger, COMIC)
    for n in range(4):
        ledger.succeed(ledger.claim(at=n), at=n)
    comparison, made_from = put(ledger, COMIC, prompts={"hero": "another hero"}, at=20)
    assert (comparison.changed.first, made_from.first) == (("hero", "a", "b"), ("a", "b"))
    assert waits(ledger) == {"a": 1, "b": 2}
    assert ledger.states() == {"hero": PENDING, "a": PENDING, "b": PENDING, "alone": SUCCEEDED}
    comparison, made_from = put(ledger, COMIC, prompts={"hero": "a third one"}, at=20)
    assert (comparison.changed.count, made_from.count) == (3, 0)


def test_a_row_that_takes_something_else_depends_on_that(ledger):
    """From one parent to another, to none, and back; nobody waits for what is not needed any more."""
    put(ledger, {"x": [], "y": [], "child": ["@x"]})
    ledger.succeed(ledger.claim())
    assert waits(ledger) == {}
    put(ledger, {"x": [], "y": [], "child": ["@y"]})
    assert waits(ledger) == {"child": 1}
    cancel(ledger, "y")
    assert ledger.states()["child"] is FAILED
    put(ledger, {"x": [], "y": [], "child": []})
    assert (waits(ledger), ledger.states()["child"]) == ({}, PENDING)
    assert ledger.claim(at=60).custom_id == "child"


def test_rows_that_come_later_take_from_what_the_batch_holds(ledger):
    """From one that is done, from one that is gone from the file, and from one that has failed: then they have failed, too."""
    put(ledger, {"done": [], "lost": []})
    ledger.succeed(ledger.claim())
    ledger.fail(ledger.claim())
    put(ledger, {"one": ["@done"], "two": ["@lost"], "three": ["@two"]}, at=9)
    assert ledger.states() == {"done": SUCCEEDED, "one": PENDING, "lost": FAILED, "two": FAILED, "three": FAILED}
    assert requeue(ledger) == 3
    assert waits(ledger) == {"two": 1, "three": 1}


def test_other_batches_have_other_heroes(ledger):
    """The same names in two batches: each child takes from its own, and fails with its own."""
    put(ledger, {"hero": [], "a": ["@hero"]})
    put(ledger, {"hero": [], "a": ["@hero"]}, batch="other")
    ledger.fail(ledger.claim(names=["other"]))
    assert (set(ledger.states().values()), set(ledger.states("other").values())) == ({PENDING}, {FAILED})
    ledger.succeed(ledger.claim(names=["shop"]), "shop/hero.png")
    assert ledger.claim(names=["shop"], at=2).request.inputs[0].path == "shop/hero.png"
    assert requeue(ledger) == 0


def test_the_generations_of_a_manifest_and_its_circles(ledger):
    """Parents before children, however the file goes; who needs themselves is found, and what only takes from them is not."""
    rows = {"c": ["b"], "b": ["a"], "a": ["root"], "x": ["y", "a"], "y": ["x"], "below": ["y"], "d": ["root", "c"]}
    taken = [
        {"position": n, "place": place, "line": n + 2, "source": f"@{parent}", "key": name, "parent_key": parent}
        for n, (name, parents) in enumerate(rows.items())
        for place, parent in enumerate(parents)
    ]
    with ledger.database.write() as tx:
        submission.prepare(tx)
        links.prepare(tx)
        submission.stage(tx, [{"manifest": 0, "position": n, "line": n + 2, **ledger.row(name)} for n, name in enumerate(rows)])
        links.stage(tx, [{"manifest": 0, "field": "image", **link} for link in taken])
        links.complete(tx, 0, None)
        generations = []
        while links.advance(tx, 0, len(generations) + 1):
            generations.append({link.key for link in links.every(tx, 0, None, len(generations) + 1)})
        around = links.circle(tx, 0)
        links.break_open(tx, 0, around, 5)
        rest = links.advance(tx, 0, 6), links.circle(tx, 0)
    assert generations == [{"a"}, {"b"}, {"c"}, {"d"}]
    assert [link.key for link in around] == ["x", "y"]
    assert rest == (True, [])


@pytest.mark.parametrize(("taken", "statements"), [([], 7), (["@done"], 8)])
def test_who_has_to_do_with_nobody_pays_nothing(ledger, taken, statements):
    """Claiming and finishing a job takes seven statements, whatever others wait for; a child asks for its inputs, too."""
    put(ledger, {"done": [], "hero": [], "child": ["@hero"]})
    ledger.succeed(ledger.claim())
    put(ledger, {"done": [], "hero": [], "child": ["@hero"], "this": taken}, at=1)
    (this,) = ledger.ids("this")
    asked = []
    wanted = ledger.filter(only=[this])
    event.listen(ledger.database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    with ledger.database.write() as tx:
        (claim,) = queue.claim(tx, wanted, Lease("one", ledger.at(60)), ledger.at(2), lambda _: 1)
        closing.finish(tx, [end(claim, SUCCEEDED, images=[ledger.image(1, "shop/this.png")])], ledger.at(3))
    assert len([one for one in asked if not one.startswith("BEGIN")]) == statements
