"""Jobs have a priority, and the claim takes them by it and then in the order of the manifest."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and let the claim's index hold its order."""
    op.add_column("jobs", sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
    op.drop_index("ix_jobs_claim", "jobs")
    pending = sa.text("state = 'pending'")
    columns = ["batch_id", sa.text("priority DESC"), "failures", "position", "id"]
    op.create_index("ix_jobs_claim", "jobs", columns, sqlite_where=pending, postgresql_where=pending)
