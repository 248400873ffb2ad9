"""Who makes a job: its row's word, else its batch's; each provider finds its own, and the ledger keeps who was asked."""

import pytest

from batchgen.core.job import State
from batchgen.core.outcome import Outcome
from batchgen.store import batches, leftovers, queue, shares
from batchgen.store.queue import Filter


@pytest.fixture
def shop(ledger):
    """A batch with rows of two providers and some that name none."""
    rows = (("a", "", 0), ("b", "azure", 0), ("c", "", 0), ("d", "azure", 5), ("e", "fal", 9))
    ledger.submit(*(ledger.row(name, provider=provider, priority=priority) for name, provider, priority in rows))
    return ledger


def _claims(ledger, **wanted):
    return [claim.custom_id for claim in iter(lambda: ledger.claim(**wanted), None)]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (None, "ac"),
        (("",), "ac"),
        (("azure",), "db"),
        (("", "azure"), "dabc"),
        (("fal", "azure", ""), "edabc"),
        (("x",), ""),
        ((), ""),
    ],
)
def test_each_provider_claims_its_own_jobs(shop, words, found):
    """In one order, however many words mean it: priority, then the place in the manifest."""
    assert "".join(_claims(shop, words=words, provider="azure")) == found
    assert {attempt.provider for name in found for attempt in shop.attempts(name)} == ({"azure"} if found else set())


def test_several_at_once_keep_the_order(shop):
    """Of each word as many are looked at as are wanted, and the first of all are taken."""
    batch = shop.batch()
    with shop.database.write() as tx:
        wanted = Filter([batch.id], provider="azure", rows_for={batch.id: ("", "azure")})
        lease = queue.Lease("one", shop.at(60))
        found = [queue.claim(tx, wanted, lease, shop.at(0), lambda _: 1, most=3) for _ in range(2)]
    assert [[claim.custom_id for claim in claims] for claims in found] == [["d", "a", "b"], ["c"]]


def test_what_is_asked_of_a_provider_is_about_its_own_jobs(shop):
    """When one is due, whether one runs, how many wait for a model; jobs of others do not count."""
    batch = shop.batch()
    azure, fal = (Filter([batch.id], ["gpt-image-2"], rows_for={batch.id: (word,)}) for word in ("azure", "fal"))
    with shop.database.read() as tx:
        assert [leftovers.left_out(tx, wanted) for wanted in (azure, fal)] == [2, 1]
    shop.claim(words=("azure",))
    with shop.database.read() as tx:
        assert [leftovers.running(tx, wanted) for wanted in (azure, fal)] == [1, 0]
        assert queue.next_due(tx, Filter([batch.id], rows_for={batch.id: ("nobody",)})) is None
        assert queue.next_due(tx, Filter([batch.id], rows_for={batch.id: ("nobody", "fal")})) == shop.at(0)


def test_the_providers_of_a_batch_are_those_of_its_unfinished_jobs(shop):
    """Waiting or running; what is made or given up needs nobody any more."""
    batch = shop.batch()
    shop.succeed(shop.claim(words=("fal",)))
    shop.fail(shop.claim(words=("",)))
    shop.claim(words=("",))
    with shop.database.read() as tx:
        assert shares.named(tx, batch) == ["", "azure"]
    shop.sql("UPDATE jobs SET provider = 'later' WHERE state = 'running'")
    shop.sql("DELETE FROM jobs WHERE state = 'pending'")
    with shop.database.read() as tx:
        assert shares.named(tx, batch) == ["later"]


def test_jobs_that_wait_for_others_name_their_provider_too(ledger):
    """Nobody can claim them yet, and somebody has to be there when they can be."""
    rows = [ledger.row("hero", provider="azure"), ledger.row("child", provider="fal"), ledger.row("other", provider="azure")]
    ledger.submit(*rows)
    parent, child = ledger.ids("hero", "child")
    ledger.sql("UPDATE jobs SET waits_for = 1 WHERE custom_id = 'child'")
    ledger.sql("UPDATE jobs SET has_children = :true WHERE custom_id = 'hero'", true=True)
    ledger.sql("INSERT INTO dependencies (job_id, parent_id) VALUES (:child, :parent)", child=child, parent=parent)
    batch = ledger.batch()
    wanted = Filter([batch.id], ["gpt-image-9"], rows_for={batch.id: ("fal",)})
    with ledger.database.read() as tx:
        assert shares.named(tx, batch) == ["azure", "fal"]
        assert (leftovers.waiting(tx, wanted), queue.next_due(tx, wanted)) == (1, None)


