"""The composition root: settings become a database, a provider and a worker. It opens and closes, and has no verbs.

What only a run needs is imported where a run is put together: `status` and `export` do not wait for an HTTP client.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from batchgen.core.address import masked_url
from batchgen.core.dialect import OPENAI, SANDBOX
from batchgen.errors import WrongUsage
from batchgen.project.makers import Makers
from batchgen.settings.model import Settings
from batchgen.store import migrate, reports, shares
from batchgen.store.engine import Database, Transaction

if TYPE_CHECKING:
    from batchgen.core.artifact import Origin
    from batchgen.core.budget import Caps
    from batchgen.core.retry import Policy
    from batchgen.ingest.reading import Terms
    from batchgen.project.orders import Said
    from batchgen.providers.base import Moderator
    from batchgen.settings.jobfile import JobFile
    from batchgen.store.batches import Batch
    from batchgen.store.reuse import Rules
    from batchgen.worker.events import Observer
    from batchgen.worker.forecast import Grounds
    from batchgen.worker.plan import Plan
    from batchgen.worker.pools import Pools


def utc_now() -> datetime:
    """The one clock of the program."""
    return datetime.now(UTC)


class Project:
    """Everything a command needs. The database is brought up to date when it is opened."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database.url)
        self.root = Path(settings.storage.root)
        self.makers = Makers(settings)

    def __enter__(self) -> "Project":
        migrate.upgrade(self.database)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.database.close()

    @contextmanager
    def ledger_if_any(self) -> Iterator[Database | None]:
        """The database where there is one already, None where nothing was stored yet: looking makes none."""
        if not Database.exists(self.settings.database.url) or migrate.current(self.database) is None:
            self.database.close()
            yield None
            return
        with self:
            yield self.database

    @property
    def shown_database(self) -> str:
        """The database's URL for a person, without a password."""
        return masked_url(self.settings.database.url)

    @property
    def on_sandbox(self) -> bool:
        """Whether the settings name the sandbox."""
        return self.settings.provider.name == SANDBOX

    def terms(self, said: "Said", job: "JobFile | None" = None) -> "Terms":
        """How the rows of a manifest become requests today; see `orders.terms`."""
        from batchgen.project import orders

        return orders.terms(self.settings, said, job, utc_now().date())

    def wanted(self, tx: Transaction, batches: "Sequence[Batch]", *, partly: bool = False) -> tuple[list[str], list[str]]:
        """The providers that have something to do; and where that will do, why others of them cannot be asked.

        Raises WrongUsage if one is not known any more, or lacks its key; with `partly` only if that holds for all of them.
        """
        needed: dict[str, str] = {}
        for batch in batches:
            for word in shares.named(tx, batch):
                needed.setdefault(word or self.makers.owner(batch), batch.name)
        faults = {name: f"batch {batch}: {fault}" for name, batch in needed.items() if (fault := self.makers.fault(name))}
        if faults and not (partly and len(faults) < len(needed)):
            raise WrongUsage(next(iter(faults.values())))
        return [name for name in needed if name not in faults], list(faults.values())

    def plans(self, batches: "Sequence[Batch]", *, partly: bool = False) -> "list[Plan]":
        """How to work on these batches: a plan for each provider that has something to do; one without, where there is nothing.

        Raises WrongUsage as `wanted` does.
        """
        from batchgen.worker.plan import shared_out

        owners = {batch.id: self.makers.owner(batch) for batch in batches}
        with self.database.read() as tx:
            # What a worker that died has left is looked after by somebody, also where nothing waits.
            makers = self.wanted(tx, batches, partly=partly)[0] or [self.makers.chosen]
            shared = shared_out(owners, {batch.id: shares.named(tx, batch) for batch in batches}, makers)
        return [self._plan(batches, provider, rows_for) for provider, rows_for in shared.items()]

    def _plan(self, batches: "Sequence[Batch]", provider: str, rows_for: "dict[int, tuple[str, ...]]") -> "Plan":
        from batchgen.worker.plan import Plan

        limits, retry = self.makers.limits(provider), self.settings.retry
        return Plan(
            batches=[batch.id for batch in batches],
            concurrency=self.makers.told_limits(provider).concurrency,
            limits=limits,
            policy=self.policy,
            longest_wait_s=retry.longest_wait_s,
            offline_s=retry.offline_s,
            account=self.makers.account(provider),
            images_today=self._images_today(provider) if limits.images_per_day else 0,
            folders=[batch.name for batch in batches],
            copies=self.settings.compat.translate,
            provider=provider,
            rows_for=rows_for,
            catalogs=self.makers.catalog,
            json_edits=self.settings.dialect(provider).json_edits,
            reuse=self.reuse,
        )

    def grounds(self, batches: "Sequence[Batch]") -> "Grounds":
        """What a look at what these batches still cost goes by."""
        from batchgen.artifacts import files
        from batchgen.worker.forecast import Grounds

        def usable(origin: "Origin") -> bool:
            return all(files.is_stored(self.root / image.path, image.bytes) for image in origin.images)

        owners = {batch.id: self.makers.owner(batch) for batch in batches}
        return Grounds(utc_now(), self.makers.catalog, owners, self.reuse, usable)

    @property
    def reuse(self) -> "Rules | None":
        """What that was made before is used again; None: nothing."""
        return self.reuse_rules if self.settings.reuse.enabled else None

    @property
    def reuse_rules(self) -> "Rules":
        """The same as it is configured, whether it is done or not."""
        from batchgen.store.reuse import Rules

        told = self.settings.reuse
        return Rules(timedelta(days=told.max_age) if told.max_age else None, told.within_batch)

    @property
    def caps(self) -> "Caps":
        """The caps on spending as they are configured."""
        from batchgen.core.budget import Caps, micros_of

        told = self.settings.budget
        amounts = (told.per_run_usd, told.per_batch_usd, told.per_day_usd, told.per_month_usd)
        option = "--max-cost" if self.settings.sources["budget.per_run_usd"] == "option" else ""
        return Caps(*(None if amount is None else micros_of(amount) for amount in amounts), option=option)

    @property
    def policy(self) -> "Policy":
        """How patiently to try again."""
        from batchgen.core.retry import Policy

        retry = self.settings.retry
        return Policy(retry.max_attempts, retry.backoff_base_s, retry.backoff_cap_s, retry.unknown == "retry")

    @asynccontextmanager
    async def pools(self, plans: "Sequence[Plan]", observer: "Observer", limit: int | None) -> "AsyncIterator[Pools]":
        """Workers with their providers, opened and closed; together they start `limit` jobs at most (None: all).

        They keep within the caps, which are about real money.
        """
        from batchgen.artifacts.office import Office
        from batchgen.core.budget import NO_CAPS
        from batchgen.worker.ledger import Ledger
        from batchgen.worker.pool import Doors, Pool
        from batchgen.worker.pools import Labelled, Pools
        from batchgen.worker.scope import Run

        ledger = Ledger(self.database, patience_s=self.settings.retry.offline_s, tell=observer.alarm)
        is_real = all(plan.provider != SANDBOX for plan in plans)
        run, pools = Run(limit, self.caps if is_real else NO_CAPS), {}
        async with AsyncExitStack() as opened:
            opened.push_async_callback(asyncio.to_thread, ledger.close)
            for plan in plans:
                name = plan.provider or OPENAI
                provider = self.makers.asked(name)
                opened.push_async_callback(provider.close)
                await provider.open()
                watcher = Labelled(observer, name) if len(plans) > 1 else observer
                pools[name] = Pool(plan, Doors(ledger, provider, Office(self.root), utc_now), watcher, run)
            yield Pools(pools)

    @asynccontextmanager
    async def moderator(self) -> "AsyncIterator[Moderator]":
        """Who judges prompts, opened and closed."""
        provider = self.makers.asked(self.makers.chosen)
        await provider.open()
        try:
            yield provider
        finally:
            await provider.close()

    def _images_today(self, provider: str) -> int:
        midnight = datetime.combine(utc_now().date(), time(), UTC)
        with self.database.read() as tx:
            return reports.images_since(tx, midnight, provider=provider)
