"""ThumbHashes of thumbnails that were made before hashes were kept, from the smallest file of each."""

from __future__ import annotations

from pillion import _core
from pillion.catalog.database import Database
from pillion.catalog.thumbhashes import lacking, note_lacking, record_thumbhashes, some_lack
from pillion.errors import ItemError
from pillion.store import Store

_BATCH = 200


def backfill(database: Database, store: Store) -> int:
    """Give every content with a ready thumbnail its hash; returns how many were made. Cheap when none is lacking.

    No source is read. A file that is gone or damaged is passed over: ``verify`` finds it, and its next job brings the
    hash.
    """
    with database.read() as connection:
        if not some_lack(connection):
            return 0
    made, last = 0, ""
    while True:
        with database.read() as connection:
            batch = lacking(connection, last, _BATCH)
        hashes = {uuid: value for uuid, rel_path in batch if (value := _hash(store, rel_path)) is not None}
        with database.write() as connection:
            record_thumbhashes(connection, hashes)
            if len(batch) < _BATCH:
                note_lacking(connection, False)
        made += len(hashes)
        if len(batch) < _BATCH:
            return made
        last = batch[-1][0]


def _hash(store: Store, rel_path: str) -> bytes | None:
    try:
        return _core.thumbhash(store.absolute(rel_path))
    except ItemError:
        return None
