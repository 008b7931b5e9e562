"""The failure ledger, holds for faults of the machine, and the state "cancelled"."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "failures",
        sa.Column("content_uuid", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("error_class", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
        sa.Column("exit_status", sa.Text(), server_default="", nullable=False),
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
        unique=False,
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "holds",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("error_class", sa.Text(), nullable=False),
        sa.Column("notice", sa.Text(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.CheckConstraint("error_class IN ('missing_tool', 'disk_full')"),
        sa.PrimaryKeyConstraint("kind"),
    )
    _allow(
        "sidecars",
        ("'unsupported', 'failed')", "'unsupported', 'failed', 'cancelled')"),
        ("status = 'pending' OR recipe", "status IN ('pending', 'cancelled') OR recipe"),
    )
    _allow("jobs", ("'done', 'failed')", "'done', 'failed', 'cancelled')"))
    # What failed before the ledger was kept: how often it was tried is known by the job.
    op.execute(
        """
        INSERT INTO failures
            (content_uuid, kind, variant, recipe, error_class, message, attempts, first_at, last_at)
        SELECT s.content_uuid, s.kind, s.variant, s.recipe, s.error_class, coalesce(s.error_message, ''),
               coalesce((SELECT j.attempts FROM jobs j WHERE j.content_uuid = s.content_uuid AND j.kind = s.kind), 1),
               s.updated_at, s.updated_at
        FROM sidecars s
        WHERE s.status IN ('failed', 'unsupported') AND s.error_class NOT IN ('missing_tool', 'disk_full')
        """
    )


def _allow(table: str, *changes: tuple[str, str]) -> None:
    """Change CHECK constraints of a table, which SQLite can do only by copying it.

    The new table is made from the text of the old one, so that columns that other migrations added stay as they are.
    """
    connection = op.get_bind()
    made = sa.text("SELECT type, sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL")
    rows = connection.execute(made, {"table": table}).all()
    (statement,) = (sql for kind, sql in rows if kind == "table")
    for old, new in changes:
        if old not in statement:
            raise RuntimeError(f"the table {table} is not what this migration knows: it has no {old}")
        statement = statement.replace(old, new)
    head, body = statement.split("(", 1)
    assert table in head
    # Statements go to the driver as they are: a colon in them is no parameter.
    connection.exec_driver_sql(f"CREATE TABLE {table}_new ({body}")
    connection.exec_driver_sql(f"INSERT INTO {table}_new SELECT * FROM {table}")
    connection.exec_driver_sql(f"DROP TABLE {table}")
    connection.exec_driver_sql(f"ALTER TABLE {table}_new RENAME TO {table}")
    for kind, sql in rows:
        if kind == "index":
            connection.exec_driver_sql(sql)
