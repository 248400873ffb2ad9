"""Job files: a manifest together with everything that is said about its rows, and settings for the commands it is given to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from batchgen.core import fields, matrix, tutorials
from batchgen.core.inputs import anchored
from batchgen.core.matrix import Combination
from batchgen.core.profile import Profile
from batchgen.core.request import Value
from batchgen.core.template import Template
from batchgen.errors import SettingsError
from batchgen.settings import profiles, providers, toml
from batchgen.settings.defaults import checked_template, default, refuse_words
from batchgen.settings.load import known
from batchgen.settings.mistakes import Mistakes
from batchgen.settings.model import tables
from batchgen.settings.toml import Given

SUFFIX = ".toml"
_TEXTS = ("manifest", "prompt", "name", "profile")
# These two are those of the settings, and laid over them.
_LAID_OVER = ("limits", "provider")
# Who makes the images is stored with them, under a name. An address would be forgotten by the next command that works on them.
_NOT_REMEMBERED = ("base_url", "api_key_env", "private_links")
_TABLES = ("columns", "matrix", "defaults", *_LAID_OVER, profiles.TABLE)


@dataclass(frozen=True, slots=True)
class JobFile:
    """What a job file says. `laid_over` are settings by `table.key`; `columns` is the mapping of `fields.match`."""

    path: Path
    content: bytes
    manifest: Path
    name: str | None
    template: Template | None
    profile: str | None
    columns: Mapping[str, str]
    matrix: tuple[Combination, ...]
    defaults: Mapping[str, Value]
    profiles: Mapping[str, Profile]
    laid_over: Mapping[str, Given]


def read(path: Path, accepted: Collection[str] = ()) -> JobFile:
    """A job file as a value. Raises SettingsError with all that is wrong, each with its place.

    `accepted` are words that some provider of the settings takes as fields.
    """
    document, content = toml.read(path)
    mistakes = Mistakes()
    for key in document:
        if key not in (*_TEXTS, *_TABLES):
            mistakes.add(f"{path}: {_unknown(key)}")
    empty: dict[str, Any] = {}
    said = {key: mistakes.ask(partial(toml.table, document.get(key, {}), f"{path}: {key}"), empty) for key in _TABLES}
    text = {key: mistakes.ask(partial(toml.text, document, key, f"{path}: {key}"), None) for key in ("name", "profile")}
    laid_over = [mistakes.ask(partial(_laid_over, table, said[table], path), dict[str, Given]()) for table in _LAID_OVER]
    job = JobFile(
        path=path,
        content=content,
        manifest=mistakes.ask(partial(_manifest, document, path), path),
        name=text["name"],
        template=mistakes.ask(partial(_template, document, path), None),
        profile=text["profile"],
        columns=mistakes.ask(partial(_columns, said["columns"], path, accepted), {}),
        matrix=mistakes.ask(partial(_matrix, said["matrix"], path), ()),
        defaults=mistakes.ask(partial(_defaults, said["defaults"], path, accepted), {}),
        profiles=mistakes.ask(partial(profiles.parse, said[profiles.TABLE], path, accepted), {}),
        laid_over={key: given for table in laid_over for key, given in table.items()},
    )
    mistakes.refuse()
    return job


def refuse_untranslated(job: JobFile, accepted: Collection[str]) -> None:
    """Raises SettingsError where the job file says a word of the tutorials, for settings that have none rewritten.

    `accepted` are fields that some provider takes as they are.
    """
    mistakes = Mistakes()
    for field in job.columns:
        if field in tutorials.TRANSLATED and job.columns[field] and field not in accepted:
            mistakes.add(f"{job.path}: [columns] {field} {tutorials.FIELDS[field]}")
    for choice in job.matrix:
        mistakes.ask(partial(refuse_words, choice.fields, f"{job.path}: [matrix]", accepted), None)
    mistakes.ask(partial(refuse_words, job.defaults, f"{job.path}: [defaults]", accepted), None)
    mistakes.refuse()


def laid_over(paths: Sequence[str], jobs: Mapping[str, JobFile], options: Collection[str]) -> Mapping[str, Given]:
    """The settings that the files of one command bring along. A manifest without a job file brings none.

    Raises SettingsError where files disagree about a setting that no option decides.
    """
    brought = [jobs[path].laid_over if path in jobs else {} for path in paths]
    for path, found in zip(paths, brought, strict=True):
        for key in {**found, **brought[0]}:
            one, other = brought[0].get(key), found.get(key)
            if key not in options and (one and one.value) != (other and other.value):
                table, _, name = key.partition(".")
                words = f"{paths[0]} and {path} do not agree about [{table}] {name}, which counts for all that a command does"
                raise SettingsError(f"{words}: give them to a command each")
    return brought[0] if brought else {}


def _unknown(key: str) -> str:
    if key in (*tables(), providers.TABLE):
        return f"[{key}] is no part of a job file; it belongs into the settings, config.toml"
    near = toml.nearest(key, (*_TEXTS, *_TABLES))
    return f"{key} is not a key of a job file; the nearest is {f'[{near}]' if near in _TABLES else near}"


def _laid_over(table: str, content: Mapping[str, Any], path: Path) -> dict[str, Given]:
    mistakes = Mistakes()
    for key in _NOT_REMEMBERED if table == "provider" else ():
        if key in content:
            words = f'would be forgotten by resume: say it in [{providers.TABLE}.NAME] of config.toml, and here name = "NAME"'
            mistakes.add(f"{path}: [provider] {key} {words}")
    found = mistakes.ask(partial(_settings, table, content, path), dict[str, Given]())
    mistakes.refuse()
    return found


def _template(document: Mapping[str, Any], path: Path) -> Template | None:
    prompt = toml.text(document, "prompt", f"{path}: prompt")
    return None if prompt is None else checked_template(prompt, f"{path}: prompt")


def _manifest(document: Mapping[str, Any], path: Path) -> Path:
    name = toml.text(document, "manifest", f"{path}: manifest")
    if not name:
        raise SettingsError(f'{path}: manifest is missing: name the file with the rows, like manifest = "products.csv"')
    manifest = path.parent / Path(name).expanduser()
    if manifest.suffix.lower() == SUFFIX:
        raise SettingsError(f"{path}: manifest = {name!r}: must be a file with rows, not another job file")
    return manifest


def _columns(content: Mapping[str, Any], path: Path, accepted: Collection[str]) -> dict[str, str]:
    mistakes = Mistakes()
    mapping = dict(mistakes.ask(partial(_column, word, content, path, accepted), ("", "")) for word in content)
    mistakes.refuse()
    return mapping


def _column(word: str, content: Mapping[str, Any], path: Path, accepted: Collection[str]) -> tuple[str, str]:
    place = f"{path}: [columns] {word}"
    header = toml.text(content, word, place) or ""
    field = fields.mappable(word, accepted)
    if field is None:
        raise SettingsError(f"{place} is not a field; the nearest is {toml.nearest(word, fields.FIELDS)}")
    if field in tutorials.FIELDS and field not in (*tutorials.TRANSLATED, *accepted) and header:
        raise SettingsError(f"{place} {tutorials.FIELDS[field]}")
    return field, header.strip()


def _matrix(content: Mapping[str, Any], path: Path) -> tuple[Combination, ...]:
    mistakes = Mistakes()
    lists = {key: values for key, values in content.items() if _is_list_of_values(values)}
    for key in (key for key in content if key not in lists):
        mistakes.add(f'{path}: [matrix] {key} = {content[key]!r}: must be a list of values, like ["one", "another"]')
    for finding in matrix.problems(lists):
        mistakes.add(f"{path}: [matrix] {f'{finding.field}: ' if finding.field else ''}{finding.message}")
    mistakes.refuse()
    return tuple(_anchored(choice, path.parent.resolve()) for choice in matrix.combinations(content))


def _is_list_of_values(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, Value) for value in values)


def _anchored(choice: Combination, folder: Path) -> Combination:
    """With input images beside the job file, which names them."""
    images = {name: anchored(str(value), folder) for name, value in choice.fields.items() if name in fields.INPUT_COLUMNS}
    return replace(choice, fields={**choice.fields, **images})


def _defaults(content: Mapping[str, Any], path: Path, accepted: Collection[str]) -> dict[str, Value]:
    mistakes, folder = Mistakes(), path.parent.resolve()

    def value(key: str) -> Value:
        place = f"{path}: [defaults] {key}"
        known("defaults", key, place, accepted)
        return default(key, Given(content[key], str(path), folder), place, accepted)

    found = {key: mistakes.ask(partial(value, key), content[key]) for key in content}
    mistakes.refuse()
    return found


def _settings(table: str, content: Mapping[str, Any], path: Path) -> dict[str, Given]:
    mistakes, folder = Mistakes(), path.parent.resolve()
    names = {key: mistakes.ask(partial(known, table, key, f"{path}: [{table}] {key}"), "") for key in content}
    mistakes.refuse()
    return {names[key]: Given(value, str(path), folder) for key, value in content.items()}
