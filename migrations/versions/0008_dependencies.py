"""Jobs wait for the results of others."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table, say of each job what it has to do with others, and let the claim's index leave out those that wait."""
    op.create_table(
        "dependencies",
        sa.Column("job_id", _ID, nullable=False),
        sa.Column("parent_id", _ID, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "parent_id", name="pk_dependencies"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_dependencies_job_id"),
        sa.ForeignKeyConstraint(["parent_id"], ["jobs.id"], name="fk_dependencies_parent_id"),
    )
    op.create_index("ix_dependencies_parent_id", "dependencies", ["parent_id"])
    op.add_column("jobs", sa.Column("waits_for", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("has_children", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("jobs", sa.Column("failed_by", _ID, nullable=True))
    # As each database is asked for it: else neither could tell that the index will do.
    op.create_index(
        "ix_jobs_parents",
        "jobs",
        ["batch_id"],
        sqlite_where=sa.text("has_children = 1"),
        postgresql_where=sa.text("has_children"),
    )
    op.drop_index("ix_jobs_claim", "jobs")
    claimable = sa.text("state = 'pending' AND waits_for = 0")
    columns = ["batch_id", sa.text("priority DESC"), "failures", "position", "id"]
    op.create_index("ix_jobs_claim", "jobs", columns, sqlite_where=claimable, postgresql_where=claimable)
