"""The short form of `make caps`."""

import pytest
from postgres import Postgres

from .trial import FAULTS, Midnight, trial


@pytest.mark.parametrize("faults", ["", FAULTS], ids=["without faults", "with faults"])
def test_four_processes_use_a_cap_and_never_pass_it(postgres: Postgres, faults: str) -> None:
    """One PostgreSQL, thirty cents a day: the server bills no more, and without faults more than nine tenths of it."""
    url = postgres.create()
    try:
        found = list(trial(url, faults, cap_cents=30).broken(faults))
    except Midnight:
        pytest.skip("the day has turned meanwhile")
    finally:
        postgres.drop(url)
    assert found == []
