"""Sidecars in an object store: S3 and what speaks its protocol, through obstore.

An object appears whole or not at all, so an upload stands for the rename of a folder. A new object is put only if none
is there (``If-None-Match: *``), and one is replaced only while it is the one that was looked at (``If-Match``): two
writers can undo each other's work neither in a sidecar nor in a manifest. Each object carries its BLAKE3 hash as
metadata, by which an upload that was repeated knows its own bytes again.

Only the process that has the library open talks to the store; workers write to staging, and read copies of what they
need in ``fetched/``, whose names are their checksums. What takes long is done before the transaction that records it
(:meth:`ObjectStore.sent_ahead`): inside, each sidecar is only looked at, and each manifest put.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pillion import _core
from pillion.errors import (
    CatalogError,
    ItemError,
    StoreConflictError,
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
)
from pillion.failpoints import reach
from pillion.model import NEVER_SAMPLED
from pillion.store import buckets
from pillion.store.base import CHUNK, PRIVATE, Placement, Store, folder_of, parts_of

if TYPE_CHECKING:
    from pillion.manifest import Manifest, ManifestEntry

A = TypeVar("A")
B = TypeVar("B")

FETCHED = "fetched"
"""The folder of copies of what workers, exports and the server read, below the library's root."""

OWNER = ".pillion-library"
"""The object that says whose sidecars are below a prefix."""

MOST_FETCHED = 2 << 30
"""Bytes of copies that are kept."""

_YOUNG_S = 3600.0
"""A copy that was used so recently stays: a worker or a client may be reading it."""

_AT_ONCE = 16
"""Requests at a time."""

_LARGE = 4 << 20
"""Larger sidecars are sent and read one at a time, so that few bytes are in memory."""

_HASH = "blake3"

_SEEN = 4096
"""Versions of manifests that a thread remembers between reading and writing them."""

_CONFIRM_S = 1.0
"""How long it counts that the prefix was seen to be the library's."""

_TYPES = {".webp": "image/webp", ".jpg": "image/jpeg", ".avif": "image/avif", ".json": "application/json"}


@dataclass(frozen=True, slots=True)
class _Read:
    """A manifest as it was read: its version and its bytes; both None where there is none."""

    version: str | None
    data: bytes | None


