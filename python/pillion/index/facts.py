"""What is known of files beside their identity: pairs of files that are one item, and facts read by newer rules."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from pillion import _core
from pillion.catalog import facts as catalog_facts
from pillion.catalog.database import Database
from pillion.errors import ItemError
from pillion.facts import FileFacts, MediaFacts, facts_from
from pillion.index.pairs import Member, parts_among, stem_of
from pillion.machine import mtime_ns

_STEMS = 500
"""Stems that are looked at in one transaction."""
_MANY = 2000
"""Of more stems than this, it is cheaper to count the files of each first."""
_BATCH = 1000
"""Contents whose facts are read again in one transaction."""


def pair(
    database: Database,
    location_id: int,
    touched: Iterable[bytes],
    moved: Iterable[bytes],
    there: Iterable[bytes] | None,
) -> None:
    """Look again at which files are one item, wherever one of these files of a Location is new, changed or moved.

    ``there``: the paths of all files that may lie beside them, if these are known: then of many new files only those
    are looked at that something lies beside.
    """
    stems = set(_stems(touched))
    if there is not None and len(stems) > _MANY:
        counts = Counter(_stems(there))
        stems = {stem for stem in stems if counts[stem] > 1}
    _pair_at(database, location_id, sorted(stems.union(_stems(moved))))


def _stems(paths: Iterable[bytes]) -> Iterator[bytes]:
    return (stem for path in paths if (stem := stem_of(path)) is not None)


def _pair_at(database: Database, location_id: int, stems: Sequence[bytes]) -> None:
    for start in range(0, len(stems), _STEMS):
        some = stems[start : start + _STEMS]
        with database.read() as connection:
            found = catalog_facts.present_at_stems(connection, location_id, some)
        parts, alone = _judged(found)
        if parts or alone:
            with database.write() as connection:
                catalog_facts.set_parts(connection, parts, alone)


def _judged(found: Sequence[tuple[bytes, str, str | None]]) -> tuple[dict[str, str], list[str]]:
    """(part -> whole, contents that are no part of what lies beside them)."""
    groups: dict[bytes, list[tuple[bytes, str, str | None]]] = {}
    for row in found:
        stem = stem_of(row[0])
        if stem is not None:
            groups.setdefault(stem, []).append(row)
    parts: dict[str, str] = {}
    for rows in groups.values():
        if len(rows) > 1:
            members = [Member(path=path, content_uuid=uuid, facts=MediaFacts.of(body)) for path, uuid, body in rows]
            parts.update(parts_among(members))
    return parts, [uuid for rows in groups.values() for _, uuid, _ in rows if uuid not in parts]


def read_again(database: Database) -> int:
    """Read the facts again that were read by older rules; returns of how many contents.

    A file that is not as it was when it was indexed is left to the index.
    """
    with database.read() as connection:
        if catalog_facts.read_version(connection) >= _core.FACTS_VERSION:
            return 0
    number, after = 0, ""
    while True:
        with database.read() as connection:
            rows = catalog_facts.stale(connection, _core.FACTS_VERSION, after, _BATCH)
        if not rows:
            break
        after = rows[-1][0]
        found = dict(_read(rows))
        with database.write() as connection:
            catalog_facts.record_anew(connection, found)
        number += len(found)
    with database.write() as connection:
        catalog_facts.write_version(connection, _core.FACTS_VERSION)
    return number


def _read(rows: Iterable[tuple[str, bytes, int, int]]) -> Iterator[tuple[str, FileFacts]]:
    for uuid, path, size, mtime in rows:
        try:
            found = os.stat(path)
            if (found.st_size, mtime_ns(found)) != (size, mtime):
                continue
            _, said = _core.file_facts(path)
        except (ItemError, OSError):
            continue
        yield uuid, facts_from(said)
