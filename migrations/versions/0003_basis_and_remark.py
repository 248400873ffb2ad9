"""Say of every attempt how its cost is known, and what else is worth knowing of it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_KNOWN_SO_FAR = """
    UPDATE attempts SET cost_basis = CASE WHEN cost_micros IS NULL THEN 'unknown' ELSE 'computed' END WHERE outcome IS NOT NULL
"""


def upgrade() -> None:
    """Add the two columns; until now a cost was computed or not known."""
    op.add_column("attempts", sa.Column("cost_basis", sa.String(10), nullable=True))
    op.add_column("attempts", sa.Column("remark", sa.Text(), nullable=True))
    op.execute(_KNOWN_SO_FAR)
