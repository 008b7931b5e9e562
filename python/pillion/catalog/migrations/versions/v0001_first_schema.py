"""The first schema: contents, sidecars, jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "contents",
        sa.Column("content_uuid", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mime", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("content_uuid"),
        sqlite_with_rowid=False,
    )
    op.create_index("contents_mime", "contents", ["mime"], unique=False)
    op.create_table(
        "devices",
        sa.Column("device_uuid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("device_uuid"),
    )
    op.create_table(
        "locations",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("walked", sa.Integer(), server_default="1", nullable=False),
        sa.Column("added_at", sa.Float(), nullable=False),
        sa.CheckConstraint("walked IN (0, 1)"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("path"),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "pauses",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "location_id"),
    )
    op.create_table(
        "recipes",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("awaits", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("location_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("content_uuid", sa.Text(), nullable=True),
        sa.Column("claimed_mime", sa.Text(), nullable=True),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("removed_at", sa.Float(), nullable=True),
        sa.Column("queued", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("queued IN (0, 1)"),
        sa.CheckConstraint("removed_at IS NOT NULL OR (content_uuid IS NULL) != (error_class IS NULL)"),
        sa.ForeignKeyConstraint(
            ["content_uuid"],
            ["contents.content_uuid"],
        ),
        sa.ForeignKeyConstraint(
            ["location_id"],
            ["locations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("location_id", "path"),
    )
    op.create_index("entries_content", "entries", ["content_uuid"], unique=False)
    op.create_index(
        "entries_to_queue",
        "entries",
        ["location_id", "id"],
        unique=False,
        sqlite_where=sa.text("queued = 0"),
        postgresql_where=sa.text("queued = 0"),
    )
    op.create_table(
        "folders",
        sa.Column("location_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["location_id"],
            ["locations.id"],
        ),
        sa.PrimaryKeyConstraint("location_id", "path"),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content_uuid", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("not_before", sa.Float(), server_default="0", nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("lease_deadline", sa.Float(), nullable=True),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.CheckConstraint(
            "(state = 'running') = (lease_owner IS NOT NULL AND lease_token IS NOT NULL AND lease_deadline IS NOT NULL)"
        ),
        sa.CheckConstraint("state != 'failed' OR error_class IS NOT NULL"),
        sa.CheckConstraint("state IN ('queued', 'running', 'waiting', 'done', 'failed')"),
        sa.CheckConstraint("attempts >= 0"),
        sa.ForeignKeyConstraint(
            ["content_uuid"],
            ["contents.content_uuid"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("content_uuid", "kind"),
    )
    op.create_index(
        "jobs_queue",
        "jobs",
        ["kind", "priority", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "jobs_running",
        "jobs",
        ["lease_deadline"],
        unique=False,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "sidecar_availability",
        sa.Column("content_uuid", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("device_uuid", sa.Text(), nullable=False),
        sa.Column("has", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("checksum", sa.Text(), nullable=True),
        sa.Column("last_seen_at", sa.Float(), nullable=False),
        sa.CheckConstraint("has IN (0, 1)"),
        sa.ForeignKeyConstraint(
            ["device_uuid"],
            ["devices.device_uuid"],
        ),
        sa.PrimaryKeyConstraint("content_uuid", "kind", "variant", "device_uuid"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sidecars",
        sa.Column("content_uuid", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=True),
        sa.Column("format", sa.Text(), nullable=True),
        sa.Column("rel_path", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("checksum", sa.Text(), nullable=True),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.CheckConstraint(
            "(status = 'ready') = "
            "(rel_path IS NOT NULL AND size IS NOT NULL AND checksum IS NOT NULL AND format IS NOT NULL)"
        ),
        sa.CheckConstraint("status = 'pending' OR recipe IS NOT NULL"),
        sa.CheckConstraint("status IN ('pending', 'ready', 'empty', 'unsupported', 'failed')"),
        sa.CheckConstraint("status NOT IN ('failed', 'unsupported') OR error_class IS NOT NULL"),
        sa.ForeignKeyConstraint(
            ["content_uuid"],
            ["contents.content_uuid"],
        ),
        sa.PrimaryKeyConstraint("content_uuid", "kind", "variant"),
        sqlite_with_rowid=False,
    )
