"""The short form of `make torture`."""

from .torture import main


def test_the_balance_holds_after_some_kills() -> None:
    """Two workers killed eight times at random moments: all is done, all verifies, every cent is explained."""
    assert main(8, None) == 0
