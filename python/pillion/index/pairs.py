"""Files beside each other that are one item: a photograph with its film, its raw file or its ``.xmp`` file.

Files of one folder whose names differ only in their endings are candidates. A film belongs to a photograph if both name
the same pair (Apple's identifier), or neither can, and it is as short as such films are.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pillion.catalog import facts as catalog_facts
from pillion.catalog.database import Database
from pillion.facts import MediaFacts
from pillion.index.links import FoundFile

STILLS = (b"heic", b"heif", b"jpg", b"jpeg", b"avif")
"""Of two stills of the same name, the first kind is the photograph."""
RAWS = (
    *(b"dng", b"cr2", b"cr3", b"crw", b"nef", b"nrw", b"arw", b"sr2", b"raf", b"orf", b"rw2", b"pef", b"srw"),
    *(b"mrw", b"x3f"),
)
FILMS = (b"mov", b"mp4")
SIDECAR = b"xmp"
_ENDINGS = frozenset((*STILLS, *RAWS, *FILMS, SIDECAR))

LONGEST_FILM_S = 6.0
"""Films of Live Photos and motion photos take about three seconds."""

_STEMS = 500
"""Stems that are looked at in one transaction."""
_MANY = 2000
"""Of more stems than this, it is cheaper to count the files of each first."""


def pair(
    database: Database,
    location_id: int,
    touched: Sequence[FoundFile],
    moved: Sequence[FoundFile],
    there: Sequence[FoundFile] | None,
) -> None:
    """Look again at which files are one item, wherever one of these files of a Location is new, changed or moved.

    ``there``: all files that may lie beside them, if these are known: then of many new files only those are looked at
    that something lies beside.
    """
    stems = set(_stems(touched))
    if there is not None and len(stems) > _MANY:
        counts = Counter(_stems(there))
        stems = {stem for stem in stems if counts[stem] > 1}
    _pair_at(database, location_id, sorted(stems.union(_stems(moved))))


def _stems(files: Iterable[FoundFile]) -> Iterator[bytes]:
    return (stem for file in files if (stem := stem_of(file[0])) is not None)


def _pair_at(database: Database, location_id: int, stems: Sequence[bytes]) -> None:
    for start in range(0, len(stems), _STEMS):
        some = stems[start : start + _STEMS]
        with database.read() as connection:
            found = catalog_facts.present_at_stems(connection, location_id, some)
        parts, freed = _judged(found)
        if parts or freed:
            with database.write() as connection:
                catalog_facts.set_parts(connection, parts, freed)


def _judged(found: Sequence[catalog_facts.AtStem]) -> tuple[dict[str, str], list[str]]:
    """(part -> whole, contents that the catalog has for parts and that are none of what lies beside them)."""
    groups: dict[bytes, list[catalog_facts.AtStem]] = {}
    for row in found:
        stem = stem_of(row[0])
        if stem is not None:
            groups.setdefault(stem, []).append(row)
    parts: dict[str, str] = {}
    for rows in groups.values():
        if len(rows) > 1:
            members = [Member(path=path, content_uuid=uuid, facts=MediaFacts.of(body)) for path, uuid, body, _ in rows]
            parts.update(parts_among(members))
    known = (row for rows in groups.values() for row in rows if row[3] is not None)
    return parts, [uuid for _, uuid, _, _ in known if uuid not in parts]


# by what names and facts say ------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A file that is a candidate: its path, content, and what it says of itself."""

    path: bytes
    content_uuid: str
    facts: MediaFacts


def stem_of(path: bytes) -> bytes | None:
    """What the names of files that may be one item have in common; None for files of which none is made."""
    stem, _, ending = path.rpartition(b".")
    ending = ending.lower()
    if ending not in _ENDINGS or not stem:
        return None
    if ending == SIDECAR:
        inner, _, before = stem.rpartition(b".")
        if inner and before.lower() in _ENDINGS:
            return inner
    return stem


def parts_among(members: Sequence[Member]) -> Mapping[str, str]:
    """Part -> the content it is a part of, among files of one stem."""
    ordered = sorted(members, key=_order)
    whole = next((member for member in ordered if _ending(member.path) in (*STILLS, *RAWS)), None)
    if whole is None:
        return {}
    parts: dict[str, str] = {}
    for member in ordered:
        ending = _ending(member.path)
        is_part = (
            (ending in RAWS and _ending(whole.path) in STILLS)
            or (ending in FILMS and _belongs(member.facts, whole.facts))
            or ending == SIDECAR
        )
        if is_part and member.content_uuid != whole.content_uuid:
            parts[member.content_uuid] = whole.content_uuid
    return parts


def _belongs(film: MediaFacts, still: MediaFacts) -> bool:
    if film.live_id and still.live_id:
        return film.live_id == still.live_id
    return film.duration is not None and film.duration <= LONGEST_FILM_S


def _order(member: Member) -> tuple[int, bytes]:
    ending = _ending(member.path)
    kinds = (*STILLS, *RAWS)
    return (kinds.index(ending) if ending in kinds else len(kinds), member.path)


def _ending(path: bytes) -> bytes:
    return os.path.splitext(path)[1][1:].lower()
