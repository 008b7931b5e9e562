"""The timeline of a library, for programs that show it: pages of contents by date, counts of months, folders, files."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass

from pillion.catalog import timeline as catalog
from pillion.catalog.database import Database
from pillion.catalog.timeline import Chosen, FilePlace, Position, Shown
from pillion.machine import mtime_ns

__all__ = ["Chosen", "Month", "Position", "Shown", "Timeline"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Month:
    """A month, in UTC, with contents. ``end``: where it ends, in ms since 1970."""

    year: int
    month: int
    number: int
    end: int


class Timeline:
    """The contents that files have now, by date."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self,
        chosen: Chosen,
        *,
        after: Position | None = None,
        limit: int = 100,
        offset: int = 0,
        descending: bool = True,
    ) -> tuple[list[Shown], Position | None]:
        """A page, and the position after which the next one begins; None at the end.

        The page of a choice may be short of ``limit``, even empty, before the end.
        """
        with self._database.read() as connection:
            return catalog.page(connection, chosen, after=after, limit=limit, offset=offset, descending=descending)

    def show(self, content_uuid: str) -> Shown | None:
        """One content; None if no file has it."""
        with self._database.read() as connection:
            return catalog.show(connection, content_uuid)

    def months(self, chosen: Chosen) -> list[Month]:
        """How many contents each month has, the newest first; months without any are left out."""
        with self._database.read() as connection:
            return [
                Month(year=year, month=month, number=number, end=end)
                for year, month, number, end in catalog.months(connection, chosen)
            ]

    def place(self, chosen: Chosen, position: Position) -> tuple[int, int, int]:
        """(year, month, how many contents of that month stand before a position), the newest first."""
        with self._database.read() as connection:
            return catalog.place(connection, chosen, position)

    def changed(self) -> str:
        """A text that differs when the files have changed since."""
        with self._database.read() as connection:
            return catalog.changed(connection)

    def subfolders(self, location_id: int, path: bytes) -> list[tuple[bytes, int, int]]:
        """(path in the Location, files, bytes) of the folders directly in a folder, as last indexed."""
        with self._database.read() as connection:
            return catalog.subfolders(connection, location_id, path)

    def files(self, content_uuid: str) -> Sequence[FilePlace]:
        """The present files with a content."""
        with self._database.read() as connection:
            return catalog.files_of(connection, content_uuid)

    def opened(self, content_uuid: str) -> int | None:
        """A descriptor of a file with the content, for reading; None if there is none that is as it was when indexed.

        It is opened from the folder of its Location down, through no link.
        """
        for place in self.files(content_uuid):
            try:
                descriptor = _open_beneath(place.root, place.path)
            except (OSError, ValueError):
                continue
            found = os.fstat(descriptor)
            same = found.st_size == place.size and mtime_ns(found) == place.mtime_ns
            if stat.S_ISREG(found.st_mode) and same:
                return descriptor
            os.close(descriptor)
        return None


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def _open_beneath(root: bytes, path: bytes) -> int:
    """A descriptor of the file at ``path`` below ``root``. Raises OSError, ValueError for a path that leads out."""
    *names, name = path.split(b"/")
    if any(part in (b"", b".", b"..") or b"\0" in part for part in (*names, name)):
        raise ValueError(f"{path!r} is not a path inside a folder")
    at = os.open(root, _FOLDER)
    try:
        for part in names:
            below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        return os.open(name, _FILE, dir_fd=at)
    finally:
        os.close(at)
