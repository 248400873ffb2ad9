"""Where settings come from: option, job file, environment, `.env` of the working folder, `config.toml`, `OPENAI_BASE_URL`,
built-in.
"""

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, get_origin, get_type_hints

import msgspec
from dotenv import dotenv_values

from batchgen.core.dialect import OPENAI, Dialect
from batchgen.errors import SettingsError
from batchgen.settings import providers, toml
from batchgen.settings.check import check
from batchgen.settings.defaults import FIELDS, default, is_field, refuse_words
from batchgen.settings.model import NamedProvider, Secrets, Settings, tables
from batchgen.settings.models import described
from batchgen.settings.profiles import TABLE, parse
from batchgen.settings.toml import Given

CONFIG_FILE = "config.toml"
# Its tables are named by models and not by this program.
_MODELS = "models"
_PREFIX = "BATCHGEN_"
_BUILT_IN = "built-in"
# Between the parts of a list in a variable, as between the images of a cell.
_APART = ";"


def load(
    config: Path | None,
    options: Mapping[str, Any],
    environment: Mapping[str, str],
    cwd: Path,
    laid_over: Mapping[str, Given] | None = None,
) -> Settings:
    """Read everything. `options` are `table.key` -> value, without those that were not given. Raises SettingsError.

    `laid_over` is what the job files of the command say.
    """
    path, document = _document(config, cwd)
    by_name = document.pop(providers.TABLE, {})
    accepted = providers.accepted(by_name)
    profiles = parse(document.pop(TABLE, {}), path, accepted)
    found = _from_document(document, path, accepted)
    dotenv = _from_dotenv(cwd)
    base_url = environment.get("OPENAI_BASE_URL") or dotenv.get("OPENAI_BASE_URL")
    if base_url and "provider.base_url" not in found:
        found["provider.base_url"] = Given(base_url, "OPENAI_BASE_URL", cwd)
    for place, variables in ((".env", dotenv), ("environment", environment)):
        found |= {key: Given(text, place, cwd) for key, text in _variables(variables, place, accepted)}
    found |= laid_over or {}
    found |= {key: Given(value, "option", cwd) for key, value in options.items()}
    home = path.parent.resolve() if path.is_file() else cwd
    settings = _build(found, home, _secrets(environment, dotenv), accepted)
    origins = {name: str(path) for name, told in ((TABLE, profiles), (providers.TABLE, by_name)) if told}
    settings = replace(
        settings,
        profiles=profiles,
        providers=_providers(settings, by_name, path),
        sources={**settings.sources, **origins},
    )
    check(settings)
    return settings


def accepted(config: Path | None, cwd: Path) -> set[str]:
    """The words that some provider of the settings file takes as fields: what a job file may say is asked before the rest."""
    return providers.accepted(_document(config, cwd)[1].get(providers.TABLE, {}))


def _document(config: Path | None, cwd: Path) -> tuple[Path, dict[str, Any]]:
    path = (cwd / config) if config else cwd / CONFIG_FILE
    if config and not path.is_file():
        raise SettingsError(f"there is no settings file {config}")
    return path, dict(toml.read(path)[0]) if path.is_file() else {}


def _from_document(document: Mapping[str, Any], path: Path, accepted: Collection[str]) -> dict[str, Given]:
    found = {}
    for table, content in document.items():
        if table == _MODELS:
            found[_MODELS] = Given(content, str(path), path.parent.resolve())
            continue
        if not isinstance(content, dict):
            raise SettingsError(f"{path}: {table} stands outside of a table; {_nearest(table)}")
        for key, value in content.items():
            found[known(table, key, f"{path}: [{table}] {key}", accepted)] = Given(value, str(path), path.parent.resolve())
    return found


def _from_dotenv(cwd: Path) -> dict[str, str]:
    try:
        found = dotenv_values(cwd / ".env", interpolate=False)
    except (UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"{cwd / '.env'}: {error}") from None
    return {name: text for name, text in found.items() if text is not None}


def _variables(variables: Mapping[str, str], place: str, accepted: Collection[str]) -> list[tuple[str, str]]:
    return [
        (known(*_split(name), f"{place}: {name}", accepted), text)
        for name, text in variables.items()
        if name.startswith(_PREFIX) and text is not None
    ]


