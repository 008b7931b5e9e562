"""The folders that a library watches: added, removed, moved elsewhere, known by other paths on other machines."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from pathlib import Path

from pillion.catalog import locations as catalog_locations
from pillion.catalog.locations import Location
from pillion.errors import UsageError
from pillion.library.arguments import absolute_folder, existing_folder, is_inside
from pillion.library.looking import Looking
from pillion.machine import host_name
from pillion.quoting import quoted
from pillion.store import is_library


class Watched(Looking, ABC):
    """A library's Locations, and how they change. :class:`pillion.library.library.Library` is one.

    ``root``: the library's own folder.
    """

    root: Path

    @abstractmethod
    def _must_be_writable(self) -> None:
        """Raises LibraryError where nothing may be changed, LibraryClosedError after it was closed."""

    def add_location(self, path: str | os.PathLike[str]) -> Location:
        """Watch a folder. If it is a Location already, or inside one, that Location is returned."""
        self._must_be_writable()
        folder = existing_folder(path)
        if is_library(folder):
            raise UsageError(f"{quoted(folder)} is a Pillion library itself; name the folder of your own files.")
        with self._database.write() as connection:
            for location in catalog_locations.list_locations(connection):
                if location.walked and is_inside(folder, location.path):
                    return location
            return catalog_locations.ensure_location(connection, folder, time.time())

    def _holder_of_missing(self, path: str | os.PathLike[str]) -> Location | None:
        """The Location that holds a path which is not there: whether its disk is missing shows in the whole of it."""
        folder = absolute_folder(path)
        if os.path.lexists(folder):
            return None
        return next((item for item in self.locations() if is_inside(folder, item.path)), None)

    def remove_location(self, path: str | os.PathLike[str]) -> int:
        """Stop watching a folder; returns how many files it had. Its files are not touched.

        Sidecars that no other file needs stay until a cleanup. Raises UsageError if it is no Location.
        """
        self._must_be_writable()
        location = self.location(path)
        with self._database.exclusive(self.root / "index.lock", "indexing"), self._database.write() as connection:
            return catalog_locations.forget_location(connection, location.id, time.time())

    def move_location(self, old: str | os.PathLike[str], new: str | os.PathLike[str]) -> Location:
        """A watched folder lies elsewhere now: its entries stay, and nothing is hashed or made again.

        Raises UsageError if ``old`` is no Location, or ``new`` is no folder, lies in another Location or holds one.
        """
        self._must_be_writable()
        location, folder = self.location(old), existing_folder(new)
        for other in self.locations():
            if other.id != location.id and (is_inside(folder, other.path) or is_inside(other.path, folder)):
                raise UsageError(f"{quoted(folder)} overlaps the Location {quoted(other.path)}.")
        with self._database.exclusive(self.root / "index.lock", "indexing"), self._database.write() as connection:
            catalog_locations.move_location(connection, location.id, folder)
        return self.location(os.fsdecode(folder))

    def map_location(
        self, path: str | os.PathLike[str], here: str | os.PathLike[str] | None, *, host: str | None = None
    ) -> Location:
        """On the machine ``host`` (default: this one) the Location at ``path`` is the folder ``here``.

        ``path``: as it was added, or as this machine sees it. ``here`` None: as it was added. Raises UsageError if
        ``path`` is no Location, or ``here`` is no folder of this machine, where it is for this one.
        """
        self._must_be_writable()
        location = self._named_location(path)
        mine = host is None or host == host_name()
        root = None if here is None else existing_folder(here) if mine else os.path.abspath(os.fsencode(here))
        with self._database.exclusive(self.root / "index.lock", "indexing"), self._database.write() as connection:
            catalog_locations.map_location(connection, location.id, str(host or host_name()), root)
        return next(item for item in self.locations() if item.id == location.id)

    def _named_location(self, path: str | os.PathLike[str]) -> Location:
        named = os.path.abspath(os.fsencode(path))
        found = next((item for item in self.locations() if item.shared == named), None)
        return found or self.location(path)

    def _target(self, path: str | os.PathLike[str]) -> tuple[Location, bytes]:
        holder = self._holder_of_missing(path)
        if holder is not None:
            return holder, b""
        folder = existing_folder(path)
        location = self.add_location(path)
        inside = os.path.relpath(folder, location.path)
        return location, b"" if inside == b"." else inside + b"/"
