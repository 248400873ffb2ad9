"""Batches whose rows take the results of others, put straight into a ledger."""

from msgspec import to_builtins
from sqlalchemy import text

from batchgen.core import chains
from batchgen.core.request import Input, Request
from batchgen.store import batches, linking, links, submission


def put(ledger, rows, *, batch="shop", at=0, prompts=None):
    """Store rows as `--update --yes` does: custom_id -> what it takes, like {"a": [], "b": ["@a"]}. Tells what changed."""
    fingerprints = {}
    wanted = {name: _request(name, taken, (prompts or {}).get(name, name), fingerprints) for name, taken in rows.items()}
    staged = [_row(ledger, name, request) for name, request in wanted.items()]
    taken = [
        {"position": n, "place": place, "line": n + 2, "source": source, "key": name, "parent_key": chains.parent(source).key}
        for n, (name, sources) in enumerate(rows.items())
        for place, source in enumerate(sources)
    ]
    with ledger.database.write() as tx:
        submission.prepare(tx)
        links.prepare(tx)
        submission.stage(tx, [{"manifest": 0, "position": n, "line": n + 2, **row} for n, row in enumerate(staged)])
        links.stage(tx, [{"manifest": 0, "field": "image", **link} for link in taken])
        submission.number_equal_rows(tx, 0)
        found = batches.by_name(tx, batch) or batches.create(tx, batch, simulated=False, now=ledger.at(at))
        links.complete(tx, 0, found)
        comparison = submission.compare(tx, 0, found), linking.made_from_changed(tx, 0, found)
        submission.store(tx, 0, found, ledger.at(at))
        linking.connect(tx, 0, found, ledger.at(at))
    return comparison


def _request(name, taken, prompt, fingerprints):
    """Rows come behind their parents here; who is not among them is a parent that the batch holds."""
    parents = [chains.parent(source) for source in taken]
    inputs = [
        Input("image", source, one.digest(fingerprints.get(one.custom_id, "")))
        for source, one in zip(taken, parents, strict=True)
    ]
    request = Request("edit" if inputs else "generate", "gpt-image-2", prompt, {"n": 2}, tuple(inputs))
    fingerprints[name] = request.fingerprint
    return request


def _row(ledger, name, request):
    row = ledger.row(name, request.prompt, n=2)
    inputs = [to_builtins(one) for one in request.inputs]
    kept = {**row["request"], **({"inputs": inputs} if inputs else {})}
    return {**row, "operation": request.operation, "request": kept, "fingerprint": request.fingerprint}


def waits(ledger, batch="shop"):
    """For how many parents each job waits, without those that wait for none."""
    with ledger.database.read() as tx:
        query = text("SELECT custom_id, waits_for FROM jobs WHERE batch_id = :batch AND waits_for > 0 ORDER BY position")
        return {row.custom_id: row.waits_for for row in tx.execute(query, {"batch": ledger.batch(batch).id})}
