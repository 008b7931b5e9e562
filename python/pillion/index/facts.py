"""Facts of files that were read by older rules: read again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator

from pillion import _core
from pillion.catalog import locations as catalog_locations
from pillion.catalog.database import Database
from pillion.errors import ItemError
from pillion.facts import FileFacts
from pillion.machine import mtime_ns

_BATCH = 1000
"""Contents whose facts are read again in one transaction."""


def read_again(database: Database) -> None:
    """Read the facts again that were read by older rules, and note that now all are read by those of today.

    A file that is not as it was when it was indexed is left to the index.
    """
    after = ""
    while True:
        with database.read() as connection:
            rows = catalog_locations.stale_facts(connection, _core.FACTS_VERSION, after, _BATCH)
        if not rows:
            break
        after = rows[-1][0]
        found = dict(_read(rows))
        with database.write() as connection:
            catalog_locations.record_facts_anew(connection, found, time.time())
    with database.write() as connection:
        catalog_locations.write_facts_version(connection, _core.FACTS_VERSION)


def _read(rows: Iterable[tuple[str, bytes, int, int]]) -> Iterator[tuple[str, FileFacts]]:
    for uuid, path, size, mtime in rows:
        try:
            found = os.stat(path)
            if (found.st_size, mtime_ns(found)) != (size, mtime):
                continue
            _, said = _core.file_facts(path)
        except (ItemError, OSError):
            continue
        yield uuid, FileFacts(*(said or ()))
