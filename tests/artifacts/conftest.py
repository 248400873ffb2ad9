"""A storage root."""

import pytest


@pytest.fixture
def root(tmp_path):
    """Where finished images go; it is not there yet."""
    return tmp_path / "images"
