"""Check a library: catalog against files, files against catalog. Reports what does not match; changes nothing."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain, groupby

import sqlalchemy as sa

from pillion.catalog.database import Database
from pillion.catalog.sidecars import SidecarRow, has_ready, list_sidecars
from pillion.catalog.statements import chunks
from pillion.errors import CatalogError, UnusableError
from pillion.failpoints import reach
from pillion.kinds import registry
from pillion.manifest import ManifestEntry
from pillion.model import SidecarFormat, SidecarKind, SidecarStatus
from pillion.store import MANIFEST, Store

_BATCH = 200
"""So many findings are looked at again in one transaction, so that work beside it does not wait long."""
_REMEDY = "give yourself the right to read and write it, or see to its disk; if it is lost for good, remove it."


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is wrong. ``problem``: ``missing``, ``damaged``, ``unreadable``, ``stray``, ``manifest``,
    ``catalog``, ``search``.

    ``place``: of a stray file, below ``sidecars/``. ``row``: the ready sidecar in the catalog that it is about; None if
    it is about no such sidecar.
    """

    problem: str
    path: str
    message: str
    row: SidecarRow | None = None
    place: str = ""


def verify(database: Database, store: Store, progress: Callable[[int], None] | None = None) -> list[Finding]:
    """Check that every ready sidecar exists, is undamaged and in its content's manifest, and that there are no others.

    Others may work on the library meanwhile: what the catalog said first need not be true of the files found later, so
    each finding is looked at again while nobody can place or remove a file. ``progress`` gets the number of sidecars
    checked so far, after every 100. Raises CatalogError, LibraryBusyError.
    """
    damage = [Finding(problem="catalog", path=database.name, message=line) for line in database.check()]
    findings: list[Finding] = []
    known: set[str] = set()
    unusable: dict[str, str] = {}
    with database.read() as connection:
        rows = list_sidecars(connection, statuses=[SidecarStatus.READY])
        contents = (list(some) for _, some in groupby(rows, key=lambda row: row.content_uuid))
        checked = chain.from_iterable(store.each(partial(_check_content, store), contents))
        for number, (row, found) in enumerate(checked, 1):
            findings.extend(found)
            known.add(row.rel_path or "")
            if progress is not None and number % 100 == 0:
                progress(number)
    reach("verify.listed")
    findings.extend(_strays(store, known, unusable))
    with database.read() as connection:
        pending = list_sidecars(connection, statuses=[SidecarStatus.PENDING])
        findings.extend(_in_the_way(store, pending, {*unusable, *(item.place for item in findings)}))
    lasting: list[Finding] = []
    for batch in chunks(findings, _BATCH):
        transaction = database.read if damage or database.is_read_only else database.write
        with store.nothing_removing(), transaction() as connection:
            lasting.extend(_lasting(connection, store, batch))
    return [*damage, *_by_place(store, lasting, unusable), *_search(store)]


def _by_place(store: Store, findings: Sequence[Finding], unusable: Mapping[str, str]) -> list[Finding]:
    """One finding for each place that cannot be read, in place of those of the sidecars that are behind it."""
    behind = Counter(item.path for item in findings if item.problem == "unreadable")
    why = {store.where(folder): message for folder, message in unusable.items()}
    why |= {item.path: item.message for item in findings if item.problem == "unreadable"}
    left = [item for item in findings if item.problem != "unreadable"]
    for path, text in why.items():
        number = behind[path]
        of = f"{number:,} ready sidecars" if number > 1 else "it" if number else "what is in it"
        message = f"It cannot be read ({text}), so nothing is known of {of}: {_REMEDY}"
        left.append(Finding(problem="unreadable", path=path, message=message))
    return left


def _lasting(connection: sa.Connection, store: Store, findings: Sequence[Finding]) -> list[Finding]:
    """Those that are still so, in the same order, each as it is now."""
    uuids = sorted({item.row.content_uuid for item in findings if item.row is not None})
    rows = {_key(row): row for row in list_sidecars(connection, content_uuids=uuids, statuses=[SidecarStatus.READY])}
    lasting = []
    for item in findings:
        if item.row is None:
            lasting.extend([item] if _is_stray(connection, store, item.place) else [])
        elif _key(item.row) in rows:
            ((_, found),) = _check_content(store, [rows[_key(item.row)]])
            lasting.extend(found)
    return lasting


