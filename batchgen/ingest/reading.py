"""One manifest is read, checked row by row, and staged; everything that is wrong with it is collected."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

from batchgen.core import assembly, identity, parameters
from batchgen.core.assembly import Wanted
from batchgen.core.catalog import Catalog
from batchgen.core.dialect import Dialect
from batchgen.core.fields import PROVIDER, Words
from batchgen.core.inputs import warnings as input_warnings
from batchgen.core.manifest import Problem, Row, Unreadable, shortened
from batchgen.core.parameters import Finding
from batchgen.core.prompt_rules import NO_RULES, PromptRules
from batchgen.core.recipe import Recipe
from batchgen.core.request import EDIT, Value
from batchgen.core.tutorials import TRANSLATED
from batchgen.ingest import staging
from batchgen.ingest.inputs import InputFiles
from batchgen.ingest.source import Manifest, rows, text_lines
from batchgen.store import links, submission
from batchgen.store.engine import Transaction

# So many problems of a file are kept, to be told in full or by their places; the rest is counted.
_MOST_KEPT = 250
_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Terms:
    """How the rows of a manifest become requests. `defaults` are layered already and hold no prompt; `translate` rewrites the
    words of the tutorials, `rules` are a person's own for prompts. `update` makes changed rows again, `children` also what was
    made from them.

    `dialects` are those of the providers that a row can name, the empty name that of rows without one, which `provider` makes;
    `is_chosen` tells that a person named it for these rows. With the vendor's own the shutdown dates count on `day`.
    """

    defaults: Mapping[str, Value]
    columns: Mapping[str, str]
    simulated: bool
    dialects: Mapping[str, Dialect]
    day: date
    update: bool
    recipe: Recipe = field(default_factory=Recipe)
    translate: bool = False
    rules: PromptRules = NO_RULES
    children: bool = False
    provider: str = ""
    is_chosen: bool = False

    def dialect_of(self, row: Row) -> Dialect:
        """That of the provider of a row; one that nobody knows is refused elsewhere."""
        return self.dialects.get(str(row.cells.get(PROVIDER, "")), self.dialects[""])

    def accepted_of(self, row: Row) -> set[str]:
        """The fields that those who can make a row, it or a matrix naming them, take as they are given."""
        varied = [one.fields[PROVIDER] for one in self.recipe.matrix if PROVIDER in one.fields]
        named = varied or [row.cells.get(PROVIDER, "")]
        return {name for one in named for name in self.dialects.get(str(one), self.dialects[""]).accepts}

    def catalog(self, provider: str) -> Catalog:
        """The models of a provider."""
        return self.dialects.get(provider, self.dialects[""]).catalog

    @property
    def words(self) -> Words:
        """What is taken as a field beside ours."""
        translated = TRANSLATED if self.translate else ()
        others = (name for dialect in self.dialects.values() for name in dialect.accepts)
        words = Words((*self.dialects[""].accepts, *translated), tuple(dict.fromkeys(others)))
        is_varied = PROVIDER in self.recipe.matrix[0].fields
        return Words((*words.always, *words.by_row)) if is_varied else words


@dataclass(slots=True)
class Reading:
    """What reading one manifest found."""

    manifest: Manifest
    problems: list[Problem] = field(default_factory=list)
    more_problems: int = 0
    rows: int = 0
    columns: dict[str, None] = field(default_factory=dict)
    warnings: dict[str, tuple[int, int]] = field(default_factory=dict)  # message -> first line, rows
    sha256: str = ""
    links: int = 0  # inputs that are results of other rows
    providers: set[str] = field(default_factory=set)  # as the rows say, empty where they do not
    _told: set[Finding] = field(default_factory=set)

    def add(self, line: int, finding: Finding) -> None:
        if len(self.problems) < _MOST_KEPT:
            self.problems.append(Problem.of(self.manifest.label, line, finding))
        else:
            self.more_problems += 1

    def add_once(self, line: int, finding: Finding) -> None:
        """What is wrong with all rows alike is told of the first."""
        if finding in self._told:
            return
        if len(self._told) < _MOST_KEPT:
            self._told.add(finding)
        self.add(line, finding)

    def warn(self, line: int, message: str) -> None:
        first, count = self.warnings.get(message, (line, 0))
        self.warnings[message] = (first, count + 1)


def read(session: Transaction, number: int, manifest: Manifest, terms: Terms) -> Reading:
    reading = Reading(manifest)
    digest = hashlib.sha256(b"" if manifest.origin is None else manifest.origin.content)
    part: list[dict[str, Any]] = []
    taken: list[dict[str, Any]] = []
    try:
        with manifest.open() as stream:
            lines = text_lines(stream, digest.update, reading.add)
            inputs = InputFiles(manifest.folder)
            read_rows = rows(lines, manifest, terms.columns, terms.words, prompted=terms.recipe.template is not None)
            for variant, wanted in (one for row in read_rows for one in _variants(row, terms, inputs, reading)):
                if wanted is not None:
                    reading.providers.add(wanted.provider)
                    part.append(staging.row_of(number, reading.rows, wanted, simulated=terms.simulated))
                    taken += staging.links_of(number, reading.rows, wanted)
                elif variant.custom_id is not None and not identity.fault(variant.custom_id):
                    part.append(staging.row_without_request(number, reading.rows, variant.line, variant.custom_id))
                reading.rows += not variant.is_header
                if len(part) >= _ROWS_AT_ONCE:
                    _stage(session, part, taken, reading)
                    part, taken = [], []
    except Unreadable as error:
        reading.add(error.line, Finding("", str(error)))
    except OSError as error:
        reading.add(0, Finding("", f"cannot be read: {error.strerror or error}"))
    _stage(session, part, taken, reading)
    reading.sha256 = digest.hexdigest()
    if not reading.rows and not reading.problems:
        reading.add(0, Finding("", "holds no rows"))
    submission.number_equal_rows(session, number)
    _find_repeated(session, number, reading)
    return reading


def _stage(session: Transaction, part: list[dict[str, Any]], taken: list[dict[str, Any]], reading: Reading) -> None:
    submission.stage(session, part)
    links.stage(session, taken)
    reading.links += len(taken)


def _variants(row: Row, terms: Terms, inputs: InputFiles, reading: Reading) -> Iterator[tuple[Row, Wanted | None]]:
    """What becomes of a row of the file, each with what is wanted if it can be stored. What all have in common is told once."""
    findings: dict[Finding, None] = {}
    warnings = dict.fromkeys(map(shortened, terms.recipe.warnings(row)))
    for finding in terms.recipe.unfit(row):
        reading.add_once(row.columns.line or row.line, finding)
    for variant in terms.recipe.variants(row, terms.accepted_of(row)):
        wanted, found = _checked(variant, terms, inputs)
        findings.update(dict.fromkeys(found))
        warnings.update(dict.fromkeys(_told(variant, wanted, terms)) if wanted else {})
        reading.columns.update(dict.fromkeys(variant.metadata))
        yield variant, wanted
    for finding in findings:
        reading.add(row.line, finding)
    for message in warnings:
        reading.warn(row.line, message)


def _checked(row: Row, terms: Terms, inputs: InputFiles) -> tuple[Wanted | None, tuple[Finding, ...]]:
    ways: dict[str, Any] = {"translate": terms.translate, "rules": terms.rules, "dialects": terms.dialects}
    wanted, findings = assembly.assemble(row, terms.defaults, **ways)
    if wanted is not None and wanted.named:
        as_json = terms.dialect_of(row).json_edits and wanted.request.operation == EDIT
        wanted, unfit = inputs.looked_at(wanted, within_json=as_json)
        findings += unfit
    findings += _shut_down(row, terms)
    # A row without a prompt is told with its header, and is none that could be stored.
    return None if findings or row.promptless else wanted, findings


def _told(row: Row, wanted: Wanted, terms: Terms) -> list[str]:
    model, dialect = wanted.request.model, terms.dialect_of(row)
    catalog = dialect.catalog
    entry = catalog.find(model)
    # On the sandbox more is said below of a model that is not in the catalog.
    is_silent = terms.simulated and entry is None
    told = [] if is_silent else list(_warnings(model, tuple(wanted.request.parameters.items()), catalog))
    if wanted.request.inputs:
        told += [finding.message for finding in input_warnings(entry, wanted.request)]
        told += wanted.doubts
    if terms.simulated and (gone := _unavailable(model, terms.day, catalog)):
        told.append(f"{gone}; only the sandbox still answers to it" if entry is not None else gone)
    # Whoever tries a model on the sandbox means to have it made for real.
    if (dialect.official or terms.simulated) and (soon := _ending(model, terms.day, catalog)):
        told.append(soon)
    return [shortened(message) for message in told]


def _shut_down(row: Row, terms: Terms) -> tuple[Finding, ...]:
    model = row.cells.get("model", terms.defaults["model"])
    dialect = terms.dialect_of(row)
    if not dialect.official or not row.cells or not isinstance(model, str) or not model:
        return ()
    gone = _unavailable(model, terms.day, dialect.catalog)
    return (Finding("model", gone),) if gone else ()


# The same few models are asked about for every row.
_unavailable = lru_cache(maxsize=256)(parameters.unavailable)
_ending = lru_cache(maxsize=256)(parameters.ending)


@lru_cache(maxsize=4096)
def _warnings(model: str, items: tuple[tuple[str, Value], ...], catalog: Catalog) -> tuple[str, ...]:
    return tuple(finding.message for finding in parameters.warnings(model, dict(items), catalog))


def _find_repeated(session: Transaction, number: int, reading: Reading) -> None:
    count, first = submission.repeated(session, number)
    for again in first:
        where = f"is also on line {again.first_line}"
        reading.add(again.line, Finding("custom_id", f"{again.custom_id!a} {where} (case does not tell ids apart)"))
    reading.more_problems += count - len(first)
    reading.problems.sort(key=lambda problem: problem.line)
