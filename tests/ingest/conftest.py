"""A ledger in a file of SQLite, and manifests to submit to it."""

import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import copied
import pytest
from sqlalchemy import text

from batchgen.core.assembly import BUILT_IN
from batchgen.core.dialect import Dialect
from batchgen.ingest.reading import Terms
from batchgen.ingest.source import Manifest
from batchgen.ingest.submit import Submitted, submit
from batchgen.store import batches, listing, migrate
from batchgen.store.engine import Database
from batchgen.store.listing import Line

_NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder with manifests, and the ledger they are submitted to."""

    folder: Path
    database: Database
    terms: Terms

    def manifest(self, name: str, content: str | bytes, *, batch: str | None = None) -> Manifest:
        """A file to submit; `batch` names it as a person would with --name."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Manifest(path, batch or path.stem, named=batch is not None, open=lambda: path.open("rb"))

    def stdin(self, content: bytes, batch: str) -> Manifest:
        """Standard input with this in it."""
        return Manifest(None, batch, named=True, open=lambda: io.BytesIO(content))

    def submit(self, *manifests: Manifest, **terms: Any) -> list[Submitted]:
        """Submit on the terms of the desk, but for those given; `official` tells whether it is the vendor's own address."""
        if (official := terms.pop("official", None)) is not None:
            terms["dialects"] = {"": Dialect(official=official)}
        on_terms = replace(self.terms, **terms)
        return submit(self.database, [(manifest, on_terms) for manifest in manifests], _NOW)

    def csv(self, content: str, **terms: Any) -> Submitted:
        """Submit this text as m.csv."""
        (submitted,) = self.submit(self.manifest("m.csv", content), **terms)
        return submitted

    def jobs(self, batch: str) -> list[Line]:
        """The jobs of a batch in the order of its manifest."""
        with self.database.read() as tx:
            return list(listing.lines(tx, batches.named(tx, [batch])[0]))

    def count(self, table: str) -> int:
        """How many rows a table has."""
        with self.database.read() as tx:
            return int(tx.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())

    def put(self, custom_id: str, changes: str) -> None:
        """Bring a job into a state, as a worker would."""
        with self.database.write() as tx:
            changed = tx.execute(text(f"UPDATE jobs SET {changes} WHERE custom_id = :custom_id"), {"custom_id": custom_id})
            assert changed.rowcount == 1

    def row(self, custom_id: str) -> Mapping[str, Any]:
        """A job as it stands in its table."""
        with self.database.read() as tx:
            query = text("SELECT * FROM jobs WHERE custom_id = :custom_id")
            return dict(tx.execute(query, {"custom_id": custom_id}).mappings().one())


@pytest.fixture
def desk(tmp_path) -> Iterator[Desk]:
    """An empty ledger, and terms of a real run on the vendor's address."""
    database = Database(f"sqlite:///{tmp_path}/ledger.db")
    migrate.upgrade(database)
    terms = Terms(BUILT_IN, {}, simulated=False, dialects={"": Dialect(official=True)}, day=date(2026, 11, 21), update=False)
    yield Desk(tmp_path, database, terms)
    database.close()


@pytest.fixture
def batchgen(tmp_path):
    """Run the program in an empty folder, with nothing in its environment that could steer it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BATCHGEN_", "OPENAI_"))}

    def run(*arguments: str, code: int = 0, stdin: bytes = b"") -> tuple[str, str]:
        ended = copied.run(arguments, tmp_path, kept, stdin=stdin)
        out, err = ended.stdout.decode(), ended.stderr.decode()
        assert ended.returncode == code, err
        assert "Traceback" not in err
        return out, err

    return run
