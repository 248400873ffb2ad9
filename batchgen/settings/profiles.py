"""Profiles: `[profiles.NAME]` of the settings or of a job file."""

from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from batchgen.core.profile import Profile
from batchgen.core.request import Value
from batchgen.errors import SettingsError
from batchgen.settings import toml
from batchgen.settings.defaults import FIELDS, default, is_field
from batchgen.settings.mistakes import Mistakes
from batchgen.settings.toml import Given

TABLE = "profiles"
_KEYS = ("prefix", "suffix", "palette", "avoid", "defaults")


def parse(content: Any, path: Path, accepted: Collection[str]) -> dict[str, Profile]:
    """The profiles of a file by their names. Raises SettingsError.

    `accepted` are fields that some provider takes as they are.
    """
    mistakes = Mistakes()
    found = {
        name: mistakes.ask(partial(_profile, table, f"{path}: [{TABLE}.{name}]", path, accepted), Profile())
        for name, table in toml.table(content, f"{path}: {TABLE}").items()
    }
    mistakes.refuse()
    return found


def chosen(name: str, known: Mapping[str, Profile], place: str) -> Profile:
    """The profile of that name. Raises SettingsError with those there are."""
    if name in known:
        return known[name]
    there_are = f"there are {', '.join(known)}" if known else f"write [{TABLE}.{name}] into the settings or the job file"
    raise SettingsError(f"{place}: there is no profile {name!r}; {there_are}")


def _profile(content: Any, place: str, path: Path, accepted: Collection[str]) -> Profile:
    found, mistakes = toml.table(content, place), Mistakes()
    for key in found:
        if key not in _KEYS:
            mistakes.add(f"{place} {key} is not a key of a profile; the nearest is {toml.nearest(key, _KEYS)}")
    none: tuple[str, ...] = ()
    prefix, suffix = (mistakes.ask(partial(toml.text, found, key, f"{place} {key}"), None) for key in ("prefix", "suffix"))
    palette, avoid = (mistakes.ask(partial(toml.texts, found, key, f"{place} {key}"), none) for key in ("palette", "avoid"))
    told = partial(_defaults, found.get("defaults", {}), f"{place[:-1]}.defaults]", path, accepted)
    defaults = mistakes.ask(told, dict[str, Value]())
    mistakes.refuse()
    return Profile(prefix or "", suffix or "", palette, avoid, defaults)


def _defaults(content: Any, place: str, path: Path, accepted: Collection[str]) -> dict[str, Value]:
    told, mistakes, folder = toml.table(content, place), Mistakes(), path.parent.resolve()

    def value(key: str) -> Value:
        if not is_field(key, accepted):
            raise SettingsError(f"{place} {key} is not a field of a request; the nearest is {toml.nearest(key, FIELDS)}")
        return default(key, Given(told[key], str(path), folder), f"{place} {key}", accepted)

    found = {key: mistakes.ask(partial(value, key), told[key]) for key in told}
    mistakes.refuse()
    return found
