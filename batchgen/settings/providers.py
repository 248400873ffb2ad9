"""Providers by name: `[providers.NAME]` of the settings. What they do not say of a limit, a timeout or a model is as it is
elsewhere.

Headers and queries often carry a key. Such a value stands here as `env:NAME` only, so that no settings file, and nothing that
shows settings, holds one.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from batchgen.core.catalog import Catalog
from batchgen.core.dialect import Dialect, Wire
from batchgen.errors import SettingsError
from batchgen.settings import toml
from batchgen.settings.addresses import shown, wrong_address, wrong_variable
from batchgen.settings.model import BUILT_IN_PROVIDERS, LimitSettings, NamedProvider
from batchgen.settings.models import described
from batchgen.settings.sent import wrong_field, wrong_header, wrong_path, wrong_value

TABLE = "providers"
_OFFICIAL_HOST = "api.openai.com"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", re.ASCII)

# The value of `limits.KEY` or `provider.KEY`, and whether it counts before what a settings file says.
Elsewhere = Callable[[str], tuple[Any, bool]]


@dataclass(frozen=True, slots=True)
class Written:
    """The keys of a table, and what each may hold."""

    base_url: str
    api_key_env: str
    key_header: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    reply: Literal["", "b64_json", "url"] = ""
    edits: Literal["form", "json"] = "form"
    accepts: tuple[str, ...] = ()
    variations: bool = False
    idempotency_header: str = ""
    timeout_s: Annotated[float, Meta(gt=0)] | None = None
    private_links: bool = False
    limits: dict[str, Any] = field(default_factory=dict)
    models: dict[str, Any] = field(default_factory=dict)


_KINDS = get_type_hints(Written, include_extras=True)
_LIMITS = get_type_hints(LimitSettings, include_extras=True)
_NEEDED = {
    "base_url": 'base_url is missing: say where its API is, like base_url = "https://gateway.example/v1"',
    "api_key_env": 'api_key_env is missing: name the variable that holds its key, or say api_key_env = "" if it needs none',
}


def parse(content: Any, path: Path, elsewhere: Elsewhere, catalog: Catalog) -> dict[str, NamedProvider]:
    """The providers of a file by their names. Raises SettingsError with the place.

    `catalog` has the models of those that say nothing of them.
    """
    found = {}
    for name, table in toml.table(content, f"{path}: {TABLE}").items():
        provider = _named(name, table, f"{path}: [{TABLE}.{name}]", elsewhere)
        own = described(provider.told.get("models", {}), str(path), catalog, below=f"{TABLE}.{name}.")
        found[name] = replace(provider, dialect=replace(provider.dialect, catalog=own))
    return found


def accepted(content: Any) -> set[str]:
    """The fields that some provider of a file accepts as they are; what is wrong with the file is told by `parse`."""
    tables = content.values() if isinstance(content, dict) else ()
    lists = [table.get("accepts") for table in tables if isinstance(table, dict)]
    return {name for names in lists if isinstance(names, list) for name in names if isinstance(name, str)}


def official(base_url: str) -> bool:
    """Whether an address is the vendor's own."""
    return not wrong_address(base_url) and urlsplit(base_url).hostname == _OFFICIAL_HOST


def _named(name: str, content: Any, place: str, elsewhere: Elsewhere) -> NamedProvider:
    if not _NAME.fullmatch(name):
        raise SettingsError(f"{place}: the name of a provider is 40 letters, digits, dots, _ and - at most")
    if name.casefold() in BUILT_IN_PROVIDERS:
        own = "[provider]" if name.casefold() == "openai" else "[sandbox]"
        raise SettingsError(f"{place}: {name} is built in, and its keys stand in {own}; choose another name")
    told = toml.table(content, place)
    written = _written(told, place)
    _check(written, place)
    timeout_s, counts_first = elsewhere("provider.timeout_s")
    return NamedProvider(
        name=name,
        base_url=written.base_url,
        api_key_env=written.api_key_env,
        timeout_s=timeout_s if counts_first or written.timeout_s is None else written.timeout_s,
        private_links=written.private_links,
        limits=_limits(written.limits, f"{place[:-1]}.limits]", elsewhere),
        dialect=Dialect(written.accepts, written.variations, official(written.base_url), written.edits == "json"),
        wire=Wire(
            key_header=written.key_header,
            headers=written.headers,
            query=written.query,
            paths=written.paths,
            reply=written.reply,
            idempotency_header=written.idempotency_header,
        ),
        told=told,
    )


def _written(told: Mapping[str, Any], place: str) -> Written:
    for key in told:
        if key not in _KINDS:
            raise SettingsError(f"{place} {key} is not a key of a provider; the nearest is {toml.nearest(key, _KINDS)}")
    for key, words in _NEEDED.items():
        if key not in told:
            raise SettingsError(f"{place} {words}")
    return Written(**{key: _converted(value, _KINDS[key], f"{place} {key}") for key, value in told.items()})


def _converted(value: Any, kind: Any, place: str) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        # A value that is not what it should be may be a key in the wrong place.
        raise SettingsError(f"{place}: {error}") from None


def _limits(told: Mapping[str, Any], place: str, elsewhere: Elsewhere) -> LimitSettings:
    for key in told:
        if key not in _LIMITS:
            raise SettingsError(f"{place} {key} is not a limit; the nearest is {toml.nearest(key, _LIMITS)}")
    values = {}
    for key, kind in _LIMITS.items():
        value, counts_first = elsewhere(f"limits.{key}")
        own = _converted(told[key], kind, f"{place} {key}") if key in told else value
        values[key] = value if counts_first else own
    return LimitSettings(**values)


def _check(written: Written, place: str) -> None:
    if wrong := wrong_address(written.base_url):
        raise SettingsError(f"{place} base_url = {shown(written.base_url)!r}: {wrong}")
    if wrong := wrong_variable(written.api_key_env):
        raise SettingsError(f"{place} api_key_env {wrong}")
    for key in ("key_header", "idempotency_header"):
        name = getattr(written, key)
        if name and (wrong := wrong_header(name)):
            raise SettingsError(f"{place} {key}: {wrong}")
    for name in written.headers:
        if wrong := wrong_header(name):
            raise SettingsError(f"{place} headers: {wrong}")
    for table in ("headers", "query"):
        for name, value in getattr(written, table).items():
            if wrong := wrong_value(name, value):
                raise SettingsError(f"{place} {table}.{name} {wrong}")
    for name, template in written.paths.items():
        if wrong := wrong_path(name, template):
            raise SettingsError(f"{place} paths.{name} {wrong}")
    for name in written.accepts:
        if wrong := wrong_field(name):
            raise SettingsError(f"{place} accepts: {name!r} {wrong}")
