"""The files of a library: staging, final places, manifests. Knows nothing of the catalog.

A file appears at its final path only by a rename from staging, after its bytes are durable (design, promise 2).
"""

from __future__ import annotations

import base64
import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pillion import _core
from pillion.failpoints import reach
from pillion.kinds import registry
from pillion.model import SidecarFormat, SidecarKind, SidecarMark, value

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1
_CHECKPOINTS = "checkpoints"
"""A folder in staging."""

_numbers = itertools.count()


@value
class Placement:
    """One file on its way from staging to its final place (``rel_path``, relative to ``sidecars/``)."""

    staged: Path
    rel_path: str


@value
class ManifestEntry:
    """What a content's manifest says about one sidecar file."""

    kind: SidecarKind
    variant: str
    format: SidecarFormat
    rel_path: str
    size: int
    checksum: str
    recipe: str
    mark: SidecarMark | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A content's manifest: what the content is (``size`` in bytes), and its sidecar files."""

    content_uuid: str
    hash: str | None
    size: int
    mime: str
    sidecars: Sequence[ManifestEntry]
    thumbhash: bytes | None = None

    def by_key(self) -> dict[tuple[SidecarKind, str], ManifestEntry]:
        """The sidecars by kind and variant."""
        return {(entry.kind, entry.variant): entry for entry in self.sidecars}


def staged_path(staging: str, variant: str) -> Path:
    """Where a job that was given ``staging`` writes a variant."""
    return Path(f"{staging}-{variant}")


class Store:
    """The ``sidecars/`` and ``staging/`` folders below a library's root."""

    def __init__(self, root: Path) -> None:
        self.sidecars = root / "sidecars"
        self.staging = root / "staging"
        self._staging = str(self.staging)

    def create(self) -> None:
        """Make the folders."""
        self.sidecars.mkdir(parents=True, exist_ok=True)
        self.staging.mkdir(exist_ok=True)

    def new_staging_path(self, owner: str) -> str:
        """A path in staging that nobody else uses; its name starts with the owner, so that it can be swept.

        ``owner`` is a name that one process has to itself. As text: a path object costs more than all the rest of a
        job's plan.
        """
        return f"{self._staging}/{owner}.{next(_numbers)}"

    def discard(self, staging: str, variants: Sequence[str]) -> None:
        """Remove what a job that is not recorded may have left: the files of these variants."""
        for variant in variants:
            staged_path(staging, variant).unlink(missing_ok=True)

    def checkpoint(self, content_uuid: str, recipe: str) -> Path:
        """Where a long job keeps what it has made so far, for its next try, whoever makes it."""
        return self.staging / _CHECKPOINTS / f"{content_uuid}-{recipe}.json"

    def checkpoints(self) -> list[tuple[str, str]]:
        """(content_uuid, recipe) of all checkpoints."""
        names = (path.stem for path in (self.staging / _CHECKPOINTS).glob("*-*.json"))
        return [(uuid, recipe) for uuid, _, recipe in (name.rpartition("-") for name in names)]

    def checkpoint_age(self, content_uuid: str, recipe: str) -> int:
        """When a checkpoint was written, as a number that grows; 0 if there is none."""
        try:
            return self.checkpoint(content_uuid, recipe).stat().st_mtime_ns
        except OSError:
            return 0

    def drop_checkpoint(self, content_uuid: str, recipe: str) -> None:
        """Remove a checkpoint that is not wanted any more, if there is one."""
        self.checkpoint(content_uuid, recipe).unlink(missing_ok=True)

    def sweep(self, owner: str) -> None:
        """Remove what an owner that is gone left in staging."""
        for path in self.staging.glob(f"{owner}.*"):
            path.unlink(missing_ok=True)

    def staging_owners(self) -> set[str]:
        """The owners of the files in staging now."""
        return {path.name.rsplit(".", 1)[0] for path in self.staging.iterdir()}

    def rel_path(self, content_uuid: str, kind: SidecarKind, variant: str, file_format: SidecarFormat) -> str:
        """The deterministic place of a sidecar, relative to ``sidecars/``."""
        return _core.sidecar_path(content_uuid, registry.spec(kind).directory or kind, variant, file_format.extension)

    def absolute(self, rel_path: str) -> Path:
        """The absolute path of a file below ``sidecars/``."""
        return self.sidecars / rel_path

    def sync(self) -> None:
        """Make everything written so far durable: one call for a whole batch."""
        reach("store.sync")
        _core.sync_filesystem(self.sidecars)
        reach("store.synced")

    def place(self, placements: Sequence[Placement]) -> None:
        """Rename staged files, whose bytes are synced, to their final paths. Call :meth:`sync` afterwards."""
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
        """Where a content's manifest is."""
        return self.sidecars / _manifest_rel_path(content_uuid)

    def listed(self, content_uuids: Sequence[str]) -> set[str]:
        """Those of the contents that have a manifest: one bulk check for all of them."""
        paths = [_manifest_rel_path(uuid) for uuid in content_uuids]
        there = _core.exists_many(self.sidecars, paths).tolist()
        return {uuid for uuid, exists in zip(content_uuids, there, strict=True) if exists}

    def read_manifest(self, content_uuid: str) -> dict[tuple[SidecarKind, str], ManifestEntry]:
        """What the manifest lists, by kind and variant; empty if there is none or it cannot be read."""
        manifest = self.find_manifest(content_uuid)
        return {} if manifest is None else manifest.by_key()

    def find_manifest(self, content_uuid: str) -> Manifest | None:
        """All that the manifest says; None if there is none or it cannot be read."""
        try:
            return self.load_manifest(content_uuid)
        except (OSError, ValueError):
            return None

    def load_manifest(self, content_uuid: str) -> Manifest:
        """All that the manifest says. Raises OSError if it cannot be read, ValueError if it makes no sense."""
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
        """Every content that has a folder, in order of the uuid, without holding more than one folder's names."""
        for first in _folders(self.sidecars / "content", 2):
            for second in _folders(first, 2):
                for folder in _folders(second, 36):
                    if folder.name[:4] == first.name + second.name:
                        yield folder.name

    def holds_contents(self) -> bool:
        """Whether any content has a folder: then there once was a catalog that knew it."""
        return next(self.content_uuids(), None) is not None

    def stage_manifest(
        self, owner: str, content_uuid: str, about: Mapping[str, Any], listed: Sequence[ManifestEntry]
    ) -> Placement:
        """Write a content's manifest to staging. ``about``: hash, size, mime and ThumbHash of the content."""
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
        """Whether the file is there with these very bytes."""
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
    """The real folders (no links) in ``parent`` whose names are that long, in order."""
    try:
        with os.scandir(parent) as items:
            found = [
                item.path for item in items if len(item.name) == name_length and item.is_dir(follow_symlinks=False)
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [Path(path) for path in sorted(found)]


def _as_dict(entry: ManifestEntry) -> dict[str, Any]:
    return {one.name: getattr(entry, one.name) for one in fields(entry)}


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
    )
