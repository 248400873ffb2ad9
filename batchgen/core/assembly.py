"""A row becomes a request: its cell, else an option, else the settings' default, else the built-in one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from batchgen.core import identity, inputs, parameters
from batchgen.core.catalog import DEFAULT_MODEL, VENDORS, Catalog
from batchgen.core.fields import CUSTOM_ID, INPUT_COLUMNS, OPERATION, PRIORITY
from batchgen.core.inputs import Reference
from batchgen.core.manifest import Row
from batchgen.core.parameters import PROMPT_MOST_CHARACTERS, Finding
from batchgen.core.prompt_rules import NO_RULES, PromptRules
from batchgen.core.request import EDIT, GENERATE, IMAGE, Request, Value
from batchgen.core.translation import translated
from batchgen.core.tutorials import AN_IMAGE

# A quality that is left out lets the server choose a dear one, so model, size and quality are always sent.
BUILT_IN: dict[str, Value] = {"model": DEFAULT_MODEL, "size": "1024x1024", "quality": "medium"}

# Where a row can name images; the last only with a translation.
_IMAGES = (*INPUT_COLUMNS, AN_IMAGE)

_MOST_PRIORITY = 1_000_000
_VARIATION = "variation"

# PostgreSQL stores no NUL, and half of a surrogate pair is not a character: neither can be kept to the letter.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A row that can be stored. `custom_id` is final if `given`, else equal rows still get an ordinal behind it.

    `rewritten` tells what the request says in other words than the row, `named` are input images that nobody has looked at yet.
    """

    line: int
    custom_id: str
    given: bool
    request: Request
    metadata: Mapping[str, Value]
    priority: int = 0
    rewritten: tuple[str, ...] = ()
    named: tuple[Reference, ...] = ()


def assemble(
    row: Row,
    defaults: Mapping[str, Value],
    catalog: Catalog = VENDORS,
    *,
    translate: bool = False,
    rules: PromptRules = NO_RULES,
) -> tuple[Wanted | None, tuple[Finding, ...]]:
    """The row as something to store, or everything that is wrong with it.

    `defaults` are already layered; a prompt for many rows is no part of them (`core/recipe.py`). `translate` rewrites the
    words of the tutorials, `rules` are a person's own for prompts.
    """
    findings = list(row.findings)
    cells = {field: value for field, value in row.cells.items() if field not in (CUSTOM_ID, PRIORITY)}
    fields: dict[str, Value] = {**_without_images_of_others(defaults, cells), **cells}
    fields, rewritten = translated(fields, catalog) if translate else (fields, ())
    if not row.findings or cells:
        if not row.promptless and all(finding.field != "prompt" for finding in row.findings):
            findings += _prompt_findings(fields.get("prompt"), rules)
        findings += _unstorable({**cells, **row.metadata})
    named, misnamed = inputs.references(fields)
    findings += misnamed
    for column in INPUT_COLUMNS:
        fields.pop(column, None)
    operation = fields.pop(OPERATION, EDIT if named else GENERATE)
    findings += _operation_findings(operation, is_edit=bool(named))
    model = fields.pop("model")
    prompt = fields.pop("prompt", "")
    if not isinstance(model, str) or not model:
        findings.append(Finding("model", "is empty" if model == "" else f"{model!s}: must be text"))
    # 1, 1.0 and True are one key of a cache; their types tell them apart.
    findings += _checked(str(model), tuple((name, value, type(value)) for name, value in fields.items()), catalog)
    findings += inputs.problems(catalog.find(str(model)), fields, {one.role for one in named})
    custom_id = row.custom_id
    findings += _custom_id_findings(row.cells.get(CUSTOM_ID, row.derived or None))
    priority = row.cells.get(PRIORITY, 0)
    findings += _priority_findings(priority)
    if findings:
        return None, tuple(findings)
    request = Request(str(operation), str(model), str(prompt), fields)
    name = custom_id or row.derived or identity.derive(cells)
    wanted = Wanted(row.line, name, custom_id is not None, request, row.metadata, int(priority), rewritten, tuple(named))
    return wanted, ()


@lru_cache(maxsize=4096)
def _checked(model: str, items: tuple[tuple[str, Value, type], ...], catalog: Catalog) -> tuple[Finding, ...]:
    return parameters.problems(model, {name: value for name, value, _ in items}, catalog)


def _without_images_of_others(defaults: Mapping[str, Value], cells: Mapping[str, Value]) -> Mapping[str, Value]:
    """A row that names images takes none from the defaults: `image_1` shall not come behind a default's `image`."""
    if not any(column in cells for column in _IMAGES) or not any(column in defaults for column in (IMAGE, AN_IMAGE)):
        return defaults
    return {name: value for name, value in defaults.items() if name not in _IMAGES}


def _operation_findings(operation: Value, *, is_edit: bool) -> list[Finding]:
    if operation == _VARIATION:
        words = "the API has no variations any more: write edit, with a prompt like 'a variation of this image'"
        return [Finding(OPERATION, f"{operation}: {words}")]
    if operation not in (GENERATE, EDIT):
        return [Finding(OPERATION, f"{str(operation)[:40]!a}: must be {GENERATE} or {EDIT}, or be left out")]
    if operation == EDIT and not is_edit:
        return [Finding(OPERATION, f"{EDIT} needs an input image: name it in the column image")]
    if operation == GENERATE and is_edit:
        return [Finding(OPERATION, f"{GENERATE} takes no input images: write {EDIT}, or leave it out")]
    return []


def _custom_id_findings(given: Value | None) -> list[Finding]:
    if given is None:
        return []
    if not isinstance(given, str):
        return [Finding(CUSTOM_ID, f"{given!s}: must be text or a whole number")]
    fault = identity.fault(given)
    return [Finding(CUSTOM_ID, f"{given[:40]!a} {fault}")] if fault else []


def _priority_findings(given: Value) -> list[Finding]:
    is_number = isinstance(given, int) and not isinstance(given, bool)
    if is_number and abs(int(given)) <= _MOST_PRIORITY:
        return []
    words = f"must be a whole number, {_MOST_PRIORITY:,} at most; if the column is your own, say --column {PRIORITY}="
    return [Finding(PRIORITY, f"{str(given)[:40]!a}: {words}")]


def _prompt_findings(prompt: Value | None, rules: PromptRules) -> list[Finding]:
    if not isinstance(prompt, str):
        return [Finding("prompt", "is missing" if prompt is None else f"{prompt!s}: must be text")]
    if not prompt.strip():
        return [Finding("prompt", "is empty")]
    if len(prompt) > PROMPT_MOST_CHARACTERS:
        return [Finding("prompt", f"has {len(prompt):,} characters: the API takes {PROMPT_MOST_CHARACTERS:,} at most")]
    return [Finding("prompt", message) for message in rules.broken(prompt)]


def _unstorable(texts: Mapping[str, Value]) -> list[Finding]:
    return [
        Finding(name, "holds what is not a character (NUL or half of a surrogate pair)")
        for name, value in texts.items()
        if (isinstance(value, str) and _UNSTORABLE.search(value)) or _UNSTORABLE.search(name)
    ]
