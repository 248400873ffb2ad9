"""A manifest becomes a batch: read as a stream, checked whole, stored whole or not at all."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from batchgen.core import assembly, identity, jsonlines, parameters, tabular
from batchgen.core.assembly import Wanted
from batchgen.core.manifest import MOST_ROW_CHARACTERS, Problem, Row, Unreadable
from batchgen.core.parameters import Finding
from batchgen.core.request import Value
from batchgen.errors import ManifestError, WrongUsage
from batchgen.store import batches, submission
from batchgen.store.batches import Batch, ManifestFile
from batchgen.store.engine import Database, Transaction, begin_to_write
from batchgen.store.submission import Comparison

MOST_SHOWN = 50
_ROWS_AT_ONCE = 1000
_MOST_LINE_BYTES = 4 * MOST_ROW_CHARACTERS


@dataclass(frozen=True, slots=True)
class Manifest:
    """A file to submit, or standard input (`path` None). `named` tells whether a person chose the batch's name."""

    path: Path | None
    batch: str
    named: bool
    open: Callable[[], IO[bytes]]

    @property
    def label(self) -> str:
        """How the file is called in messages."""
        return "standard input" if self.path is None else str(self.path)


@dataclass(frozen=True, slots=True)
class Terms:
    """How rows become requests. `defaults` are layered already; `official` applies the vendor's shutdown dates on `day`."""

    defaults: Mapping[str, Value]
    columns: Mapping[str, str]
    simulated: bool
    official: bool
    day: date
    update: bool


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of one manifest. `warnings` are what the API may refuse."""

    batch: Batch
    manifest: str
    comparison: Comparison
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Reading:
    """What reading one manifest found."""

    manifest: Manifest
    problems: list[Problem] = field(default_factory=list)
    more_problems: int = 0
    rows: int = 0
    columns: dict[str, None] = field(default_factory=dict)
    warnings: dict[str, tuple[int, int]] = field(default_factory=dict)  # message -> first line, rows
    sha256: str = ""

    def add(self, line: int, finding: Finding) -> None:
        if len(self.problems) < MOST_SHOWN:
            self.problems.append(Problem(self.manifest.label, line, finding.field, finding.message))
        else:
            self.more_problems += 1


def submit(database: Database, manifests: Sequence[Manifest], terms: Terms, now: datetime) -> list[Submitted]:
    """Store every manifest as a batch, or none of them. Raises ManifestError with all problems of all files."""
    _refuse_same_batch(manifests)
    with database.session() as session:
        with session.begin():
            submission.prepare(session)
            readings = [_read(session, number, manifest, terms) for number, manifest in enumerate(manifests)]
        _refuse_problems(readings)
        begin_to_write(session)
        with session.begin():
            submission.alone(session)
            stored = [_store(session, number, reading, terms, now) for number, reading in enumerate(readings)]
            _refuse_changes(stored, terms)
    return stored


def batch_name(name: str, *, simulated: bool) -> str:
    """The name a batch gets; a simulated one says so. Raises WrongUsage for one that cannot be a folder."""
    if not simulated and identity.fold(name).startswith(identity.SANDBOX_PREFIX):
        raise WrongUsage(
            f"{name!r}: names that begin with {identity.SANDBOX_PREFIX} belong to the sandbox; give another --name"
        )
    full = identity.SANDBOX_PREFIX + name if simulated else name
    fault = identity.fault(full)
    if fault:
        raise WrongUsage(f"{name[:40]!a} cannot name a batch: it {fault}; give another with --name")
    return full


def _read(session: Transaction, number: int, manifest: Manifest, terms: Terms) -> _Reading:
    reading = _Reading(manifest)
    digest = hashlib.sha256()
    part: list[dict[str, Any]] = []
    try:
        with manifest.open() as stream:
            for row in _rows(_lines(stream, digest.update, reading), manifest, terms):
                wanted = _checked(row, terms, reading)
                if wanted is not None:
                    part.append(_staged(number, reading.rows, wanted))
                elif row.custom_id is not None and not identity.fault(row.custom_id):
                    part.append(_staged_id(number, reading.rows, row.line, row.custom_id))
                reading.rows += 1
                if len(part) >= _ROWS_AT_ONCE:
                    submission.stage(session, part)
                    part = []
    except Unreadable as error:
        reading.add(error.line, Finding("", str(error)))
    except OSError as error:
        reading.add(0, Finding("", f"cannot be read: {error.strerror or error}"))
    submission.stage(session, part)
    reading.sha256 = digest.hexdigest()
    if not reading.rows and not reading.problems:
        reading.add(0, Finding("", "holds no rows"))
    submission.number_equal_rows(session, number)
    _find_repeated(session, number, reading)
    return reading


def _lines(stream: IO[bytes], watch: Callable[[bytes], None], reading: _Reading) -> Iterator[str]:
    """Text lines with their ends. A line that is not UTF-8 is a problem, and reading goes on."""
    number = 0
    while raw := stream.readline(_MOST_LINE_BYTES + 1):
        number += 1
        watch(raw)
        if len(raw) > _MOST_LINE_BYTES:
            raise Unreadable(number, f"is longer than {_MOST_LINE_BYTES:,} bytes: is this a manifest, and are its lines ended?")
        if number == 1:
            if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise Unreadable(0, "is UTF-16; save it as UTF-8 (in a spreadsheet: CSV UTF-8)")
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        try:
            yield raw.decode()
        except UnicodeDecodeError as error:
            reading.add(number, Finding("", f"byte {error.start + 1} is not UTF-8; save the file as UTF-8"))
            yield raw.decode(errors="replace")


def _rows(lines: Iterator[str], manifest: Manifest, terms: Terms) -> Iterable[Row]:
    suffix = manifest.path.suffix.lower() if manifest.path else ""
    first = next(lines, "")
    whole = _again(first, lines)
    if suffix in (".jsonl", ".ndjson", ".json") or (suffix not in (".csv", ".tsv") and first.lstrip().startswith("{")):
        return jsonlines.rows(whole, terms.columns)
    return tabular.rows(whole, terms.columns, tabs_first=suffix == ".tsv")


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
    yield from rest


def _checked(row: Row, terms: Terms, reading: _Reading) -> Wanted | None:
    wanted, findings = assembly.assemble(row, terms.defaults)
    findings += _shut_down(row, terms)
    for finding in findings:
        reading.add(row.line, finding)
    reading.columns.update(dict.fromkeys(row.metadata))
    if wanted is None or findings:
        return None
    told = list(_warnings(wanted.request.model, tuple(wanted.request.parameters.items())))
    if terms.simulated and (gone := parameters.unavailable(wanted.request.model, terms.day)):
        told.append(f"{gone}; only the sandbox still answers to it")
    if terms.official and (soon := parameters.ending(wanted.request.model, terms.day)):
        told.append(soon)
    for message in told:
        first, count = reading.warnings.get(message, (row.line, 0))
        reading.warnings[message] = (first, count + 1)
    return wanted


def _shut_down(row: Row, terms: Terms) -> tuple[Finding, ...]:
    model = row.cells.get("model", terms.defaults["model"])
    if not terms.official or not row.cells or not isinstance(model, str) or not model:
        return ()
    gone = parameters.unavailable(model, terms.day)
    return (Finding("model", gone),) if gone else ()


@lru_cache(maxsize=4096)
def _warnings(model: str, items: tuple[tuple[str, Value], ...]) -> tuple[str, ...]:
    return tuple(finding.message for finding in parameters.warnings(model, dict(items)))


def _staged(number: int, position: int, wanted: Wanted) -> dict[str, Any]:
    request = wanted.request
    return {
        "manifest": number,
        "position": position,
        "line": wanted.line,
        "custom_id": wanted.custom_id,
        "custom_id_key": identity.fold(wanted.custom_id),
        "given": wanted.given,
        "operation": request.operation,
        "model": request.model,
        "request": {"prompt": request.prompt, **request.parameters},
        "metadata": dict(wanted.metadata),
        "fingerprint": request.fingerprint,
    }


def _staged_id(number: int, position: int, line: int, custom_id: str) -> dict[str, Any]:
    """A row that cannot be stored still shows that another one has its id."""
    empty = {"operation": "", "model": "", "request": {}, "metadata": {}, "fingerprint": ""}
    key = identity.fold(custom_id)
    return {
        "manifest": number,
        "position": position,
        "line": line,
        "custom_id": custom_id,
        "custom_id_key": key,
        "given": True,
        **empty,
    }


def _find_repeated(session: Transaction, number: int, reading: _Reading) -> None:
    count, first = submission.repeated(session, number)
    for again in first:
        where = f"is also on line {again.first_line}"
        reading.add(again.line, Finding("custom_id", f"{again.custom_id!a} {where} (case does not tell ids apart)"))
    reading.more_problems += count - len(first)
    reading.problems.sort(key=lambda problem: problem.line)


def _store(session: Transaction, number: int, reading: _Reading, terms: Terms, now: datetime) -> Submitted:
    manifest = reading.manifest
    batch = batches.by_name(session, manifest.batch)
    path = None if manifest.path is None else str(manifest.path.resolve())
    if batch is None:
        batch = batches.create(session, manifest.batch, simulated=terms.simulated, now=now)
    elif not manifest.named and batch.manifest_path != path:
        origin = batch.manifest_path or "standard input"
        raise WrongUsage(
            f"{manifest.label}: batch {batch.name} was submitted from {origin}; "
            f"for a batch of its own give --name NEW, and if this is the same one, --name {batch.name}"
        )
    comparison = submission.compare(session, number, batch)
    if not comparison.changed.count or (terms.update and not comparison.running.count):
        if submission.store(session, number, batch, now) != comparison.changed.count:
            raise WrongUsage(
                f"{manifest.label}: changed rows are being made right now: stop that run first; nothing was stored"
            )
        batches.record_manifest(session, batch, ManifestFile(path, reading.sha256, tuple(reading.columns)))
    warnings = tuple(
        f"{manifest.label}:{line}: {message}" + (f" (and {count - 1} more rows)" if count > 1 else "")
        for message, (line, count) in reading.warnings.items()
    )
    return Submitted(batch, manifest.label, comparison, warnings)


def _refuse_same_batch(manifests: Sequence[Manifest]) -> None:
    seen: dict[str, str] = {}
    for manifest in manifests:
        key = identity.fold(manifest.batch)
        if key in seen:
            raise WrongUsage(f"{seen[key]} and {manifest.label} would both be batch {manifest.batch}; submit one with --name")
        seen[key] = manifest.label


def _refuse_problems(readings: Sequence[_Reading]) -> None:
    problems = [problem for reading in readings for problem in reading.problems]
    if not problems:
        return
    count = len(problems) + sum(reading.more_problems for reading in readings)
    told = [str(problem) for problem in problems[:MOST_SHOWN]]
    if count > len(told):
        told.append(f"... and {count - len(told):,} more")
    raise ManifestError("\n".join([*told, f"{count:,} problem{'s' if count != 1 else ''}: nothing was stored"]))


def _refuse_changes(stored: Sequence[Submitted], terms: Terms) -> None:
    """Rows that ask for something else under an id that is known are never bought without being asked for."""
    told = []
    for one in stored:
        if terms.update and one.comparison.running.count:
            told += [f"{one.manifest}: being made right now: {_some(one.comparison.running)}; stop that run first"]
        elif not terms.update and one.comparison.changed.count:
            told += [
                f"{one.manifest}: not what batch {one.batch.name} holds, by a cell, an option or a default: "
                f"{_some(one.comparison.changed)}; --update makes that again and keeps the old images in .previous/"
            ]
    if told:
        raise ManifestError("\n".join([*told, "nothing was stored"]))


def _some(listed: submission.Listed) -> str:
    names = ", ".join(listed.first) + (", ..." if listed.count > len(listed.first) else "")
    return f"{listed.count:,} row{'s' if listed.count != 1 else ''} ({names})"
