"""A million rows are one table with many batches: whatever asks about a part of it finds that part by an index."""

import re
from contextlib import contextmanager
from datetime import date

import pytest
from chained import put
from sqlalchemy import event

from batchgen.core.budget import Caps
from batchgen.core.costs import Period
from batchgen.core.job import State
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.pricing import Basis, Cost
from batchgen.core.request import Input
from batchgen.core.retry import Verdict
from batchgen.store import (
    chains,
    closing,
    control,
    costs,
    leases,
    leftovers,
    listing,
    outlook,
    queue,
    reports,
    reuse,
    shares,
    shelf,
    spending,
)
from batchgen.store.closing import Closing, Finish
from batchgen.store.leases import Lease
from batchgen.store.queue import Filter
from batchgen.store.remaining import remaining
from batchgen.store.reuse import Rules, Search

# The index of what is running holds no more than that.
_LARGE = re.compile(r"SCAN (jobs|parents|attempts|artifacts|dependencies)\b(?! USING INDEX ix_jobs_reclaim)")
_END = Closing(Ending(Outcome.SUCCEEDED), Verdict(State.SUCCEEDED), Cost(40, Basis.COMPUTED))
_MONTH = Period(date(2026, 11, 1), date(2026, 11, 30))
_REFUSED = Closing(Ending(Outcome.REJECTED), Verdict(State.FAILED), Cost(0, Basis.COMPUTED))


@contextmanager
def plans(database):
    """What SQLite says of how it finds the rows of every statement meanwhile."""
    told = []

    def ask(connection, _cursor, statement, parameters, _context, is_many):
        if not statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
            return
        raw = connection.connection.driver_connection
        steps = raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters[0] if is_many else parameters)
        told.extend((step[3], statement) for step in steps)

    event.listen(database.engine, "before_cursor_execute", ask)
    try:
        yield told
    finally:
        event.remove(database.engine, "before_cursor_execute", ask)


