"""What a Location holds now, and how that differs from what the catalog knows: the first two phases of indexing.

With it goes what is to be judged before a difference counts: whether the Location is there at all, whether files that
differ in their inodes or times alone are the same; and, once it is known what they are, which files are one item.
"""

from __future__ import annotations

import os
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from pathlib import Path
from typing import overload

from pillion import _core
from pillion.catalog import locations as catalog_locations
from pillion.catalog.database import Database
from pillion.catalog.locations import REMOVED, EntryRow, Location
from pillion.facts import MediaFacts
from pillion.index.links import FoundFile, followed

# phase 1: discovery ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A file or folder that was left out, and why. ``path`` is relative to the Location."""

    path: bytes
    error_class: str
    message: str


@dataclass(kw_only=True, slots=True)
class Discovered:
    """What discovery found below ``prefix`` (a folder with a trailing slash, or b"" for the whole Location).

    ``parts``: it looked at these files and folders alone.
    """

    root: bytes
    prefix: bytes
    folders: int
    parts: Sequence[bytes] | None = None
    files: _core.FoundFiles = field(default_factory=_core.FoundFiles)
    problems: list[Problem] = field(default_factory=list)
    libraries: list[bytes] = field(default_factory=list)
    """Relative paths of Pillion libraries; what they made is not indexed."""
    system: list[bytes] = field(default_factory=list)
    """Relative paths of folders that a system or a NAS keeps for itself."""
    links: list[bytes] = field(default_factory=list)
    """Relative paths of symbolic links to folders that were not followed."""
    file_links: list[bytes] = field(default_factory=list)
    """Those of symbolic links to files."""

    def add(self, prefix: bytes, result: _core.WalkResult) -> None:
        """What a walk of the folder ``prefix`` found."""
        if prefix or len(self.files):
            self.files.extend(prefix, result.files)
        else:
            self.files = result.files
        self.folders += result.folders
        self.problems += [
            Problem(path=prefix + path, error_class=cls, message=text) for path, cls, text in result.problems
        ]
        self.libraries += [prefix + path for path in result.libraries]
        self.system += [prefix + path for path in result.system]
        self.links += [prefix + path for path in result.links]
        self.file_links += [prefix + path for path in result.file_links]


def discover(
    root: bytes,
    *,
    prefix: bytes = b"",
    parts: Sequence[bytes] | None = None,
    ignore: Sequence[str] = (),
    exclude: Sequence[bytes] = (),
    hidden: bool = False,
    system: bool = False,
    follow: bool = False,
    others: Sequence[bytes] = (),
    progress: Callable[[int], None] | None = None,
) -> Discovered:
    """Walk ``root`` (or the folder ``prefix`` in it). Raises ItemError if the folder itself cannot be read.

    ``parts``: look at these files and folders in ``root`` alone, without following links. ``follow``: also the files
    and folders that symbolic links lead to; ``others`` are folders whose files are known from elsewhere (real paths).
    """

    def walk(folder: bytes, left_out: Sequence[bytes]) -> _core.WalkResult:
        return _core.walk(folder, ignore=ignore, exclude=left_out, hidden=hidden, system=system, progress=progress)

    if parts is not None:
        found = Discovered(root=root, prefix=b"", folders=0, parts=parts)
        found.add(
            b"",
            _core.walk(
                root, ignore=ignore, exclude=exclude, hidden=hidden, system=system, parts=parts, progress=progress
            ),
        )
        return found
    below = [path[len(prefix) :] for path in exclude if path.startswith(prefix)]
    first = walk(os.path.join(root, prefix), below)
    found = Discovered(root=root, prefix=prefix, folders=0)
    found.add(prefix, first)
    if follow:
        links, found.links = found.links, []
        file_links, found.file_links = found.file_links, []
        for item in followed(root, links, file_links, others, walk):
            if len(item) == 2:
                found.add(item[0] + b"/", item[1])
            else:
                found.files.append(item)
        found.links.clear()
        found.file_links.clear()
        found.files.sort()
    return found


def excluded_folders(root: Path, location: Location, locations: Sequence[Location]) -> list[bytes]:
    """Folders in a Location that are not its own: the library itself, and other Locations, which have their files.

    By their paths in the Location.
    """
    others = [item.path for item in locations if item.walked and item.id != location.id]
    inner = [path for path in (os.path.realpath(os.fsencode(root)), *others) if path != location.path]
    below = location.path.rstrip(b"/") + b"/"
    return [os.path.relpath(path, location.path) for path in inner if path.startswith(below)]


