"""Manifests become batches: all of them or none."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from batchgen.core import identity, translation
from batchgen.core.manifest import Problem
from batchgen.errors import ManifestError, NotAgreed, WrongUsage
from batchgen.ingest import chains, held
from batchgen.ingest.reading import Reading, Terms, read
from batchgen.ingest.source import Manifest
from batchgen.store import batches, linking, links, submission
from batchgen.store.batches import Batch, ManifestFile
from batchgen.store.engine import Database, Transaction, begin_to_write
from batchgen.store.submission import Comparison, Listed

# So many problems are told in full, and so many at least by their places.
_MOST_IN_FULL = 50
_MOST_PLACES = 250
_NOTHING_STORED = "nothing was stored"


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of one manifest. `warnings` are what the API may refuse.

    `made_from` are rows that are done, and are to be made again because what they were made from is. `moved_from` is who made
    the rest until now, where that is somebody else; `rerouted` are jobs not made yet whose own provider is another one now.
    `left` are done, were made from rows that are to be made again, and stay as they are, since the file does not have them.
    """

    batch: Batch
    manifest: str
    comparison: Comparison
    warnings: tuple[str, ...]
    made_from: Listed
    moved_from: str
    rerouted: Listed
    left: Listed


def submit(
    database: Database,
    orders: Sequence[tuple[Manifest, Terms]],
    now: datetime,
    allow: Callable[[Collection[str]], None] = lambda _providers: None,
) -> list[Submitted]:
    """Store every manifest on its terms as a batch, or none of them. Raises ManifestError with all problems of all files.

    It is NotAgreed where all that is missing is somebody's word that what was made from changed rows is to be made again, too.
    `allow` is asked, before anything is stored, about the providers that the rows name, and may raise.
    """
    refuse_same_batch([manifest for manifest, _ in orders])
    with database.session() as session:
        with session.begin():
            submission.prepare(session)
            links.prepare(session)
            readings = [read(session, number, manifest, terms) for number, (manifest, terms) in enumerate(orders)]
            for number, reading in enumerate(readings):
                chains.check(session, number, reading, batches.by_name(session, reading.manifest.batch))
        _refuse_problems(readings)
        allow({word for reading in readings for word in reading.providers})
        begin_to_write(session)
        with session.begin():
            submission.alone(session)
            stored = [_store(session, number, reading, orders[number][1], now) for number, reading in enumerate(readings)]
            _refuse_changes(stored, [terms for _, terms in orders])
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


def _store(session: Transaction, number: int, reading: Reading, terms: Terms, now: datetime) -> Submitted:
    manifest = reading.manifest
    batch = batches.by_name(session, manifest.batch)
    path = None if manifest.given is None else str(manifest.given.resolve())
    if batch is None:
        batch = batches.create(session, manifest.batch, simulated=terms.simulated, now=now)
    elif not manifest.named and batch.manifest_path != path:
        origin = batch.manifest_path or "standard input"
        raise WrongUsage(
            f"{manifest.given_label}: batch {batch.name} was submitted from {origin}; "
            f"for a batch of its own give --name NEW, and if this is the same one, --name {batch.name}"
        )
    elif not terms.is_chosen and batch.provider not in ("", terms.provider):
        # It would be made, and paid for, somewhere else than it was begun.
        raise WrongUsage(
            f"{manifest.given_label}: batch {batch.name} was given to {batch.provider}, and the settings say {terms.provider}; "
            f"say --provider {batch.provider}, or --provider {terms.provider} to have the rest made there"
        )
    comparison = submission.compare(session, number, batch)
    made_from = linking.made_from_changed(session, number, batch) if reading.links else Listed(0, ())
    was, rerouted, left = batch.provider, submission.rerouted(session, number, batch), Listed(0, ())
    if not comparison.changed.count or (terms.update and not comparison.running.count):
        if submission.store(session, number, batch, now) != comparison.changed.count:
            raise WrongUsage(
                f"{manifest.given_label}: changed rows are being made right now: stop that run first; nothing was stored"
            )
        linking.connect(session, number, batch, now)
        left = _follow(session, number, manifest, batch) if comparison.changed.count else left
        batch = batches.give(session, batch, terms.provider)
        batches.record_manifest(session, batch, ManifestFile(path, reading.sha256, tuple(reading.columns)))
    moved_from = was if was != batch.provider else ""
    return Submitted(batch, manifest.given_label, comparison, warnings_of(reading), made_from, moved_from, rerouted, left)


