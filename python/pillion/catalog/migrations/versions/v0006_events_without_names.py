"""Events are stored as arrays of their fields' values, without the names of the fields."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0002"


def upgrade() -> None:
    connection = op.get_bind()
    write = sa.text("UPDATE events SET body = :body WHERE first_id = :first_id")
    for first_id, body in connection.execute(sa.text("SELECT first_id, body FROM events")).all():
        # An object's values stand in the order of the fields, the event's name first.
        values = [list(event.values()) for event in json.loads(body)]
        connection.execute(write, {"body": json.dumps(values, separators=(",", ":")), "first_id": first_id})
