"""Measured history, and the events of the last while."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "history",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("media_class", sa.Text(), nullable=False),
        sa.Column("number", sa.Float(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("bytes", sa.Float(), nullable=False),
        sa.Column("source_bytes", sa.Float(), nullable=False),
        sa.CheckConstraint("media_class IN ('image', 'pdf', 'video', 'audio', 'text', 'other')"),
        sa.CheckConstraint("number > 0 AND seconds >= 0 AND bytes >= 0 AND source_bytes >= 0"),
        sa.PrimaryKeyConstraint("kind", "variant", "media_class"),
    )
    op.create_table(
        "events",
        sa.Column("first_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.CheckConstraint("number > 0"),
        sa.PrimaryKeyConstraint("first_id"),
    )
