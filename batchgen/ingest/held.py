"""When a file brings changed rows without all that is made from them: what the batch holds of those follows.

Else a job would be made from the new result under the old fingerprint, and be bought once more with the whole file.
"""

from batchgen.core import chains
from batchgen.core.chains import Parent
from batchgen.core.request import RESULT, restored
from batchgen.store import held
from batchgen.store.batches import Batch
from batchgen.store.engine import Transaction
from batchgen.store.held import Child
from batchgen.store.submission import MOST_LISTED, Listed


def follow(tx: Transaction, manifest: int, batch: Batch) -> Listed:
    """Let what is not made yet ask for the changed results, when the rows are stored.

    Returns what is made already, and stays as it is: made from what has changed.
    """
    left: dict[int, str] = {}
    children = held.beside(tx, manifest, batch)
    while changed := [child for child in children if _is_changed(tx, child, left)]:
        children = held.below(tx, [child.id for child in changed])
    names = sorted(left.values())
    return Listed(len(names), tuple(names[:MOST_LISTED]))


def _is_changed(tx: Transaction, child: Child, left: dict[int, str]) -> bool:
    inputs = [dict(one) for one in child.request["inputs"]]
    for one in inputs:
        wanted = chains.parent(one["source"]) if one["source"].startswith(RESULT) else None
        if isinstance(wanted, Parent) and wanted.key in child.parents:
            one["sha256"] = wanted.digest(child.parents[wanted.key])
    request = {**child.request, "inputs": inputs}
    fingerprint = restored(child.operation, child.model, request).fingerprint
    if fingerprint == child.fingerprint:
        return False
    if child.is_made:
        left[child.id] = child.custom_id
        return False
    held.change(tx, child.id, request, fingerprint)
    return True