def others_of(location: Location, locations: Sequence[Location]) -> list[bytes]:
    """The real paths of the other Locations, which have their files."""
    return [os.path.realpath(item.path) for item in locations if item.walked and item.id != location.id]


# phase 2: processing --------------------------------------------------------------------------------------------------


Known = tuple[int, int, int, int, int, int | None]
"""A :data:`pillion.catalog.locations.KnownEntry`; its ctime_ns is None where it is not to count."""


class Picked(Sequence[FoundFile]):
    """Some of the files that were found, by their places among them: eight bytes for each."""

    __slots__ = ("_at", "_files")

    def __init__(self, files: _core.FoundFiles, at: Iterable[int] = ()) -> None:
        self._files = files
        self._at = array("q", at)

    def __len__(self) -> int:
        return len(self._at)

    def __iter__(self) -> Iterator[FoundFile]:
        return map(self._files.__getitem__, self._at)

    @overload
    def __getitem__(self, at: int) -> FoundFile: ...
    @overload
    def __getitem__(self, at: slice) -> Picked: ...
    def __getitem__(self, at: int | slice) -> FoundFile | Picked:
        if isinstance(at, slice):
            return Picked(self._files, self._at[at])
        return self._files[self._at[at]]

    def __add__(self, other: Picked) -> Picked:
        """Those of both, which are of the same files."""
        return Picked(self._files, self._at + other._at)

    def where(self, is_one: Callable[[FoundFile], bool]) -> Picked:
        """Those for which this holds."""
        return self.selected(map(is_one, self))

    def selected(self, flags: Iterable[int]) -> Picked:
        """Those whose flag is set."""
        return Picked(self._files, compress(self._at, flags))


class Matched(Sequence[tuple[int, FoundFile]]):
    """Files that were found, each with the id of its entry in the catalog: sixteen bytes for each."""

    __slots__ = ("_ids", "files")

    def __init__(self, files: Picked, ids: Iterable[int] = ()) -> None:
        self.files = files
        self._ids = array("q", ids)

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[tuple[int, FoundFile]]:
        return zip(self._ids, self.files, strict=True)

    @overload
    def __getitem__(self, at: int) -> tuple[int, FoundFile]: ...
    @overload
    def __getitem__(self, at: slice) -> Matched: ...
    def __getitem__(self, at: int | slice) -> tuple[int, FoundFile] | Matched:
        if isinstance(at, slice):
            return Matched(self.files[at], self._ids[at])
        return self._ids[at], self.files[at]

    def selected(self, flags: Sequence[int]) -> Matched:
        """Those whose flag is set."""
        return Matched(self.files.selected(flags), compress(self._ids, flags))


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """The difference. ``again``: unchanged by stat, but not identified last time, or back after removal.

    ``moved``: (entry id, file) of files that were renamed or moved in the Location. ``elsewhere``: (entry id, file) of
    files that differ in nothing but their inode, ``touched`` of those that differ in nothing but their ctime.
    ``known``: how many entries of present files there were.
    """

    new: Picked
    changed: Picked
    again: Picked
    removed: Sequence[int]
    unchanged: int
    elsewhere: Matched
    touched: Matched
    moved: Sequence[tuple[int, FoundFile]] = ()
    known: int = 0

    @property
    def to_identify(self) -> Picked:
        """All files to identify."""
        return self.new + self.changed + self.again

    @property
    def any(self) -> bool:
        """Whether anything at all differs."""
        return bool(self.new or self.changed or self.removed or self.moved)


