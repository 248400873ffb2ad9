"""What can be known of manifests without storing them and without spending: their problems, and what would be sent."""

import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from batchgen.core.manifest import Problem
from batchgen.ingest import chains
from batchgen.ingest.moderation import Asking, Moderated, moderate
from batchgen.ingest.reading import Terms, read
from batchgen.ingest.source import Manifest
from batchgen.ingest.submit import refuse_same_batch, warnings_of
from batchgen.store import links, preview, submission
from batchgen.store.engine import Database
from batchgen.store.preview import Preview
from batchgen.store.submission import Listed

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in one manifest; `more_problems` are those beyond the ones that are listed.

    `moderated` is None where nobody wanted the prompts moderated.
    """

    manifest: str
    batch: str
    rows: int
    problems: Sequence[Problem]
    more_problems: int
    warnings: Sequence[str]
    same: Listed
    first: Sequence[Preview]
    models: Sequence[tuple[str, str]]  # the provider that rows name, or nothing, and a model that they ask it for
    moderated: Moderated | None = None


async def check(manifests: Sequence[tuple[Manifest, Terms]], asking: Asking | None = None) -> list[Checked]:
    """Read manifests as `submit` does, in a place that is thrown away. Raises WrongUsage where two would be one batch.

    `asking` is whom to ask about their prompts.
    """
    refuse_same_batch([manifest for manifest, _ in manifests])
    with tempfile.TemporaryDirectory(prefix="batchgen-") as folder:
        return [await _check(Path(folder), manifest, terms, asking) for manifest, terms in manifests]


async def _check(folder: Path, manifest: Manifest, terms: Terms, asking: Asking | None) -> Checked:
    with closing(Database(f"sqlite:///{folder / 'rows.db'}")) as database, database.session() as session, session.begin():
        submission.prepare(session)
        links.prepare(session)
        reading = read(session, 0, manifest, terms)
        chains.check(session, 0, reading, None, alone=True)
        return Checked(
            manifest.given_label,
            manifest.batch,
            reading.rows,
            reading.problems,
            reading.more_problems,
            warnings_of(reading),
            preview.same_requests(session, 0),
            list(preview.first_rows(session, 0, _SHOWN)),
            preview.models(session, 0),
            None if asking is None else await moderate(session, 0, asking),
        )
