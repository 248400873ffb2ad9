"""The books that are compared: the ledger, read past the program, the server's log of what it billed, and what was on disk."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tariff
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

# What leaves one image of a request unmade.
_ONE_LESS = frozenset({"fewer", "stream_error"})


@dataclass(frozen=True, slots=True)
class Attempt:
    """As it stands in the ledger. `cost` is None where it is not known, `images` how many artifacts came of it.

    `tokens` are those of the input's text and images and of the output, `request_id` is the server's word for it.
    """

    job_id: int
    worker: str
    outcome: str | None
    error_code: str | None
    cost: int | None
    at_most: int
    images: int
    basis: str | None
    request_id: str | None
    tokens: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the server saw it. `images` were made and billed, `delivered` are those it sent whole.

    `cost` is that of its `tokens` by the tariff, and not by the prices of the program.
    """

    label: str
    prompt: str
    fate: str
    cost: int
    images: int
    delivered: int
    request_id: str
    tokens: tuple[int, ...]

    @property
    def billed(self) -> bool:
        """Whether any image was made."""
        return self.images > 0


class Ledger:
    """Reads only."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        if parsed.get_backend_name() == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        self._engine = create_engine(parsed)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def jobs(self, state: str = "%") -> int:
        """How many there are."""
        (row,) = self._ask("SELECT count(*) AS n FROM jobs WHERE state LIKE :state", state=state)
        return int(row.n)

    def attempts(self) -> dict[str, Attempt]:
        """Every attempt by the label that went with its request."""
        rows = self._ask(
            "SELECT a.job_id, a.number, a.worker, a.outcome, a.error_code, a.cost_micros, a.reserved_micros,"
            " (SELECT count(*) FROM artifacts f WHERE f.job_id = a.job_id AND f.attempt = a.number) AS images,"
            " a.cost_basis, a.provider_request_id, a.input_text_tokens, a.input_image_tokens, a.output_tokens FROM attempts a"
        )
        return {f"batchgen-{row[0]}-{row[1]}": Attempt(row[0], *row[2:10], tuple(row[10:])) for row in rows}

    def images(self) -> dict[str, int]:
        """How many images each job has, by custom_id."""
        rows = self._ask(
            "SELECT j.custom_id, (SELECT count(*) FROM artifacts f WHERE f.job_id = j.id AND f.replaced_at IS NULL) FROM jobs j"
        )
        return {row[0]: row[1] for row in rows}

    def _ask(self, query: str, **values: Any) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(text(query), values).all())


def log_of(path: Path) -> list[Asked]:
    """What the server wrote down, in its order."""
    return [_asked(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def _asked(line: dict[str, Any]) -> Asked:
    fate = line["outcome"] if line["status"] in (None, 200) else str(line["status"])
    made = line["n"] - (fate in _ONE_LESS) if line["billed"] else 0
    delivered = made if fate in ("succeeded", "fewer") else 0
    tokens = tuple(line[name] for name in ("input_text_tokens", "input_image_tokens", "output_tokens"))
    told = (line["request_id"], tokens)
    return Asked(line["client_request_id"], line["prompt"], fate, tariff.bill(line), made, delivered, *told)


def safe_answers(root: Path) -> set[str]:
    """The labels of answers that are whole on disk and that the ledger may not know yet; one on its way may be missed."""
    desks = root.parent / f".{root.name}.answers"
    # A walk passes over what a worker that still runs removes meanwhile.
    journals = [Path(place) / name for place, _, names in os.walk(desks) for name in names if name.endswith(".answers")]
    return {label for journal in journals for line in _lines(journal) if (label := _safe(line, journal, root))}


def _lines(journal: Path) -> list[bytes]:
    """Whole ones only: the last one may be on its way, or torn."""
    try:
        return journal.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []  # all of it settled in this moment


def _safe(line: bytes, journal: Path, root: Path) -> str | None:
    told = json.loads(line)
    name = f"{told['job_id']}-{told['attempt']}"
    places = [
        (journal.with_name(f"{name}-{image['ordinal']}.part"), root / image["path"], image["sha256"])
        for image in told["images"]
    ]
    # By their hashes: where an image was not wanted, that of another attempt lies in its place.
    whole = all(sha256 in (_hash(part), _hash(placed)) for part, placed, sha256 in places)
    return f"batchgen-{name}" if whole else None


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""
