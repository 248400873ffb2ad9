"""A folder with a real ledger and a real storage root, and pools that work on it against a scripted server."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from scripted_server import Behaviour, ScriptedServer

from batchgen.artifacts.office import Office
from batchgen.core.assembly import BUILT_IN
from batchgen.core.budget import NO_CAPS, Caps
from batchgen.core.dialect import Dialect
from batchgen.core.job import State
from batchgen.core.pace import Limits
from batchgen.core.retry import Policy
from batchgen.ingest.reading import Terms
from batchgen.ingest.source import Manifest
from batchgen.ingest.submit import submit
from batchgen.providers.openai import OpenAI
from batchgen.store import migrate, reports
from batchgen.store.batches import Batch
from batchgen.store.engine import Database
from batchgen.worker.events import Settled
from batchgen.worker.ledger import Ledger
from batchgen.worker.plan import Plan, Result
from batchgen.worker.pool import Doors, Pool
from batchgen.worker.scope import Run

KEY = "sk-test"
BOUND_S = 15.0
POLICY = Policy(max_attempts=3, backoff_base_s=0.01, backoff_cap_s=0.02, retry_unknown=True)


@dataclass(slots=True)
class Clock:
    """UTC now, and a bit more if a test says so."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Watcher:
    """Keeps all it is told."""

    claims: list[Any] = field(default_factory=list)
    ends: list[Settled] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    taken: list[Any] = field(default_factory=list)

    def started(self, claim: Any) -> None:
        self.claims.append(claim)

    def settled(self, settled: Settled) -> None:
        self.ends.append(settled)

    def reclaimed(self, reclaimed: Any) -> None:
        self.taken.append(reclaimed)

    def notice(self, text: str) -> None:
        self.told.append(text)

    alarm = notice


@dataclass(frozen=True, slots=True)
class Job:
    """A job with what happened to it."""

    state: str
    failures: int
    unknowns: int
    attempts: list[Any]
    files: list[Any]

    @property
    def outcomes(self) -> list[str | None]:
        return [attempt.outcome for attempt in self.attempts]

    @property
    def costs(self) -> list[int | None]:
        return [attempt.cost_micros for attempt in self.attempts]


class Bench:
    """One folder; open as often as you like, since everything is on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder / 'ledger.db'}"
        self.root = folder / "images"
        self.database = Database(self.url)
        self.clock = Clock()

    @classmethod
    def new(cls, folder: Path, empty: Path) -> "Bench":
        """With a ledger that has its tables."""
        shutil.copy(empty, folder / "ledger.db")
        return cls(folder)

    def close(self) -> None:
        self.database.close()

    def submit(
        self,
        rows: Iterable[str],
        *,
        name: str = "shop",
        columns: str = "custom_id,prompt",
        update: bool = False,
        providers: Iterable[str] = (),
    ) -> Batch:
        """CSV rows become jobs; `providers` are those that a row can name."""
        text = "\n".join([columns, *rows])
        manifest = Manifest(None, name, True, lambda: BytesIO(text.encode()))
        terms = Terms(dict(BUILT_IN), {}, False, dict.fromkeys(("", *providers), Dialect()), self.clock().date(), update)
        (stored,) = submit(self.database, [(manifest, terms)], self.clock())
        return stored.batch

    def plan(self, batch: Batch, **changes: Any) -> Plan:
        """Small waits, no limits."""
        plan = Plan([batch.id], 4, Limits(), POLICY, longest_wait_s=60.0, offline_s=60.0)
        return replace(plan, **changes)

    @asynccontextmanager
    async def pool(
        self,
        server: ScriptedServer,
        plan: Plan,
        *,
        watcher: Watcher | None = None,
        timeout_s: float = 10.0,
        together: Run | None = None,
    ) -> AsyncIterator[Pool]:
        """A pool with a provider and a ledger of its own."""
        provider = OpenAI(server.base, KEY, timeout_s=timeout_s)
        ledger = Ledger(self.database)
        await provider.open()
        try:
            yield Pool(plan, Doors(ledger, provider, Office(self.root), self.clock), watcher or Watcher(), together)
        finally:
            await provider.close()
            ledger.close()

    def work(
        self,
        batch: Batch,
        *script: Behaviour,
        then: Behaviour | None = None,
        watcher: Watcher | None = None,
        timeout_s: float = 10.0,
        limit: int | None = None,
        caps: Caps = NO_CAPS,
        **changes: Any,
    ) -> tuple[Result, ScriptedServer]:
        """One run to its end."""

        async def run() -> tuple[Result, ScriptedServer]:
            server, plan = ScriptedServer(list(script), **({"then": then} if then else {})), self.plan(batch, **changes)
            options = {"watcher": watcher, "timeout_s": timeout_s, "together": Run(limit, caps)}
            async with server, self.pool(server, plan, **options) as pool:
                return await asyncio.wait_for(pool.run(), BOUND_S), server

        return asyncio.run(run())

    def job(self, batch: Batch, custom_id: str) -> Job:
        """What the ledger says of a job."""
        with self.database.read() as tx:
            row, attempts, files = reports.job(tx, batch, custom_id)
        return Job(row.state, row.failures, row.unknowns, attempts, files)

    def states(self, batch: Batch) -> dict[State, int]:
        """How many jobs are in each state, without those of which there are none."""
        rows = self.sql("SELECT state, count(*) FROM jobs WHERE batch_id = ? GROUP BY state", batch.id)
        return {State(state): count for state, count in rows}

    def money(self, batch: Batch) -> reports.Money:
        """What was spent."""
        with self.database.read() as tx:
            return reports.money(tx, batch)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Straight to the file, as another program would."""
        with closing(sqlite3.connect(self.folder / "ledger.db")) as connection, connection:
            return connection.execute(statement, values).fetchall()

    def images(self) -> dict[str, bytes]:
        """Every file below the root."""
        found = (path for path in sorted(self.root.rglob("*")) if path.is_file())
        return {str(path.relative_to(self.root)): path.read_bytes() for path in found}

    def desks(self) -> list[str]:
        """The folders of workers, dead or alive."""
        home = self.folder / ".images.answers"
        others = ("unread", "previews")
        return (
            sorted(path.name for path in home.iterdir() if path.is_dir() and path.name not in others) if home.is_dir() else []
        )


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, within a bound."""
    async with asyncio.timeout(BOUND_S):
        while not condition():
            await asyncio.sleep(0.005)


def empty_ledger(folder: Path) -> Path:
    """A file with the tables and no rows."""
    path = folder / "empty.db"
    database = Database(f"sqlite:///{path}")
    migrate.upgrade(database)
    database.close()
    return path
