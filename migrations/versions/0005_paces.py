"""Keep how fast each account may be asked, for all processes and for the next run."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "paces",
        sa.Column("account", sa.String(500), nullable=False),
        sa.Column("images_at", sa.Float(), nullable=False),
        sa.Column("requests_at", sa.Float(), nullable=False),
        sa.Column("tokens_at", sa.Float(), nullable=False),
        sa.Column("paused_until", sa.Float(), nullable=False),
        sa.Column("rate", sa.Float(), nullable=True),
        sa.Column("too_fast", sa.Float(), nullable=False),
        sa.Column("told_images", sa.Integer(), nullable=False),
        sa.Column("told_requests", sa.Integer(), nullable=False),
        sa.Column("is_opening", sa.Boolean(), nullable=False),
        sa.Column("watched_since", sa.Float(), nullable=False),
        sa.Column("let_through", sa.Integer(), nullable=False),
        sa.Column("learned_at", sa.Float(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("day_images", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_paces"),
    )
