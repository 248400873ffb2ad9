"""The ledger on both databases: every test that asks for `database`, `empty` or `ledger` runs on SQLite and on PostgreSQL."""

import contextlib
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from batchgen.core import identity
from batchgen.core.artifact import Artifact
from batchgen.core.job import State
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.pricing import Basis, Cost
from batchgen.core.request import Request
from batchgen.core.retry import Verdict
from batchgen.core.usage import Usage
from batchgen.store import batches, closing, listing, migrate, queue, reports, submission
from batchgen.store.closing import Closing, Finish
from batchgen.store.engine import Database
from batchgen.store.leases import Lease
from batchgen.store.queue import Claim, Filter
from batchgen.store.submission import Comparison
from batchgen.store.tables import metadata

_START = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request) -> str:
    """The database a test runs on; what only PostgreSQL can show asks for it with `indirect`."""
    return request.param


@pytest.fixture
def empty(backend, request, tmp_path) -> Iterator[str]:
    """The URL of a database without a table."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    server = request.getfixturevalue("postgres")
    url = server.create()
    yield url
    server.drop(url)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory) -> Path:
    """A file of SQLite at head, to be copied."""
    path = tmp_path_factory.mktemp("template") / "head.db"
    with contextlib.closing(Database(f"sqlite:///{path}")) as database:
        migrate.upgrade(database)
    return path


@pytest.fixture(scope="session")
def migrated_url(postgres) -> Iterator[str]:
    """A database of PostgreSQL at head, to be emptied before each test: that is ten times as fast as a new one."""
    url = postgres.create()
    with contextlib.closing(Database(url)) as database:
        migrate.upgrade(database)
    yield url
    postgres.drop(url)


@pytest.fixture
def database(backend, request, tmp_path) -> Iterator[Database]:
    """A ledger at head without a row."""
    if backend == "sqlite":
        path = shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "ledger.db")
        with contextlib.closing(Database(f"sqlite:///{path}")) as database:
            yield database
        return
    with contextlib.closing(Database(request.getfixturevalue("migrated_url"))) as database:
        with database.write() as tx:
            for table in reversed(metadata.sorted_tables):
                tx.execute(table.delete())
            tx.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": migrate.head()})
        yield database


@pytest.fixture
def ledger(database) -> "Ledger":
    """The ledger with short words for what tests do all the time."""
    return Ledger(database)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Times are seconds after `at(0)`; jobs are named by their custom_id; the batch is `shop` where none is named."""

    database: Database

    @staticmethod
    def at(seconds: float) -> datetime:
        """A moment."""
        return _START + timedelta(seconds=seconds)

    @staticmethod
    def row(
        custom_id: str, prompt: str = "a fox", *, model: str = "gpt-image-2", given: bool = True, **more: Any
    ) -> dict[str, Any]:
        """One staged row; `metadata`, notes and parameters of the request may be given."""
        metadata, priority, rewritten = more.pop("metadata", {}), more.pop("priority", 0), more.pop("rewritten", [])
        provider, copy_size = more.pop("provider", ""), more.pop("copy_size", "")
        request = Request("generate", model, prompt, more)
        return {
            "custom_id": custom_id,
            "custom_id_key": identity.fold(custom_id),
            "given": given,
            "operation": request.operation,
            "model": model,
            "provider": provider,
            "request": {"prompt": prompt, **more},
            "metadata": metadata,
            "fingerprint": request.fingerprint,
            "priority": priority,
            "rewritten": rewritten,
            "copy_size": copy_size,
        }

    def submit(self, *rows: dict[str, Any], batch: str = "shop", at: float = 0, simulated: bool = False) -> Comparison:
        """Store rows as `--update` does, and tell what changed."""
        return self._staged(rows, batch, self.at(at), simulated=simulated, keep=True)

    def compare(self, *rows: dict[str, Any], batch: str = "shop") -> Comparison:
        """What storing the rows would change."""
        return self._staged(rows, batch, self.at(0), simulated=False, keep=False)

    def _staged(self, rows: Sequence[dict[str, Any]], name: str, now: datetime, *, simulated: bool, keep: bool) -> Comparison:
        with self.database.write() as tx:
            submission.prepare(tx)
            submission.stage(tx, [{"manifest": 0, "position": n, "line": n + 2, **row} for n, row in enumerate(rows)])
            submission.number_equal_rows(tx, 0)
            batch = batches.by_name(tx, name) or batches.create(tx, name, simulated=simulated, now=now)
            found = submission.compare(tx, 0, batch)
            if keep:
                submission.store(tx, 0, batch, now)
        return found

    def batch(self, name: str = "shop") -> batches.Batch:
        """A batch that is there."""
        with self.database.read() as tx:
            return batches.named(tx, [name])[0]

    def columns(self, *names: str, batch: str = "shop") -> None:
        """The manifest of a batch has these columns of its own."""
        with self.database.write() as tx:
            batches.record_manifest(tx, batches.named(tx, [batch])[0], batches.ManifestFile(None, "", names))

    def ids(self, *custom_ids: str, batch: str = "shop") -> list[int]:
        """The numbers of jobs."""
        return [self.job(custom_id, batch).id for custom_id in custom_ids]

    def claim(self, worker: str = "one", *, at: float = 0, lease_s: float = 60, **more: Any) -> Claim | None:
        """Take the next due job; `names`, `blocked`, `only` and `words` narrow the choice, `reserve` is the worst case."""
        wanted = self.filter(more.pop("names", None), more.pop("blocked", ()), more.pop("only", None))
        words, provider = more.pop("words", None), more.pop("provider", "openai")
        wanted = replace(wanted, provider=provider, rows_for={one: words for one in wanted.batches if words is not None})
        most: int | None = more.pop("reserve", 1000)
        assert not more
        with self.database.write() as tx:
            claims = queue.claim(tx, wanted, Lease(worker, self.at(at + lease_s)), self.at(at), lambda _request: most)
        return claims[0] if claims else None

    def filter(
        self, names: Sequence[str] | None = None, blocked: Collection[str] = (), only: Collection[int] | None = None
    ) -> Filter:
        """Which jobs may be claimed; every batch if none is named."""
        with self.database.read() as tx:
            chosen = batches.every(tx) if names is None else batches.named(tx, names)
        return Filter([batch.id for batch in chosen], blocked, only)

    def sent(self, claim: Claim, *, at: float = 0) -> None:
        """The body of an attempt began to go."""
        with self.database.write() as tx:
            queue.mark_sent(tx, [(claim.job_id, claim.attempt)], self.at(at))

    def finish(self, claim: Claim, outcome: Outcome, verdict: Verdict | State, *, at: float = 1, **more: Any) -> State | None:
        """Close an attempt: `images` are paths, `cost` micros, `moved` pairs of paths, `usage` tokens; the rest is Ending's."""
        images = [self.image(len(claim.have) + n, path) for n, path in enumerate(more.pop("images", ()), start=1)]
        wanted = verdict if isinstance(verdict, Verdict) else Verdict(verdict)
        cost, moved, usage = more.pop("cost", None), more.pop("moved", ()), Usage(**more.pop("usage", {}))
        known = Cost(cost, more.pop("basis", Basis.UNKNOWN if cost is None else Basis.COMPUTED))
        end = Closing(replace(Ending(outcome, usage=usage), **more), wanted, known, images, moved)
        with self.database.write() as tx:
            return closing.finish(tx, [Finish(claim.job_id, claim.attempt, end)], self.at(at))[0].state

    def succeed(self, claim: Claim, *paths: str, at: float = 1, cost: int | None = 40) -> State | None:
        """The whole answer came."""
        return self.finish(
            claim, Outcome.SUCCEEDED, State.SUCCEEDED, at=at, cost=cost, images=paths or [f"shop/{claim.custom_id}.png"]
        )

    def succeed_moving(self, claim: Claim, paths: Sequence[str], moved: Sequence[tuple[str, str]]) -> State | None:
        """The whole answer to a changed request came, and the old images made room."""
        return self.finish(claim, Outcome.SUCCEEDED, State.SUCCEEDED, cost=40, images=paths, moved=moved)

    def fail(self, claim: Claim, outcome: Outcome = Outcome.UNAVAILABLE, *, at: float = 1, **more: Any) -> State | None:
        """The last try of a job went wrong."""
        return self.finish(claim, outcome, Verdict(State.FAILED, failed=1), at=at, **more)

    def give_up(self, claim: Claim, outcome: Outcome = Outcome.UNKNOWN, *, at: float = 100) -> State | None:
        """What is done for a worker that went silent."""
        unknown = int(outcome is Outcome.UNKNOWN)
        return self.finish(claim, outcome, Verdict(State.PENDING, failed=unknown, unknown=unknown), at=at)

    @staticmethod
    def image(ordinal: int, path: str) -> Artifact:
        """A file on disk, as the ledger is told of it."""
        return Artifact(ordinal, path, "image/png", 1024, 1024, 5_000_000_000, "ab" * 32)

    def job(self, custom_id: str, batch: str = "shop") -> Any:
        """A job's row."""
        return self.whole(custom_id, batch)[0]

    def attempts(self, custom_id: str, batch: str = "shop") -> list[Any]:
        """Rows of a job's attempts, the first one first."""
        return self.whole(custom_id, batch)[1]

    def files(self, custom_id: str, batch: str = "shop") -> list[str]:
        """Paths of a job's images that are in their place."""
        return [image.path for image in self.whole(custom_id, batch)[2] if image.replaced_at is None]

    def old_files(self, custom_id: str, batch: str = "shop") -> list[str]:
        """Paths of a job's images that made room for newer ones."""
        return [image.path for image in self.whole(custom_id, batch)[2] if image.replaced_at is not None]

    def whole(self, custom_id: str, batch: str = "shop") -> Any:
        """A job, its attempts and its images."""
        with self.database.read() as tx:
            return reports.job(tx, batches.named(tx, [batch])[0], custom_id)

    def lines(self, batch: str = "shop") -> list[listing.Line]:
        """Every job as an export shows it; no test has 5,000, and a listing without an end fails."""
        with self.database.read() as tx:
            return list(islice(listing.lines(tx, batches.named(tx, [batch])[0]), 5_000))

    def states(self, batch: str = "shop") -> dict[str, State]:
        """Where each job stands, in the order of the manifest."""
        return {line.custom_id: line.state for line in self.lines(batch)}

    def sql(self, statement: str, **values: Any) -> Any:
        """One statement of SQL, committed."""
        with self.database.write() as tx:
            return tx.execute(text(statement), values)


@pytest.fixture
def spending(ledger):
    """Real and simulated money, of two models, over two days of UTC."""
    day = 86_400
    plan = (("shop", "m1", 10, False), ("shop", "m2", day, False), ("shelf", "m1", day, False), ("sandbox-x", "m1", 20, True))
    for cost, (batch, model, at, simulated) in enumerate(plan, start=1):
        row = ledger.row(f"{batch} {model}", model=model, n=2)
        ledger.submit(row, batch=batch, simulated=simulated)
        claim = ledger.claim(names=[batch], at=at)
        ledger.sent(claim)
        ledger.succeed(claim, f"{cost}.png", f"{cost}~2.png", cost=10**cost)
    return ledger
