"""What the rows of manifests will cost, and what of that is left where a part is made already. Nothing is stored or spent."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from batchgen.core.estimate import Tally
from batchgen.core.manifest import Problem
from batchgen.ingest import chains
from batchgen.ingest.reading import Terms, read
from batchgen.ingest.source import Manifest
from batchgen.ingest.submit import named_rows, refuse_same_batch, warnings_of
from batchgen.store import batches, links, outlook, submission
from batchgen.store.batches import Batch
from batchgen.store.engine import Database, Transaction


@dataclass(frozen=True, slots=True)
class Estimated:
    """What was found of one manifest. `left` are its rows that the batch has not made yet; None if there is no such batch.

    `more_problems` are those beyond the ones that are listed.
    """

    manifest: str
    batch: str
    problems: Sequence[Problem]
    more_problems: int
    warnings: Sequence[str]
    whole: Tally
    left: Tally | None


def estimate(manifests: Sequence[tuple[Manifest, Terms]], ledger: Database | None) -> list[Estimated]:
    """Read manifests as `submit` does, beside what the ledger holds (None: there is none).

    Raises WrongUsage where two would be one batch.
    """
    refuse_same_batch([manifest for manifest, _ in manifests])
    with _somewhere(ledger) as session, session.begin():
        submission.prepare(session)
        links.prepare(session)
        return [
            _estimate(session, number, manifest, terms, is_known=ledger is not None)
            for number, (manifest, terms) in enumerate(manifests)
        ]


@contextmanager
def _somewhere(ledger: Database | None) -> Iterator[Transaction]:
    """A session with temporary tables: of the ledger, so that rows can be held against it, else one that is thrown away."""
    if ledger is not None:
        with ledger.session() as session:
            yield session
        return
    with (
        tempfile.TemporaryDirectory(prefix="batchgen-") as folder,
        closing(Database(f"sqlite:///{Path(folder) / 'rows.db'}")) as database,
        database.session() as session,
    ):
        yield session


def _estimate(session: Transaction, number: int, manifest: Manifest, terms: Terms, *, is_known: bool) -> Estimated:
    batch = batches.by_name(session, manifest.batch) if is_known else None
    reading = read(session, number, manifest, terms)
    chains.check(session, number, reading, batch, alone=not is_known)
    whole, made, left = (Tally(terms.catalog) for _ in range(3))
    for request, provider, is_made in outlook.staged_rows(session, number, batch):
        (made if is_made else left).add(request, provider or terms.provider)
    whole.merge(made)
    whole.merge(left)
    warnings = [*warnings_of(reading), *(_changes(session, number, manifest, batch) if batch and not terms.update else ())]
    told = (reading.problems, reading.more_problems, warnings)
    return Estimated(manifest.given_label, manifest.batch, *told, whole, left if batch else None)


def _changes(session: Transaction, number: int, manifest: Manifest, batch: Batch) -> Iterator[str]:
    """What a run would refuse without a word."""
    changed = submission.compare(session, number, batch).changed
    if changed.count:
        rows = named_rows(changed)
        yield f"{manifest.label}: not what batch {batch.name} holds: {rows}; only with --update a run makes that again"
