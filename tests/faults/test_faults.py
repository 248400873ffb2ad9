"""Every fault becomes what the table of cases says, and the page shows just that table."""

import asyncio
from pathlib import Path

import pytest

from .case import Case
from .cases import CASES
from .page import render
from .trial import disagreements, put_to_trial

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
_ALL = [case for cases in CASES.values() for case in cases]


@pytest.mark.parametrize("case", _ALL, ids=lambda case: case.fault)
def test_a_fault_becomes_its_row(case: Case, tmp_path: Path) -> None:
    """Outcomes, job, exit code, requests and money are those of the table."""
    assert disagreements(case, asyncio.run(put_to_trial(case, tmp_path))) == []


def test_no_two_cases_have_one_name() -> None:
    """A row of the page is found by its fault."""
    assert len({case.fault for case in _ALL}) == len(_ALL)


def test_the_page_is_not_stale() -> None:
    """The committed page is what the table of cases makes of it."""
    assert _PAGE.read_text(encoding="utf-8") == render(lambda case: case.becomes)