def compare(
    found: Discovered,
    known: Iterable[tuple[bytes, Known]],
    *,
    same_disk: bool = True,
    trust_ctime: bool = True,
) -> Changes:
    """Compare by path, size, mtime and inode, and by ctime, which no program can set, where ``trust_ctime``.

    ``known``: what the catalog has, each path once; it may be a stream, and is not kept. What lies below a folder that
    could not be read is not taken for removed. ``same_disk``: whether inodes mean anything: on another disk, or after a
    restore, files with the same path, size and mtime are ``elsewhere``.
    """
    files = found.files
    is_new = bytearray(b"\1") * len(files)
    changed, again = array("q"), array("q")
    elsewhere, touched = (array("q"), array("q")), (array("q"), array("q"))
    gone = _Gone(found, may_be_moved=same_disk and len(files) > 0)
    present = unchanged = 0
    for path, before in known:
        present += before[4] != REMOVED
        now = files.find(path)
        if now is None:
            gone.add(path, before)
            continue
        if before[4] == REMOVED:
            continue
        at = now[0]
        is_new[at] = False
        differs = None
        if before[1:4] == now[1:4]:
            if before[4]:
                again.append(at)
            elif trust_ctime and before[5] not in (None, now[4]):
                differs = touched if same_disk else elsewhere
            else:
                unchanged += 1
        elif not same_disk and before[1:3] == now[1:3] and not before[4]:
            differs = elsewhere
        else:
            changed.append(at)
        if differs is not None:
            differs[0].append(at)
            differs[1].append(before[0])
    new = Picked(files, compress(range(len(files)), is_new))
    moved, new = gone.moved_among(new)
    went = {id for id, _ in moved}
    return Changes(
        new=new,
        changed=Picked(files, sorted(changed)),
        again=Picked(files, sorted(again)),
        removed=[id for id in gone.ids if id not in went],
        unchanged=unchanged,
        moved=moved,
        elsewhere=Matched(Picked(files, elsewhere[0]), elsewhere[1]),
        touched=Matched(Picked(files, touched[0]), touched[1]),
        known=present,
    )


class _Gone:
    """What the catalog has and is not there: ``ids`` of the entries, and by what files are known under another name.

    Not what lies below a folder that could not be read.
    """

    def __init__(self, found: Discovered, *, may_be_moved: bool) -> None:
        problems = (problem for problem in found.problems if problem.error_class != "unsupported")
        self._unreadable = tuple(problem.path.rstrip(b"/") for problem in problems)
        self._below = tuple(path + b"/" for path in self._unreadable)
        self._may_be_moved = may_be_moved
        self._by_stat: dict[tuple[int, int, int, bytes], int] = {}
        self.ids = array("q")

    def add(self, path: bytes, before: Known) -> None:
        """One that is not there; it may have been removed before."""
        id, size, mtime_ns, inode, again, _ = before
        if again == REMOVED or path in self._unreadable or path.startswith(self._below):
            return
        self.ids.append(id)
        if self._may_be_moved and not again:
            self._by_stat[size, mtime_ns, inode, _ending(path)] = id

    def moved_among(self, new: Picked) -> tuple[list[tuple[int, FoundFile]], Picked]:
        """New files that are files which are gone, under another name: (entry id, file); and those that are not.

        A file keeps its inode, size and mtime when it is renamed. What a name promises is told by its ending, so only
        a file that keeps its ending is known without another look.
        """
        moved: list[tuple[int, FoundFile]] = []
        if not self._by_stat:
            return moved, new

        def is_left(file: FoundFile) -> bool:
            id = self._by_stat.pop((file[1], file[2], file[3], _ending(file[0])), None)
            if id is not None:
                moved.append((id, file))
            return id is None

        rest = new.where(is_left)
        return moved, rest


def _ending(path: bytes) -> bytes:
    return os.path.splitext(path)[1][1:].lower()


# is the Location there? -----------------------------------------------------------------------------------------------

# What cannot be seen is not removed: an unmounted disk leaves an empty folder, or none, or another file system's. Then
# the Location is offline: nothing of it changes until its files are there again, or the user says that they are gone.

SHARE = 0.5
"""More than this share of a Location's files gone at once looks like a lost disk, not like tidying up."""

FEWEST = 5
"""A Location that lost fewer files than this is believed."""


def why_offline(lost: int, known: int, *, files: int, identity: str | None, before: str | None) -> str | None:
    """Why a Location counts as offline, in words that follow "is offline:"; None where it does not.

    ``lost``: of ``known`` files, how many are not there. ``files``: how many are there now. ``identity``: of the folder
    now, ``before``: when files were last found there.
    """
    if not lost:
        return None
    if files == 0:
        return f"the folder is empty, and {_had(known)} in it"
    many = lost > known * SHARE
    if many and before is not None and identity != before:
        return f"another file system is there, without {lost:,} of its {known:,} files"
    if many and lost >= FEWEST:
        return f"{lost:,} of its {known:,} files are gone at once"
    return None


def _had(number: int) -> str:
    return "1 file was" if number == 1 else f"{number:,} files were"


# are they the same? ---------------------------------------------------------------------------------------------------

# On another disk, or after a restore, all inodes are others: a sample of the files says for all whether they are the
# same. A ctime alone changes with a file's rights, or with its bytes where a program sets the mtime back: each is read.

