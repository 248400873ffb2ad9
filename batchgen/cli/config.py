"""`batchgen config`."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from batchgen.cli.app import App, pass_app
from batchgen.cli.console import data, data_json, one_line, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from batchgen.core.profile import Profile
    from batchgen.settings.model import Settings


@click.command("config")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_app
def config_command(app: App, *, as_json: bool) -> None:
    """The settings in force, with models, profiles and providers, and their origins.

    Secrets are masked.
    """
    found = _entries(app.settings())
    if as_json:
        data_json({entry["key"]: {"value": entry["value"], "source": entry["source"]} for entry in found})
        return
    rows = [[entry["key"], one_line(_shown(entry["value"])), entry["source"]] for entry in found]
    data(table(["setting", "value", "from"], rows))


def _entries(settings: "Settings") -> list[dict[str, Any]]:
    from batchgen.core.address import masked_url
    from batchgen.core.assembly import BUILT_IN
    from batchgen.settings.model import tables

    found = []
    for table_name, keys in tables().items():
        for key in keys:
            name = f"{table_name}.{key}"
            value = getattr(getattr(settings, table_name), key)
            # JSON has no decimals, and an amount of money is exact.
            value = str(value) if isinstance(value, Decimal) else value
            found.append(
                {"key": name, "value": masked_url(value) if key.endswith("url") else value, "source": settings.sources[name]}
            )
    found += [
        {"key": f"defaults.{name}", "value": value, "source": settings.sources.get(f"defaults.{name}", "built-in")}
        for name, value in {**BUILT_IN, **settings.defaults}.items()
    ]
    found += [
        {"key": f'models."{name}".{fact}', "value": _shown(value), "source": settings.sources["models"]}
        for name, facts in settings.models.items()
        for fact, value in facts.items()
    ]
    found += [
        {"key": key, "value": _shown(value), "source": settings.sources["profiles"]}
        for name, profile in settings.profiles.items()
        for key, value in _profile(f"profiles.{name}", profile)
    ]
    found += [
        {"key": f"providers.{name}.{key}", "value": _shown(value), "source": settings.sources["providers"]}
        for name, provider in settings.providers.items()
        for key, value in _flat(provider.told)
    ]
    for variable in dict.fromkeys(name for provider in settings.providers.values() for name in provider.variables):
        source = settings.secrets.source(variable)
        found.append({"key": variable, "value": "***" if source else "not set", "source": source or "-"})
    return found


def _profile(key: str, profile: "Profile") -> list[tuple[str, Any]]:
    """What a profile says, by key; one that says nothing is still one that can be chosen."""
    from dataclasses import fields

    told = {part.name: getattr(profile, part.name) for part in fields(profile)}
    defaults = told.pop("defaults")
    said = [*told.items(), *((f"defaults.{name}", value) for name, value in defaults.items())]
    return [(f"{key}.{name}", value) for name, value in said if value not in ("", ())] or [(key, "")]


def _flat(told: "Mapping[str, Any]") -> "Iterator[tuple[str, Any]]":
    for key, value in told.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{inner}", one) for inner, one in _flat(value))
        else:
            yield key, value


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{key} = {one}" for key, one in value.items())
    return ", ".join(map(_shown, value)) if isinstance(value, list | tuple) else str(value)
