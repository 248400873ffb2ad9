"""The settings as a value: every table, every key, its bounds and its built-in value. Secrets are never kept in text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from decimal import Decimal
from typing import Annotated, Any

from msgspec import Meta

from batchgen.core.catalog import VENDORS, Catalog
from batchgen.core.dialect import OPENAI, SANDBOX, VENDORS_DIALECT, VENDORS_WIRE, Dialect, Wire
from batchgen.core.profile import Profile
from batchgen.core.request import Value
from batchgen.errors import SettingsError

BUILT_IN_PROVIDERS = (OPENAI, SANDBOX)

# How a value is written that stands in the environment.
FROM_ENVIRONMENT = "env:"

_Count = Annotated[int, Meta(ge=0)]
_AtLeastOne = Annotated[int, Meta(ge=1)]
_Seconds = Annotated[float, Meta(ge=0)]
_Usd = Decimal | None
_Positive = Annotated[float, Meta(gt=0)]


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Where the ledger is."""

    url: str = field(default="sqlite:///batchgen.db", repr=False)  # may hold a password


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Where images go; one folder a batch below it."""

    root: str = "images"


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """Who makes the images. An empty `api_key_env` means that no key is needed."""

    name: str = OPENAI
    base_url: str = "https://api.openai.com/v1"
    api_key_env: str = "OPENAI_API_KEY"
    timeout_s: _Positive = 600.0
    private_links: bool = False


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """What the account allows; 0 is not known."""

    concurrency: Annotated[int, Meta(ge=1, le=1000)] = 32
    images_per_minute: _Count = 0
    requests_per_minute: _Count = 0
    tokens_per_minute: _Count = 0
    images_per_day: _Count = 0


@dataclass(frozen=True, slots=True)
class NamedProvider:
    """Everything that is known of one who makes images. `told` is its table as it was written, empty for the built-in one.

    Headers and query still name variables where the values stand in the environment.
    """

    name: str
    base_url: str
    api_key_env: str
    timeout_s: float
    private_links: bool
    limits: LimitSettings
    dialect: Dialect = VENDORS_DIALECT
    wire: Wire = VENDORS_WIRE
    told: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that hold its secrets, that of its key first."""
        return tuple(name for name in (self.api_key_env, *self._beside) if name)

    @property
    def _beside(self) -> tuple[str, ...]:
        """The variables of headers and query."""
        values = (*self.wire.headers.values(), *self.wire.query.values())
        return tuple(value.removeprefix(FROM_ENVIRONMENT) for value in values if value.startswith(FROM_ENVIRONMENT))

    def revealed(self, reveal: Callable[[str], str]) -> Wire:
        """The wire with what its variables hold."""

        def value(text: str) -> str:
            return reveal(text.removeprefix(FROM_ENVIRONMENT)) if text.startswith(FROM_ENVIRONMENT) else text

        headers, query = ({name: value(text) for name, text in one.items()} for one in (self.wire.headers, self.wire.query))
        # What a settings file holds is no key, and servers name it in what they say: a version, a team.
        return replace(self.wire, headers=headers, query=query, secrets=tuple(map(reveal, self._beside)))


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """When to try again, in seconds; `unknown` is `retry` or `hold`."""

    max_attempts: _AtLeastOne = 5
    backoff_base_s: _Seconds = 1.0
    backoff_cap_s: _Seconds = 60.0
    longest_wait_s: _Seconds = 900.0
    offline_s: _Seconds = 900.0
    unknown: str = "retry"


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """What may be spent, in USD. Above `confirm_above_usd` a run asks before it starts; 0 asks never.

    The others are caps: None (written "") is none, and 0 lets nothing start.
    """

    confirm_above_usd: Annotated[float, Meta(ge=0)] = 0.0
    per_run_usd: _Usd = None
    per_batch_usd: _Usd = None
    per_day_usd: _Usd = None
    per_month_usd: _Usd = None


@dataclass(frozen=True, slots=True)
class ReuseSettings:
    """What is used again instead of being bought; a `max_age` in days, 0 is any age."""

    enabled: bool = False
    max_age: Annotated[float, Meta(ge=0, le=36_500)] = 0.0
    within_batch: bool = False


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """How the built-in sandbox behaves; faults as `NAME=RATE,...`."""

    latency_s: _Seconds = 0.0
    images_per_minute: _Count = 0
    faults: str = ""


@dataclass(frozen=True, slots=True)
class CompatSettings:
    """What is done with words that come from other APIs: an error, or a translation."""

    translate: bool = False


@dataclass(frozen=True, slots=True)
class PromptSettings:
    """What no prompt may hold, and how many characters it has; a `max_length` of 0 is none."""

    blocked: tuple[str, ...] = ()
    min_length: _Count = 0
    max_length: _Count = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a person tunes. `sources` says for each `table.key` where its value came from.

    `models` is what was written about models, name -> fact -> value; `catalog` is what is known of them with that, but for what
    a provider says of its own. `providers` are those that can be asked for real, by their names.
    """

    database: DatabaseSettings = DatabaseSettings()
    storage: StorageSettings = StorageSettings()
    provider: ProviderSettings = ProviderSettings()
    limits: LimitSettings = LimitSettings()
    retry: RetrySettings = RetrySettings()
    budget: BudgetSettings = BudgetSettings()
    reuse: ReuseSettings = ReuseSettings()
    sandbox: SandboxSettings = SandboxSettings()
    compat: CompatSettings = CompatSettings()
    prompts: PromptSettings = PromptSettings()
    defaults: Mapping[str, Value] = field(default_factory=dict)
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    catalog: Catalog = field(default_factory=lambda: VENDORS, repr=False)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    providers: Mapping[str, NamedProvider] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    secrets: "Secrets" = field(default_factory=lambda: Secrets({}), repr=False)

    def dialect(self, provider: str) -> Dialect:
        """What may be asked of a provider; of one that nobody describes, as of the sandbox, what may be asked of the vendor."""
        told = self.providers.get(provider)
        return Dialect(catalog=self.catalog) if told is None else told.dialect

    @property
    def provider_names(self) -> tuple[str, ...]:
        """Every name that a provider can be chosen by, the built-in ones first."""
        return tuple(dict.fromkeys((*BUILT_IN_PROVIDERS, *self.providers)))


class Secrets:
    """The values of environment variables that hold keys. Shows itself as stars."""

    def __init__(self, values: Mapping[str, tuple[str, str]]) -> None:
        self._values = values

    def __repr__(self) -> str:
        return "Secrets(***)"

    def reveal(self, name: str) -> str:
        """The secret of that name, or an empty string. Raises SettingsError for one that no header can carry."""
        secret, source = self._values.get(name, ("", ""))
        # Copied keys end in a line break more often than not.
        secret = secret.strip()
        if not (secret.isascii() and secret.isprintable()):
            raise SettingsError(f"{source}: {name} holds characters that no key has; copy it again")
        return secret

    def source(self, name: str) -> str:
        """Where it was found (`environment` or `.env`), or an empty string."""
        return self._values.get(name, ("", ""))[1]


def tables() -> dict[str, dict[str, Any]]:
    """Every table's keys and their built-in values; `defaults` takes any field of a request."""
    return {
        part.name: {key.name: key.default for key in fields(part.default)}
        for part in fields(Settings)
        if is_dataclass(part.default)
    }
