"""The indexes of the tables, with `metadata` for whoever compares a database with all of it.

They stand apart since no command needs them to be told: the migrations make them, and to hear of PostgreSQL's conditions
SQLAlchemy loads that dialect, which takes a tenth of the time of a start.
"""

from sqlalchemy import Index, text

from batchgen.store.tables import artifacts, attempts, dependencies, jobs, metadata

__all__ = ["metadata"]

Index(
    "ix_jobs_claim",
    jobs.c.batch_id,
    jobs.c.provider,
    jobs.c.priority.desc(),
    jobs.c.failures,
    jobs.c.position,
    jobs.c.id,
    sqlite_where=text("state = 'pending' AND waits_for = 0"),
    postgresql_where=text("state = 'pending' AND waits_for = 0"),
)
Index(
    "ix_jobs_reclaim",
    jobs.c.lease_expires_at,
    sqlite_where=text("state = 'running'"),
    postgresql_where=text("state = 'running'"),
)
Index("ix_jobs_batch_state", jobs.c.batch_id, jobs.c.state, jobs.c.position)
Index("ix_jobs_batch_position", jobs.c.batch_id, jobs.c.position)
Index("ix_jobs_tried", jobs.c.batch_id, sqlite_where=text("attempt > 0"), postgresql_where=text("attempt > 0"))
# Where what was made before is looked up.
_REUSABLE = text("state = 'succeeded' AND attempt > forgotten")
Index("ix_jobs_reusable", jobs.c.fingerprint, sqlite_where=_REUSABLE, postgresql_where=_REUSABLE)
Index("ix_jobs_parents", jobs.c.batch_id, sqlite_where=text("has_children = 1"), postgresql_where=text("has_children"))
Index("ix_dependencies_parent_id", dependencies.c.parent_id)
# All that counts toward a cap on spending, so that the sums do not read the rows.
Index(
    "ix_attempts_spending",
    *(attempts.c[name] for name in ("started_at", "batch_id", "outcome", "cost_micros", "reserved_micros")),
)
_HAS_ORIGIN = text("origin_job_id IS NOT NULL")
Index(
    "ix_attempts_origin",
    attempts.c.batch_id,
    attempts.c.origin_job_id,
    sqlite_where=_HAS_ORIGIN,
    postgresql_where=_HAS_ORIGIN,
)
Index("ix_artifacts_path", artifacts.c.path)
