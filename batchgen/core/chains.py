"""Chains: an input that is the result of another row, `@hero` or `@hero#2` for its second image.

What comes back for a row depends on what its parent was asked for, so a parent's fingerprint is part of its children's.
"""

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from batchgen.core import identity
from batchgen.core.request import RESULT

_ORDINAL_APART = "#"  # no custom_id holds it
_MOST_DIGITS = 3
# Names that a message about a circle tells; the others are left out in its middle.
_MOST_TOLD = 6
# Similarity of difflib from which on an id may be a misspelt one: two letters of four that changed places.
_NEAR = 0.7


@dataclass(frozen=True, slots=True)
class Parent:
    """The row whose result is meant, by its custom_id, and which of its images, from 1."""

    custom_id: str
    ordinal: int

    @property
    def key(self) -> str:
        """The id in the form in which ids are compared."""
        return identity.fold(self.custom_id)

    def digest(self, fingerprint: str) -> str:
        """What stands for the image before it is made: which one it is, and all that decides what comes back."""
        return hashlib.sha256(f"{self.key}{_ORDINAL_APART}{self.ordinal} {fingerprint}".encode()).hexdigest()


def parent(source: str) -> Parent | str:
    """Whose result a source names, or why it names none."""
    name, apart, number = source.removeprefix(RESULT).partition(_ORDINAL_APART)
    fault = identity.fault(name)
    if fault:
        return f"{name[:40]!a} {fault}, so it is no custom_id; a file of that name is written ./{source[:40]}"
    if not apart:
        return Parent(name, 1)
    is_number = number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS and int(number) > 0
    return Parent(name, int(number)) if is_number else f"write {RESULT}{name}#2 for its second image"


def meant(source: str, wanted: Parent, names: Mapping[str, str]) -> str:
    """The question whether another row is meant by a source, empty if none is near; `names` are custom_ids by their keys."""
    near = difflib.get_close_matches(wanted.key, names, n=1, cutoff=_NEAR)
    apart = source.partition(_ORDINAL_APART)
    return f"do you mean {RESULT}{names[near[0]]}{apart[1]}{apart[2]}?" if near else ""


def unfit_parent(wanted: Parent, images: int, output_format: str) -> str:
    """Why a row that makes so many images in that format cannot give the one that is wanted; empty if it can."""
    if output_format in ("gif", "svg"):
        return f"{wanted.custom_id} makes {output_format}, and the API takes PNG, WebP and JPEG: give it another output_format"
    if wanted.ordinal > images:
        makes = f"{images} image" + ("s" if images > 1 else "")
        return f"{wanted.custom_id} makes {makes}: name one of them, or raise its n"
    return ""


def circle(names: Sequence[str]) -> str:
    """What is said of rows each of which needs the next one, and the last one the first."""
    told = names if len(names) <= _MOST_TOLD else [*names[: _MOST_TOLD - 1], "...", names[-1]]
    if len(names) == 1:
        return f"{RESULT}{names[0]} is this row itself: name another one, or a file"
    return f"goes in a circle ({' needs '.join([*told, names[0]])}): let one of them begin without the others"
