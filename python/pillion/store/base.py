"""A library's sidecars, wherever they are, and its staging. Knows nothing of the catalog.

A sidecar appears at its final place only whole, from staging, after its bytes are durable (architecture, promise 2):
by a rename where that place is a folder (``local.py``), by one conditional upload where it is an object store
(``objects.py``). Its place is the same path below ``sidecars/`` in both.
"""

from __future__ import annotations

import base64
import fcntl
import itertools
import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pillion import _core
from pillion.failpoints import reach
from pillion.kinds import registry
from pillion.model import EXTENSIONS, SidecarFormat, SidecarKind
from pillion.store.staging import PRIVATE, Placement, clear, secure, staged_path

if TYPE_CHECKING:
    from pillion.manifest import Manifest, ManifestEntry

A = TypeVar("A")
B = TypeVar("B")

MARK = ".pillion-library"
"""In the folder of every library: no walk enters a folder that has it (rust/src/walk.rs)."""

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_SIGNS = (os.fsencode(MARK), b"catalog.sqlite", b"sidecars")
_MARK_TEXT = "This folder is a Pillion library: what it holds is not indexed.\n"

_REMOVAL_S = 30.0
"""How long a batch of files may take to be removed; who waits longer does not wait on."""

_LOOK_S = 0.02
"""Between two looks whether somebody else has finished."""

_numbers = itertools.count()


def is_library(folder: bytes) -> bool:
    """Whether a folder is that of a library: it has the mark, or what every library has."""
    mark, catalog, sidecars = (os.path.lexists(os.path.join(folder, name)) for name in _SIGNS)
    return mark or (catalog and sidecars)


