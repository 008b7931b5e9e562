"""Which device has a sidecar is read from the sidecars: this device has those that are ready."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.drop_table("sidecar_availability")
    op.execute(
        "INSERT INTO meta (key, value) SELECT 'device', device_uuid FROM devices ORDER BY created_at DESC LIMIT 1"
    )
    op.execute(
        "CREATE VIEW sidecar_availability AS"
        " SELECT sidecars.content_uuid, sidecars.kind, sidecars.variant, meta.value AS device_uuid, 1 AS has,"
        " sidecars.size, sidecars.checksum, sidecars.updated_at AS last_seen_at"
        " FROM sidecars JOIN meta ON meta.key = 'device' WHERE sidecars.status = 'ready'"
    )
