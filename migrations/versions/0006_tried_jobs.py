"""Find the jobs that were ever tried, so that counting what came of a batch does not walk the ones that only wait."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    tried = sa.text("attempt > 0")
    op.create_index("ix_jobs_tried", "jobs", ["batch_id"], sqlite_where=tried, postgresql_where=tried)
