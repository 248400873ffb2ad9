"""The composition root: settings become a database, a provider and a worker. It opens and closes, and has no verbs.

What only a run needs is imported where a run is put together: `status` and `export` do not wait for an HTTP client.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from batchgen.core.address import masked_url
from batchgen.core.request import Value
from batchgen.errors import WrongUsage
from batchgen.settings.model import OPENAI, SANDBOX, Settings
from batchgen.store import migrate, reports, shares
from batchgen.store.engine import Database

if TYPE_CHECKING:
    from batchgen.core.dialect import Dialect
    from batchgen.core.pace import Limits
    from batchgen.core.profile import Profile
    from batchgen.core.recipe import Recipe
    from batchgen.core.retry import Policy
    from batchgen.ingest.reading import Terms
    from batchgen.providers.base import Moderator
    from batchgen.providers.openai import OpenAI
    from batchgen.providers.simulated import Simulated
    from batchgen.settings.jobfile import JobFile
    from batchgen.settings.model import LimitSettings
    from batchgen.store.batches import Batch
    from batchgen.worker.events import Observer
    from batchgen.worker.plan import Plan
    from batchgen.worker.pools import Pools

# Nobody waits longer for what is only good to know.
_SOON_S = 20.0


def utc_now() -> datetime:
    """The one clock of the program."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Said:
    """What a command says about the rows of its manifests: values of fields, a header by field, a profile's name."""

    fields: Mapping[str, Value]
    columns: Mapping[str, str]
    profile: str | None
    update: bool
    children: bool = False


