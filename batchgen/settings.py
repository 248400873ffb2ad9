"""Settings: config.toml, the environment and .env become one frozen value that knows where each part came from.

Precedence: option, environment, `.env` of the working folder, `config.toml`, `OPENAI_BASE_URL`, built-in. Only `project` and
the commands see this; everybody else is handed plain values. Secrets are read by name and never kept in text.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints
from urllib.parse import urlsplit

import msgspec
from dotenv import dotenv_values
from msgspec import Meta

from batchgen.core import fields as request_fields
from batchgen.core import parameters
from batchgen.core.manifest import typed
from batchgen.core.request import Value
from batchgen.errors import SettingsError

CONFIG_FILE = "config.toml"
_PREFIX = "BATCHGEN_"
_BUILT_IN = "built-in"
_PASSWORD = re.compile(r"([?&][^=&]*password=)[^&]*", re.IGNORECASE)

_Count = Annotated[int, Meta(ge=0)]
_AtLeastOne = Annotated[int, Meta(ge=1)]
_Seconds = Annotated[float, Meta(ge=0)]
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

    name: str = "openai"
    base_url: str = "https://api.openai.com/v1"
    api_key_env: str = "OPENAI_API_KEY"
    timeout_s: _Positive = 600.0


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """What the account allows; 0 is not known."""

    concurrency: Annotated[int, Meta(ge=1, le=1000)] = 32
    images_per_minute: _Count = 0
    requests_per_minute: _Count = 0
    tokens_per_minute: _Count = 0
    images_per_day: _Count = 0


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
class SandboxSettings:
    """How the built-in sandbox behaves; faults as `NAME=RATE,...`."""

    latency_s: _Seconds = 0.0
    images_per_minute: _Count = 0
    faults: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a person tunes. `sources` says for each `table.key` where its value came from."""

    database: DatabaseSettings = DatabaseSettings()
    storage: StorageSettings = StorageSettings()
    provider: ProviderSettings = ProviderSettings()
    limits: LimitSettings = LimitSettings()
    retry: RetrySettings = RetrySettings()
    sandbox: SandboxSettings = SandboxSettings()
    defaults: Mapping[str, Value] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    secrets: "Secrets" = field(default_factory=lambda: Secrets({}), repr=False)


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


@dataclass(frozen=True, slots=True)
class _Given:
    """A value as it was found. `folder` is what a relative path in it is relative to."""

    value: Any
    source: str
    folder: Path


def load(config: Path | None, options: Mapping[str, Any], environment: Mapping[str, str], cwd: Path) -> Settings:
    """Read everything. `options` are `table.key` -> value, without those that were not given. Raises SettingsError."""
    found, home = _from_file(config, cwd)
    dotenv = _from_dotenv(cwd)
    base_url = environment.get("OPENAI_BASE_URL") or dotenv.get("OPENAI_BASE_URL")
    if base_url and "provider.base_url" not in found:
        found["provider.base_url"] = _Given(base_url, "OPENAI_BASE_URL", cwd)
    for place, variables in ((".env", dotenv), ("environment", environment)):
        found |= {key: _Given(text, place, cwd) for key, text in _variables(variables, place)}
    found |= {key: _Given(value, "option", cwd) for key, value in options.items()}
    return _build(found, home, _secrets(environment, dotenv))


def masked_url(url: str) -> str:
    """A URL without its password."""
    scheme, separator, rest = _PASSWORD.sub(r"\1***", url).partition("://")
    credentials, at, host = rest.rpartition("@")
    user, colon, _ = credentials.partition(":")
    return f"{scheme}{separator}{user}{':***' if colon else ''}{at}{host}"


def tables() -> dict[str, dict[str, Any]]:
    """Every table's keys and their built-in values; `defaults` takes any field of a request."""
    return {
        part.name: {key.name: key.default for key in fields(part.default)}
        for part in fields(Settings)
        if is_dataclass(part.default)
    }


def _from_file(config: Path | None, cwd: Path) -> tuple[dict[str, _Given], Path]:
    path = (cwd / config) if config else cwd / CONFIG_FILE
    if not path.is_file():
        if config:
            raise SettingsError(f"there is no settings file {config}")
        return {}, cwd
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"{path}: {error}") from None
    found = {}
    for table, content in document.items():
        if not isinstance(content, dict):
            raise SettingsError(f"{path}: {table} stands outside of a table; {_nearest(table)}")
        for key, value in content.items():
            found[_known(table, key, f"{path}: [{table}] {key}")] = _Given(value, str(path), path.parent.resolve())
    return found, path.parent.resolve()


def _from_dotenv(cwd: Path) -> dict[str, str]:
    try:
        found = dotenv_values(cwd / ".env", interpolate=False)
    except (UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"{cwd / '.env'}: {error}") from None
    return {name: text for name, text in found.items() if text is not None}


def _variables(variables: Mapping[str, str], place: str) -> list[tuple[str, str]]:
    return [
        (_known(*_split(name), f"{place}: {name}"), text)
        for name, text in variables.items()
        if name.startswith(_PREFIX) and text is not None
    ]


