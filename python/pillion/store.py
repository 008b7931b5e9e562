"""The files of a library: staging, final paths, manifests. Knows nothing of the catalog.

A file appears at its final path only by a rename from staging, after its bytes are durable (architecture, promise 2).
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pillion import _core, beneath
from pillion.errors import CatalogError, LibraryError
from pillion.failpoints import reach
from pillion.kinds import registry
from pillion.model import EXTENSIONS, SidecarFormat, SidecarKind, value

if TYPE_CHECKING:
    from pillion.manifest import Manifest, ManifestEntry


MARK = ".pillion-library"
"""In the folder of every library: no walk enters a folder that has it (rust/src/walk.rs)."""

MANIFEST = "manifest.json"

PRIVATE = 0o700
"""The mode of a library's folders when they are made: nobody else can enter them."""

_SIGNS = (os.fsencode(MARK), b"catalog.sqlite", b"sidecars")
_MARK_TEXT = "This folder is a Pillion library: what it holds is not indexed.\n"

_numbers = itertools.count()


@value
class Placement:
    """A file to move from staging to its final path (``rel_path``, relative to ``sidecars/``)."""

    staged: Path
    rel_path: str


def staged_path(staging: str, variant: str) -> Path:
    """The file to which a job with the staging path ``staging`` writes a variant (kinds/execute.py does)."""
    return Path(f"{staging}-{variant}")


def is_library(folder: bytes) -> bool:
    """Whether a folder is that of a library: it has the mark, or what every library has."""
    mark, catalog, sidecars = (os.path.lexists(os.path.join(folder, name)) for name in _SIGNS)
    return mark or (catalog and sidecars)


