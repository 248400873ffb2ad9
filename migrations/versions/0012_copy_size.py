"""Keep with a job the size of the copies that belong beside its images, which was read out of its notes until now."""

import json
import re

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_SMALL = re.compile(r"size=([1-9][0-9]*x[1-9][0-9]*) is sent as [1-9][0-9]*x[1-9][0-9]*", re.ASCII)
_JOBS_AT_ONCE = 1000


def upgrade() -> None:
    """Add the column, and fill it where a note tells of a small size."""
    op.add_column("jobs", sa.Column("copy_size", sa.String(20), nullable=False, server_default=""))
    jobs = sa.table("jobs", *map(sa.column, ("id", "rewritten", "copy_size")))
    noted = sa.select(jobs.c.id, jobs.c.rewritten).where(jobs.c.rewritten.like('%"size=%')).order_by(jobs.c.id)
    fill = jobs.update().where(jobs.c.id == sa.bindparam("job")).values(copy_size=sa.bindparam("size"))
    connection, after = op.get_bind(), 0
    while part := connection.execute(noted.where(jobs.c.id > after).limit(_JOBS_AT_ONCE)).all():
        after = part[-1].id
        sizes = [{"job": row.id, "size": found[1]} for row in part for found in map(_SMALL.fullmatch, _notes(row)) if found]
        if sizes:
            connection.execute(fill, sizes)


def _notes(row: sa.Row[tuple[int, str]]) -> list[str]:
    return [str(note) for note in json.loads(row.rewritten)]
