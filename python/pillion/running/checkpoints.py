"""What long jobs keep of their work between two tries: removed when nobody can go on from it any more."""

from __future__ import annotations

from pillion.catalog.database import Database
from pillion.catalog.sidecars import still_due
from pillion.store import Store


def drop_stale_checkpoints(database: Database, store: Store) -> None:
    """Remove those whose sidecar is made, is wanted with another recipe, or belongs to a content that is gone."""
    kept = store.checkpoints()
    if not kept:
        return
    with database.read() as connection:
        due = still_due(connection, kept)
    for content_uuid, recipe in set(kept) - due:
        store.drop_checkpoint(content_uuid, recipe)
