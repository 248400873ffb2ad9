"""Rows of a manifest as the columns of the temporary tables; `number` is the manifest's, `position` the row's in it."""

from typing import Any

from batchgen.core import chains, identity
from batchgen.core.assembly import Wanted
from batchgen.core.chains import Parent


def row_of(number: int, position: int, wanted: Wanted, *, simulated: bool) -> dict[str, Any]:
    """A row that can be stored."""
    request = wanted.request
    return {
        "manifest": number,
        "position": position,
        "line": wanted.line,
        "custom_id": wanted.custom_id,
        "custom_id_key": identity.fold(wanted.custom_id),
        "given": wanted.given,
        "operation": request.operation,
        "model": request.model,
        # The sandbox makes whole batches, whatever their rows say.
        "provider": "" if simulated else wanted.provider,
        "request": request.stored(),
        "metadata": dict(wanted.metadata),
        "fingerprint": request.fingerprint,
        "priority": wanted.priority,
        "rewritten": list(wanted.rewritten),
        "copy_size": wanted.copy_size,
    }


def links_of(number: int, position: int, wanted: Wanted) -> list[dict[str, Any]]:
    """What a row takes from others."""
    return [
        {
            "manifest": number,
            "position": position,
            "place": place,
            "line": wanted.line,
            "field": named.column,
            "source": named.source,
            "key": identity.fold(wanted.custom_id),
            "parent_key": parent.key,
        }
        for place, named in enumerate(wanted.named)
        if named.is_result and isinstance(parent := chains.parent(named.source), Parent)
    ]


_EMPTY: dict[str, Any] = {
    "operation": "",
    "model": "",
    "provider": "",
    "request": {},
    "metadata": {},
    "fingerprint": "",
    "priority": 0,
    "rewritten": [],
    "copy_size": "",
}


def row_without_request(number: int, position: int, line: int, custom_id: str) -> dict[str, Any]:
    """A row that cannot be stored still shows that another one has its id."""
    key = identity.fold(custom_id)
    return {
        "manifest": number,
        "position": position,
        "line": line,
        "custom_id": custom_id,
        "custom_id_key": key,
        "given": True,
        **_EMPTY,
    }