_SAMPLE = 8
"""Files that are read to see whether a restored or moved disk holds what it held."""

_GROUP = 8192

Read = Callable[[Sequence[FoundFile]], Iterable[EntryRow]]
"""Files -> what they are now, in the same order."""

Contents = Callable[[Sequence[int]], Mapping[int, str]]
"""Entry ids -> their content uuids in the catalog."""


def judged(changes: Changes, read: Read, contents: Contents) -> tuple[Changes, int]:
    """``changes`` with the files that are not the same among those that ``changed``; and how many files were read."""
    number = 0
    if changes.elsewhere:
        step = max(1, len(changes.elsewhere) // _SAMPLE)
        sample = changes.elsewhere[::step][:_SAMPLE]
        number = len(sample)
        if not all(_are_same(sample, read, contents)):
            others = changes.elsewhere.files
            changes = replace(changes, changed=changes.changed + others, elsewhere=changes.elsewhere[:0])
    if changes.touched:
        touched, same = changes.touched, bytearray()
        for start in range(0, len(touched), _GROUP):
            same.extend(_are_same(touched[start : start + _GROUP], read, contents))
        edited = touched.files.selected(not is_same for is_same in same)
        number += len(touched)
        changes = replace(changes, changed=changes.changed + edited, touched=touched.selected(same))
    return changes, number


def _are_same(files: Sequence[tuple[int, FoundFile]], read: Read, contents: Contents) -> list[bool]:
    """Whether each (entry id, file) has the content that the catalog has for it."""
    known = contents([id for id, _ in files])
    found = read([file for _, file in files])
    return [
        item.content_uuid is not None and item.content_uuid == known.get(id)
        for (id, _), item in zip(files, found, strict=True)
    ]


# which files are one item? --------------------------------------------------------------------------------------------

# A photograph with its film, its raw file or its .xmp file. Files of one folder whose names differ only in their
# endings are candidates. A film belongs to a photograph if both name the same pair (Apple's identifier), or neither
# can, and it is as short as such films are.

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
"""Of more files than this, it is cheaper to see first beside which of them others lie."""


def pair(
    database: Database,
    location_id: int,
    touched: Sequence[FoundFile],
    moved: Sequence[FoundFile],
    there: Iterable[FoundFile] | None,
) -> None:
    """Look again at which files are one item, wherever one of these files of a Location is new, changed or moved.

    ``there``: all files that may lie beside them, sorted by path, if these are known: then of many new files only those
    are looked at that something lies beside.
    """
    if there is not None and len(touched) > _MANY:
        with_others = set(shared_stems(there))
        stems = with_others.intersection(_stems(touched))
    else:
        stems = set(_stems(touched))
    _pair_at(database, location_id, sorted(stems.union(_stems(moved))))


def _stems(files: Iterable[FoundFile]) -> Iterator[bytes]:
    return (stem for file in files if (stem := stem_of(file[0])) is not None)


def shared_stems(files: Iterable[FoundFile]) -> Iterator[bytes]:
    """Stems that several of these files have, which are sorted by path.

    Files of one stem begin with the part of it up to the first dot of its name, and all paths that begin so lie
    together, with what is in folders that begin so.
    """
    beginning = b"/"
    counts: Counter[bytes] = Counter()
    for stem in _stems(files):
        if not stem.startswith(beginning) or stem[len(beginning) : len(beginning) + 1] not in (b"", b"."):
            yield from (known for known, number in counts.items() if number > 1)
            counts.clear()
            beginning = stem[: (stem + b".").index(b".", stem.rfind(b"/") + 1)]
        counts[stem] += 1
    yield from (known for known, number in counts.items() if number > 1)


def _pair_at(database: Database, location_id: int, stems: Sequence[bytes]) -> None:
    for start in range(0, len(stems), _STEMS):
        some = stems[start : start + _STEMS]
        with database.read() as connection:
            found = catalog_locations.present_at_stems(connection, location_id, some)
        parts, freed = _parts_at(found)
        if parts or freed:
            with database.write() as connection:
                catalog_locations.set_parts(connection, parts, freed, time.time())


def _parts_at(found: Sequence[catalog_locations.AtStem]) -> tuple[dict[str, str], list[str]]:
    """(part -> whole, contents that the catalog has for parts and that are none of what lies beside them)."""
    groups: dict[bytes, list[catalog_locations.AtStem]] = {}
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
