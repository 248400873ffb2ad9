"""When a file brings changed rows without all that is made from them: what the batch holds of those follows.

Else a job would be made from the new result under the old fingerprint, and be bought once more with the whole file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from batchgen.core import chains
from batchgen.core.chains import Parent
from batchgen.core.request import RESULT, restored
from batchgen.store import held
from batchgen.store.batches import Batch
from batchgen.store.engine import Transaction
from batchgen.store.held import Child
from batchgen.store.links import Asked
from batchgen.store.submission import MOST_LISTED, Listed


@dataclass(slots=True)
class Followed:
    """What became of the jobs that are made from changed rows.

    `left` are made already and stay as they are, by id; `unfit` could not be made any more: what each takes, and why not.
    """

    left: dict[int, str] = field(default_factory=dict)
    unfit: list[tuple[str, str]] = field(default_factory=list)

    @property
    def listed(self) -> Listed:
        """What is left as it is."""
        names = sorted(self.left.values())
        return Listed(len(names), tuple(names[:MOST_LISTED]))


def follow(tx: Transaction, manifest: int, batch: Batch) -> Followed:
    """Let what is not made yet ask for the changed results, when the rows are stored."""
    found = Followed()
    children = held.beside(tx, manifest, batch)
    while changed := [child for child in children if _is_changed(tx, child, found)]:
        children = held.below(tx, [child.id for child in changed])
    return found


def _is_changed(tx: Transaction, child: Child, found: Followed) -> bool:
    inputs = [dict(one) for one in child.asked.request["inputs"]]
    taken = list(_taken(child, inputs))
    for one, wanted, parent in taken:
        one["sha256"] = wanted.digest(parent.fingerprint)
    request = {**child.asked.request, "inputs": inputs}
    fingerprint = restored(child.asked.operation, child.asked.model, request).fingerprint
    if fingerprint == child.asked.fingerprint:
        return False
    if child.is_made:
        found.left[child.id] = child.custom_id
        return False
    if not child.is_cancelled:
        # Else it would be found out when its parents have been paid for.
        unfit = ((one, chains.unfit_parent(wanted, *_makes(parent))) for one, wanted, parent in taken)
        found.unfit += [(child.custom_id, f"{one['source']}: {words}") for one, words in unfit if words]
    held.change(tx, child.id, request, fingerprint)
    return True


def _taken(child: Child, inputs: Sequence[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Parent, Asked]]:
    """Those of the inputs that are results, each with whose it is and what that one asks for."""
    for one in inputs:
        wanted = chains.parent(one["source"]) if one["source"].startswith(RESULT) else None
        if isinstance(wanted, Parent) and wanted.key in child.parents:
            yield one, wanted, child.parents[wanted.key]


def _makes(parent: Asked) -> tuple[int, str]:
    request = restored(parent.operation, parent.model, parent.request)
    return request.images, str(request.parameters.get("output_format", "png"))
