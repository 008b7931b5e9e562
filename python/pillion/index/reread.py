"""Files that differ from the catalog in what a restore or a change of rights changes, too: read before they are judged.

On another disk, or after a restore, all inodes are others: a sample of the files says for all whether they are the
same. A ctime alone changes with a file's rights, or with its bytes where a program sets the mtime back: each is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from pillion.catalog.indexing import EntryRow
from pillion.index.changes import Changes
from pillion.index.links import FoundFile

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
            others = [file for _, file in changes.elsewhere]
            changes = replace(changes, changed=[*changes.changed, *others], elsewhere=())
    if changes.touched:
        same: list[tuple[int, FoundFile]] = []
        edited: list[FoundFile] = []
        for start in range(0, len(changes.touched), _GROUP):
            some = changes.touched[start : start + _GROUP]
            for (id, file), is_same in zip(some, _are_same(some, read, contents), strict=True):
                if is_same:
                    same.append((id, file))
                else:
                    edited.append(file)
        number += len(changes.touched)
        changes = replace(changes, changed=[*changes.changed, *edited], touched=same)
    return changes, number


def _are_same(files: Sequence[tuple[int, FoundFile]], read: Read, contents: Contents) -> list[bool]:
    """Whether each (entry id, file) has the content that the catalog has for it."""
    known = contents([id for id, _ in files])
    found = read([file for _, file in files])
    return [
        item.content_uuid is not None and item.content_uuid == known.get(id)
        for (id, _), item in zip(files, found, strict=True)
    ]
