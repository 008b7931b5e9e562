"""The files of a library: staging, final paths, manifests. Knows nothing of the catalog.

A file appears at its final path only by a rename from staging, after its bytes are durable (architecture, promise 2).
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pillion import _core
from pillion.failpoints import reach
from pillion.kinds import registry
from pillion.model import EXTENSIONS, SidecarFormat, SidecarKind, SidecarMark, staged_path, value

MARK = ".pillion-library"
"""In the folder of every library: no walk enters a folder that has it (rust/src/walk.rs)."""

_SIGNS = (os.fsencode(MARK), b"catalog.sqlite", b"sidecars")
_MARK_TEXT = "This folder is a Pillion library: what it holds is not indexed.\n"

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1
_numbers = itertools.count()


@value
class Placement:
    """A file to move from staging to its final path (``rel_path``, relative to ``sidecars/``)."""

    staged: Path
    rel_path: str


@value
class ManifestEntry:
    """One sidecar file, as its content's manifest lists it."""

    kind: SidecarKind
    variant: str
    format: SidecarFormat
    rel_path: str
    size: int
    checksum: str
    recipe: str
    mark: SidecarMark | None = None
    own: bool = False
    """Whether the user defined the variant: its size and format are known to that library's settings alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A content's manifest: hash, size in bytes and type of the content, and its sidecar files."""

    content_uuid: str
    hash: str | None
    size: int
    mime: str
    sidecars: Sequence[ManifestEntry]
    thumbhash: bytes | None = None

    def by_key(self) -> dict[tuple[SidecarKind, str], ManifestEntry]:
        """The sidecars by kind and variant."""
        return {(entry.kind, entry.variant): entry for entry in self.sidecars}


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
        """Make the folders, and the mark by which every walk knows them for a library's."""
        self.sidecars.mkdir(parents=True, exist_ok=True)
        self.staging.mkdir(exist_ok=True)
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
        """The absolute path of a file below ``sidecars/``."""
        return self.sidecars / rel_path

    def sync(self) -> None:
        """Make everything written so far durable; one call for a whole batch."""
        reach("store.sync")
        _core.sync_filesystem(self.sidecars)
        reach("store.synced")

    def place(self, placements: Sequence[Placement]) -> None:
        """Rename staged files to their final paths. Call :meth:`sync` before and after."""
        for placement in placements:
            final = self.absolute(placement.rel_path)
            reach("store.rename")
            try:
                os.replace(placement.staged, final)
            except FileNotFoundError:
                final.parent.mkdir(parents=True, exist_ok=True)
                os.replace(placement.staged, final)
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
        data = json.loads(self.manifest_path(content_uuid).read_bytes())
        try:
            return Manifest(
                content_uuid=str(data["content_uuid"]),
                hash=None if data["hash"] is None else str(data["hash"]),
                size=int(data["size"]),
                mime=str(data["mime"]),
                sidecars=[_entry(item) for item in data["sidecars"]],
                thumbhash=base64.b64decode(data["thumbhash"], validate=True) if data.get("thumbhash") else None,
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error

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
        data = {
            "manifest_version": MANIFEST_VERSION,
            "content_uuid": content_uuid,
            **about,
            "sidecars": [_as_dict(entry) for entry in sorted(listed, key=lambda entry: (entry.kind, entry.variant))],
        }
        staged = Path(self.new_staging_path(owner))
        reach("store.manifest")
        staged.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        return Placement(staged=staged, rel_path=_manifest_rel_path(content_uuid))

    def is_whole(self, rel_path: str, size: int, checksum: str) -> bool:
        """Whether the file exists and has this size and checksum."""
        path = self.absolute(rel_path)
        try:
            data = path.read_bytes()
        except OSError:
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


def _as_dict(entry: ManifestEntry) -> dict[str, Any]:
    values = {one.name: getattr(entry, one.name) for one in fields(entry)}
    if not entry.own:
        del values["own"]
    return values


def _entry(item: Mapping[str, Any]) -> ManifestEntry:
    return ManifestEntry(
        kind=SidecarKind(item["kind"]),
        variant=str(item["variant"]),
        format=SidecarFormat(item["format"]),
        rel_path=str(item["rel_path"]),
        size=int(item["size"]),
        checksum=str(item["checksum"]),
        recipe=str(item["recipe"]),
        mark=SidecarMark(item["mark"]) if item.get("mark") else None,
        own=item.get("own") is True,
    )