def _key(row: SidecarRow) -> tuple[str, str, str]:
    return (row.content_uuid, row.kind, row.variant)


def _is_stray(connection: sa.Connection, store: Store, rel_path: str) -> bool:
    uuid = content_of(rel_path)
    is_manifest = rel_path.endswith("/" + MANIFEST)
    # The catalog holds text only, and asking it for a name that is none would raise an error.
    is_known = (
        uuid is not None
        and rel_path.encode(errors="replace") == os.fsencode(rel_path)
        and (not is_manifest or store.manifest_rel_path(uuid) == rel_path)
        and has_ready(connection, uuid, None if is_manifest else rel_path)
    )
    return store.is_there(rel_path) and not is_known


def content_of(rel_path: str) -> str | None:
    """The content uuid in a path below ``sidecars/``, or None."""
    parts = rel_path.split("/")
    return parts[3] if len(parts) > 4 and parts[0] == "content" else None


def _search(store: Store) -> list[Finding]:
    """What is wrong with the search index, if there is one. It is derived: the next search mends it."""
    from pillion.search.checking import problems

    path = str(store.root / "search")
    return [Finding(problem="search", path=path, message=message) for message in problems(store.root)]


def _in_the_way(store: Store, rows: Iterable[SidecarRow], told: set[str]) -> list[Finding]:
    """What stands where a folder is needed for these sidecars, and is not among the places that are ``told``."""
    known = (row for row in rows if row.kind in registry.specs())
    of_kind = (next(some) for _, some in groupby(known, key=lambda row: (row.content_uuid, row.kind)))
    wanted = (store.rel_path(row.content_uuid, row.kind, row.variant, SidecarFormat.JSON) for row in of_kind)
    places = map(store.in_the_way, wanted)
    message = "It stands where a folder belongs, so sidecars have no place: remove it."
    return [
        Finding(problem="stray", path=store.where(place), message=message, place=place)
        for place in dict.fromkeys(places)
        if place is not None and place not in told
    ]


_Listed = Mapping[tuple[SidecarKind, str], ManifestEntry]


def _check_content(store: Store, rows: Sequence[SidecarRow]) -> list[tuple[SidecarRow, list[Finding]]]:
    """What is wrong with each of the sidecars of one content. Their manifest is read at most once."""
    listed = cache(partial(store.read_manifest, rows[0].content_uuid))
    return [(row, _check_file(store, row, listed)) for row in rows]


def _check_file(store: Store, row: SidecarRow, listed: Callable[[], _Listed]) -> list[Finding]:
    try:
        return _check_readable(store, row, listed)
    except UnusableError as error:
        return [Finding(problem="unreadable", path=error.path, message=error.why, row=row)]


def _check_readable(store: Store, row: SidecarRow, listed: Callable[[], _Listed]) -> list[Finding]:
    rel_path = row.rel_path or ""
    try:
        path = store.where(rel_path)
    except CatalogError:
        message = "The catalog says ready, but the file that it names is not in the library."
        return [Finding(problem="missing", path=rel_path[:200], message=message, row=row)]
    if not store.is_whole(rel_path, row.size or 0, row.checksum or ""):
        if store.size_of(rel_path) is None:
            there = store.in_the_way(rel_path)
            instead = f": {store.where(there)} is no folder any more" if there else ""
            message = f"The catalog says ready, but the file is missing{instead}."
            return [Finding(problem="missing", path=path, message=message, row=row)]
        message = "The file's bytes are not the ones that were written."
        return [Finding(problem="damaged", path=path, message=message, row=row)]
    entry = listed().get((row.kind, row.variant))
    if entry is None or (entry.checksum, entry.mark) != (row.checksum, row.mark):
        manifest = store.where(store.manifest_rel_path(row.content_uuid))
        message = f"It does not list {row.kind} {row.variant} as it is."
        return [Finding(problem="manifest", path=manifest, message=message, row=row)]
    return []


def _strays(store: Store, known: set[str], unusable: dict[str, str]) -> list[Finding]:
    contents = {path.rsplit("/", 2)[0] for path in known}
    findings = []
    for path in store.walk_files(unusable):
        is_manifest = path.endswith("/" + MANIFEST) and path.rsplit("/", 1)[0] in contents
        if path not in known and not is_manifest:
            message = "No ready sidecar in the catalog has this file."
            findings.append(Finding(problem="stray", path=store.where(path), message=message, place=path))
    return findings
