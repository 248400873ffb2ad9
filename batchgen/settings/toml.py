"""A file of TOML as a person wrote it, and what is expected of the values in it."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchgen.errors import SettingsError

_MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was found. `folder` is what a relative path in it is relative to."""

    value: Any
    source: str
    folder: Path


def read(path: Path) -> tuple[dict[str, Any], bytes]:
    """What the file says, and its bytes. Raises SettingsError."""
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise SettingsError(f"{path}: is longer than {_MOST_BYTES:,} bytes, which no file of settings is")
        return tomllib.loads(content.decode("utf-8-sig")), content
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, OSError) as error:
        raise SettingsError(f"{path}: {error}") from None


def nearest(word: str, names: Iterable[str]) -> str:
    """The one of the names that is most like the word."""
    return difflib.get_close_matches(word, list(names), n=1, cutoff=0.0)[0]


def table(value: Any, place: str) -> dict[str, Any]:
    """A table. Raises SettingsError for anything else."""
    if not isinstance(value, dict):
        raise SettingsError(f"{place} must be a table")
    return value


def text(content: Mapping[str, Any], key: str, place: str) -> str | None:
    """The text under a key, None where there is none. Raises SettingsError for another kind of value."""
    value = content.get(key)
    if value is not None and not isinstance(value, str):
        raise SettingsError(f"{place} = {value!r}: must be text")
    return value


def texts(content: Mapping[str, Any], key: str, place: str) -> tuple[str, ...]:
    """The texts of a list under a key, none where it is missing. Raises SettingsError for another kind of value."""
    value = content.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
        raise SettingsError(f'{place} = {value!r}: must be a list of texts, like ["one", "another"]')
    return tuple(value)
