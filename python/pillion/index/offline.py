"""Whether a Location is there at all, judged by how many of its files are gone at once. Pure.

What cannot be seen is not removed: an unmounted disk leaves an empty folder, or none, or another file system's. Then
the Location is offline: nothing of it changes until its files are there again, or the user says that they are gone.
"""

from __future__ import annotations

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
        return f"the folder is empty, and {_files(known)} in it"
    many = lost > known * SHARE
    if many and before is not None and identity != before:
        return f"another file system is there, without {lost:,} of its {known:,} files"
    if many and lost >= FEWEST:
        return f"{lost:,} of its {known:,} files are gone at once"
    return None


def _files(number: int) -> str:
    return "1 file was" if number == 1 else f"{number:,} files were"
