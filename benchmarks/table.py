"""Figures beside their targets, as a table, and the file that keeps the tables of all parts."""

import os
import platform
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_HEAD = "# Results of `make bench`\n\nEvery figure is the median of its rounds, with the least and the most beside it.\n"
_COLUMNS = "| measure | median | from .. to | target | reached |\n|---|---|---|---|---|\n"
_SECTION = re.compile(r"^## (\w+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A bound that is reached from above."""

    bound: float


@dataclass(frozen=True, slots=True)
class AtMost:
    """A bound that is reached from below."""

    bound: float


@dataclass(frozen=True, slots=True)
class Line:
    """One measure, a value a round. `form` shows a value; without a target it is only told."""

    measure: str
    values: Sequence[float]
    form: str = "{:.2f}"
    target: AtLeast | AtMost | None = None

    def text(self) -> str:
        """As a row."""
        middle = statistics.median(self.values)
        shown = [self.form.format(value) for value in (middle, min(self.values), max(self.values))]
        spread = f"{shown[1]} .. {shown[2]}" if len(self.values) > 1 else ""
        if self.target is None:
            return f"| {self.measure} | {shown[0]} | {spread} | | |\n"
        is_least = isinstance(self.target, AtLeast)
        reached = middle >= self.target.bound if is_least else middle <= self.target.bound
        bound = f"{'at least' if is_least else 'at most'} {self.form.format(self.target.bound)}"
        return f"| {self.measure} | {shown[0]} | {spread} | {bound} | {'yes' if reached else '**no**'} |\n"


def ratios(mine: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Round by round: what disturbs the machine for a while disturbs both."""
    return [one / other for one, other in zip(mine, theirs, strict=True)]


def render(lines: Sequence[Line]) -> str:
    """One part's table, with the machine it was measured on."""
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"
    rounds = max(len(line.values) for line in lines)
    return f"{machine}; {rounds} round{'s' if rounds > 1 else ''}.\n\n{_COLUMNS}{''.join(line.text() for line in lines)}"


def keep(path: Path, fresh: Mapping[str, str], order: Sequence[str]) -> None:
    """Put the tables of parts into the file; parts that were not measured again stay as they are."""
    _, *old = _SECTION.split(path.read_text(encoding="utf-8")) if path.exists() else [""]
    sections = {**dict(zip(old[::2], old[1::2], strict=True)), **fresh}
    texts = [f"\n## {part}\n\n{sections[part].strip()}\n" for part in order if part in sections]
    path.write_text(_HEAD + "".join(texts), encoding="utf-8")
