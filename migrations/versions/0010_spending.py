"""Find what counts toward a cap on spending without looking up its jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OF_ITS_JOB = "UPDATE attempts SET batch_id = (SELECT jobs.batch_id FROM jobs WHERE jobs.id = attempts.job_id)"


def upgrade() -> None:
    """Say of each attempt to which batch it belongs, and let one index answer for all sums."""
    op.add_column("attempts", sa.Column("batch_id", _ID, nullable=False, server_default="0"))
    op.execute(_OF_ITS_JOB)
    op.drop_index("ix_attempts_started_at", "attempts")
    columns = ["started_at", "batch_id", "outcome", "cost_micros", "reserved_micros"]
    op.create_index("ix_attempts_spending", "attempts", columns)
