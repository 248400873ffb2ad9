"""A row becomes a request: its cell, else an option, else the settings' default, else the built-in one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from batchgen.core import identity, inputs, operations, parameters, tutorials
from batchgen.core.catalog import DEFAULT_MODEL, Catalog
from batchgen.core.dialect import SANDBOX, VENDORS_DIALECT, Dialect
from batchgen.core.fields import BESIDE_THE_REQUEST, CUSTOM_ID, INPUT_COLUMNS, OPERATION, PRIORITY, PROVIDER
from batchgen.core.inputs import Reference
from batchgen.core.manifest import Row, shortened
from batchgen.core.parameters import PROMPT_MOST_CHARACTERS, Finding
from batchgen.core.prompt_rules import NO_RULES, PromptRules
from batchgen.core.request import EDIT, GENERATE, IMAGE, VARIATION, Request, Value
from batchgen.core.translation import Rewritten, translated
from batchgen.core.tutorials import AN_IMAGE

# A quality that is left out lets the server choose a dear one, so model, size and quality are always sent.
BUILT_IN: dict[str, Value] = {"model": DEFAULT_MODEL, "size": "1024x1024", "quality": "medium"}

# Where a row can name images; the last only with a translation.
_IMAGES = (*INPUT_COLUMNS, AN_IMAGE)

_MOST_PRIORITY = 1_000_000
# For rows of whoever makes what names nobody.
_VENDOR = {"": VENDORS_DIALECT}

# PostgreSQL stores no NUL, and half of a surrogate pair is not a character: neither can be kept to the letter.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A row that can be stored. `custom_id` is final if `given`, else equal rows still get an ordinal behind it.

    `provider` is who makes it, where the row says so. `rewritten` tells what the request says in other words than the row, and
    `copy_size` is the small size that a copy beside each image is to have. `named` are input images that nobody has looked at
    yet; `doubts` are what was then found that may not be meant.
    """

    line: int
    custom_id: str
    given: bool
    request: Request
    metadata: Mapping[str, Value]
    priority: int = 0
    provider: str = ""
    rewritten: tuple[str, ...] = ()
    copy_size: str = ""
    named: tuple[Reference, ...] = ()
    doubts: tuple[str, ...] = ()


def assemble(
    row: Row,
    defaults: Mapping[str, Value],
    *,
    translate: bool = False,
    rules: PromptRules = NO_RULES,
    dialects: Mapping[str, Dialect] = _VENDOR,
) -> tuple[Wanted | None, tuple[Finding, ...]]:
    """The row as something to store, or everything that is wrong with it.

    `defaults` are already layered; a prompt for many rows is no part of them (`core/recipe.py`). `translate` rewrites the
    words of the tutorials, `rules` are a person's own for prompts. `dialects` are those of the providers that a row can name;
    the empty name is for rows without one, and each has the catalog that its models are checked by.
    """
    provider = row.cells.get(PROVIDER, "")
    dialect = dialects.get(str(provider), dialects[""])
    cells = {field: value for field, value in row.cells.items() if field not in BESIDE_THE_REQUEST}
    fields: dict[str, Value] = {**_without_images_of_others(defaults, cells), **cells}
    for name, word in _in_our_case(fields, dialect):
        fields[name] = word
        cells = {**cells, name: word} if name in cells else cells
    untouched = {name: fields.pop(name) for name in dialect.accepts if name in fields}
    fields, rewritten = translated(fields, dialect.catalog) if translate else (fields, Rewritten())
    is_variation = fields.get(OPERATION) == VARIATION and dialect.variations
    findings = [*row.findings, *_provider_findings(provider, dialects)]
    findings += operations.too_much_for_a_variation(cells, dialect) if is_variation else _prompt_of(row, fields, rules)
    if not row.findings or cells:
        findings += _unstorable({**cells, **row.metadata})
    named, misnamed = inputs.references(fields)
    findings += misnamed
    if not fields.keys().isdisjoint(INPUT_COLUMNS):
        fields = {name: value for name, value in fields.items() if name not in INPUT_COLUMNS}
    operation = fields.pop(OPERATION, EDIT if named else GENERATE)
    findings += operations.problems(operation, named, dialect)
    model, prompt = fields.pop("model"), fields.pop("prompt", "")
    if is_variation:
        fields, untouched = (operations.of_a_variation(found, cells) for found in (fields, untouched))
        prompt = ""
    notes = (*rewritten.notes, *_left_out(fields, cells))
    findings += _foreign(fields)
    findings += _model_findings(model, fields, named, dialect.catalog)
    findings += _custom_id_findings(row.cells.get(CUSTOM_ID, row.derived or None))
    priority = row.cells.get(PRIORITY, 0)
    findings += _priority_findings(priority)
    if findings:
        return None, tuple(findings)
    request = Request(str(operation), str(model), str(prompt), fields | untouched)
    name = row.custom_id or row.derived or identity.derive(cells)
    beside = (row.metadata, int(priority), str(provider), notes, rewritten.copy_size, tuple(named))
    return Wanted(row.line, name, row.custom_id is not None, request, *beside), ()


