"""Phase 2, processing: compare what was found with what the catalog knows; only new or changed files go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from pillion.indexing.discovery import Discovered, FoundFile

Known = tuple[int, int, int, int, int]
"""(entry id, size, mtime_ns, inode, 1 if it must be looked at again in any case)"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """The difference. ``again``: unchanged by stat, but not identified last time, or back after removal."""

    new: Sequence[FoundFile]
    changed: Sequence[FoundFile]
    again: Sequence[FoundFile]
    removed: Sequence[int]
    unchanged: int

    @property
    def to_identify(self) -> list[FoundFile]:
        """Everything that goes on to identification."""
        return [*self.new, *self.changed, *self.again]

    @property
    def any(self) -> bool:
        """Whether anything at all differs."""
        return bool(self.new or self.changed or self.removed)


def compare(found: Discovered, known: Mapping[bytes, Known], already_removed: Set[int] = frozenset()) -> Changes:
    """Compare by path, size, mtime and inode.

    What lies below a folder that could not be read is not taken for removed.
    """
    new: list[FoundFile] = []
    changed: list[FoundFile] = []
    again: list[FoundFile] = []
    unchanged = 0
    for file in found.files:
        before = known.get(file[0])
        if before is None:
            new.append(file)
        elif before[1:] == (file[1], file[2], file[3], 0):
            unchanged += 1
        elif before[0] in already_removed:
            new.append(file)
        elif before[1:4] == file[1:4]:
            again.append(file)
        else:
            changed.append(file)
    removed = _removed(found, known, already_removed) if unchanged + len(again) + len(changed) < len(known) else []
    return Changes(new=new, changed=changed, again=again, removed=removed, unchanged=unchanged)


def _removed(found: Discovered, known: Mapping[bytes, Known], already_removed: Set[int]) -> list[int]:
    present = {file[0] for file in found.files}
    unreadable = tuple(problem.path.rstrip(b"/") for problem in found.problems if problem.error_class != "unsupported")
    below = tuple(path + b"/" for path in unreadable)
    return [
        before[0]
        for path, before in known.items()
        if path not in present
        and before[0] not in already_removed
        and path not in unreadable
        and not path.startswith(below)
    ]