# Whatever a run, a command or a takeover asks; the ledger has a job of each kind.
_ASKED = {
    "claim": lambda tx, batch, ledger: queue.claim(
        tx, Filter([batch.id]), Lease("two", ledger.at(500)), ledger.at(400), lambda _: 1, most=5
    ),
    "claim without a blocked model": lambda tx, batch, ledger: queue.claim(
        tx, Filter([batch.id], ["dall-e-3"]), Lease("two", ledger.at(500)), ledger.at(400), lambda _: 1
    ),
    "what counts toward a cap": lambda tx, _, ledger: spending.counted(tx, ledger.at(0), ledger.at(9)),
    "what counts toward all caps": lambda tx, batch, ledger: spending.room(tx, Caps(1, 1, 1, 1), [batch.id], ledger.at(9)),
    "models": lambda tx, batch, _: spending.models(tx, Filter([batch.id])),
    "what remains": lambda tx, batch, _: list(remaining(tx, Filter([batch.id], ["dall-e-3"]))),
    "next due": lambda tx, batch, _: queue.next_due(tx, Filter([batch.id])),
    "mark as sent": lambda tx, _, ledger: queue.mark_sent(tx, [(ledger.ids("running")[0], 1)], ledger.at(2)),
    "finish": lambda tx, _, ledger: closing.finish(tx, [Finish(ledger.ids("running")[0], 1, _END)], ledger.at(3)),
    "standing": lambda tx, _, ledger: closing.standing(tx, ledger.ids("done")[0], 1),
    "renew": lambda tx, _, ledger: leases.renew(tx, Lease("one", ledger.at(900))),
    "expired": lambda tx, _, ledger: leases.expired(tx, ledger.at(900)),
    "held": lambda tx, *_: leases.held_by(tx, "one"),
    "opened": lambda tx, _, ledger: leases.opened(tx, ledger.ids("running")[0], 1),
    "summary": lambda tx, batch, _: reports.summary(tx, batch),
    "to be made": lambda tx, batch, _: list(outlook.unfinished(tx, [batch])),
    "unfinished": lambda tx, batch, _: reports.unfinished(tx, [batch.id]),
    "claim for two words of a provider": lambda tx, batch, ledger: queue.claim(
        tx, Filter([batch.id], rows_for={batch.id: ("", "azure")}), Lease("two", ledger.at(500)), ledger.at(400), lambda _: 1
    ),
    "waiting for a model": lambda tx, batch, _: leftovers.left_out(tx, Filter([batch.id], ["gpt-image-2"])),
    "running": lambda tx, batch, _: leftovers.running(tx, Filter([batch.id])),
    "providers": lambda tx, batch, _: shares.named(tx, batch),
    "costs of a batch": lambda tx, batch, _: costs.spent(tx, "batch", [batch]),
    "costs of a batch by its jobs": lambda tx, batch, _: costs.spent(tx, "column:shelf", [batch]),
    "costs of a month": lambda tx, batch, _: costs.spent(tx, "day", [], _MONTH),
    "costs of a batch in a month": lambda tx, batch, _: costs.spent(tx, "column:shelf", [batch], _MONTH),
    "costs to check a bill": lambda tx, *_: costs.daily(tx, _MONTH, "openai", str),
    "failed": lambda tx, batch, _: reports.failed(tx, batch),
    "failures": lambda tx, batch, _: reports.failures(tx, batch, 5),
    "one job": lambda tx, batch, _: reports.job(tx, batch, "done"),
    "images of a day": lambda tx, _, ledger: reports.images_since(tx, ledger.at(0), provider="openai"),
    "finish a parent": lambda tx, _, ledger: closing.finish(tx, [Finish(ledger.ids("hero")[0], 1, _END)], ledger.at(3)),
    "fail a parent": lambda tx, _, ledger: closing.finish(tx, [Finish(ledger.ids("hero")[0], 1, _REFUSED)], ledger.at(3)),
    "verify a parent": lambda tx, _, ledger: shelf.queue_again(tx, ledger.ids("parent"), ledger.at(3)),
    "what a child takes": lambda tx, batch, _: chains.with_results(tx, batch.id, [Input("image", "@parent", "")]),
    "whom a child waits for": lambda tx, _, ledger: chains.waited_for(tx, ledger.ids("child")[0]),
    "waiting for others": lambda tx, batch, _: leftovers.waiting(tx, Filter([batch.id], ["gpt-image-2"])),
    "export": lambda tx, batch, _: list(listing.lines(tx, batch)),
    "resume": lambda tx, batch, ledger: control.requeue(tx, batch, ledger.at(5), control.Also(rejected=True)),
    "cancel": lambda tx, batch, ledger: control.cancel(tx, batch, [], ledger.at(5)),
    "cancel one": lambda tx, batch, ledger: control.cancel(tx, batch, ["waiting"], ledger.at(5)),
    "verify": lambda tx, batch, _: list(shelf.artifacts_of(tx, batch)),
    "what was made before, of a batch": lambda tx, batch, _: reuse.page(tx, (batch.id, ("",)), Rules(), reuse.START),
    "what was made before, of what is next": lambda tx, batch, ledger: reuse.among_due(
        tx, Filter([batch.id]), Rules(), ledger.at(400), 5
    ),
    "use again": lambda tx, batch, ledger: reuse.take(
        tx,
        Filter([batch.id], only_jobs=ledger.ids("waiting"), provider="openai"),
        Lease("two", ledger.at(500)),
        Search(Rules(), "openai", ledger.at(400)),
    ),
    "use again within the batch": lambda tx, batch, ledger: reuse.take(
        tx,
        Filter([batch.id], only_jobs=ledger.ids("waiting"), provider="openai"),
        Lease("two", ledger.at(500)),
        Search(Rules(within_batch=True), "openai", ledger.at(400)),
    ),
    "claim one of those that are the same": lambda tx, batch, ledger: queue.claim(
        tx, Filter([batch.id], apart=True), Lease("two", ledger.at(500)), ledger.at(400), lambda _: 1, most=5
    ),
    "whose images": lambda tx, _, ledger: reports.names(tx, ledger.ids("done")),
    "known paths": lambda tx, *_: shelf.known_paths(tx, ["shop/done.png"]),
}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("what", _ASKED)
def test_it_is_found_by_index(ledger, what):
    """No step of any plan walks a table that grows with the rows of other batches."""
    ledger.submit(*(ledger.row(name) for name in ("done", "failed", "running", "waiting")))
    ledger.succeed(ledger.claim())
    ledger.fail(ledger.claim(at=2))
    ledger.sent(ledger.claim(at=2))
    put(ledger, {"parent": [], "lost": [], "hero": [], "child": ["@parent", "@hero"], "last": ["@lost"]})
    for name in ("parent", "lost", "hero"):
        claim = ledger.claim(at=2, only=ledger.ids(name))
        if name == "hero":
            ledger.sent(claim)
        else:
            ledger.succeed(claim) if name == "parent" else ledger.fail(claim)
    ledger.columns("shelf")
    batch = ledger.batch()
    with plans(ledger.database) as told, ledger.database.write() as tx:
        _ASKED[what](tx, batch, ledger)
    assert told, "nothing was asked"
    assert [step for step in told if _LARGE.match(step[0])] == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_came_of_a_batch_is_counted_without_those_that_only_wait(ledger):
    """Nor are the jobs walked that were never tried, to add up what was spent on the others."""
    ledger.submit(ledger.row("waiting"))
    with plans(ledger.database) as told, ledger.database.read() as tx:
        reports.money(tx, ledger.batch())
    (found,) = [step for step, _ in told if "jobs" in step]
    assert "ix_jobs_tried" in found


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_was_spent_is_told_by_an_index_alone(ledger):
    """A day may have a hundred thousand attempts: their rows are not read to add them up."""
    ledger.submit(ledger.row("waiting"))
    with plans(ledger.database) as told, ledger.database.read() as tx:
        spending.counted(tx, ledger.at(0))
        spending.counted(tx, ledger.at(0), ledger.at(9))
    found = [step for step, _ in told if "attempts" in step]
    assert len(found) == 2
    assert all("USING COVERING INDEX ix_attempts_spending" in step for step in found)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("index", "ask"),
    [
        ("ix_jobs_claim", _ASKED["claim"]),
        ("ix_jobs_parents", lambda tx, batch, _: chains.has_any(tx, batch.id)),
    ],
)
def test_what_waits_for_others_is_not_walked_to_find_what_can_be_claimed(ledger, index, ask):
    """Nor what has nobody waiting for it, to find the parents: each has an index of its own."""
    ledger.submit(ledger.row("waiting"))
    with plans(ledger.database) as told, ledger.database.write() as tx:
        ask(tx, ledger.batch(), ledger)
    found = [step for step, _ in told if re.search(r"SEARCH (jobs|parents)\b.*INDEX ix", step)]
    assert found
    assert [step for step in found if index not in step] == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_providers_and_their_jobs_are_found_in_the_index_of_the_claim(ledger):
    """A step for each of them, and no sorting: not even the jobs of the batch itself are walked that another one makes."""
    ledger.submit(*(ledger.row(name, provider=name) for name in ("azure", "fal")))
    batch = ledger.batch()
    for ask in (
        lambda tx: shares.named(tx, batch),
        lambda tx: queue.claim(
            tx, Filter([batch.id], rows_for={batch.id: ("fal",)}), Lease("one", ledger.at(9)), ledger.at(1), lambda _: 1
        ),
    ):
        with plans(ledger.database) as told, ledger.database.write() as tx:
            assert ask(tx)
        assert any("ix_jobs_claim (batch_id=? AND provider" in step for step, _ in told)
        assert [step for step, _ in told if "TEMP B-TREE" in step and "DISTINCT" not in step] == []
