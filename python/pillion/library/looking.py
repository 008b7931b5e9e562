"""What a library knows: its Locations, its contents, and which sidecars they have. Looked up, nothing is changed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from uuid import UUID

from pillion.catalog import locations as catalog_locations
from pillion.catalog import sidecars as catalog_sidecars
from pillion.catalog.contents import Unmade, facts_of, parts_of, thumbhashes, unknown_endings, unmade, whole_of
from pillion.catalog.database import Database
from pillion.catalog.events import newest_event
from pillion.catalog.locations import Location
from pillion.errors import UsageError
from pillion.facts import MediaFacts
from pillion.kinds import registry
from pillion.library.arguments import ContentId, absolute_folder, content_id
from pillion.library.sidecars import Item, Sidecars
from pillion.model import SidecarKind, SidecarStatus, SidecarUri
from pillion.quoting import quoted


class Looking:
    """The questions to a library that its catalog answers. :class:`pillion.library.library.Library` is one."""

    def __init__(self, database: Database, sidecars: Sidecars) -> None:
        self._database = database
        self.sidecars = sidecars

    # Locations and files ----------------------------------------------------------------------------------------------

    def locations(self) -> list[Location]:
        """The watched folders, oldest first."""
        with self._database.read() as connection:
            return [location for location in catalog_locations.list_locations(connection) if location.walked]

    def location(self, path: str | os.PathLike[str]) -> Location:
        """The Location at a path, which need not be there now. Raises UsageError if it is none."""
        folder = absolute_folder(path)
        for location in self.locations():
            if location.path in (folder, os.path.abspath(os.fsencode(path))):
                return location
        raise UsageError(f"{quoted(folder)} is not a Location of this library; 'pillion locations' lists them.")

    def count_files(self, location: Location) -> int:
        """How many files of a Location are there, as last indexed."""
        with self._database.read() as connection:
            return catalog_locations.count_present(connection, location.id)

    def unidentified(self) -> list[tuple[bytes, str, str]]:
        """Files that could not be identified: (absolute path, error class, message)."""
        with self._database.read() as connection:
            return catalog_locations.unidentified(connection)

    def newest_event(self) -> int:
        """The id of the newest event, for ``since``; 0 before the first."""
        with self._database.read() as connection:
            return newest_event(connection)

    # contents and their sidecars --------------------------------------------------------------------------------------

    def ls(
        self,
        *,
        kind: SidecarKind | str | None = None,
        statuses: Sequence[SidecarStatus] = (),
        error_class: str | None = None,
        content_uuid: ContentId | None = None,
    ) -> Iterator[Item]:
        """Every wanted sidecar with its state, file and sources, in order of content, kind and variant."""
        chosen = registry.parse_kinds([kind])[0] if kind is not None else None
        return self.sidecars.items(
            kind=chosen,
            statuses=statuses,
            error_class=error_class,
            content_uuids=None if content_uuid is None else [content_uuid],
        )

    def unmade(self, *, unknown: bool = False) -> Iterator[Unmade]:
        """Contents for which no sidecar is wanted, with their files; with ``unknown``, only those of no known type."""
        with self._database.read() as connection:
            yield from unmade(connection, unknown=unknown)

    def unknown(self) -> dict[str, int]:
        """How many files are of no known type, by the ending of their names ("" without one), most first."""
        with self._database.read() as connection:
            return unknown_endings(connection)

    def find(self, what: str | os.PathLike[str] | UUID) -> list[str]:
        """The content uuids for ``what``: the path of a file in the library, a uuid or its start, or an address.

        The file may be on a disk that is away.
        """
        what = str(what) if isinstance(what, UUID) else os.fspath(what)
        if SidecarUri.is_one(what):
            what = SidecarUri.parse(what).content_uuid
        path = os.path.realpath(os.fsencode(what))
        if os.path.exists(path):
            return self.sidecars.contents_at(path)
        with self._database.read() as connection:
            found = catalog_sidecars.find_content(connection, what.lower())
        # What is on a disk that is away is known all the same.
        return found or self.sidecars.contents_at(path)

    def content_info(self, content_uuid: ContentId) -> tuple[str | None, int, str] | None:
        """(hash, size in bytes, mime) of a content, or None if it is not in the library."""
        uuid = content_id(content_uuid)
        with self._database.read() as connection:
            return catalog_sidecars.content_info(connection, uuid)

    def facts(self, content_uuid: ContentId) -> MediaFacts:
        """What a content's file says of itself: capture date, size, place, camera. docs/facts.md."""
        uuid = content_id(content_uuid)
        with self._database.read() as connection:
            return facts_of(connection, [uuid]).get(uuid, MediaFacts())

    def parts(self, content_uuid: ContentId) -> tuple[str | None, list[str]]:
        """(the content that this one is a part of, or None; its own parts): films of Live Photos, raw files."""
        uuid = content_id(content_uuid)
        with self._database.read() as connection:
            return whole_of(connection, uuid), parts_of(connection, [uuid]).get(uuid, [])

    def thumbhash(self, content_uuid: ContentId) -> bytes | None:
        """The content's ThumbHash (at most 25 bytes), or None if it has no thumbnail yet."""
        uuid = content_id(content_uuid)
        with self._database.read() as connection:
            return thumbhashes(connection, [uuid]).get(uuid)