def test_a_changed_provider_is_taken_over_and_makes_nothing_again(shop):
    """It is no part of the request: what is made stays, what waits goes to the other one, and attempts keep who was asked."""
    shop.succeed(shop.claim(words=("fal",), provider="fal"))
    found = shop.submit(*(shop.row(name, provider="new", priority=1) for name in "abcde"))
    assert (found.new, found.changed.count) == (0, 0)
    assert [shop.job(name).provider for name in "abcde"] == ["new"] * 5
    assert (shop.job("e").state, shop.attempts("e")[0].provider) == (State.SUCCEEDED, "fal")


def test_a_batch_is_given_to_a_provider(ledger):
    """It keeps it, and says so."""
    ledger.submit(ledger.row("a"))
    assert ledger.batch().provider == ""
    with ledger.database.write() as tx:
        assert batches.give(tx, ledger.batch(), "azure").provider == "azure"
    assert ledger.batch().provider == "azure"


_ENDINGS = [
    # What became of the attempt, and whether the next one may be told to be the same wish.
    (Outcome.UNKNOWN, None, True),
    (Outcome.UNKNOWN, 504, True),
    (Outcome.OFFLINE, None, True),
    (Outcome.LOST, None, True),
    (Outcome.UNAVAILABLE, 500, False),
    (Outcome.RATE_LIMITED, 429, False),
    (Outcome.INVALID_REPLY, 200, False),
]


@pytest.mark.parametrize(("outcome", "status", "is_same"), _ENDINGS)
def test_a_second_try_is_told_from_a_new_wish(ledger, outcome, status, is_same):
    """Until a complete answer has come, every try carries the same word, so that a lost one is not billed twice."""
    ledger.submit(ledger.row("a"), ledger.row("b"))
    first = ledger.claim()
    ledger.finish(first, outcome, State.PENDING, http_status=status)
    again = ledger.claim(at=1, only=[first.job_id])
    assert (again.attempt, again.once == first.once) == (2, is_same)
    assert len({first.once, ledger.claim(at=1).once, ""}) == 3


_LOST = (Outcome.UNKNOWN, None)
_SEQUENCES = [
    # How the attempts of a job end, and which of their words, and of the one behind them, are the same.
    ([_LOST, (Outcome.RATE_LIMITED, 429)], "aaa"),
    ([_LOST, (Outcome.UNAVAILABLE, 409), (Outcome.UNAVAILABLE, 503)], "aaaa"),
    ([_LOST, (Outcome.ACCOUNT_BLOCKED, 401)], "aaa"),
    ([(Outcome.UNKNOWN, 504), (Outcome.OFFLINE, None), (Outcome.UNAVAILABLE, 500)], "aaaa"),
    ([_LOST, (Outcome.INVALID_REPLY, 200), (Outcome.UNAVAILABLE, 500)], "aabc"),
    ([_LOST, (Outcome.REJECTED, 400)], "aab"),
    ([(Outcome.UNAVAILABLE, 500), _LOST, (Outcome.RATE_LIMITED, 429)], "abbb"),
]


@pytest.mark.parametrize(("ends", "words"), _SEQUENCES)
def test_a_lost_answer_stays_the_same_wish_until_it_is_answered(ledger, ends, words):
    """What says "not now" in between tells nothing of the lost one, and another word would have it made and billed twice."""
    ledger.submit(ledger.row("a"))
    found = []
    for outcome, status in [*ends, _LOST]:
        claim = ledger.claim(at=1)
        found.append(claim.once)
        ledger.finish(claim, outcome, State.PENDING, http_status=status)
    assert "".join("abc"[list(dict.fromkeys(found)).index(one)] for one in found) == words


def test_the_same_row_in_another_ledger_is_another_wish(ledger):
    """Nor is a row the same wish that was submitted again from nothing, or that asks for something else."""
    ledger.submit(ledger.row("a"))
    words = [ledger.claim().once]
    ledger.sql("DELETE FROM attempts")
    for change in ("created_at = '2026-11-22 00:00:00'", "fingerprint = 'another'"):
        ledger.sql(f"UPDATE jobs SET state = 'pending', attempt = 0, lease_owner = NULL, lease_expires_at = NULL, {change}")
        words.append(ledger.claim().once)
        ledger.sql("DELETE FROM attempts")
    assert len(set(words)) == 3
