"""The short form of `make bill`."""

from .trial import QUICK, trial

ROWS = 60


def test_the_ledger_has_what_the_server_billed() -> None:
    """Models, edits, streams and nearly all faults: every attempt to the micro, unknown ones within their worst case."""
    audit = trial([f"a bear with the number {number}" for number in range(ROWS)], QUICK, runs=1)
    assert list(audit.broken()) == []
    assert min(audit.bases[basis] for basis in ("computed", "estimated", "unknown")) > 1
