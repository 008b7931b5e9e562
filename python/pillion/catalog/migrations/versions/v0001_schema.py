"""The schema of catalog/tables.py, written out in full, because a migration stays the same when the tables change."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# In the order of their bytes, as SQLite has them, whatever the language of the database.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "contents",
        sa.Column("content_uuid", _TEXT, nullable=False),
        sa.Column("hash", _TEXT, nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mime", _TEXT, nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("thumbhash", sa.LargeBinary(), nullable=True),
        sa.Column("likeness", sa.LargeBinary(), nullable=True),
        sa.Column("shown_at", sa.BigInteger(), nullable=True),
        sa.Column("taken_at", sa.BigInteger(), nullable=True),
        sa.Column("part_of", _TEXT, nullable=True),
        sa.Column("facts_version", sa.Integer(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("content_uuid"),
        sqlite_with_rowid=False,
    )
    op.create_index("contents_mime", "contents", ["mime", "shown_at", "content_uuid"])
    for name, columns, where in (
        ("contents_shown", ["shown_at", "content_uuid", "mime"], "shown_at IS NOT NULL"),
        ("contents_parts", ["part_of"], "part_of IS NOT NULL"),
    ):
        op.create_index(name, "contents", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    op.create_table(
        "facts",
        sa.Column("content_uuid", _TEXT, nullable=False),
        sa.Column("body", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(["content_uuid"], ["contents.content_uuid"]),
        sa.PrimaryKeyConstraint("content_uuid"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "devices",
        sa.Column("device_uuid", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("device_uuid"),
    )
    op.create_table(
        "events",
        sa.Column("first_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("body", _TEXT, nullable=False),
        sa.CheckConstraint("number > 0"),
        sa.PrimaryKeyConstraint("first_id"),
    )
    op.create_table(
        "history",
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("variant", _TEXT, nullable=False),
        sa.Column("media_class", _TEXT, nullable=False),
        sa.Column("number", sa.Float(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("bytes", sa.Float(), nullable=False),
        sa.Column("source_bytes", sa.Float(), nullable=False),
        sa.CheckConstraint("media_class IN ('image', 'pdf', 'video', 'audio', 'text', 'other')"),
        sa.CheckConstraint("number > 0 AND seconds >= 0 AND bytes >= 0 AND source_bytes >= 0"),
        sa.PrimaryKeyConstraint("kind", "variant", "media_class"),
    )
    op.create_table(
        "holds",
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("error_class", _TEXT, nullable=False),
        sa.Column("notice", _TEXT, nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.CheckConstraint("error_class IN ('missing_tool', 'disk_full')"),
        sa.PrimaryKeyConstraint("kind"),
    )
    op.create_table(
        "locations",
        sa.Column("id", _ID, nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("walked", sa.Integer(), server_default="1", nullable=False),
        sa.Column("added_at", sa.Float(), nullable=False),
        sa.Column("identity", _TEXT, nullable=True),
        sa.Column("offline", _TEXT, nullable=True),
        sa.Column("offline_since", sa.Float(), nullable=True),
        sa.CheckConstraint("walked IN (0, 1)"),
        sa.CheckConstraint("(offline IS NULL) = (offline_since IS NULL)"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("path"),
    )
    op.create_table(
        "meta",
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("value", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "pauses",
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "location_id"),
    )
    op.create_table(
        "recipes",
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("recipe", _TEXT, nullable=False),
        sa.Column("settings", _TEXT, nullable=False),
        sa.Column("awaits", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "entries",
        sa.Column("id", _ID, nullable=False),
        sa.Column("location_id", _ID, nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("content_uuid", _TEXT, nullable=True),
        sa.Column("claimed_mime", _TEXT, nullable=True),
        sa.Column("error_class", _TEXT, nullable=True),
        sa.Column("error_message", _TEXT, nullable=True),
        sa.Column("removed_at", sa.Float(), nullable=True),
        sa.Column("queued", sa.Integer(), server_default="0", nullable=False),
        sa.Column("ctime_ns", sa.BigInteger()),
        sa.CheckConstraint("queued IN (0, 1)"),
        sa.CheckConstraint("removed_at IS NOT NULL OR (content_uuid IS NULL) != (error_class IS NULL)"),
        sa.ForeignKeyConstraint(["content_uuid"], ["contents.content_uuid"]),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("location_id", "path"),
    )
    op.create_index("entries_content", "entries", ["content_uuid"])
    op.create_index(
        "entries_to_queue",
        "entries",
        ["location_id", "id"],
        sqlite_where=sa.text("queued = 0"),
        postgresql_where=sa.text("queued = 0"),
    )
    op.create_index(
        "entries_folder",
        "entries",
        ["location_id", "path", "content_uuid"],
        sqlite_where=sa.text("removed_at IS NULL AND content_uuid IS NOT NULL"),
        postgresql_where=sa.text("removed_at IS NULL AND content_uuid IS NOT NULL"),
    )
    op.create_table(
        "failures",
        sa.Column("content_uuid", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("variant", _TEXT, nullable=False),
        sa.Column("recipe", _TEXT, nullable=False),
        sa.Column("error_class", _TEXT, nullable=False),
        sa.Column("message", _TEXT, nullable=False),
        sa.Column("stderr_tail", _TEXT, server_default="", nullable=False),
        sa.Column("exit_status", _TEXT, server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.Float(), nullable=False),
        sa.Column("last_at", sa.Float(), nullable=False),
        sa.Column("resolved_at", sa.Float(), nullable=True),
        sa.CheckConstraint(
            "error_class IN ('corrupt', 'unsupported', 'too_large', 'timeout', 'oom', 'crash', 'missing_source', "
            "'changed_source', 'io_transient')"
        ),
        sa.CheckConstraint("attempts >= 0"),
        sa.ForeignKeyConstraint(["content_uuid"], ["contents.content_uuid"]),
        sa.PrimaryKeyConstraint("content_uuid", "kind", "variant", "recipe"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "failures_open",
        "failures",
        ["error_class"],
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "location_hosts",
        sa.Column("location_id", _ID, nullable=False),
        sa.Column("host", _TEXT, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=True),
        sa.Column("identity", _TEXT, nullable=True),
        sa.Column("offline", _TEXT, nullable=True),
        sa.Column("offline_since", sa.Float(), nullable=True),
        sa.CheckConstraint("(offline IS NULL) = (offline_since IS NULL)"),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"]),
        sa.PrimaryKeyConstraint("location_id", "host"),
    )
    op.create_table(
        "folders",
        sa.Column("location_id", _ID, nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"]),
        sa.PrimaryKeyConstraint("location_id", "path"),
    )
    op.create_table(
        "jobs",
        sa.Column("id", _ID, nullable=False),
        sa.Column("content_uuid", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("not_before", sa.Float(), server_default="0", nullable=False),
        sa.Column("lease_owner", _TEXT, nullable=True),
        sa.Column("lease_token", _TEXT, nullable=True),
        sa.Column("lease_deadline", sa.Float(), nullable=True),
        sa.Column("error_class", _TEXT, nullable=True),
        sa.Column("error_message", _TEXT, nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.CheckConstraint(
            "(state = 'running') = (lease_owner IS NOT NULL AND lease_token IS NOT NULL AND lease_deadline IS NOT NULL)"
        ),
        sa.CheckConstraint("state != 'failed' OR error_class IS NOT NULL"),
        sa.CheckConstraint("state IN ('queued', 'running', 'waiting', 'done', 'failed', 'cancelled')"),
        sa.CheckConstraint("attempts >= 0"),
        sa.ForeignKeyConstraint(["content_uuid"], ["contents.content_uuid"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("content_uuid", "kind"),
    )
    op.create_index(
        "jobs_delayed",
        "jobs",
        ["kind", "not_before"],
        sqlite_where=sa.text("state = 'queued' AND not_before > 0"),
        postgresql_where=sa.text("state = 'queued' AND not_before > 0"),
    )
    op.create_index(
        "jobs_queue",
        "jobs",
        ["kind", "priority", "id"],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "jobs_running",
        "jobs",
        ["lease_owner", "lease_token"],
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "sidecars",
        sa.Column("content_uuid", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("variant", _TEXT, nullable=False),
        sa.Column("status", _TEXT, nullable=False),
        sa.Column("wanted", _TEXT, nullable=False),
        sa.Column("recipe", _TEXT, nullable=True),
        sa.Column("format", _TEXT, nullable=True),
        sa.Column("rel_path", _TEXT, nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("checksum", _TEXT, nullable=True),
        sa.Column("error_class", _TEXT, nullable=True),
        sa.Column("error_message", _TEXT, nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.Column("mark", _TEXT, nullable=True),
        sa.CheckConstraint(
            "(status = 'ready') = "
            "(rel_path IS NOT NULL AND size IS NOT NULL AND checksum IS NOT NULL AND format IS NOT NULL)"
        ),
        sa.CheckConstraint("mark IS NULL OR (mark IN ('truncated', 'damaged', 'partial') AND status = 'ready')"),
        sa.CheckConstraint("status IN ('pending', 'cancelled') OR recipe IS NOT NULL"),
        sa.CheckConstraint("status IN ('pending', 'ready', 'empty', 'unsupported', 'failed', 'cancelled')"),
        sa.CheckConstraint("status NOT IN ('failed', 'unsupported') OR error_class IS NOT NULL"),
        sa.ForeignKeyConstraint(["content_uuid"], ["contents.content_uuid"]),
        sa.PrimaryKeyConstraint("content_uuid", "kind", "variant"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "sidecars_marked",
        "sidecars",
        ["mark"],
        sqlite_where=sa.text("mark IS NOT NULL"),
        postgresql_where=sa.text("mark IS NOT NULL"),
    )
    op.create_table(
        "peers",
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("url", _TEXT, nullable=False),
        sa.Column("token_file", sa.LargeBinary(), nullable=True),
        sa.Column("added_at", sa.Float(), nullable=False),
        sa.Column("device_uuid", _TEXT, nullable=True),
        sa.Column("device_name", _TEXT, nullable=True),
        sa.Column("seen_at", sa.Float(), nullable=True),
        sa.Column("refused", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "peer_differences",
        sa.Column("peer", _TEXT, nullable=False),
        sa.Column("content_uuid", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("variant", _TEXT, nullable=False),
        sa.Column("recipe", _TEXT, nullable=True),
        sa.Column("checksum", _TEXT, nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("format", _TEXT, nullable=True),
        sa.Column("mark", _TEXT, nullable=True),
        sa.CheckConstraint("(recipe IS NULL) = (checksum IS NULL)"),
        sa.CheckConstraint("(recipe IS NULL) = (format IS NULL)"),
        sa.CheckConstraint("(recipe IS NULL) = (size IS NULL)"),
        sa.ForeignKeyConstraint(["peer"], ["peers.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("peer", "content_uuid", "kind", "variant"),
        sqlite_with_rowid=False,
    )
    # This device has the ready sidecars. A peer has those that were ready here when the two were compared, but for the
    # rows of peer_differences.
    op.execute(
        "CREATE VIEW sidecar_availability AS"
        " SELECT sidecars.content_uuid, sidecars.kind, sidecars.variant, meta.value AS device_uuid, 1 AS has,"
        " sidecars.size, sidecars.checksum, sidecars.updated_at AS last_seen_at, NULL AS peer"
        " FROM sidecars JOIN meta ON meta.key = 'device' WHERE sidecars.status = 'ready'"
        " UNION ALL SELECT theirs.content_uuid, theirs.kind, theirs.variant, peers.device_uuid, 1,"
        " theirs.size, theirs.checksum, peers.seen_at, peers.name"
        " FROM peer_differences AS theirs JOIN peers ON peers.name = theirs.peer WHERE theirs.recipe IS NOT NULL"
        " UNION ALL SELECT sidecars.content_uuid, sidecars.kind, sidecars.variant, peers.device_uuid, 1,"
        " sidecars.size, sidecars.checksum, peers.seen_at, peers.name"
        " FROM peers JOIN sidecars ON sidecars.status = 'ready' AND sidecars.updated_at <= peers.seen_at"
        " WHERE NOT EXISTS (SELECT 1 FROM peer_differences AS theirs WHERE theirs.peer = peers.name"
        " AND theirs.content_uuid = sidecars.content_uuid AND theirs.kind = sidecars.kind"
        " AND theirs.variant = sidecars.variant)"
    )