class Project:
    """Everything a command needs. The database is brought up to date when it is opened."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database.url)
        self.root = Path(settings.storage.root)

    def __enter__(self) -> "Project":
        migrate.upgrade(self.database)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.database.close()

    @property
    def shown_database(self) -> str:
        """The database's URL for a person, without a password."""
        return masked_url(self.settings.database.url)

    @property
    def on_sandbox(self) -> bool:
        """Whether the settings name the sandbox."""
        return self.settings.provider.name == SANDBOX

    def terms(self, said: Said, job: "JobFile | None" = None) -> "Terms":
        """How the rows of a manifest become requests: options over its job file, its profile, the settings, the built-in."""
        from batchgen.core.assembly import BUILT_IN
        from batchgen.core.profile import Profile
        from batchgen.core.prompt_rules import PromptRules
        from batchgen.ingest.reading import Terms
        from batchgen.settings import jobfile

        if job is not None and not self.settings.compat.translate:
            jobfile.refuse_untranslated(job, self.accepted)
        profile = self._profile(said, job)
        of_job = {} if job is None else job.defaults
        defaults = {**BUILT_IN, **self.settings.defaults, **(profile or Profile()).defaults, **of_job, **said.fields}
        chosen, asked = ("option", *([str(job.path)] if job is not None else [])), self.settings.prompts
        return Terms(
            recipe=_recipe(defaults.pop("prompt", None), profile, job),
            defaults=defaults,
            columns=said.columns if job is None else {**job.columns, **said.columns},
            simulated=self.on_sandbox,
            dialects=self._dialects(),
            day=utc_now().date(),
            update=said.update,
            children=said.children,
            catalog=self.settings.catalog,
            translate=self.settings.compat.translate,
            rules=PromptRules(asked.blocked, asked.min_length, asked.max_length),
            provider=self.settings.provider.name,
            is_chosen=self.settings.sources["provider.name"] in chosen,
        )

    def _dialects(self) -> "dict[str, Dialect]":
        """How whoever a row can name differs from the vendor; the empty name is that of rows without one."""
        from batchgen.core.dialect import VENDORS_DIALECT

        if self.on_sandbox:
            return dict.fromkeys(("", *self.settings.provider_names), VENDORS_DIALECT)
        known = {name: provider.dialect for name, provider in self.settings.providers.items()}
        return {"": known[self.settings.provider.name], **known}

    @property
    def accepted(self) -> tuple[str, ...]:
        """Fields that some provider takes, whatever the vendor says of them."""
        return tuple(dict.fromkeys(name for dialect in self._dialects().values() for name in dialect.accepts))

    def _profile(self, said: Said, job: "JobFile | None") -> "Profile | None":
        from batchgen.settings import defaults, profiles

        of_job = {} if job is None else job.profiles
        known = {**self.settings.profiles, **of_job}
        name, place = said.profile, "--profile"
        if name is None and job is not None:
            name, place = job.profile, f"{job.path}: profile"
        if name is None:
            return None
        profile = profiles.chosen(name, known, place)
        if not self.settings.compat.translate:
            source = job.path if job is not None and name in of_job else self.settings.sources[profiles.TABLE]
            defaults.refuse_words(profile.defaults, f"{source}: [{profiles.TABLE}.{name}.defaults]", self.accepted)
        return profile

    def lacks(self, provider: str) -> list[str]:
        """The variables that hold this provider's key, and what else it is sent, and are not set."""
        return [name for name in self.settings.providers[provider].variables if not self.settings.secrets.reveal(name)]

    def require_keys(self, providers: Collection[str]) -> None:
        """Raises WrongUsage, with the way to get going, where one of these needs a key and there is none."""
        for provider in (name for name in providers if name != SANDBOX):
            for name in self.lacks(provider):
                whose = "" if provider == OPENAI else f" for {provider}"
                raise WrongUsage(
                    f"there is no API key{whose}: set {name} in the environment or in a file .env here; "
                    "to try everything without a key and for nothing, add --provider sandbox"
                )

    def makers(self, named: Collection[str]) -> list[str]:
        """Who makes rows that name these providers, for real; the empty name is that of rows without one."""
        return [] if self.on_sandbox else sorted({name or self.settings.provider.name for name in named})

    def owner(self, batch: "Batch") -> str:
        """Who makes the jobs of a batch that name nobody."""
        return SANDBOX if batch.simulated else batch.provider or self.settings.provider.name

    def in_use(self, batches: "Sequence[Batch]") -> list[str]:
        """The providers that these batches can have to do with."""
        real = self.settings.providers if any(not batch.simulated for batch in batches) else ()
        return [*real, *([SANDBOX] if any(batch.simulated for batch in batches) else [])]

    def wanted(self, batches: "Sequence[Batch]") -> list[str]:
        """The providers that have something to do. Raises WrongUsage where one is not known any more, or lacks its key."""
        words = ((self.owner(batch), word) for batch in batches for word in self._named(batch))
        found = list(dict.fromkeys(word or owner for owner, word in words))
        for provider in found:
            if provider not in self.settings.provider_names:
                place = f"[providers.{provider}] of the settings"
                raise WrongUsage(f"jobs are to be made by {provider}, which nobody knows any more: describe it in {place}")
        self.require_keys(found)
        return found

    def plans(self, batches: "Sequence[Batch]") -> "list[Plan]":
        """How to work on these batches: a plan for each provider that has something to do; one without, where there is nothing.

        Raises WrongUsage as `wanted` does.
        """
        from batchgen.worker.plan import shared_out

        owners = {batch.id: self.owner(batch) for batch in batches}
        # What a worker that died has left is looked after by somebody, also where nothing waits.
        makers = self.wanted(batches) or [self.settings.provider.name]
        shared = shared_out(owners, {batch.id: self._named(batch) for batch in batches}, makers)
        return [self._plan(batches, provider, rows_for) for provider, rows_for in shared.items()]

    def _named(self, batch: "Batch") -> list[str]:
        with self.database.read() as tx:
            return shares.named(tx, batch)

    def _plan(self, batches: "Sequence[Batch]", provider: str, rows_for: "dict[int, tuple[str, ...]]") -> "Plan":
        from batchgen.worker.plan import Plan

        limits, retry = self._told_limits(provider), self.settings.retry
        return Plan(
            batches=[batch.id for batch in batches],
            concurrency=limits.concurrency,
            limits=self.limits(provider),
            policy=self.policy,
            longest_wait_s=retry.longest_wait_s,
            offline_s=retry.offline_s,
            account=self.account(provider),
            images_today=self._images_today(provider) if limits.images_per_day else 0,
            folders=[batch.name for batch in batches],
            copies=self.settings.compat.translate,
            provider=provider,
            rows_for=rows_for,
        )

    @property
    def policy(self) -> "Policy":
        """How patiently to try again."""
        from batchgen.core.retry import Policy

        retry = self.settings.retry
        return Policy(retry.max_attempts, retry.backoff_base_s, retry.backoff_cap_s, retry.unknown == "retry")

    def limits(self, provider: str) -> "Limits":
        """The account's limits as they are configured."""
        from batchgen.core.pace import Limits

        told = self._told_limits(provider)
        return Limits(told.images_per_minute, told.requests_per_minute, told.tokens_per_minute, told.images_per_day)

    def _told_limits(self, provider: str) -> "LimitSettings":
        return self.settings.limits if provider == SANDBOX else self.settings.providers[provider].limits

    def account(self, provider: str) -> str:
        """Whose limits hold: the provider's address, and the name under which the key is kept, stand for the account."""
        if provider == SANDBOX:
            return SANDBOX
        told = self.settings.providers[provider]
        return f"{told.base_url.rstrip('/')} {told.api_key_env}".rstrip()

    @asynccontextmanager
    async def pools(self, plans: "Sequence[Plan]", observer: "Observer", limit: int | None) -> "AsyncIterator[Pools]":
        """Workers with their providers, opened and closed; together they start `limit` jobs at most (None: all)."""
        from batchgen.artifacts.office import Office
        from batchgen.worker.ledger import Ledger
        from batchgen.worker.pool import Doors, Pool
        from batchgen.worker.pools import Labelled, Pools
        from batchgen.worker.scope import Run

        ledger = Ledger(self.database, patience_s=self.settings.retry.offline_s, tell=observer.alarm)
        run, pools = Run(limit), {}
        async with AsyncExitStack() as opened:
            opened.push_async_callback(asyncio.to_thread, ledger.close)
            for plan in plans:
                name = plan.provider or OPENAI
                provider = self._provider(name)
                opened.push_async_callback(provider.close)
                await provider.open()
                watcher = Labelled(observer, name) if len(plans) > 1 else observer
                pools[name] = Pool(plan, Doors(ledger, provider, Office(self.root), utc_now), watcher, run)
            yield Pools(pools)

    @asynccontextmanager
    async def moderator(self) -> "AsyncIterator[Moderator]":
        """Who judges prompts, opened and closed."""
        provider = self._provider(self.settings.provider.name)
        await provider.open()
        try:
            yield provider
        finally:
            await provider.close()

    def _provider(self, name: str) -> "OpenAI | Simulated":
        from batchgen.providers.sandbox import SandboxOptions, parse_faults
        from batchgen.providers.simulated import Simulated

        if name != SANDBOX:
            return self._asked(name)
        sandbox = self.settings.sandbox
        faults = parse_faults(sandbox.faults)
        options = SandboxOptions(sandbox.latency_s, sandbox.images_per_minute, faults, catalog=self.settings.catalog)
        return Simulated(options, timeout_s=self.settings.provider.timeout_s)

    def _asked(self, name: str, timeout_s: float | None = None) -> "OpenAI":
        from batchgen.providers.openai import OpenAI

        told, reveal = self.settings.providers[name], self.settings.secrets.reveal
        return OpenAI(
            told.base_url,
            reveal(told.api_key_env),
            timeout_s=timeout_s or told.timeout_s,
            private_links=told.private_links,
            wire=told.revealed(reveal),
        )

    async def models(self, provider: str) -> "dict[str, date | None] | str":
        """What the provider says of its models, or why that cannot be known."""
        asked = self._asked(provider, _SOON_S)
        await asked.open()
        try:
            return await asked.models()
        finally:
            await asked.close()

    def _images_today(self, provider: str) -> int:
        midnight = datetime.combine(utc_now().date(), time(), UTC)
        with self.database.read() as tx:
            return reports.images_since(tx, midnight, provider=provider)


def _recipe(prompt: Value | None, profile: "Profile | None", job: "JobFile | None") -> "Recipe":
    """`prompt` is the default for rows without one; that of a job file is for every row."""
    from batchgen.core.recipe import Recipe
    from batchgen.core.template import parse

    template = None if prompt is None else parse(str(prompt))
    if job is None:
        return Recipe(template, profile=profile)
    return Recipe(job.template or template, for_all=job.template is not None, profile=profile, matrix=job.matrix)
