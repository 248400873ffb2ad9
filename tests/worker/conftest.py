"""Benches for pools."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from worker_bench import Bench, empty_ledger


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with its tables, made once."""
    return empty_ledger(tmp_path_factory.mktemp("ledger"))


@pytest.fixture
def bench(tmp_path: Path, empty: Path) -> Iterator[Bench]:
    """A folder with a ledger of its own."""
    made = Bench.new(tmp_path, empty)
    yield made
    made.close()
