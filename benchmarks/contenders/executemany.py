"""The rows of a ledger's jobs once more, by the sqlite3 module alone: `SOURCE TARGET [--indexes]`.

Into a table of the same columns and rules, in one transaction, with the module's own settings: the disk is waited for.
"""

import sqlite3
import sys

# Row by row, the memory of the C library goes to the system and back with each of them, which takes twice the time.
_AT_ONCE = 10_000


def copy(source_path: str, target_path: str, *, indexes: bool) -> None:
    """Read from one database what goes into the other."""
    source, target = sqlite3.connect(source_path), sqlite3.connect(target_path)
    for kind in ("table", "index") if indexes else ("table",):
        wanted = "SELECT sql FROM sqlite_master WHERE type = ? AND tbl_name = 'jobs' AND sql IS NOT NULL"
        for (statement,) in source.execute(wanted, (kind,)).fetchall():
            target.execute(statement)
    rows = source.execute("SELECT * FROM jobs")
    places = ", ".join("?" * len(rows.description))
    while some := rows.fetchmany(_AT_ONCE):
        target.executemany(f"INSERT INTO jobs VALUES ({places})", some)
    target.commit()
    source.close()
    target.close()


if __name__ == "__main__":
    copy(sys.argv[1], sys.argv[2], indexes="--indexes" in sys.argv)
