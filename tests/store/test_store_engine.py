"""The door: which databases there are, who may read the file, and what a transaction promises."""

import sqlite3
import stat
from contextlib import closing
from threading import Barrier, Thread

import pytest
from sqlalchemy import text

from batchgen.errors import DatabaseError
from batchgen.store import batches
from batchgen.store.engine import Database


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "cannot be read"),
        ("nothing", "cannot be read"),
        ("mysql://root:s3cret@localhost/x", "mysql is not a database this program can use"),
        ("sqlite://", "forgets what was paid for"),
        ("sqlite:///:memory:", "forgets what was paid for"),
        ("postgresql://me:s3cret@h:port/x", "a host or a port that cannot be read"),
        ("postgresql://me:s3cret@[::1/x", "a host or a port that cannot be read"),
        ("postgresql://me:a@s3cret@h/x", "more than one @: in a password write %40"),
        ("postgresql://me:a@b/s3cret@h/x", "more than one @"),
        ("postgresql://me:s3cret@h/x?nonsense=1&row_factory=2", "no option 'nonsense, row_factory'"),
        ("postgresql://h/x?user=me&pasword=s3cret", "no option 'pasword'"),
        ("sqlite:////no/such/folder/x.db", "there is no folder /no/such/folder"),
    ],
)
def test_a_database_that_cannot_be_used_is_refused(url, words):
    """Before anything is opened, with what to write instead and never with a password."""
    with pytest.raises(DatabaseError, match=words) as caught:
        Database(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret@127.0.0.1:1/x?connect_timeout=2",
        "postgresql://127.0.0.1:1/x?user=me&password=s3cret",
        "postgresql://me@corp:s3cret@127.0.0.1:1/x?sslpassword=s3cret",
        "postgresql://me:s3cret@127.0.0.1:1/x?connect_timeout=soon",
        "postgresql://me:s3cret@127.0.0.1:1/x?sslmode=perhaps",
        "postgresql://me:s3cret@127.0.0.1:99999/x",
    ],
)
def test_a_server_that_cannot_be_reached_is_told_without_its_password(url):
    """The message names the database and what went wrong, not the secret in its URL."""
    database = Database(url)
    with closing(database), pytest.raises(DatabaseError, match=r"127\.0\.0\.1.* cannot be used") as caught, database.read():
        pass
    assert "s3cret" not in str(caught.value)


def test_a_file_that_is_no_database_is_told(tmp_path):
    """A manifest given as a database is not written over."""
    path = tmp_path / "shop.csv"
    path.write_text("prompt\n" * 1000)
    database = Database(f"sqlite:///{path}")
    with closing(database), pytest.raises(DatabaseError, match="not a database"), database.read():
        pass
    assert path.read_text() == "prompt\n" * 1000


def test_looking_does_not_make_a_file(tmp_path):
    """Whether a ledger is there can be asked without making one; a server has to be asked itself."""
    path = tmp_path / "ledger.db"
    assert not Database.exists(f"sqlite:///{path}")
    Database(f"sqlite:///{path}").close()
    assert not path.exists()
    path.touch()
    assert Database.exists(f"sqlite:///{path}")
    assert Database.exists("postgresql://localhost/x")


def test_a_ledger_is_its_owners_alone(tmp_path):
    """Prompts and prices: the file and its journals are made readable by their owner only."""
    path = tmp_path / "ledger.db"
    with closing(Database(f"sqlite:///{path}")) as database:
        with database.write() as tx:
            tx.execute(text("CREATE TABLE x (y INTEGER)"))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes["ledger.db"] == 0o600
    assert set(modes.values()) == {0o600}
    assert len(modes) == 3


def test_a_new_file_that_another_program_writes_is_waited_for(tmp_path):
    """SQLite has no patience while a new file changes its journal; the program has it all the same."""
    other, failures = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None), []
    other.execute("CREATE TABLE x (y INTEGER)")
    other.execute("BEGIN IMMEDIATE")

    def look():
        try:
            with closing(Database(f"sqlite:///{tmp_path}/ledger.db")) as database, database.read() as tx:
                tx.execute(text("SELECT * FROM x"))
        except Exception as error:
            failures.append(error)

    thread = Thread(target=look)
    thread.start()
    thread.join(0.2)
    waited = thread.is_alive()
    other.execute("COMMIT")
    thread.join()
    other.close()
    assert (waited, failures) == (True, [])


@pytest.mark.parametrize("turn", range(3))
def test_programs_that_make_one_file_at_once_all_succeed(tmp_path, turn):
    """Eight doors to a file that is not there yet: each finds it ready."""
    doors = [Database(f"sqlite:///{tmp_path}/ledger.db") for _ in range(8)]
    start, failures = Barrier(8), []

    def look(database):
        start.wait()
        try:
            with database.write() as tx:
                tx.execute(text("CREATE TABLE IF NOT EXISTS x (y INTEGER)"))
        except Exception as error:
            failures.append(error)

    threads = [Thread(target=look, args=(door,)) for door in doors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for door in doors:
        door.close()
    assert failures == []


def test_a_transaction_that_breaks_leaves_nothing(ledger):
    """An error inside takes back everything, and the door can be used again."""
    with pytest.raises(RuntimeError), ledger.database.write() as tx:
        batches.create(tx, "half", simulated=False, now=ledger.at(0))
        raise RuntimeError
    with ledger.database.write() as tx:
        assert batches.every(tx) == []
        batches.create(tx, "whole", simulated=False, now=ledger.at(0))
    assert ledger.batch("whole").name == "whole"


def test_writers_wait_for_each_other(ledger):
    """Eight threads that read and then write never fail for being late: a transaction that writes begins as one."""
    ledger.submit(ledger.row("a"))
    start, failures = Barrier(8), []

    def count():
        start.wait()
        try:
            for _ in range(5):
                with ledger.database.write() as tx:
                    tx.execute(text("SELECT failures FROM jobs")).one()
                    tx.execute(text("UPDATE jobs SET failures = failures + 1"))
        except Exception as error:
            failures.append(error)

    threads = [Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (failures, ledger.job("a").failures) == ([], 40)


def test_a_reader_is_not_kept_waiting_by_a_writer(ledger):
    """Status answers from the last committed state while a long import writes."""
    ledger.submit(ledger.row("a"))
    with ledger.database.write() as tx:
        tx.execute(text("UPDATE jobs SET failures = 9"))
        assert ledger.job("a").failures == 0
    assert ledger.job("a").failures == 9
