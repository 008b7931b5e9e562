"""A ThumbHash for each content, and a mark for sidecars of files that are not whole."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("contents", sa.Column("thumbhash", sa.LargeBinary(), nullable=True))
    op.add_column(
        "sidecars",
        sa.Column(
            "mark", sa.Text(), sa.CheckConstraint("mark IS NULL OR (mark IN ('truncated') AND status = 'ready')")
        ),
    )
    op.create_index(
        "sidecars_marked",
        "sidecars",
        ["mark"],
        sqlite_where=sa.text("mark IS NOT NULL"),
        postgresql_where=sa.text("mark IS NOT NULL"),
    )
    # Thumbnails from before have no hash: the next run makes it from their files.
    op.execute("INSERT INTO meta (key, value) SELECT 'thumbhashes_lacking', '1' FROM sidecars LIMIT 1")
