"""The rows of a ledger's jobs once more, by the sqlite3 module alone: `SOURCE TARGET [--indexes]`.

One transaction and one executemany into a table of the same columns and rules, at the same durability.
"""

import sqlite3
import sys


def copy(source_path: str, target_path: str, *, indexes: bool) -> None:
    """Read from one database what goes into the other, a row at a time."""
    source, target = sqlite3.connect(source_path), sqlite3.connect(target_path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        target.execute(f"PRAGMA {pragma}")
    for kind in ("table", "index") if indexes else ("table",):
        wanted = "SELECT sql FROM sqlite_master WHERE type = ? AND tbl_name = 'jobs' AND sql IS NOT NULL"
        for (statement,) in source.execute(wanted, (kind,)).fetchall():
            target.execute(statement)
    rows = source.execute("SELECT * FROM jobs")
    places = ", ".join("?" * len(rows.description))
    target.execute("BEGIN IMMEDIATE")
    target.executemany(f"INSERT INTO jobs VALUES ({places})", rows)
    target.execute("COMMIT")
    source.close()
    target.close()


if __name__ == "__main__":
    copy(sys.argv[1], sys.argv[2], indexes="--indexes" in sys.argv)
