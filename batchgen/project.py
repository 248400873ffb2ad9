"""The composition root: settings become a database, a provider and a worker. It opens and closes, and has no verbs.

What only a run needs is imported where a run is put together: `status` and `export` do not wait for an HTTP client.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from batchgen.core.address import masked_url
from batchgen.core.request import Value
from batchgen.errors import WrongUsage
from batchgen.settings.model import Settings
from batchgen.store import migrate, reports
from batchgen.store.engine import Database

if TYPE_CHECKING:
    from batchgen.core.pace import Limits
    from batchgen.core.profile import Profile
    from batchgen.core.recipe import Recipe
    from batchgen.core.retry import Policy
    from batchgen.ingest.reading import Terms
    from batchgen.providers.base import Moderator
    from batchgen.providers.openai import OpenAI
    from batchgen.providers.simulated import Simulated
    from batchgen.settings.jobfile import JobFile
    from batchgen.store.batches import Batch
    from batchgen.worker.events import Observer
    from batchgen.worker.plan import Plan
    from batchgen.worker.pool import Pool

# Where the vendor's own dates of shutdown hold.
_OFFICIAL_HOST = "api.openai.com"
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
        return self.settings.provider.name == "sandbox"

    def terms(self, said: Said, job: "JobFile | None" = None) -> "Terms":
        """How the rows of a manifest become requests: options over its job file, its profile, the settings, the built-in."""
        from batchgen.core.assembly import BUILT_IN
        from batchgen.core.profile import Profile
        from batchgen.core.prompt_rules import PromptRules
        from batchgen.ingest.reading import Terms
        from batchgen.settings import jobfile

        if job is not None and not self.settings.compat.translate:
            jobfile.refuse_untranslated(job)
        profile = self._profile(said, job)
        of_job = {} if job is None else job.defaults
        defaults = {**BUILT_IN, **self.settings.defaults, **(profile or Profile()).defaults, **of_job, **said.fields}
        host, asked = urlsplit(self.settings.provider.base_url).hostname, self.settings.prompts
        return Terms(
            recipe=_recipe(defaults.pop("prompt", None), profile, job),
            defaults=defaults,
            columns=said.columns if job is None else {**job.columns, **said.columns},
            simulated=self.on_sandbox,
            official=not self.on_sandbox and host == _OFFICIAL_HOST,
            day=utc_now().date(),
            update=said.update,
            children=said.children,
            catalog=self.settings.catalog,
            translate=self.settings.compat.translate,
            rules=PromptRules(asked.blocked, asked.min_length, asked.max_length),
        )

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
            defaults.refuse_words(profile.defaults, f"{source}: [{profiles.TABLE}.{name}.defaults]")
        return profile

    @property
    def lacks_key(self) -> bool:
        """Whether the provider needs a key and there is none."""
        name = self.settings.provider.api_key_env
        return bool(name) and not self.settings.secrets.reveal(name)

    def require_key(self) -> None:
        """Raises WrongUsage, with the way to get going, where a key is needed and there is none."""
        if self.lacks_key:
            name = self.settings.provider.api_key_env
            raise WrongUsage(
                f"there is no API key: set {name} in the environment or in a file .env here; "
                "to try everything without a key and for nothing, add --provider sandbox"
            )

    def plan(self, batches: "Sequence[Batch]", limit: int | None) -> "Plan":
        """How to work on these batches."""
        from batchgen.worker.plan import Plan

        limits, retry = self.settings.limits, self.settings.retry
        simulated = bool(batches) and batches[0].simulated
        return Plan(
            batches=[batch.id for batch in batches],
            concurrency=limits.concurrency,
            limits=self.limits,
            policy=self.policy,
            longest_wait_s=retry.longest_wait_s,
            offline_s=retry.offline_s,
            limit=limit,
            account=self.account(simulated=simulated),
            images_today=self._images_today(simulated=simulated) if limits.images_per_day else 0,
            folders=[batch.name for batch in batches],
            copies=self.settings.compat.translate,
        )

    @property
    def policy(self) -> "Policy":
        """How patiently to try again."""
        from batchgen.core.retry import Policy

        retry = self.settings.retry
        return Policy(retry.max_attempts, retry.backoff_base_s, retry.backoff_cap_s, retry.unknown == "retry")

    @property
    def limits(self) -> "Limits":
        """The account's limits as they are configured."""
        from batchgen.core.pace import Limits

        told = self.settings.limits
        return Limits(told.images_per_minute, told.requests_per_minute, told.tokens_per_minute, told.images_per_day)

    def account(self, *, simulated: bool) -> str:
        """Whose limits hold: the provider's address, and the name under which the key is kept, stand for the account."""
        provider = self.settings.provider
        return "sandbox" if simulated else f"{provider.base_url.rstrip('/')} {provider.api_key_env}".rstrip()

    @asynccontextmanager
    async def pool(self, plan: "Plan", observer: "Observer", *, simulated: bool) -> "AsyncIterator[Pool]":
        """A worker with its provider, opened and closed."""
        from batchgen.artifacts.office import Office
        from batchgen.worker.ledger import Ledger
        from batchgen.worker.pool import Doors, Pool

        provider = self._provider(simulated=simulated)
        ledger = Ledger(self.database, patience_s=plan.offline_s, tell=observer.alarm)
        await provider.open()
        try:
            yield Pool(plan, Doors(ledger, provider, Office(self.root), utc_now), observer)
        finally:
            await provider.close()
            await asyncio.to_thread(ledger.close)

    @asynccontextmanager
    async def moderator(self) -> "AsyncIterator[Moderator]":
        """Who judges prompts, opened and closed."""
        provider = self._provider(simulated=self.on_sandbox)
        await provider.open()
        try:
            yield provider
        finally:
            await provider.close()

    def _provider(self, *, simulated: bool) -> "OpenAI | Simulated":
        from batchgen.providers.openai import OpenAI
        from batchgen.providers.sandbox import SandboxOptions, parse_faults
        from batchgen.providers.simulated import Simulated

        settings = self.settings.provider
        if not simulated:
            key = self.settings.secrets.reveal(settings.api_key_env)
            return OpenAI(settings.base_url, key, timeout_s=settings.timeout_s, private_links=settings.private_links)
        sandbox = self.settings.sandbox
        faults = parse_faults(sandbox.faults)
        options = SandboxOptions(sandbox.latency_s, sandbox.images_per_minute, faults, catalog=self.settings.catalog)
        return Simulated(options, timeout_s=settings.timeout_s)

    async def models(self) -> "dict[str, date | None] | str":
        """What the provider says of its models, or why that cannot be known."""
        from batchgen.providers.openai import OpenAI

        settings = self.settings.provider
        provider = OpenAI(settings.base_url, self.settings.secrets.reveal(settings.api_key_env), timeout_s=_SOON_S)
        await provider.open()
        try:
            return await provider.models()
        finally:
            await provider.close()

    def _images_today(self, *, simulated: bool) -> int:
        midnight = datetime.combine(utc_now().date(), time(), UTC)
        with self.database.read() as tx:
            return reports.images_since(tx, midnight, simulated=simulated)


def _recipe(prompt: Value | None, profile: "Profile | None", job: "JobFile | None") -> "Recipe":
    """`prompt` is the default for rows without one; that of a job file is for every row."""
    from batchgen.core.recipe import Recipe
    from batchgen.core.template import parse

    template = None if prompt is None else parse(str(prompt))
    if job is None:
        return Recipe(template, profile=profile)
    return Recipe(job.template or template, for_all=job.template is not None, profile=profile, matrix=job.matrix)
