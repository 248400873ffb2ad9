"""Calls that wait share a transaction, each gets its own answer, and one that cannot be done harms nobody else."""

import asyncio
import contextlib
import sqlite3
import threading

import pytest
from sqlalchemy import event, text
from worker_bench import BOUND_S, until

from batchgen.errors import DatabaseError
from batchgen.store.engine import Database
from batchgen.worker.ledger import Ledger


class Counted:
    """A table of numbers behind a ledger; counts what is committed and what is rolled back."""

    def __init__(self, folder, patience_s=0.0):
        self.path = folder / "counted.db"
        self.database = Database(f"sqlite:///{self.path}")
        with self.database.write() as tx:
            tx.execute(text("CREATE TABLE numbers (number INTEGER PRIMARY KEY)"))
        self.commits, self.rollbacks, self.told = 0, 0, []
        event.listen(self.database.engine, "commit", self._committed)
        event.listen(self.database.engine, "rollback", self._rolled_back)
        self.ledger = Ledger(self.database, patience_s=patience_s, tell=self.told.append)
        self.calls = []

    def close(self):
        self.ledger.close()
        self.database.close()

    def _committed(self, _connection):
        self.commits += 1

    def _rolled_back(self, _connection):
        self.rollbacks += 1

    def add(self, tx, numbers):
        """Any number of them; each is answered by its double."""
        self.calls.append(list(numbers))
        for number in numbers:
            tx.execute(text("INSERT INTO numbers VALUES (:number)"), {"number": number})
        return [2 * number for number in numbers]

    def take(self, tx, numbers):
        """Another change; answered by the number itself."""
        for number in numbers:
            tx.execute(text("DELETE FROM numbers WHERE number = :number"), {"number": number})
        return list(numbers)

    def stored(self):
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            return [number for (number,) in connection.execute("SELECT number FROM numbers ORDER BY number")]


@pytest.fixture
def counted(tmp_path):
    """A ledger without patience."""
    made = Counted(tmp_path)
    yield made
    made.close()


@pytest.fixture
def patient(tmp_path):
    """A ledger that waits for its database."""
    made = Counted(tmp_path, patience_s=60.0)
    yield made
    made.close()


class Blocking:
    """A change that holds its transaction until it is told to go on."""

    def __init__(self):
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, _tx):
        self.begun.set()
        assert self.go_on.wait(BOUND_S)
        return "held"


async def while_one_holds(ledger, make):
    """Start calls while another transaction is under way; returns its result and what became of theirs."""
    blocking = Blocking()
    first = asyncio.create_task(ledger.write(blocking))
    await until(blocking.begun.is_set)
    calls = [asyncio.create_task(call) for call in make()]
    # Each of them has come to the ledger when the loop has gone around.
    await asyncio.sleep(0)
    assert not any(call.done() for call in calls)
    blocking.go_on.set()
    async with asyncio.timeout(BOUND_S):
        return await first, await asyncio.gather(*calls, return_exceptions=True)


def test_whoever_waits_shares_the_next_transaction(counted):
    """Fifty calls of one change and ten of another, behind one that is under way: two commits, and each gets its own."""

    def make():
        adding = [counted.ledger.join(counted.add, number) for number in range(50)]
        return adding + [counted.ledger.join(counted.take, number) for number in range(10)]

    held, results = asyncio.run(while_one_holds(counted.ledger, make))
    assert held == "held"
    assert results == [2 * number for number in range(50)] + list(range(10))
    assert (counted.commits, counted.rollbacks) == (2, 0)
    assert counted.calls == [list(range(50))]
    assert counted.stored() == list(range(10, 50))


def test_what_has_to_be_first_is_first(counted):
    """Whoever takes a lock that all processes share takes it before any other, whoever waited longer."""
    order = []

    def make():
        adding = counted.ledger.join(lambda _tx, items: order.extend(items) or items, "an end")
        return [adding, counted.ledger.write(lambda _: order.append("alone")), first()]

    async def first():
        return await counted.ledger.write_first(lambda _: order.append("a claim"))

    asyncio.run(while_one_holds(counted.ledger, make))
    assert (order[0], sorted(order)) == ("a claim", ["a claim", "alone", "an end"])
    assert counted.commits == 2


