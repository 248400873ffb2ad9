"""Links of staged rows become dependencies of their jobs, when the rows are stored."""

from datetime import datetime

from sqlalchemy import Connection, and_, delete, exists, insert, or_, select, update

from batchgen.core.job import State
from batchgen.store import chains, submission
from batchgen.store.batches import Batch
from batchgen.store.links import links
from batchgen.store.submission import Listed, staged
from batchgen.store.tables import dependencies, jobs


def made_from_changed(tx: Connection, manifest: int, batch: Batch) -> Listed:
    """Jobs that are done and would be made again, since what they were made from is to be made again."""
    row, job = staged.alias("parent_row"), jobs.alias("parent_job")
    is_parent_changed = (
        exists()
        .where(links.c.manifest == manifest, links.c.position == staged.c.position)
        .where(row.c.manifest == manifest, row.c.custom_id_key == links.c.parent_key)
        .where(job.c.batch_id == batch.id, job.c.custom_id_key == links.c.parent_key, job.c.fingerprint != row.c.fingerprint)
    )
    done = submission.changed_jobs(manifest, batch).where(jobs.c.state == State.SUCCEEDED, is_parent_changed)
    return submission.listed(tx, done)


def connect(tx: Connection, manifest: int, batch: Batch, now: datetime) -> None:
    """When the rows are stored: let their jobs depend on just those whose results they take, and wait or fail accordingly."""
    if not _has_links(tx, manifest) and not chains.has_any(tx, batch.id):
        return
    child, parent = jobs.alias("child"), jobs.alias("parent")
    taken = (
        select(child.c.id, parent.c.id)
        .select_from(links)
        .join(child, and_(child.c.batch_id == batch.id, child.c.custom_id_key == links.c.key))
        .join(parent, and_(parent.c.batch_id == batch.id, parent.c.custom_id_key == links.c.parent_key))
        .where(links.c.manifest == manifest)
    )
    is_known = exists().where(dependencies.c.job_id == child.c.id, dependencies.c.parent_id == parent.c.id)
    in_manifest = and_(staged.c.manifest == manifest, staged.c.custom_id_key == jobs.c.custom_id_key)
    mine = select(jobs.c.id).join(staged, in_manifest).where(jobs.c.batch_id == batch.id)
    is_taken = taken.where(child.c.id == dependencies.c.job_id, parent.c.id == dependencies.c.parent_id).exists()
    tx.execute(delete(dependencies).where(dependencies.c.job_id.in_(mine), ~is_taken))
    tx.execute(insert(dependencies).from_select(["job_id", "parent_id"], taken.where(~is_known).distinct()))
    is_parent = exists().where(dependencies.c.parent_id == jobs.c.id)
    tx.execute(update(jobs).where(jobs.c.batch_id == batch.id, ~jobs.c.has_children, is_parent).values(has_children=True))
    has_parents = exists().where(dependencies.c.job_id == jobs.c.id)
    chains.recount(tx, select(jobs.c.id).where(jobs.c.batch_id == batch.id, or_(jobs.c.waits_for > 0, has_parents)))
    chains.revive(tx, batch.id, now)


def _has_links(tx: Connection, manifest: int) -> bool:
    return tx.execute(select(links.c.line).where(links.c.manifest == manifest).limit(1)).first() is not None