class ObjectStore(Store):
    """The sidecars of a library below an address such as ``s3://bucket/prefix``.

    ``library_id``: whose sidecars must be there; None where that is still to be found out (:func:`owner_of`).
    """

    sends_ahead: ClassVar[bool] = True

    def __init__(self, root: Path, url: str, library_id: str | None, options: Mapping[str, str] | None = None) -> None:
        super().__init__(root)
        self.url = url.rstrip("/")
        self._id = library_id
        self._options = dict(options or {})
        self._fetched = self.readable = root / FETCHED
        self._fetched_bytes = 0
        self._confirmed_at = float("-inf")
        self._local = threading.local()
        self._versions: dict[str, str | None] = {}
        """Staged manifest -> the version that it is to replace; None: there was none."""
        self._sent: dict[str, str | None] = {}
        """Staged sidecar -> the version of the object that has its bytes since it was sent ahead."""

    @cached_property
    def _objects(self) -> Any:
        return buckets.connect(self.url, self._options)

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="pillion-objects")

    def create(self) -> None:
        """Make the local folders, and note in the object store whose sidecars these are.

        Raises StoreRefusedError if they are another library's.
        """
        super().create()
        if self._fetched.is_dir():
            return
        if self._id is not None:
            with self._asked(OWNER), suppress(self._obstore.exceptions.AlreadyExistsError):
                self._obstore.put(self._objects, OWNER, self._id.encode(), mode="create", use_multipart=False)
            self._confirm()
        self._fetched.mkdir(mode=PRIVATE, exist_ok=True)

    def owner(self) -> str | None:
        """The id of the library whose sidecars these are; None if there is none yet."""
        with self._asked(OWNER):
            try:
                return bytes(self._obstore.get(self._objects, OWNER).bytes()).decode("ascii", "replace")[:64]
            except FileNotFoundError:
                return None

    def _confirm(self) -> None:
        """Raise StoreRefusedError unless the prefix is still the library's. Without this, an empty one says of each
        sidecar that it is missing, and all would be made again."""
        if self._id is None or time.monotonic() - self._confirmed_at < _CONFIRM_S:
            return
        found = self.owner()
        if found is None:
            next(self._list(None), None)
            raise StoreRefusedError(f"There are no sidecars of a library at {self.url}: was it moved, or emptied?")
        if found != self._id:
            raise StoreRefusedError(f"The sidecars at {self.url} are those of another library; choose another prefix.")
        self._confirmed_at = time.monotonic()

    # places -----------------------------------------------------------------------------------------------------------

    def where(self, rel_path: str) -> str:
        """The address of the object."""
        return f"{self.url}/{self._key(rel_path)}"

    def _key(self, rel_path: str) -> str:
        try:
            return "/".join(parts_of(rel_path))
        except ValueError as error:
            message = f"The catalog of {self.root} names a file outside of it; run 'pillion verify'."
            raise CatalogError(message) from error

    def source(self, content_uuid: str, rel_path: str) -> Path:
        """A copy whose checksum was compared with the manifest's."""
        entries = self.read_manifest(content_uuid).values()
        entry = next((one for one in entries if one.rel_path == rel_path), None)
        path = None if entry is None else self.local(rel_path, entry.size, entry.checksum)
        # As with a folder, a worker tells if nothing is there.
        return self._fetched / "missing" if path is None else path

    def local(self, rel_path: str, size: int | None, checksum: str | None) -> Path | None:
        """A copy in ``fetched/`` with the right checksum; None if the object is not there, or is damaged."""
        key = self._key(rel_path)
        if size is None or checksum is None:
            return None
        copy = self._fetched / checksum[:2] / f"{checksum}{PurePosixPath(key).suffix}"
        with suppress(OSError):
            if copy.stat().st_size == size:
                os.utime(copy)
                return copy
        for _ in range(2):
            # Between the row and the object another may have been put: then a second look finds both.
            if self._fetch(key, copy, size, checksum):
                return copy
        return None

    def _fetch(self, key: str, copy: Path, size: int, checksum: str) -> bool:
        part = copy.with_name(f".{copy.name}.{os.getpid()}.{threading.get_ident()}")
        copy.parent.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        try:
            if not self._download(key, part, size) or _hash_of(part) != checksum:
                return False
            os.replace(part, copy)
        finally:
            part.unlink(missing_ok=True)
        self._fetched_bytes += size
        if self._fetched_bytes > MOST_FETCHED // 8:
            self._fetched_bytes = 0
            self.trim(MOST_FETCHED)
        return True

    def _download(self, key: str, to: Path, size: int) -> bool:
        """Whether there is an object of this size, whose bytes are in a file now."""
        got = self._get(key)
        if got is None or got.meta["size"] != size:
            return False
        with self._asked(key), to.open("wb") as file:
            for piece in got.stream(min_chunk_size=CHUNK):
                file.write(piece)
        return to.stat().st_size == size

    def trim(self, most: int) -> None:
        """Remove the copies that were not used for longest, until ``most`` bytes are left."""
        found = []
        for folder, _, names in os.walk(self._fetched):
            for name in names:
                with suppress(OSError):
                    about = os.stat(os.path.join(folder, name))
                    found.append((about.st_mtime, about.st_size, os.path.join(folder, name)))
        total = sum(size for _, size, _ in found)
        for used_at, size, path in sorted(found):
            if total <= most or time.time() - used_at < _YOUNG_S:
                return
            with suppress(OSError):
                os.unlink(path)
            total -= size

    def signed(self, rel_path: str, seconds: int) -> str | None:
        """An address of the object that needs no keys for so long; None where the store has no such addresses."""
        return buckets.signed(self._objects, self._key(rel_path), seconds)

    def exist(self, rel_paths: Sequence[str]) -> list[bool]:
        """Whether an object is at each of these places, asked for several at a time."""
        return [found is not None for found in self.each(self.size_of, rel_paths)]

    def size_of(self, rel_path: str) -> int | None:
        """The size of an object; None if there is none. Raises StoreError."""
        found = self._head(rel_path)
        return None if found is None else int(found["size"])

    def _version_of(self, rel_path: str) -> str | None:
        found = self._head(rel_path)
        return None if found is None else found["e_tag"]

    def _head(self, rel_path: str) -> Any:
        try:
            key = "/".join(parts_of(rel_path))
        except ValueError:
            return None
        with self._asked(key):
            try:
                return self._obstore.head(self._objects, key)
            except FileNotFoundError:
                pass
        self._confirm()
        return None

    def is_whole(self, rel_path: str, size: int, checksum: str) -> bool:
        """Whether the object exists and its bytes, read anew, have this size and checksum. Raises StoreError."""
        try:
            key = "/".join(parts_of(rel_path))
        except ValueError:
            return False
        if size <= _LARGE:
            got = self._get(key)
            if got is None or got.meta["size"] != size:
                return False
            with self._asked(key):
                return _core.hash_bytes(bytes(got.bytes()), sample_above=NEVER_SAMPLED).hash == checksum
        part = Path(f"{self.new_staging_path('looked-at')}.{os.getpid()}")
        try:
            return self._download(key, part, size) and _hash_of(part) == checksum
        finally:
            part.unlink(missing_ok=True)

    def read(self, rel_path: str, limit: int) -> bytes:
        """The bytes of an object. Raises FileNotFoundError, ValueError (more than ``limit`` bytes), StoreError."""
        key = "/".join(parts_of(rel_path))
        got = self._get(key)
        if got is None:
            raise FileNotFoundError(f"There is no {self.url}/{key}.")
        return self._bytes(key, got, limit)

    def _bytes(self, key: str, got: Any, limit: int) -> bytes:
        if got.meta["size"] > limit:
            raise ValueError(f"it has more than {limit} bytes")
        with self._asked(key):
            return bytes(got.bytes())

    def _get(self, key: str) -> Any:
        """An object that is about to be read; None if there is none."""
        with self._asked(key):
            try:
                return self._obstore.get(self._objects, key)
            except FileNotFoundError:
                pass
        self._confirm()
        return None

    def walk_files(self, unusable: dict[str, str] | None = None) -> Iterator[str]:
        """The key of every object below the prefix, but that of the owner's note."""
        for item in self._list(None):
            if item["path"] != OWNER:
                yield item["path"]

    def content_uuids(self, unusable: dict[str, str] | None = None) -> Iterator[str]:
        """Every content with an object, in the order of keys, which object stores keep."""
        before = ""
        pages = self._list("content/")
        for item in pages if buckets.is_ordered(self.url) else sorted(pages, key=lambda item: str(item["path"])):
            parts = item["path"].split("/")
            if len(parts) > 4 and parts[3] != before and len(parts[3]) == 36 and parts[3][:4] == parts[1] + parts[2]:
                before = parts[3]
                yield before

    def _list(self, prefix: str | None) -> Iterator[Any]:
        try:
            with self._asked(prefix or ""):
                pages = iter(self._obstore.list(self._objects, prefix, chunk_size=1000))
            while True:
                with self._asked(prefix or ""):
                    page = next(pages, None)
                if page is None:
                    return
                yield from page
        except FileNotFoundError as error:
            # An empty list is an answer: only the bucket can be missing.
            raise StoreRefusedError(f"There is no bucket for {self.url}; make it, or name another.") from error

    def each(self, look: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """``look`` at each, in order, at several at a time."""
        left = iter(items)
        while some := list(itertools.islice(left, 8 * _AT_ONCE)):
            yield from map(look, some) if len(some) == 1 else self._threads.map(look, some)

    # writing ----------------------------------------------------------------------------------------------------------

    def sync(self) -> None:
        """Nothing is to be done: what was put is durable when it is acknowledged."""
        reach("store.sync")
        reach("store.synced")

    def load_manifest(self, content_uuid: str) -> Manifest:
        """The manifest, whose version is remembered until one is staged in its place."""
        from pillion.manifest import parsed

        read = self._read.pop(content_uuid, None) or self._look_up(content_uuid)
        self._remember(content_uuid, read.version)
        if read.data is None:
            raise FileNotFoundError(f"There is no {self.url}/{self.manifest_rel_path(content_uuid)}.")
        return parsed(read.data, content_uuid)

    def _look_up(self, content_uuid: str) -> _Read:
        from pillion.manifest import MAX_BYTES

        key = self.manifest_rel_path(content_uuid)
        got = self._get(key)
        return _Read(None, None) if got is None else _Read(got.meta["e_tag"], self._bytes(key, got, MAX_BYTES))

    @property
    def _read(self) -> dict[str, _Read]:
        """The manifests that this thread has read ahead, each for the next who asks."""
        read: dict[str, _Read] = self._local.__dict__.setdefault("read", {})
        return read

    def listed(self, content_uuids: Sequence[str], unusable: dict[str, str] | None = None) -> set[str]:
        """The contents among these that have a manifest; those that were read ahead are not asked for again."""
        read = {uuid: self._read[uuid] for uuid in content_uuids if uuid in self._read}
        there = {uuid for uuid, one in read.items() if one.data is not None}
        return there | super().listed([uuid for uuid in content_uuids if uuid not in read], unusable)

    @contextmanager
    def sent_ahead(self, placements: Sequence[Placement], content_uuids: Iterable[str]) -> Iterator[None]:
        """As :meth:`Store.sent_ahead`. The manifests are read first: whoever replaces an object after that has changed
        its manifest, so that ours is refused.
        """
        uuids = list(content_uuids)
        try:
            self._read.update(zip(uuids, self.each(self._look_up, uuids), strict=True))
            self._each_by_size(self._send, placements)
            yield
        finally:
            self._read.clear()
            for placement in placements:
                self._sent.pop(str(placement.staged), None)

    def _send(self, placement: Placement) -> None:
        """Put a sidecar where nothing is; where other bytes are, it is left to :meth:`place`."""
        reach("store.rename")
        with suppress(StoreConflictError):
            version = self._put(placement.rel_path, placement.staged.read_bytes(), None)
            self._sent[str(placement.staged)] = version
        reach("store.renamed")

    def _each_by_size(self, act: Callable[[Placement], None], placements: Sequence[Placement]) -> None:
        """Several at a time, but large ones one after the other."""
        small = [item for item in placements if item.staged.stat().st_size <= _LARGE]
        for _ in self.each(act, small):
            pass
        for item in placements:
            if item not in small:
                act(item)

    def _remember(self, content_uuid: str, version: str | None) -> None:
        seen: OrderedDict[str, str | None] = self._local.__dict__.setdefault("seen", OrderedDict())
        seen[content_uuid] = version
        if len(seen) > _SEEN:
            seen.popitem(last=False)

    def stage_manifest(
        self, owner: str, content_uuid: str, about: Mapping[str, Any], listed: Sequence[ManifestEntry]
    ) -> Placement:
        """Write a content's manifest to staging, to replace the one that this thread read last."""
        placement = super().stage_manifest(owner, content_uuid, about, listed)
        seen: Mapping[str, str | None] = self._local.__dict__.get("seen", {})
        self._versions[str(placement.staged)] = seen.get(content_uuid)
        return placement

    def place(self, placements: Sequence[Placement], unusable: dict[str, str] | None = None) -> None:
        """Put staged files where they belong, and remove them from staging.

        Raises StoreConflictError if another process has replaced a manifest since it was read, StoreError.
        """
        self._each_by_size(self._put_staged, placements)

    def _put_staged(self, placement: Placement) -> None:
        reach("store.rename")
        staged = str(placement.staged)
        if staged in self._versions:
            self._put(placement.rel_path, placement.staged.read_bytes(), self._versions[staged])
            del self._versions[staged]
        elif staged not in self._sent or self._version_of(placement.rel_path) != self._sent[staged]:
            self._put_over(placement.rel_path, placement.staged.read_bytes())
        placement.staged.unlink(missing_ok=True)
        reach("store.renamed")

    def _put_over(self, rel_path: str, data: bytes) -> None:
        """Put a sidecar, in the place of an older one if there is one."""
        for last in (False, False, True):
            there = self._get(self._key(rel_path)) if last or self.size_of(rel_path) is not None else None
            try:
                self._put(rel_path, data, None if there is None else there.meta["e_tag"])
                return
            except StoreConflictError:
                if last:
                    raise

    def _put(self, rel_path: str, data: bytes, version: str | None) -> str | None:
        """Put an object: a new one, or in the place of one of this version. One with the same bytes may be there.

        Returns the version of what is there now. Raises StoreConflictError.
        """
        key, known = self._key(rel_path), self._obstore.exceptions
        checksum = _core.hash_bytes(data, sample_above=NEVER_SAMPLED).hash
        how = buckets.put_options(self.url, version, {_HASH: checksum, **_content_type(key)})
        with self._asked(key):
            try:
                put = self._obstore.put(self._objects, key, data, use_multipart=False, **how)
                new: str | None = put["e_tag"]
                return new
            except (known.AlreadyExistsError, known.PreconditionError):
                pass
            except FileNotFoundError as error:
                # It was to replace one that is gone.
                if "NoSuchBucket" in str(error):
                    raise
        there = self._get(key)
        if there is None or not self._has_bytes(key, there, data, checksum):
            raise StoreConflictError(f"Another process changed {self.url}/{key} meanwhile; run again.")
        same: str | None = there.meta["e_tag"]
        return same

    def _has_bytes(self, key: str, there: Any, data: bytes, checksum: str) -> bool:
        if there.meta["size"] != len(data):
            return False
        hashed = there.attributes.get(_HASH)
        return hashed == checksum if hashed else self._bytes(key, there, len(data)) == data

    def remove(self, rel_path: str) -> bool:
        """Remove an object. False if there is none. Raises StoreError, ValueError (a path that leads elsewhere)."""
        key = "/".join(parts_of(rel_path))
        if self.size_of(rel_path) is None:
            return False
        with self._asked(key), suppress(FileNotFoundError):
            self._obstore.delete(self._objects, key)
        return True

    def remove_content(self, content_uuid: str) -> int:
        """Remove every object of a content; returns how many. Raises StoreError."""
        keys = [item["path"] for item in self._list(f"{folder_of(content_uuid)}/")]
        if keys:
            with self._asked(keys[0]), suppress(FileNotFoundError):
                self._obstore.delete(self._objects, keys)
        return len(keys)

    # errors -----------------------------------------------------------------------------------------------------------

    @cached_property
    def _obstore(self) -> Any:
        return buckets.library()

    @contextmanager
    def _asked(self, key: str) -> Iterator[None]:
        """While inside, an error of the store is a StoreError; that an object is not there stays FileNotFoundError."""
        known = self._obstore.exceptions
        try:
            yield
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise StoreRefusedError(f"There is no bucket for {self.url}; make it, or name another.") from error
            raise
        except (known.PermissionDeniedError, known.UnauthenticatedError) as error:
            raise StoreRefusedError(
                f"{self.url} refuses the keys in use; see docs/object-store.md for where they go."
            ) from error
        except (known.AlreadyExistsError, known.PreconditionError):
            raise
        except (known.BaseError, NotImplementedError) as error:
            raise _unusable(self.url, key, str(error)) from error


def _unusable(url: str, key: str, said: str) -> StoreError:
    """What obstore says, in one sentence; its own says more than anybody wants to know."""
    first = said.partition("\n")[0]
    if "169.254.169.254" in said or "InvalidAccessKeyId" in said or "SignatureDoesNotMatch" in said:
        return StoreRefusedError(f"There are no keys for {url}, or wrong ones: see docs/object-store.md.")
    if "NoSuchBucket" in said:
        return StoreRefusedError(f"There is no bucket for {url}; make it, or name another.")
    if "timed out" in said.lower() or "TimedOut" in said or "Timeout" in said:
        return StoreUnavailableError(f"{url} is too slow: it did not answer for {key or 'a list'} in time.")
    if "kind: Connect" in said or "error sending request" in first or "kind: Request" in said:
        return StoreUnavailableError(f"{url} cannot be reached; work goes on when it is back.")
    return StoreUnavailableError(f"{url} answers with errors: {first[:300]}")


def _hash_of(path: Path) -> str | None:
    try:
        return _core.hash_file(path, sample_above=NEVER_SAMPLED).hash
    except ItemError:
        return None


def _content_type(key: str) -> dict[str, str]:
    kind = _TYPES.get(PurePosixPath(key).suffix)
    return {"Content-Type": kind} if kind else {}