class Store:
    """The ``sidecars/`` and ``staging/`` folders below a library's root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sidecars = root / "sidecars"
        self.staging = root / "staging"
        self._staging = str(self.staging)

    def create(self) -> None:
        """Make the folders, private, and the mark by which every walk knows them for a library's.

        The text of private documents is in them. Whoever shares a library changes their modes, which stay as they are.
        """
        self.root.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        self.sidecars.mkdir(mode=PRIVATE, exist_ok=True)
        self.staging.mkdir(mode=PRIVATE, exist_ok=True)
        if not (self.root / MARK).exists():
            (self.root / MARK).write_text(_MARK_TEXT, encoding="utf-8")

    def new_staging_path(self, owner: str) -> str:
        """A path in staging that nobody else uses; its name starts with ``owner``, so that :meth:`sweep` finds it.

        Only one process uses the name ``owner``. The path is text, because making a path object takes longer than the
        rest of planning a job.
        """
        return f"{self._staging}/{owner}.{next(_numbers)}"

    def discard(self, staging: str, variants: Sequence[str]) -> None:
        """Remove the staged files of these variants, which a job that is not recorded may have left."""
        for variant in variants:
            staged_path(staging, variant).unlink(missing_ok=True)

    def is_staged(self, staging: str, variant: str, size: int) -> bool:
        """Whether a job has written this variant: a plain file of this size, and of no other name."""
        try:
            found = os.lstat(staged_path(staging, variant))
        except OSError:
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size == size and found.st_nlink == 1

    def sweep(self, owner: str) -> None:
        """Remove the files in staging of an owner that is gone."""
        for path in self.staging.glob(f"{owner}.*"):
            path.unlink(missing_ok=True)

    def staging_owners(self) -> set[str]:
        """The owners of the files in staging now."""
        return {path.name.rsplit(".", 1)[0] for path in self.staging.iterdir()}

    def rel_path(self, content_uuid: str, kind: SidecarKind, variant: str, file_format: SidecarFormat) -> str:
        """The path of a sidecar relative to ``sidecars/``; the same arguments always give the same path."""
        return _core.sidecar_path(
            content_uuid, registry.specs()[kind].directory or kind, variant, EXTENSIONS[file_format]
        )

    def absolute(self, rel_path: str) -> Path:
        """The absolute path of a file below ``sidecars/``. Raises CatalogError for a path that leads elsewhere."""
        try:
            return self.sidecars.joinpath(*beneath.parts(rel_path))
        except ValueError as error:
            message = f"The catalog of {self.root} names a file outside of it; run 'pillion verify'."
            raise CatalogError(message) from error

    def remove(self, rel_path: str) -> bool:
        """Remove a file below ``sidecars/``, and the folders that are empty then. False if there is none."""
        return beneath.remove_file(self.sidecars, rel_path)

    def sync(self) -> None:
        """Make everything written so far durable; one call for a whole batch."""
        reach("store.sync")
        _core.sync_filesystem(self.sidecars)
        reach("store.synced")

    def place(self, placements: Sequence[Placement]) -> None:
        """Rename staged files to their final paths. Call :meth:`sync` before and after.

        Raises LibraryError if a folder of the library is gone, or a link stands in its place.
        """
        for placement in placements:
            reach("store.rename")
            try:
                beneath.place_file(placement.staged, self.sidecars, placement.rel_path)
            except (FileNotFoundError, NotADirectoryError) as error:
                raise LibraryError(f"A folder of the library {self.root} was removed or replaced: {error}.") from error
            reach("store.renamed")

    def manifest_path(self, content_uuid: str) -> Path:
        """The path of a content's manifest."""
        return self.sidecars / _manifest_rel_path(content_uuid)

    def listed(self, content_uuids: Sequence[str]) -> set[str]:
        """The contents among these that have a manifest; one bulk check for all."""
        paths = [_manifest_rel_path(uuid) for uuid in content_uuids]
        there = _core.exists_many(self.sidecars, paths)
        return {uuid for uuid, exists in zip(content_uuids, there, strict=True) if exists}

    def read_manifest(self, content_uuid: str) -> dict[tuple[SidecarKind, str], ManifestEntry]:
        """The manifest's entries by kind and variant; empty if there is no manifest or it cannot be read."""
        manifest = self.find_manifest(content_uuid)
        return {} if manifest is None else manifest.by_key()

    def find_manifest(self, content_uuid: str) -> Manifest | None:
        """The manifest; None if there is none or it cannot be read."""
        try:
            return self.load_manifest(content_uuid)
        except (OSError, ValueError):
            return None

    def load_manifest(self, content_uuid: str) -> Manifest:
        """The manifest. Raises OSError if it cannot be read, ValueError if its contents are not valid."""
        from pillion.manifest import MAX_BYTES, parsed

        return parsed(beneath.read_file(self.sidecars, _manifest_rel_path(content_uuid), MAX_BYTES), content_uuid)

    def content_uuids(self) -> Iterator[str]:
        """Every content that has a folder, ordered by uuid; holds the names of only one folder at a time."""
        for first in _folders(self.sidecars / "content", 2):
            for second in _folders(first, 2):
                for folder in _folders(second, 36):
                    if folder.name[:4] == first.name + second.name:
                        yield folder.name

    def has_contents(self) -> bool:
        """Whether any content has a folder: then there was once a catalog that knew it."""
        return next(self.content_uuids(), None) is not None

    def stage_manifest(
        self, owner: str, content_uuid: str, about: Mapping[str, Any], listed: Sequence[ManifestEntry]
    ) -> Placement:
        """Write a content's manifest to staging. ``about``: the content's hash, size, mime and ThumbHash."""
        from pillion.manifest import written

        staged = Path(self.new_staging_path(owner))
        reach("store.manifest")
        staged.write_text(written(content_uuid, about, listed), encoding="utf-8")
        return Placement(staged=staged, rel_path=_manifest_rel_path(content_uuid))

    def size_of(self, rel_path: str) -> int | None:
        """The size of a regular file below ``sidecars/``; None if there is none."""
        return beneath.size_of(self.sidecars, rel_path)

    def is_whole(self, rel_path: str, size: int, checksum: str) -> bool:
        """Whether the file exists and has this size and checksum."""
        if self.size_of(rel_path) != size:
            return False
        try:
            data = beneath.read_file(self.sidecars, rel_path, size)
        except (OSError, ValueError):
            return False
        return len(data) == size and _core.hash_bytes(data).hash == checksum

    def walk_files(self) -> Iterator[str]:
        """Every file below ``sidecars/``, relative to it."""
        for entry in _core.walk(self.sidecars, hidden=True).entries:
            yield os.fsdecode(entry[0])


def _manifest_rel_path(content_uuid: str) -> str:
    return f"content/{content_uuid[:2]}/{content_uuid[2:4]}/{content_uuid}/{MANIFEST}"


def _folders(parent: Path, name_length: int) -> list[Path]:
    """The folders in ``parent``, without links, whose names are ``name_length`` long, in order."""
    try:
        with os.scandir(parent) as items:
            found = [
                item.path for item in items if len(item.name) == name_length and item.is_dir(follow_symlinks=False)
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [Path(path) for path in sorted(found)]