def _follow(session: Transaction, number: int, manifest: Manifest, batch: Batch) -> Listed:
    """Let jobs follow that the manifest does not have. Raises ManifestError where one could not be made any more."""
    followed = held.follow(session, number, batch)
    if followed.unfit:
        remedy = "is not in this file: bring its row along, or cancel it first"
        told = [
            f"{manifest.label}: batch {batch.name}: {name} takes {words}; {name} {remedy}"
            for name, words in followed.unfit[:_MOST_IN_FULL]
        ]
        more = len(followed.unfit) - len(told)
        raise ManifestError("\n".join([*told, *([f"... and {more:,} more"] if more else []), _NOTHING_STORED]))
    return followed.listed


def warnings_of(reading: Reading) -> tuple[str, ...]:
    """What the API may refuse of a manifest, each with the first line that it is about."""
    return tuple(
        f"{reading.manifest.label}:{line}: {message}" + (f" (and {count - 1} more rows)" if count > 1 else "")
        for message, (line, count) in reading.warnings.items()
    )


def refuse_same_batch(manifests: Sequence[Manifest]) -> None:
    """Raises WrongUsage where two manifests would be one batch."""
    seen: dict[str, str] = {}
    for manifest in manifests:
        key = identity.fold(manifest.batch)
        if key in seen:
            both = f"{seen[key]} and {manifest.given_label} would both be batch {manifest.batch}"
            raise WrongUsage(f"{both}; submit one with --name")
        seen[key] = manifest.given_label


def _refuse_problems(readings: Sequence[Reading]) -> None:
    problems = [problem for reading in readings for problem in reading.problems]
    if not problems:
        return
    count = len(problems) + sum(reading.more_problems for reading in readings)
    told = [str(problem) for problem in problems[:_MOST_IN_FULL]]
    places = [_place(problem) for problem in problems[_MOST_IN_FULL:_MOST_PLACES]]
    if places:
        further = ", ..." if count > _MOST_PLACES else ""
        told.append(f"... and {count - len(told):,} more: {', '.join(places)}{further}")
    told += filter(None, [translation.hint((problem.field, problem.message) for problem in problems)])
    raise ManifestError("\n".join([*told, f"{count:,} problem{'s' if count != 1 else ''}: nothing was stored"]))


def _place(problem: Problem) -> str:
    place = f"{problem.file}:{problem.line}"
    return f"{place} ({problem.field})" if problem.field else place


def _refuse_changes(stored: Sequence[Submitted], terms: Sequence[Terms]) -> None:
    """Rows that ask for something else under an id that is known are never bought without being asked for."""
    told = []
    for one, its_terms in zip(stored, terms, strict=True):
        if its_terms.update and one.comparison.running.count:
            told += [f"{one.manifest}: being made right now: {named_rows(one.comparison.running)}; stop that run first"]
        elif not its_terms.update and one.comparison.changed.count:
            told += [
                f"{one.manifest}: not what batch {one.batch.name} holds, by a cell, an option, a default or a job file: "
                f"{named_rows(one.comparison.changed)}; --update makes that again and keeps the old images in .previous/"
            ]
    if told:
        raise ManifestError("\n".join([*told, _NOTHING_STORED]))
    asked = [
        f"{one.manifest}: made from rows that have changed: {named_rows(one.made_from)}"
        for one, its_terms in zip(stored, terms, strict=True)
        if one.made_from.count and not its_terms.children
    ]
    if asked:
        told = [f"{line}; --yes makes that again, too" for line in asked]
        raise NotAgreed("\n".join([*told, _NOTHING_STORED]), "\n".join(asked))


def named_rows(listed: Listed) -> str:
    """How many rows, and the first of them by name."""
    names = ", ".join(listed.first) + (", ..." if listed.count > len(listed.first) else "")
    return f"{listed.count:,} row{'s' if listed.count != 1 else ''} ({names})"