class Store(ABC):
    """The sidecars of a library, and the ``staging/`` folder below its root.

    Paths of sidecars are relative to ``sidecars/``: ``rel_path`` everywhere. Errors of a folder are OSErrors; an object
    store that cannot be used is a :class:`pillion.errors.StoreError`, which never passes for a sidecar that is missing.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.staging = root / "staging"
        self._staging = str(self.staging)

    def create(self) -> None:
        """Make the folders, private, and the mark by which every walk knows them for a library's.

        The text of private documents is in them. Whoever shares a library changes their modes, which stay as they are.
        """
        self.root.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        self.staging.mkdir(mode=PRIVATE, exist_ok=True)
        if not (self.root / MARK).exists():
            (self.root / MARK).write_text(_MARK_TEXT, encoding="utf-8")

    # staging ----------------------------------------------------------------------------------------------------------

    def new_staging_path(self, owner: str) -> str:
        """A path in staging that nobody else uses; its name starts with ``owner``, so that :meth:`sweep` finds it.

        Only one process uses the name ``owner``. The path is text, because making a path object takes longer than the
        rest of planning a job.
        """
        return f"{self._staging}/{owner}.{next(_numbers)}"

    def discard(self, staging: str, variants: Sequence[str]) -> None:
        """Remove the staged files of these variants, which a job that is not recorded may have left."""
        for variant in variants:
            clear(staged_path(staging, variant))

    def secure(self, staging: str, variant: str, size: int, checksum: str) -> bool:
        """Whether a job has written this variant, as it says; see :func:`pillion.store.staging.secure`."""
        return secure(staged_path(staging, variant), size, checksum)

    def sweep(self, owner: str) -> None:
        """Remove the files in staging of an owner that is gone, and the folders of its workers."""
        for path in self.staging.glob(f"{owner}.*"):
            clear(path)

    def staging_owners(self) -> set[str]:
        """The owners of the files in staging now."""
        return {path.name.rsplit(".", 1)[0] for path in self.staging.iterdir()}

    # places -----------------------------------------------------------------------------------------------------------

    def rel_path(self, content_uuid: str, kind: SidecarKind, variant: str, file_format: SidecarFormat) -> str:
        """The path of a sidecar relative to ``sidecars/``; the same arguments always give the same path."""
        return _core.sidecar_path(
            content_uuid, registry.specs()[kind].directory or kind, variant, EXTENSIONS[file_format]
        )

    @abstractmethod
    def where(self, rel_path: str) -> str:
        """Where a sidecar is, for people: an absolute path or an address. Raises CatalogError if it leads elsewhere."""

    @abstractmethod
    def local(self, rel_path: str, size: int | None, checksum: str | None) -> Path | None:
        """A file on this machine with the bytes of a sidecar of this size and checksum; None if it is not there.

        What is elsewhere is fetched, and compared with its checksum. Raises CatalogError as :meth:`where`.
        """

    @abstractmethod
    def source(self, content_uuid: str, rel_path: str) -> Path:
        """The file that a worker reads where a sidecar is made from another, which is ready."""

    @property
    @abstractmethod
    def readable(self) -> Path:
        """The folder that holds the files of :meth:`local`."""

    @abstractmethod
    def exist(self, rel_paths: Sequence[str]) -> list[bool]:
        """Whether something is at each of these places; one bulk check for all."""

    def signed(self, rel_path: str, seconds: int) -> str | None:
        """An address of a sidecar that needs no keys for so long; None where the store has no such addresses."""
        return None

    def is_there(self, rel_path: str) -> bool:
        """Whether something is at this place, even if it is no sidecar."""
        return self.exist([rel_path])[0]

    @abstractmethod
    def size_of(self, rel_path: str) -> int | None:
        """The size of a sidecar; None if there is none."""

    @abstractmethod
    def is_whole(self, rel_path: str, size: int, checksum: str) -> bool:
        """Whether the sidecar exists and has this size and checksum."""

    @abstractmethod
    def read(self, rel_path: str, limit: int) -> bytes:
        """The bytes of a sidecar.

        Raises OSError (FileNotFoundError: it is not there), ValueError if it has more than ``limit`` bytes.
        """

    @abstractmethod
    def walk_files(self) -> Iterator[str]:
        """The place of everything that is there."""

    @abstractmethod
    def content_uuids(self) -> Iterator[str]:
        """Every content of which something is there, ordered by uuid."""

    @abstractmethod
    def sync(self) -> None:
        """Make everything written so far durable; one call for a whole batch."""

    @abstractmethod
    def place(self, placements: Sequence[Placement]) -> None:
        """Move staged files to their final places. Call :meth:`sync` before and after. Raises LibraryError."""

    @abstractmethod
    def remove(self, rel_path: str) -> bool:
        """Remove a sidecar. False if there is none. Raises OSError, and ValueError for a path that leads elsewhere."""

    @abstractmethod
    def remove_content(self, content_uuid: str) -> int:
        """Remove every file of a content; returns how many. Raises OSError if one cannot be removed."""

    def each(self, look: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """``look`` at each, in order: at several at a time where each look waits for another machine."""
        return map(look, items)

    # manifests --------------------------------------------------------------------------------------------------------

    def manifest_rel_path(self, content_uuid: str) -> str:
        """The place of a content's manifest."""
        return f"{folder_of(content_uuid)}/{MANIFEST}"

    def listed(self, content_uuids: Sequence[str]) -> set[str]:
        """The contents among these that have a manifest; one bulk check for all."""
        there = self.exist([self.manifest_rel_path(uuid) for uuid in content_uuids])
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

        return parsed(self.read(self.manifest_rel_path(content_uuid), MAX_BYTES), content_uuid)

    def has_contents(self) -> bool:
        """Whether any content has a folder: then there was once a catalog that knew it."""
        return next(self.content_uuids(), None) is not None

    def stage_manifest(
        self, owner: str, content_uuid: str, about: Mapping[str, Any], listed: Sequence[ManifestEntry]
    ) -> Placement:
        """Write a content's manifest to staging. ``about``: its hash, size, mime and ``thumbhash``, bytes or None."""
        staged = Path(self.new_staging_path(owner))
        reach("store.manifest")
        staged.write_text(_manifest(content_uuid, about, listed), encoding="utf-8")
        return Placement(staged=staged, rel_path=self.manifest_rel_path(content_uuid))

    # removing ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def removing(self) -> Iterator[None]:
        """Hold this from before rows go from the catalog until their files have gone too: then none of them is a stray.

        Who is killed lets go. Where locks cannot be had, nobody waits.
        """
        with self._locked(fcntl.LOCK_SH):
            yield

    @contextmanager
    def nothing_removing(self) -> Iterator[None]:
        """Wait until nobody is :meth:`removing`, and keep them waiting. For one who does not go on, only so long."""
        with self._locked(fcntl.LOCK_EX):
            yield

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """A lock of the system on a folder of the library, which needs no file, and so no room on a full disk."""
        try:
            at = os.open(self._lock_on, FOLDER)
        except OSError:
            yield
            return
        try:
            until = time.monotonic() + _REMOVAL_S
            while time.monotonic() < until:
                try:
                    fcntl.flock(at, how | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(_LOOK_S)
                except OSError:
                    break
            yield
        finally:
            os.close(at)

    @property
    def _lock_on(self) -> Path:
        return self.staging


def folder_of(content_uuid: str) -> str:
    """The folder of a content, below ``sidecars/``."""
    return f"content/{content_uuid[:2]}/{content_uuid[2:4]}/{content_uuid}"


def _manifest(content_uuid: str, about: Mapping[str, Any], listed: Sequence[ManifestEntry]) -> str:
    """The manifest as JSON; manifest.py reads it."""
    data = {
        "manifest_version": MANIFEST_VERSION,
        "content_uuid": content_uuid,
        **about,
        "thumbhash": thumbhash_text(about["thumbhash"]),
        "sidecars": [_as_dict(entry) for entry in sorted(listed, key=lambda entry: (entry.kind, entry.variant))],
    }
    return json.dumps(data, indent=1) + "\n"


def _as_dict(entry: ManifestEntry) -> dict[str, Any]:
    values = {one.name: getattr(entry, one.name) for one in fields(entry)}
    if not entry.own:
        del values["own"]
    return values


def thumbhash_text(value: bytes | None) -> str | None:
    """A ThumbHash in base64, the form that web pages use."""
    return None if value is None else base64.b64encode(value).decode()


def parts_of(rel_path: str) -> list[str]:
    """The names in a path that stays below its root. Raises ValueError for any other."""
    names = rel_path.split("/")
    if any(name in ("", ".", "..") or "\0" in name for name in names):
        raise ValueError(f"{rel_path[:200]!r} is not a path inside the library")
    return names
