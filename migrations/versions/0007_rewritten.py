"""Keep with a job what its request says in other words than its row."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; nothing was rewritten until now."""
    op.add_column("jobs", sa.Column("rewritten", sa.Text(), nullable=False, server_default="[]"))
