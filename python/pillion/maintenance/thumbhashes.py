"""ThumbHashes of thumbnails that were made before hashes were kept, from the smallest file of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pillion.catalog.contents import lacking, note_lacking, record_thumbhashes, some_lack
from pillion.catalog.database import Database
from pillion.pool.pool import WorkerPool
from pillion.store import Store

_BATCH = 200
_TARGET = "pillion.kinds.execute:thumbhash"
_DEADLINE_S = 30.0
_MEMORY_BYTES = 1 << 30


def backfill(database: Database, store: Store) -> int:
    """Give every content with a ready thumbnail its hash; returns how many were made. Cheap when none is lacking.

    No source is read. A file that is gone or damaged is passed over: ``verify`` finds it, and its next job brings the
    hash.
    """
    with database.read() as connection:
        if not some_lack(connection):
            return 0
    # A child decodes them: they are files, and may be damaged in a way that no decoder expects.
    pool = WorkerPool(_TARGET, size=1, memory_limit=_MEMORY_BYTES, recycle_bytes=_MEMORY_BYTES)
    try:
        return _fill(database, store, pool)
    finally:
        pool.shutdown(cancel_futures=True)


def _fill(database: Database, store: Store, pool: WorkerPool) -> int:
    made, last = 0, ""
    while True:
        with database.read() as connection:
            batch = lacking(connection, last, _BATCH)
        hashes = _hashes(pool, [(uuid, store.absolute(rel_path)) for uuid, rel_path in batch])
        with database.write() as connection:
            record_thumbhashes(connection, hashes)
            if len(batch) < _BATCH:
                note_lacking(connection, False)
        made += len(hashes)
        if len(batch) < _BATCH:
            return made
        last = batch[-1][0]


def _hashes(pool: WorkerPool, files: Sequence[tuple[str, Path]]) -> dict[str, bytes]:
    """Content uuid -> hash, of the files that can be read."""
    futures = pool.submit_batch("", [(path, _DEADLINE_S) for _, path in files])
    found = {}
    for (uuid, _), future in zip(files, futures, strict=True):
        value = None if future.exception() is not None else future.result()
        if value is not None:
            found[uuid] = value
    return found
