"""Migrations: any database is brought to head, by anyone, once, and a newer one is left alone."""

import json
import subprocess
import sys
from contextlib import closing
from threading import Barrier, Thread

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, inspect, text
from sqlalchemy.exc import ProgrammingError

from batchgen.errors import DatabaseError
from batchgen.store import migrate
from batchgen.store.engine import Database
from batchgen.store.indexes import metadata

_TABLES = {"batches", "jobs", "attempts", "artifacts", "paces", "dependencies", "alembic_version"}


def _tables(database):
    return set(inspect(database.engine).get_table_names())


def test_an_empty_database_is_brought_to_head(empty):
    """First use makes the tables; nothing needs to be set up by hand."""
    with closing(Database(empty)) as database:
        assert migrate.current(database) is None
        assert not migrate.is_current(database)
        assert migrate.upgrade(database)
        assert migrate.current(database) == migrate.head()
        assert migrate.is_current(database)
        assert _tables(database) == _TABLES


def test_versions_are_told_without_alembic_as_alembic_tells_them():
    """The program reads revisions from the names of files; their order and the head are those of the scripts themselves."""
    scripts = ScriptDirectory(str(migrate.scripts_folder()))
    assert migrate.head() == scripts.get_current_head()
    assert migrate._known() == [script.revision for script in scripts.walk_revisions()][::-1]


def test_a_second_upgrade_changes_nothing(database, ledger):
    """An upgrade of a database at head says so and keeps what is in it."""
    ledger.submit(ledger.row("a"))
    assert not migrate.upgrade(database)
    assert list(ledger.states()) == ["a"]


def test_the_migrations_make_the_tables_that_the_program_uses(database):
    """Columns, types, indexes, keys and unique constraints of a migrated database are those of the metadata."""
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize("name", sorted(metadata.tables))
def test_the_migrations_make_every_check_and_key_by_its_name(database, name):
    """What the comparison above does not see: check constraints and the names of keys."""
    table, found = metadata.tables[name], inspect(database.engine)
    checks = {str(check.name) for check in table.constraints if isinstance(check, CheckConstraint)}
    assert {check["name"] for check in found.get_check_constraints(name)} == checks
    assert found.get_pk_constraint(name)["constrained_columns"] == [column.name for column in table.primary_key]
    partial = {index.name for index in table.indexes if index.dialect_options["sqlite"]["where"] is not None}
    assert {index["name"] for index in found.get_indexes(name) if _where(index)} == partial


def _where(index):
    return any(str(option).endswith("_where") for option in index.get("dialect_options", {}))


def test_a_newer_database_is_refused(ledger):
    """A revision that the program does not know stops it before it reads or writes anything."""
    ledger.sql("UPDATE alembic_version SET version_num = '9999'")
    for look in (migrate.is_current, migrate.upgrade):
        with pytest.raises(DatabaseError, match=r"newer than this program \(its version is 9999\)"):
            look(ledger.database)
    assert migrate.current(ledger.database) == "9999"


def test_an_upgrade_that_fails_leaves_nothing(empty):
    """All steps are one transaction: a table of the same name in the way, and none of ours is made."""
    with closing(Database(empty)) as database:
        with database.write() as tx:
            tx.exec_driver_sql("CREATE TABLE attempts (mine INTEGER)")
        with pytest.raises((DatabaseError, ProgrammingError), match="attempts"):
            migrate.upgrade(database)
        assert _tables(database) - {"alembic_version"} == {"attempts"}
        assert migrate.current(database) is None


def _upgrade_to(database, revision):
    config = Config()
    config.set_main_option("script_location", str(migrate.scripts_folder()))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_real_batches_stay_with_the_only_provider_that_there_was(empty):
    """Whatever the settings name by now; a simulated one needs none."""
    with closing(Database(empty)) as database:
        _upgrade_to(database, "0008")
        with database.write() as tx:
            columns = "(name, name_key, simulated, manifest_sha256, metadata_columns, created_at)"
            for name, simulated in (("real", False), ("tried", True)):
                stored = {"name": name, "simulated": simulated, "now": "2026-11-01 00:00:00"}
                tx.execute(text(f"INSERT INTO batches {columns} VALUES (:name, :name, :simulated, '', '[]', :now)"), stored)
        migrate.upgrade(database)
        with database.read() as tx:
            assert dict(map(tuple, tx.execute(text("SELECT name, provider FROM batches")))) == {
                "real": "openai",
                "tried": "",
            }


def test_the_size_of_copies_is_found_in_old_notes(empty):
    """Of a note about a size alone, whatever else the notes say."""
    notes = {
        "a": ["style=size=1x1 is sent as 2x2 is written into the prompt", "size=256x256 is sent as 816x816"],
        "b": ["quality=hd is sent as high", 'style="size=256x256 is sent as 816x816" is written into the prompt'],
        "c": [],
        "d": ["size=640x480 is sent as 944x704"],
    }
    columns = "(name, name_key, simulated, manifest_sha256, metadata_columns, created_at)"
    job = (
        "(batch_id, position, custom_id, custom_id_key, operation, model, request, metadata, fingerprint, rewritten, state,"
        " attempt, failures, unknowns, available_at, cancel_requested, created_at)"
    )
    with closing(Database(empty)) as database:
        _upgrade_to(database, "0011")
        with database.write() as tx:
            now = "'2026-11-01 00:00:00'"
            tx.execute(text(f"INSERT INTO batches {columns} VALUES ('m', 'm', false, '', '[]', {now})"))
            values = f"1, 0, :name, :name, 'generate', 'm', '{{}}', '{{}}', '', :notes, 'pending', 0, 0, 0, {now}, false, {now}"
            for name, told in notes.items():
                tx.execute(text(f"INSERT INTO jobs {job} VALUES ({values})"), {"name": name, "notes": json.dumps(told)})
        migrate.upgrade(database)
        with database.read() as tx:
            sizes = dict(map(tuple, tx.execute(text("SELECT custom_id, copy_size FROM jobs"))))
    assert sizes == {"a": "256x256", "b": "", "c": "", "d": "640x480"}


@pytest.mark.parametrize("turn", range(3))
def test_threads_that_upgrade_at_once_all_succeed(empty, turn):
    """Whoever comes second waits and finds the work done; nobody fails."""
    doors, start, failures = [Database(empty) for _ in range(4)], Barrier(4), []

    def upgrade(database):
        start.wait()
        try:
            migrate.upgrade(database)
        except Exception as error:
            failures.append(error)

    threads = [Thread(target=upgrade, args=(door,)) for door in doors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert all(migrate.is_current(door) for door in doors)
    for door in doors:
        door.close()


def test_programs_that_upgrade_at_once_all_succeed(empty):
    """Two runs started together on a fresh folder: both find a database at head."""
    program = (
        "import sys; from batchgen.store import migrate; from batchgen.store.engine import Database\n"
        "database = Database(sys.argv[1]); sys.stdin.readline(); migrate.upgrade(database)\n"
        "print(migrate.is_current(database))"
    )
    command = [sys.executable, "-c", program, empty]
    runs = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for run in runs:
        run.stdin.write("go\n")
        run.stdin.flush()
    assert [(*run.communicate(), run.returncode) for run in runs] == [("True\n", "", 0)] * 2
