"""The short form of `make torture`."""

from collections.abc import Iterator

import pytest
from crash_points import POINTS
from postgres import Postgres

from .torture import torture

# Where a commit and a death meet.
_AT_THE_LEDGER = (
    "claimed, nothing begun",
    "marked as sent, no byte gone",
    "placed, ledger not written",
    "ledger written in part",
    "an answer of the dead found",
)


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """An empty database of a real PostgreSQL."""
    url = postgres.create()
    yield url
    postgres.drop(url)


def test_the_balance_holds_on_sqlite() -> None:
    """Killed at two random moments and at every seventh named point: all is done, all verifies, every cent is explained.

    Each point by itself is tried by the tests of the worker.
    """
    assert torture(2, list(POINTS)[::7]) == []


def test_the_balance_holds_on_postgresql(database: str) -> None:
    """The same promise on the other ledger, where a commit may outlive the worker that asked for it."""
    assert torture(1, _AT_THE_LEDGER, database=database) == []
