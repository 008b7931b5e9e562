"""What a Location holds now, and how that differs from what the catalog knows: the first two phases of indexing."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from pillion import _core
from pillion.catalog.indexing import Location
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
    files: list[FoundFile] = field(default_factory=list)
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
        files = result.entries
        if prefix:
            files = [(prefix + path, size, mtime, inode, ctime) for path, size, mtime, inode, ctime in files]
        self.files += files
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
"""(entry id, size, mtime_ns, inode, 1 if it must be identified again in any case, ctime_ns if it is to count)"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """The difference. ``again``: unchanged by stat, but not identified last time, or back after removal.

    ``moved``: (entry id, file) of files that were renamed or moved in the Location. ``elsewhere``: (entry id, file) of
    files that differ in nothing but their inode, ``touched`` of those that differ in nothing but their ctime.
    ``known``: how many entries of present files there were.
    """

    new: Sequence[FoundFile]
    changed: Sequence[FoundFile]
    again: Sequence[FoundFile]
    removed: Sequence[int]
    unchanged: int
    moved: Sequence[tuple[int, FoundFile]] = ()
    elsewhere: Sequence[tuple[int, FoundFile]] = ()
    touched: Sequence[tuple[int, FoundFile]] = ()
    known: int = 0

    @property
    def to_identify(self) -> list[FoundFile]:
        """All files to identify."""
        return [*self.new, *self.changed, *self.again]

    @property
    def any(self) -> bool:
        """Whether anything at all differs."""
        return bool(self.new or self.changed or self.removed or self.moved)


def compare(
    found: Discovered,
    known: Mapping[bytes, Known],
    already_removed: Set[int] = frozenset(),
    *,
    same_disk: bool = True,
    trust_ctime: bool = True,
) -> Changes:
    """Compare by path, size, mtime and inode, and by ctime, which no program can set, where ``trust_ctime``.

    What lies below a folder that could not be read is not taken for removed. ``same_disk``: whether inodes mean
    anything: on another disk, or after a restore, files with the same path, size and mtime are ``elsewhere``.
    """
    new: list[FoundFile] = []
    changed: list[FoundFile] = []
    again: list[FoundFile] = []
    elsewhere: list[tuple[int, FoundFile]] = []
    touched: list[tuple[int, FoundFile]] = []
    unchanged = 0
    for file in found.files:
        before = known.get(file[0])
        if before is None or before[0] in already_removed:
            new.append(file)
        elif before[1:] == (file[1], file[2], file[3], 0, file[4]):
            unchanged += 1
        elif before[1:4] == file[1:4]:
            if before[4]:
                again.append(file)
            elif trust_ctime and before[5] is not None:
                (touched if same_disk else elsewhere).append((before[0], file))
            else:
                unchanged += 1
        elif not same_disk and before[1:3] == file[1:3] and not before[4]:
            elsewhere.append((before[0], file))
        else:
            changed.append(file)
    present = len(known) - sum(before[0] in already_removed for before in known.values())
    seen = unchanged + len(again) + len(changed) + len(elsewhere) + len(touched)
    gone = _gone_from(found, known, already_removed) if seen < present else {}
    moved, new = _moved_among(new, gone, known) if gone and same_disk else ([], new)
    went = {id for id, _ in moved}
    return Changes(
        new=new,
        changed=changed,
        again=again,
        removed=[id for id in gone.values() if id not in went],
        unchanged=unchanged,
        moved=moved,
        elsewhere=elsewhere,
        touched=touched,
        known=present,
    )


def _gone_from(found: Discovered, known: Mapping[bytes, Known], already_removed: Set[int]) -> dict[bytes, int]:
    """Path -> entry id of what was there and is not."""
    present = {file[0] for file in found.files}
    unreadable = tuple(problem.path.rstrip(b"/") for problem in found.problems if problem.error_class != "unsupported")
    below = tuple(path + b"/" for path in unreadable)
    return {
        path: before[0]
        for path, before in known.items()
        if path not in present
        and before[0] not in already_removed
        and path not in unreadable
        and not path.startswith(below)
    }


def _moved_among(
    new: Sequence[FoundFile], gone: Mapping[bytes, int], known: Mapping[bytes, Known]
) -> tuple[list[tuple[int, FoundFile]], list[FoundFile]]:
    """New files that are files which are gone, under another name: (entry id, file); and those that are not.

    A file keeps its inode, size and mtime when it is renamed. What a name promises is told by its ending, so only a
    file that keeps its ending is known without another look.
    """
    by_stat: dict[tuple[int, int, int, bytes], int] = {}
    for path, id in gone.items():
        _, size, mtime_ns, inode, again, _ = known[path]
        if not again:
            by_stat[size, mtime_ns, inode, _ending(path)] = id
    moved: list[tuple[int, FoundFile]] = []
    rest: list[FoundFile] = []
    for file in new:
        id_ = by_stat.pop((file[1], file[2], file[3], _ending(file[0])), None)
        if id_ is None:
            rest.append(file)
        else:
            moved.append((id_, file))
    return moved, rest


def _ending(path: bytes) -> bytes:
    return os.path.splitext(path)[1].lower()
