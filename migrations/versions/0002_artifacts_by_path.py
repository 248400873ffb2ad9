"""Find an artifact by its path."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index the paths: `verify` asks for every file on disk whether it is known."""
    op.create_index("ix_artifacts_path", "artifacts", ["path"])
