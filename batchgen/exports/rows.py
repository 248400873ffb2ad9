"""One line a job, as CSV or JSONL, written as it is read. JSONL is exact; CSV is safe to open in a spreadsheet."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import IO, Any

from batchgen.artifacts.files import copy_path
from batchgen.core.fields import INPUTS, OPERATION, PROVIDER, REQUEST_FIELDS
from batchgen.core.inputs import joined
from batchgen.core.pricing import dollars
from batchgen.exports.cells import cell, csv_writer
from batchgen.store.listing import Line

_AFTER = (
    "attempts",
    "input_text_tokens",
    "input_image_tokens",
    "output_tokens",
    "cost_usd",
    "unknown_cost_usd",
    "outcome",
    "error_code",
    "error",
    "remark",
    "priority",
    "rewritten",
)
# What was added since stands behind: a script may count columns.
_ADDED = ("input_fidelity", "stream", "partial_images", "svg_model", "svg_effort")
_COPIES = "copies"
_REQUEST = tuple(name for name in REQUEST_FIELDS if name not in _ADDED)
_ORIGIN = "reused_from"
COLUMNS = ("custom_id", "state", "files", *_REQUEST, *_AFTER, OPERATION, *INPUTS, *_ADDED, _COPIES, PROVIDER, _ORIGIN)

# Several files in one cell of a CSV; no custom_id and no batch name holds it.
_FILES_APART = ";"

_CLASHING = "column:"

# Names that other files are joined by; their characters cannot make a formula that does anything.
_AS_THEY_ARE = frozenset({"custom_id", "files", _COPIES, *INPUTS})


def write_csv(stream: IO[str], lines: Iterable[Line], metadata: Sequence[str]) -> None:
    """A header and a row a job; `metadata` names the manifest's other columns, `column:NAME` where they clash."""
    write = csv_writer(stream)
    write([*COLUMNS, *(cell(_header(name)) for name in metadata)])
    for line in lines:
        values = _values(line) | {
            name: _FILES_APART.join(files) for name, files in (("files", line.files), (_COPIES, _copies(line)))
        }
        own = [values[name] if name in _AS_THEY_ARE else cell(values[name]) for name in COLUMNS]
        write([*own, *(cell(line.metadata.get(name)) for name in metadata)])


def write_jsonl(stream: IO[str], lines: Iterable[Line], metadata: Sequence[str]) -> None:
    """An object a job; metadata stands in an object of its own, so that nothing clashes."""
    for line in lines:
        stream.write(json.dumps(_values(line) | {"metadata": dict(line.metadata)}, ensure_ascii=False))
        stream.write("\n")


Writer = Callable[[IO[str], Iterable[Line], Sequence[str]], None]
WRITERS: dict[str, Writer] = {"csv": write_csv, "jsonl": write_jsonl}


def _values(line: Line) -> dict[str, Any]:
    request = {"model": line.model, **line.request}
    return {
        "custom_id": line.custom_id,
        "state": line.state.value,
        "files": list(line.files),
        **{name: request.get(name) for name in _REQUEST},
        "attempts": line.attempts,
        "input_text_tokens": line.input_text_tokens,
        "input_image_tokens": line.input_image_tokens,
        "output_tokens": line.output_tokens,
        "cost_usd": None if line.cost_micros is None else dollars(line.cost_micros),
        "unknown_cost_usd": None if line.unknown_micros is None else dollars(line.unknown_micros),
        "outcome": line.outcome,
        "error_code": line.error_code,
        "error": line.error_message,
        "remark": line.remark,
        "priority": line.priority,
        "rewritten": "; ".join(line.rewritten) or None,
        OPERATION: line.operation,
        **{role: joined(line.inputs[role]) if role in line.inputs else None for role in INPUTS},
        **{name: request.get(name) for name in _ADDED},
        _COPIES: _copies(line),
        PROVIDER: line.provider,
        _ORIGIN: line.reused_from,
    }


def _copies(line: Line) -> list[str]:
    """Where copies belong in the small size that the row asked for; one that is missing can be made again."""
    return [copy_path(path, line.copy_size) for path in line.files if line.copy_size and not path.endswith(".svg")]


def _header(name: str) -> str:
    bare = name
    while bare.startswith(_CLASHING):
        # An export that was submitted again: its `column:state` must not meet that of its `state`.
        bare = bare.removeprefix(_CLASHING)
    return f"{_CLASHING}{name}" if bare.casefold() in COLUMNS else name
