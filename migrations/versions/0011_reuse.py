"""Use again what was made before."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Say of each attempt whose images it used again, and find what can be used by its fingerprint."""
    op.add_column("jobs", sa.Column("forgotten", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("attempts", sa.Column("origin_job_id", _ID, nullable=True))
    op.add_column("attempts", sa.Column("origin_attempt", sa.Integer(), nullable=True))
    reusable = sa.text("state = 'succeeded' AND attempt > forgotten")
    op.create_index("ix_jobs_reusable", "jobs", ["fingerprint"], sqlite_where=reusable, postgresql_where=reusable)
    has_origin = sa.text("origin_job_id IS NOT NULL")
    columns = ["batch_id", "origin_job_id"]
    op.create_index("ix_attempts_origin", "attempts", columns, sqlite_where=has_origin, postgresql_where=has_origin)
