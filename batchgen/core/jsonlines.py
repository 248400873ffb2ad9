"""JSONL: flat objects with the columns as keys, or lines in the form of the vendor's Batch API."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NoReturn

from batchgen.core import fields, tutorials
from batchgen.core.fields import CUSTOM_ID, NO_WORDS, PROVIDER, Words
from batchgen.core.inputs import joined
from batchgen.core.manifest import MOST_ROW_CHARACTERS, Row, Unreadable, typed
from batchgen.core.nesting import unfolded
from batchgen.core.parameters import Finding
from batchgen.core.request import EDIT, GENERATE, IMAGE, MASK, Value

_OPERATIONS = {"/v1/images/generations": GENERATE, "/v1/images/edits": EDIT}
# What a body calls input images, and our columns.
_BODY_INPUTS = {"images": IMAGE, "mask": MASK}
_BATCH_KEYS = frozenset({CUSTOM_ID, "method", "url", "body"})
# Fields of ours that are no part of it.
_BESIDE_A_BODY = (CUSTOM_ID, PROVIDER)


def rows(lines: Iterable[str], mapping: Mapping[str, str], words: Words = NO_WORDS) -> Iterator[Row]:
    """One row a line; blank lines do not count. What is wrong with a line is among its findings.

    `mapping` and `words` are those of `fields.match`.
    """
    by_keys = lru_cache(maxsize=256)(lambda keys: fields.match(keys, _present(mapping, keys), words))
    empty = True
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        empty = False
        yield _row(number, text, by_keys, words)
    if empty:
        raise Unreadable(0, "is empty")


def _row(number: int, text: str, by_keys: Any, words: Words) -> Row:
    if len(text) > MOST_ROW_CHARACTERS:
        return _refused(number, f"has more than {MOST_ROW_CHARACTERS:,} characters")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        return _refused(number, f"is not JSON: {error.msg} at character {error.pos + 1}")
    except RecursionError:
        return _refused(number, "is nested too deeply")
    except ValueError as error:
        return _refused(number, f"is not JSON that can be used: {error}")
    if not isinstance(value, dict):
        return _refused(number, 'must be an object in braces, like {"prompt": "a red bicycle"}')
    if value.keys() >= _BATCH_KEYS or isinstance(value.get("body"), dict):
        return _batch_row(number, value, (*fields.REQUEST_FIELDS, *words.among(value)))
    value = unfolded(value)
    columns: fields.Columns = by_keys(tuple(value))
    keys = list(value)
    findings = list(columns.findings)
    cells = {field: _list_of_images(field, value[keys[index]]) for field, index in columns.fields}
    metadata = {name: value[keys[index]] for name, index in columns.metadata if value[keys[index]] is not None}
    told = {finding.field for finding in findings}
    findings += _nested({key: cell for key, cell in {**metadata, **cells}.items() if key not in told})
    return Row(number, _given(cells), metadata, tuple(findings), columns=columns)


def _batch_row(number: int, value: dict[str, Any], taken: Sequence[str]) -> Row:
    """A line of a Batch API file: the body holds request fields (those that are `taken`) and nothing else."""
    body = value.get("body")
    if not isinstance(body, dict):
        return _refused(number, "must be an object", field="body")
    findings: list[Finding] = []
    if value.get("method", "POST") != "POST":
        findings.append(Finding("method", f"{value['method']}: must be POST"))
    operation = _OPERATIONS.get(str(value.get("url", "")), None if "url" in value else GENERATE)
    if operation is None:
        findings.append(Finding("url", f"{value['url']}: only {' and '.join(_OPERATIONS)} are supported"))
    body = unfolded(body)
    inputs, misnamed = _body_inputs(body)
    findings += misnamed
    plain = {key: cell for key, cell in body.items() if key not in _BODY_INPUTS}
    findings += [Finding(key, _unknown_in_body(key)) for key in plain if key not in taken]
    cells = {key: cell for key, cell in plain.items() if key in taken and not isinstance(cell, list | dict)}
    findings += [Finding(key, "must not be nested") for key in plain if key in taken and key not in cells]
    cells |= inputs
    if operation == EDIT:
        cells[fields.OPERATION] = operation
    findings += _nested({key: cell for key, cell in value.items() if key not in ("method", "url", "body")})
    cells |= {key: value.get(key) for key in _BESIDE_A_BODY}
    metadata = {
        key: cell for key, cell in value.items() if key not in (*_BATCH_KEYS, *_BESIDE_A_BODY) and isinstance(cell, Value)
    }
    return Row(number, _given(cells), metadata, tuple(findings), columns=_columns((*cells, *metadata)))


@lru_cache(maxsize=256)
def _columns(keys: tuple[str, ...]) -> fields.Columns:
    return fields.match(keys, {})


def _body_inputs(body: Mapping[str, Any]) -> tuple[dict[str, Any], list[Finding]]:
    """The input images of a body, as the columns that name them."""
    cells: dict[str, Any] = {}
    findings: list[Finding] = []
    for key, column in _BODY_INPUTS.items():
        if key not in body:
            continue
        objects = body[key] if key == "images" else [body[key]]
        links = [one.get("image_url") if isinstance(one, dict) else None for one in _as_list(objects)]
        if links and all(isinstance(link, str) for link in links):
            cells[column] = joined([str(link) for link in links])
        else:
            findings.append(Finding(key, 'must be {"image_url": "..."}, in images a list of them; a file_id cannot be used'))
    return cells, findings


def _as_list(objects: Any) -> list[Any]:
    return objects if isinstance(objects, list) else []


def _list_of_images(field: str, cell: Any) -> Any:
    """A list of images is what a cell of a table would hold; other lists are left to be refused."""
    is_list = field in fields.INPUT_COLUMNS and isinstance(cell, list) and all(isinstance(one, str) for one in cell)
    return joined(cell) if is_list else cell


def _nested(value: Mapping[str, Any]) -> list[Finding]:
    return [
        Finding(name, "must be a text, a number or a truth value, not nested")
        for name, cell in value.items()
        if isinstance(cell, list | dict)
    ]


def _unknown_in_body(key: str) -> str:
    if tutorials.plain(key) in tutorials.FIELDS:
        return tutorials.FIELDS[tutorials.plain(key)]
    meant = fields.near(key, fields.REQUEST_FIELDS)
    return "is not a field of a request" + (f"; do you mean {meant}?" if meant else "")


def _given(cells: Mapping[str, Any]) -> dict[str, Value]:
    """What was given: null and empty text are not; text becomes the value that its field takes, where that is known."""
    return {
        field: typed(field, cell) if isinstance(cell, str) and field in fields.OURS else _identity_text(field, cell)
        for field, cell in cells.items()
        if cell is not None and cell != "" and not isinstance(cell, list | dict)
    }


def _identity_text(field: str, cell: Value) -> Value:
    """A whole number is a fine custom_id."""
    return str(cell) if field == CUSTOM_ID and isinstance(cell, int) and not isinstance(cell, bool) else cell


def _present(mapping: Mapping[str, str], keys: tuple[str, ...]) -> dict[str, str]:
    """A key may be missing from one object where a column cannot be missing from a table."""
    return {field: header for field, header in mapping.items() if not header or header in keys}


def _refused(number: int, message: str, field: str = "") -> Row:
    return Row(number, {}, {}, (Finding(field, message),))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {key!r} stands twice in one object")
            seen.add(key)
    return value


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is too large a number")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a value of JSON")
