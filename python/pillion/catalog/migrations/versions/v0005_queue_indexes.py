"""Find running jobs by their claim, and delayed ones without looking at every queued one."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.drop_index("jobs_running", "jobs")
    op.create_index(
        "jobs_running",
        "jobs",
        ["lease_owner", "lease_token"],
        unique=False,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "jobs_delayed",
        "jobs",
        ["kind", "not_before"],
        unique=False,
        sqlite_where=sa.text("state = 'queued' AND not_before > 0"),
        postgresql_where=sa.text("state = 'queued' AND not_before > 0"),
    )