def _split(name: str) -> tuple[str, str]:
    table, _, key = name.removeprefix(_PREFIX).lower().partition("__")
    return table, key


def _known(table: str, key: str, place: str) -> str:
    """The dotted name of a key that exists. Raises SettingsError with the nearest one that does."""
    known = tables()
    if table == "defaults":
        if key in request_fields.REQUEST_FIELDS:
            return f"defaults.{key}"
        raise SettingsError(f"{place} is not a field of a request; {_nearest(f'defaults.{key}')}")
    if key in known.get(table, {}):
        return f"{table}.{key}"
    raise SettingsError(f"{place} is not a setting; {_nearest(f'{table}.{key}')}")


def _nearest(name: str) -> str:
    names = [f"{table}.{key}" for table, keys in tables().items() for key in keys]
    names += [f"defaults.{key}" for key in request_fields.REQUEST_FIELDS]
    last = name.rpartition(".")[2]
    same_key = [known for known in names if known.partition(".")[2] == last]
    near = difflib.get_close_matches(name, same_key or names, n=1, cutoff=0.0)
    table, _, key = near[0].partition(".")
    return f"the nearest is [{table}] {key} ({_PREFIX}{table.upper()}__{key.upper()})"


def _build(found: Mapping[str, _Given], home: Path, secrets: Secrets) -> Settings:
    sources = {key: given.source for key, given in found.items()}
    parts: dict[str, Any] = {}
    for part in fields(Settings):
        if not is_dataclass(part.default):
            continue
        kinds = get_type_hints(type(part.default), include_extras=True)
        values = {}
        for key in fields(part.default):
            name = f"{part.name}.{key.name}"
            given = found.get(name, _Given(key.default, _BUILT_IN, home))
            sources.setdefault(name, _BUILT_IN)
            values[key.name] = _resolved(name, _converted(name, given, kinds[key.name]), given.folder)
        kind: Any = type(part.default)
        parts[part.name] = kind(**values)
    defaults = {
        name.partition(".")[2]: _default(name.partition(".")[2], given)
        for name, given in found.items()
        if name.startswith("defaults.")
    }
    settings = Settings(**parts, defaults=defaults, sources=sources, secrets=secrets)
    _check_words(settings)
    return settings


def _default(name: str, given: _Given) -> Value:
    """A field of a request for every row: what is wrong with it is told once, and not on every line."""
    value = typed(name, given.value) if isinstance(given.value, str) else given.value
    # What depends on the model is checked with each row's.
    for finding in parameters.misfits(name if name in parameters.PARAMETERS else "user", value):
        raise SettingsError(f"{given.source}: [defaults] {name}: {finding.message}")
    checked: Value = value
    return checked


def _converted(name: str, given: _Given, kind: Any) -> Any:
    try:
        return msgspec.convert(given.value, kind, strict=given.source not in ("environment", ".env", "option"))
    except msgspec.ValidationError as error:
        table, _, key = name.partition(".")
        raise SettingsError(f"{given.source}: [{table}] {key} = {given.value!r}: {error}") from None


def _resolved(name: str, value: Any, folder: Path) -> Any:
    """Paths are relative to the file that names them, so that cron finds the same ledger from any folder."""
    if name == "storage.root":
        return str(folder / Path(value).expanduser())
    if name == "database.url" and value.startswith("sqlite"):
        scheme, slashes, rest = value.partition(":///")
        path, question, query = rest.partition("?")
        return f"{scheme}{slashes}{folder / path}{question}{query}" if path and path != ":memory:" else value
    return value


def _check_words(settings: Settings) -> None:
    sources, provider, unknown = settings.sources, settings.provider, settings.retry.unknown
    if provider.name not in ("openai", "sandbox"):
        raise SettingsError(f"{sources['provider.name']}: [provider] name = {provider.name!r}: must be openai or sandbox")
    if unknown not in ("retry", "hold"):
        raise SettingsError(f"{sources['retry.unknown']}: [retry] unknown = {unknown!r}: must be retry or hold")
    wrong = _wrong_address(provider.base_url)
    if wrong:
        place = f"{sources['provider.base_url']}: [provider] base_url"
        raise SettingsError(f"{place} = {masked_url(provider.base_url)!r}: {wrong}")


def _wrong_address(url: str) -> str:
    """Why requests cannot be sent to this address, or an empty string."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return f"is no address: {error}"
    if parts.scheme not in ("http", "https"):
        return "must begin with https:// or http://"
    if not host:
        return "names no host"
    return "must not hold a password: name the variable that holds the key in api_key_env" if "@" in parts.netloc else ""


def _secrets(environment: Mapping[str, str], dotenv: Mapping[str, str]) -> Secrets:
    values = {name: (text, ".env") for name, text in dotenv.items() if text}
    return Secrets(values | {name: (text, "environment") for name, text in environment.items() if text})