def _in_our_case(fields: Mapping[str, Value], dialect: Dialect) -> list[tuple[str, Value]]:
    """The fields that were written in another case: `High` is high. What the provider accepts stays as it is."""
    found = []
    for name in fields.keys() & parameters.CASED:
        word = parameters.normal(name, fields[name])
        if word != fields[name] and name not in dialect.accepts:
            found.append((name, word))
    return found


def _prompt_of(row: Row, fields: Mapping[str, Value], rules: PromptRules) -> list[Finding]:
    is_told = row.promptless or any(finding.field == "prompt" for finding in row.findings)
    is_read = not row.findings or not row.cells.keys() <= BESIDE_THE_REQUEST
    return _prompt_findings(fields.get("prompt"), rules) if is_read and not is_told else []


def _model_findings(model: Value, fields: Mapping[str, Value], named: Sequence[Reference], catalog: Catalog) -> list[Finding]:
    """What is wrong with the model and what it is given."""
    findings = []
    if not isinstance(model, str) or not model:
        findings.append(Finding("model", "is empty" if model == "" else f"{model!s}: must be text"))
    # 1, 1.0 and True are one key of a cache; their types tell them apart.
    findings += _checked(str(model), tuple(fields.items()), tuple(map(type, fields.values())), catalog)
    findings += inputs.problems(catalog.find(str(model)), fields, {one.role for one in named})
    return findings


@lru_cache(maxsize=4096)
def _checked(
    model: str, items: tuple[tuple[str, Value], ...], _types: tuple[type, ...], catalog: Catalog
) -> tuple[Finding, ...]:
    return parameters.problems(model, dict(items), catalog)


def _without_images_of_others(defaults: Mapping[str, Value], cells: Mapping[str, Value]) -> Mapping[str, Value]:
    """A row that names images takes none from the defaults: `image_1` shall not come behind a default's `image`."""
    if cells.keys().isdisjoint(_IMAGES) or not (IMAGE in defaults or AN_IMAGE in defaults):
        return defaults
    return {name: value for name, value in defaults.items() if name not in _IMAGES}


def _provider_findings(given: Value, dialects: Mapping[str, Dialect]) -> list[Finding]:
    if given == "" or (isinstance(given, str) and given in dialects):
        return []
    names = ", ".join(name for name in dialects if name)
    told = "is for all rows of a command: say --provider sandbox" if given == SANDBOX else f"is none of {names}"
    return [Finding(PROVIDER, f"{str(given)[:40]!a} {told}; if the column is your own, say --column {PROVIDER}=")]


def _left_out(fields: dict[str, Value], cells: Mapping[str, Value]) -> tuple[str, ...]:
    """A note for each default that only other providers take, which is taken out: it is for their rows."""
    if fields.keys() <= parameters.PARAMETERS.keys():
        return ()
    names = [name for name in fields if name not in parameters.PARAMETERS and name not in cells]
    return tuple(shortened(f"{name}={fields.pop(name)} is left out: the provider does not take it") for name in names)


def _foreign(fields: dict[str, Value]) -> list[Finding]:
    """Fields that another provider may take, taken out: no rule knows them."""
    if fields.keys() <= parameters.PARAMETERS.keys():
        return []
    names = [name for name in fields if name not in parameters.PARAMETERS]
    own = "is not taken by the provider of this row; if the column is your own, say --column"
    for name in names:
        del fields[name]
    return [Finding(name, tutorials.FIELDS.get(name, f"{own} {name}=")) for name in names]


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