def _split(name: str) -> tuple[str, str]:
    table, _, key = name.removeprefix(_PREFIX).lower().partition("__")
    return table, key


def known(table: str, key: str, place: str, accepted: Collection[str] = ()) -> str:
    """The dotted name of a key that exists. Raises SettingsError with the nearest one that does.

    `accepted` are words that some provider takes as fields.
    """
    if table == "defaults":
        if is_field(key, accepted):
            return f"defaults.{key}"
        raise SettingsError(f"{place} is not a field of a request; {_nearest(f'defaults.{key}')}")
    if key in tables().get(table, {}):
        return f"{table}.{key}"
    raise SettingsError(f"{place} is not a setting; {_nearest(f'{table}.{key}')}")


def _nearest(name: str) -> str:
    names = [f"{table}.{key}" for table, keys in tables().items() for key in keys]
    names += [f"defaults.{key}" for key in FIELDS]
    names += [f"{TABLE}.name"]
    last = name.rpartition(".")[2]
    same_key = [one for one in names if one.partition(".")[2] == last]
    table, _, key = toml.nearest(name, same_key or names).partition(".")
    if table == TABLE:
        return f"the nearest is [{TABLE}.NAME]"
    return f"the nearest is [{table}] {key} ({_PREFIX}{table.upper()}__{key.upper()})"


def _build(found: Mapping[str, Given], home: Path, secrets: Secrets, accepted: Collection[str]) -> Settings:
    sources = {key: given.source for key, given in found.items()}
    parts: dict[str, Any] = {}
    for part in fields(Settings):
        if not is_dataclass(part.default):
            continue
        kinds = get_type_hints(type(part.default), include_extras=True)
        values = {}
        for key in fields(part.default):
            name = f"{part.name}.{key.name}"
            given = found.get(name, Given(key.default, _BUILT_IN, home))
            sources.setdefault(name, _BUILT_IN)
            values[key.name] = _resolved(name, _converted(name, given, kinds[key.name]), given.folder)
        kind: Any = type(part.default)
        parts[part.name] = kind(**values)
    asked = {name.removeprefix("defaults."): given for name, given in found.items() if name.startswith("defaults.")}
    defaults = {name: default(name, given, f"{given.source}: [defaults] {name}", accepted) for name, given in asked.items()}
    if not parts["compat"].translate:
        for name, value in defaults.items():
            refuse_words({name: value}, f"{asked[name].source}: [defaults]", accepted)
    told = found.get(_MODELS)
    if told is not None:
        parts |= {"models": told.value, "catalog": described(told.value, told.source)}
    return Settings(**parts, defaults=defaults, sources=sources, secrets=secrets)


def _providers(settings: Settings, described: Any, path: Path) -> dict[str, NamedProvider]:
    """Those of the file, behind the built-in one, which `[provider]` and `[limits]` are about."""
    own = settings.provider
    dialect = Dialect(official=providers.official(own.base_url), catalog=settings.catalog)
    openai = NamedProvider(
        OPENAI, own.base_url, own.api_key_env, own.timeout_s, own.private_links, settings.limits, dialect=dialect
    )

    def elsewhere(name: str) -> tuple[Any, bool]:
        table, _, key = name.partition(".")
        # What a command, a job file or the environment says is about whoever makes the images.
        return getattr(getattr(settings, table), key), settings.sources[name] not in (_BUILT_IN, str(path))

    return {OPENAI: openai, **providers.parse(described, path, elsewhere, settings.catalog)}


def _converted(name: str, given: Given, kind: Any) -> Any:
    if given.value == "" and kind == Decimal | None:
        return None
    is_text = given.source in ("environment", ".env", "option")
    value = given.value
    if is_text and get_origin(kind) is tuple:
        value = [part.strip() for part in value.split(_APART) if part.strip()]
    try:
        return msgspec.convert(value, kind, strict=not is_text)
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


def _secrets(environment: Mapping[str, str], dotenv: Mapping[str, str]) -> Secrets:
    values = {name: (text, ".env") for name, text in dotenv.items() if text}
    return Secrets(values | {name: (text, "environment") for name, text in environment.items() if text})