def test_whoever_is_alone_waits_for_nobody(counted):
    """Three calls, each after the other's end: three transactions."""

    async def run():
        return [await counted.ledger.join(counted.add, number) for number in range(3)]

    assert asyncio.run(run()) == [0, 2, 4]
    assert counted.commits == 3


def test_a_thousand_are_not_one_transaction(counted):
    """Some share a transaction, and the last of very many does not wait for all of them to be one."""

    def make():
        return [counted.ledger.join(counted.add, number) for number in range(1_000)]

    _, results = asyncio.run(while_one_holds(counted.ledger, make))
    assert results == [2 * number for number in range(1_000)]
    assert 1 + 5 <= counted.commits <= 1 + 20
    assert max(map(len, counted.calls)) < 1_000
    assert counted.stored() == list(range(1_000))


def test_a_call_that_cannot_be_done_harms_nobody_else(counted):
    """One of ten asks for what the table refuses: it alone hears of it, and the nine are done, each once."""
    asyncio.run(counted.ledger.join(counted.add, 5))

    def wrong(_tx, _numbers):
        raise ValueError("a mistake")

    def make():
        adding = [counted.ledger.join(counted.add, number) for number in range(10)]
        return [*adding, counted.ledger.join(wrong, 0)]

    _, results = asyncio.run(while_one_holds(counted.ledger, make))
    assert [result for number, result in enumerate(results[:10]) if number != 5] == [0, 2, 4, 6, 8, 12, 14, 16, 18]
    assert "UNIQUE" in str(results[5])
    assert isinstance(results[10], ValueError)
    assert counted.stored() == list(range(10))
    # And the ledger goes on as before.
    assert asyncio.run(counted.ledger.join(counted.add, 10)) == 20


def test_who_no_longer_waits_spoils_nothing(counted):
    """A caller that was told to stop waiting: what it asked for is done, and the others get their answers."""

    async def run():
        blocking = Blocking()
        first = asyncio.create_task(counted.ledger.write(blocking))
        await until(blocking.begun.is_set)
        calls = [asyncio.create_task(counted.ledger.join(counted.add, number)) for number in range(3)]
        await asyncio.sleep(0)
        calls[1].cancel()
        blocking.go_on.set()
        await first
        return await asyncio.gather(*calls, return_exceptions=True)

    first, cancelled, last = asyncio.run(run())
    assert (first, last) == (0, 4)
    assert isinstance(cancelled, asyncio.CancelledError)
    assert counted.stored() == [0, 1, 2]


def away(counted):
    """The table is not there: as when another program has the database in its hands."""
    with contextlib.closing(sqlite3.connect(counted.path)) as connection:
        connection.execute("ALTER TABLE numbers RENAME TO away")
        connection.commit()


def back(counted):
    with contextlib.closing(sqlite3.connect(counted.path)) as connection:
        connection.execute("ALTER TABLE away RENAME TO numbers")
        connection.commit()


def test_a_database_that_is_away_is_waited_for_by_all(patient):
    """Calls before and during the absence are done when it is back, each once; a person is told once, and once of its end."""

    async def run():
        away(patient)
        early = [asyncio.create_task(patient.ledger.join(patient.add, number)) for number in range(5)]
        await until(lambda: bool(patient.told))
        late = [asyncio.create_task(patient.ledger.join(patient.add, number)) for number in range(5, 10)]
        await asyncio.sleep(0)
        assert not any(call.done() for call in early + late)
        back(patient)
        async with asyncio.timeout(BOUND_S):
            return await asyncio.gather(*early, *late)

    assert asyncio.run(run()) == [2 * number for number in range(10)]
    assert patient.stored() == list(range(10))
    assert ["waiting for it" in told for told in patient.told] == [True, False]


def test_without_patience_all_that_waited_hear_of_it(counted):
    """Nobody is left waiting for a database that is away, and nothing is written."""

    def make():
        away(counted)
        return [counted.ledger.join(counted.add, number) for number in range(5)]

    async def run():
        return await asyncio.gather(*make(), return_exceptions=True)

    results = asyncio.run(run())
    assert [type(result) for result in results] == [DatabaseError] * 5
    back(counted)
    assert counted.stored() == []
