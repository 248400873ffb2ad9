"""The input images that rows name: each is opened and checked before anything is stored, and once for all rows that use it."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from batchgen.artifacts.image import NotAnImage
from batchgen.artifacts.looking import look_at_data_url, look_at_file
from batchgen.core import inputs
from batchgen.core.assembly import Wanted
from batchgen.core.inputs import Facts, Reference
from batchgen.core.parameters import Finding
from batchgen.core.request import IMAGE, Input

# So many are remembered: a row of a million may well name a file of its own.
_MOST_REMEMBERED = 4096
# A shop's own column of pictures is called like ours.
_OWN = "a path is relative to the manifest, and a column that is your own is left alone by --column image="


class InputFiles:
    """The files of one manifest; paths are relative to its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._look = lru_cache(maxsize=_MOST_REMEMBERED)(_look)

    def looked_at(self, wanted: Wanted, *, within_json: bool = False) -> tuple[Wanted, tuple[Finding, ...]]:
        """The row with what its images are, or what is wrong with them; `within_json` none is sent as a file."""
        found: list[Facts | str | None] = [self._facts(named) for named in wanted.named]
        within_json = within_json or any(named.is_link for named in wanted.named)
        images = [facts for named, facts in zip(wanted.named, found, strict=True) if named.role == IMAGE]
        first = images[0] if images and isinstance(images[0], Facts) else None
        findings = []
        for named, facts in zip(wanted.named, found, strict=True):
            fault = facts if isinstance(facts, str) else facts and _fault(named, facts, first, within_json=within_json)
            if fault:
                findings.append(Finding(named.column, f"{_shown(named)} {fault}"))
        if findings:
            return wanted, tuple(findings)
        doubts = [
            f"{named.column}: {_shown(named)} {doubt}"
            for named, facts in zip(wanted.named, found, strict=True)
            if isinstance(facts, Facts) and (doubt := inputs.doubtful(named, facts))
        ]
        request = replace(wanted.request, inputs=self._inputs(wanted.named, found))
        return replace(wanted, request=request, doubts=tuple(doubts)), ()

    def _facts(self, named: Reference) -> Facts | str | None:
        """What an image is, why it cannot be read, or None for a link, which the API opens, and for what is not made yet."""
        if named.is_data:
            try:
                return look_at_data_url(named.source)
            except NotAnImage as error:
                return str(error)
        return self._look(self._folder, named.source) if named.is_file else None

    def _inputs(self, named: Sequence[Reference], found: Sequence[Facts | str | None]) -> tuple[Input, ...]:
        told = []
        for one, facts in zip(named, found, strict=True):
            source = str(self._folder / one.source) if one.is_file else one.source
            if isinstance(facts, Facts):
                told.append(Input(one.role, source, facts.sha256, facts.media_type, facts.width, facts.height, facts.bytes))
            else:
                # Of a result the hash is told anew when all rows are read (`ingest/chains.py`).
                told.append(Input(one.role, source, hashlib.sha256(source.encode()).hexdigest()))
        return tuple(told)


def _look(folder: Path, name: str) -> Facts | str:
    path = folder / name
    try:
        if not path.is_file():
            return "is not a file" if path.exists() else _not_there(folder, name)
        return look_at_file(path)
    except NotAnImage as error:
        return str(error)
    except (OSError, ValueError) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or error}"


def _not_there(folder: Path, name: str) -> str:
    parts = [part.strip() for part in name.split(",")]
    is_list = len(parts) > 1 and all((folder / part).is_file() for part in parts)
    return f"is not there; several are parted by ;, as in {';'.join(parts)}" if is_list else f"is not there; {_OWN}"


def _fault(named: Reference, facts: Facts, first: Facts | None, *, within_json: bool) -> str:
    return inputs.unfit(named, facts, first) or (inputs.within_json(facts) if within_json and named.is_file else "")


def _shown(named: Reference) -> str:
    return named.source if named.is_file else f"{named.source[:40]}..."
