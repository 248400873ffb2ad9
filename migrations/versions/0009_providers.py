"""Keep who makes the images: what a row says, what a batch says, and who was asked."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, and the provider to the order of the claim, so that each finds its own jobs without a look at others."""
    for table in ("batches", "jobs"):
        op.add_column(table, sa.Column("provider", sa.String(100), nullable=False, server_default=""))
    # Until here there was no other: what the settings say from now on shall not move what was begun there.
    batches = sa.table("batches", sa.column("provider"), sa.column("simulated", sa.Boolean))
    op.execute(batches.update().where(batches.c.simulated.is_(sa.false())).values(provider="openai"))
    op.add_column("attempts", sa.Column("provider", sa.String(100), nullable=True))
    claimable = sa.text("state = 'pending' AND waits_for = 0")
    op.drop_index("ix_jobs_claim", "jobs")
    op.create_index(
        "ix_jobs_claim",
        "jobs",
        ["batch_id", "provider", sa.text("priority DESC"), "failures", "position", "id"],
        sqlite_where=claimable,
        postgresql_where=claimable,
    )
