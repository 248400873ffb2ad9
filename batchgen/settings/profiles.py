"""Profiles: `[profiles.NAME]` of the settings or of a job file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from batchgen.core.profile import Profile
from batchgen.core.request import Value
from batchgen.errors import SettingsError
from batchgen.settings import toml
from batchgen.settings.defaults import FIELDS, default, is_field
from batchgen.settings.toml import Given

TABLE = "profiles"
_KEYS = ("prefix", "suffix", "palette", "avoid", "defaults")


def parse(content: Any, path: Path) -> dict[str, Profile]:
    """The profiles of a file by their names. Raises SettingsError."""
    found = toml.table(content, f"{path}: {TABLE}")
    return {name: _profile(table, f"{path}: [{TABLE}.{name}]", path) for name, table in found.items()}


def chosen(name: str, known: Mapping[str, Profile], place: str) -> Profile:
    """The profile of that name. Raises SettingsError with those there are."""
    if name in known:
        return known[name]
    there_are = f"there are {', '.join(known)}" if known else f"write [{TABLE}.{name}] into the settings or the job file"
    raise SettingsError(f"{place}: there is no profile {name!r}; {there_are}")


def _profile(content: Any, place: str, path: Path) -> Profile:
    found = toml.table(content, place)
    for key in found:
        if key not in _KEYS:
            raise SettingsError(f"{place} {key} is not a key of a profile; the nearest is {toml.nearest(key, _KEYS)}")
    return Profile(
        prefix=toml.text(found, "prefix", f"{place} prefix") or "",
        suffix=toml.text(found, "suffix", f"{place} suffix") or "",
        palette=toml.texts(found, "palette", f"{place} palette"),
        avoid=toml.texts(found, "avoid", f"{place} avoid"),
        defaults=_defaults(found.get("defaults", {}), f"{place[:-1]}.defaults]", path),
    )


def _defaults(content: Any, place: str, path: Path) -> dict[str, Value]:
    found = toml.table(content, place)
    for key in found:
        if not is_field(key):
            raise SettingsError(f"{place} {key} is not a field of a request; the nearest is {toml.nearest(key, FIELDS)}")
    folder = path.parent.resolve()
    return {key: default(key, Given(value, str(path), folder), f"{place} {key}") for key, value in found.items()}
