"""Input images of a request: what a row names, what they were found to be, and what the API takes. Nothing is opened here.

A row names them in the columns `image` (several by `;` or as a JSON array) or `image_1`, `image_2`, ..., `mask` and `markup`,
as paths, http(s) links or data URLs; an image also as the result of another row, `@hero`. Source of the rules: the vendor's
SDK 3.52.0 and its OpenAPI text of 2026-08.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import msgspec

from batchgen.core import chains
from batchgen.core.catalog import Model
from batchgen.core.fields import INPUT_COLUMNS
from batchgen.core.parameters import LEFT_OPEN, Finding
from batchgen.core.request import IMAGE, MARKUP, MASK, Input, Request, Sourced, Value

_MOST_IMAGES = 16
_APART = ";"
_DATA = "data:"

# What the API takes in a JSON body instead of a file (reference 1.2).
_MOST_LINK_CHARACTERS = 20_971_520
_MOST_FILE_BYTES = 50 * 1024 * 1024
_MOST_MASK_BYTES = 4 * 1024 * 1024
_MEDIA_TYPES = {"image/png": "PNG", "image/webp": "WebP", "image/jpeg": "JPEG"}


@dataclass(frozen=True, slots=True)
class Reference(Sourced):
    """An input image as a row names it, and the column that does."""

    column: str
    source: str

    @property
    def role(self) -> str:
        """`image`, `mask` or `markup`."""
        return self.column if self.column in (MASK, MARKUP) else IMAGE

    @property
    def is_data(self) -> bool:
        """Whether it stands in the manifest itself."""
        return self.source.startswith(_DATA)


class Facts(msgspec.Struct, frozen=True):
    """What an image file is. Edges are pixels as it is seen, turned by its EXIF orientation."""

    media_type: str
    width: int
    height: int
    bytes: int
    sha256: str
    has_alpha: bool
    is_see_through: bool  # it has pixels that are not wholly opaque


def references(cells: Mapping[str, Value]) -> tuple[list[Reference], list[Finding]]:
    """The input images that a row names, in their order, and what is wrong with how it does."""
    named: list[Reference] = []
    findings: list[Finding] = []
    if cells.keys().isdisjoint(INPUT_COLUMNS):
        return named, findings
    for column in INPUT_COLUMNS:
        if column not in cells:
            continue
        texts = _texts(str(cells[column]))
        if texts is None:
            findings.append(Finding(column, 'is no list of images: write a;b, or a JSON array like ["a.png", "b.png"]'))
            continue
        named += [Reference(column, text) for text in texts]
    findings += [finding for one in named for finding in _unusable(one)]
    images = [one for one in named if one.role == IMAGE]
    if len(images) > _MOST_IMAGES:
        findings.append(Finding(IMAGE, f"names {len(images)} images: {_MOST_IMAGES} are the most"))
    for role in (MASK, MARKUP):
        count = sum(one.role == role for one in named)
        if count > 1:
            findings.append(Finding(role, f"names {count} images: there is one {role}"))
        if count and not images:
            findings.append(Finding(role, "needs an image to lie on: name it in the column image"))
    return named, findings


def _texts(cell: str) -> list[str] | None:
    """The images in one cell, or None for a list that is none."""
    if cell.lstrip().startswith("["):
        try:
            listed = json.loads(cell)
        except (json.JSONDecodeError, RecursionError):
            return None
        is_list = isinstance(listed, list) and all(isinstance(text, str) and text.strip() for text in listed)
        return [text.strip() for text in listed] if is_list else None
    # A data URL has the sign that tells several images apart in itself.
    parts = [cell] if cell.lstrip().startswith(_DATA) else cell.split(_APART)
    return [part.strip() for part in parts if part.strip()]


def joined(texts: Sequence[str]) -> str:
    """Several images in one cell, as `references` takes them apart again."""
    is_plain = all(_APART not in text and not text.startswith("[") for text in texts)
    return _APART.join(texts) if is_plain else json.dumps(list(texts), ensure_ascii=False)


def anchored(cell: str, folder: PurePath) -> str:
    """The images of a cell with their paths below a folder; what cannot be read stays as it is, to be told with each row."""
    named = [Reference(IMAGE, text) for text in _texts(cell) or ()]
    return joined([str(folder / one.source) if one.is_file else one.source for one in named]) if named else cell


def _unusable(named: Reference) -> Iterator[Finding]:
    if named.is_result:
        parent = chains.parent(named.source)
        if named.role != IMAGE:
            # No model is certain to make one that fits, and it would be found out when all before it has been paid for.
            yield Finding(
                named.column, f"{named.source[:60]}: a {named.role} is a file that you draw; only an image can be a result"
            )
        elif isinstance(parent, str):
            yield Finding(named.column, f"{named.source[:60]}: {parent}")
    elif named.is_data and not named.source.startswith(tuple(f"data:{kind};base64," for kind in _MEDIA_TYPES)):
        yield Finding(named.column, "a data URL must begin with data:image/png;base64, (or jpeg, webp)")
    elif len(named.source) > _MOST_LINK_CHARACTERS:
        yield Finding(named.column, f"has {len(named.source):,} characters: the API takes {_MOST_LINK_CHARACTERS:,} at most")


def unfit(named: Reference, facts: Facts, first: Facts | None) -> str:
    """Why a file cannot be this input, with the way out; empty if it can. `first` is the first image, where it is a file."""
    if facts.media_type not in _MEDIA_TYPES:
        return f"is {facts.media_type}: the API takes PNG, WebP and JPEG"
    if named.role == IMAGE:
        return _too_large(facts.bytes, _MOST_FILE_BYTES, "save it smaller")
    if facts.media_type != "image/png":
        return f"is {_MEDIA_TYPES[facts.media_type]}: a {named.role} is a PNG with alpha"
    if not facts.has_alpha:
        return "has no alpha channel: make transparent what is to be changed, and save it as PNG with alpha"
    if named.role == MARKUP and not facts.is_see_through:
        return "has no transparent pixels: it would hide the image it lies on"
    other = first and _another_size((facts.width, facts.height), (first.width, first.height))
    return other or _too_large(facts.bytes, _MOST_MASK_BYTES, "save it smaller")


def doubtful(named: Reference, facts: Facts) -> str:
    """What a file can be, and hardly is meant to; empty for any other."""
    if named.role != MASK or facts.is_see_through:
        return ""
    return "has no transparent pixels, so that it marks nothing: make transparent what is to be changed"


def as_data_url(media_type: str, base64: str) -> str:
    """An image as it stands in a JSON body."""
    return f"data:{media_type};base64,{base64}"


def within_json(facts: Facts) -> str:
    """Why a file cannot stand in a body of JSON, as it must beside a link or where there is no form. Empty if it can."""
    characters = len(as_data_url(facts.media_type, "")) + -(-facts.bytes // 3) * 4
    if characters <= _MOST_LINK_CHARACTERS:
        return ""
    return f"has {facts.bytes:,} bytes: beside a link, as in any body of JSON, 15 million are the most; save it smaller"


def unfit_results(inputs: Sequence[Input], *, as_json: bool) -> str:
    """Why an edit cannot be sent now that its parents are made; empty if it can. Files were checked when submitted.

    With `as_json` none goes as a file, and neither does any beside a link.
    """
    as_json = as_json or any(one.is_link for one in inputs)
    first = next(one for one in inputs if one.role == IMAGE)
    for one in inputs:
        if one.is_result and one.path is None:
            return f"{one.source}: there is no such image any more"
        if one.is_result:
            facts = Facts(one.media_type or "", one.width or 0, one.height or 0, one.bytes or 0, one.sha256, False, False)
            fault = unfit(Reference(one.role, one.source), facts, None) or (within_json(facts) if as_json else "")
        elif one.role != IMAGE and first.is_result and one.width is not None:
            fault = _another_size((one.width, one.height), (first.width, first.height))
        else:
            continue
        if fault:
            return f"{one.source} {fault}"
    return ""


def _another_size(edges: tuple[int | None, int | None], first: tuple[int | None, int | None]) -> str:
    if edges == first:
        return ""
    return f"is {edges[0]}x{edges[1]} and the first image {first[0]}x{first[1]}: make it the same size"


def _too_large(size: int, most: int, remedy: str) -> str:
    return f"has {size:,} bytes, and fewer than {most:,} are taken: {remedy}" if size >= most else ""


def problems(entry: Model | None, parameters: Mapping[str, Value], roles: Collection[str]) -> tuple[Finding, ...]:
    """What a model is certain to refuse of a request with inputs in these roles; None is an unknown one."""
    found = []
    if "input_fidelity" in parameters and not roles:
        found.append(Finding("input_fidelity", "only goes with input images: name them in the column image"))
    elif entry is not None and "input_fidelity" in parameters and entry.fidelities is not None:
        found += _fidelity(entry.name, entry.fidelities, str(parameters["input_fidelity"]))
    if MARKUP in roles and MASK in roles:
        found.append(Finding(MARKUP, "does not go together with a mask: leave one of them out"))
    if MARKUP in roles and entry is not None and entry.takes_markup is False:
        found.append(Finding(MARKUP, f"{entry.name} does not take it; the 2.5 and 2.6 models do"))
    if parameters.get("output_format") == "gif" and MASK in roles:
        found.append(Finding(MASK, "does not go with output_format gif"))
    return tuple(found)


def warnings(entry: Model | None, request: Request) -> tuple[Finding, ...]:
    """What may be refused of an edit: the vendor's documents are silent. An unknown model is warned of as a whole."""
    if entry is None or not request.inputs:
        return ()
    is_form = all(one.is_file for one in request.inputs)
    is_marked = any(one.role == MARKUP for one in request.inputs)
    doubtful = [
        ("moderation", "moderation may be refused beside input files", is_form and "moderation" in request.parameters),
        (MARKUP, f"{MARKUP} may be refused beside a link", is_marked and not is_form),
        (MARKUP, f"{MARKUP} may be refused by {entry.name}", is_marked and entry.takes_markup is None),
    ]
    return tuple(Finding(field, f"{words}: {LEFT_OPEN}") for field, words, is_so in doubtful if is_so)


def _fidelity(model: str, allowed: Sequence[str], value: str) -> Iterator[Finding]:
    if not allowed:
        yield Finding("input_fidelity", f"{model} always keeps close to its inputs: leave it out")
    elif value not in allowed:
        yield Finding("input_fidelity", f"{value}: {model} takes {', '.join(allowed)}")
