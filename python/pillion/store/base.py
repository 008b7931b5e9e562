"""A library's sidecars, wherever they are, and its staging. Knows nothing of the catalog.

A sidecar appears at its final place only whole, from staging, after its bytes are durable (architecture, promise 2):
by a rename where that place is a folder (``local.py``), by one conditional upload where it is an object store
(``objects.py``). Its place is the same path below ``sidecars/`` in both.
"""

from __future__ import annotations

import base64
import errno
import fcntl
import itertools
import json
import os
import shutil
import signal
import stat
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import fields
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, ClassVar, TypeVar

from pillion import _core
from pillion.errors import ErrorClass, ItemError, UnusableError, is_unusable, reason
from pillion.failpoints import reach
from pillion.kinds import registry
from pillion.model import EXTENSIONS, NEVER_SAMPLED, PictureHashes, SidecarFormat, SidecarKind, value

if TYPE_CHECKING:
    from pillion.kinds.execute import ExecutionTask
    from pillion.manifest import Manifest, ManifestEntry

A = TypeVar("A")
B = TypeVar("B")

MARK = ".pillion-library"
"""In the folder of every library: no walk enters a folder that has it (rust/src/walk.rs)."""

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1

PRIVATE = 0o700
"""The mode of a library's folders when they are made: nobody else can enter them."""

FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""How a file is opened that may be anything, and is to be read only where it is a file."""

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_SIGNS = (os.fsencode(MARK), b"catalog.sqlite", b"sidecars")
_MARK_TEXT = "This folder is a Pillion library: what it holds is not indexed.\n"

_REMOVAL_S = 30.0
"""How long a batch of files may take to be removed; who waits longer does not wait on."""

_LOOK_S = 0.02
"""Between two looks whether somebody else has finished."""

CHUNK = 1 << 20
"""Bytes of a file that are held at a time."""

_NOTE = "-checkpoint"

_DIGITS = 9
"""Of the number of a part of a checkpoint."""

_numbers = itertools.count()


def is_library(folder: bytes) -> bool:
    """Whether a folder is that of a library: it has the mark, or what every library has."""
    mark, catalog, sidecars = (os.path.lexists(os.path.join(folder, name)) for name in _SIGNS)
    return mark or (catalog and sidecars)


@value
class Placement:
    """A file to move from staging to its final place (``rel_path``, relative to ``sidecars/``)."""

    staged: Path
    rel_path: str


def staged_path(staging: str, variant: str) -> Path:
    """The file to which a job with the staging path ``staging`` writes a variant (kinds/execute.py does)."""
    return Path(f"{staging}-{variant}")


class Store(ABC):
    """The sidecars of a library, and the ``staging/`` folder below its root.

    Paths of sidecars are relative to ``sidecars/``: ``rel_path`` everywhere. An object store that cannot be used is a
    :class:`pillion.errors.StoreError`, a folder or a file that cannot be read an UnusableError; neither ever passes for
    a sidecar that is missing. Other errors of a folder are OSErrors.
    """

    readable: Path
    """The folder that holds the files of :meth:`local`."""

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
        if not os.path.lexists(self.root / MARK):
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
        """Whether a job has written this variant, as it says; see :func:`secured`."""
        return secured(staged_path(staging, variant), size, checksum)

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

    def of_size(self, rel_path: str, size: int | None, checksum: str | None) -> Path | None:
        """The same; None also for a file of another size, as one that was cut, or is being replaced now."""
        return self.local(rel_path, size, checksum)

    @abstractmethod
    def source(self, content_uuid: str, rel_path: str) -> Path:
        """The file that a worker reads where a sidecar is made from another, which is ready."""

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
        """The size of a sidecar; None if there is none. Raises UnusableError."""

    @abstractmethod
    def is_whole(self, rel_path: str, size: int, checksum: str) -> bool:
        """Whether the sidecar exists and has this size and checksum. Raises UnusableError."""

    @abstractmethod
    def read(self, rel_path: str, limit: int) -> bytes:
        """The bytes of a sidecar.

        Raises OSError (FileNotFoundError: it is not there), ValueError if it has more than ``limit`` bytes.
        """

    @abstractmethod
    def walk_files(self, unusable: dict[str, str] | None = None) -> Iterator[str]:
        """The place of everything that is there. ``unusable``: is given the folders that cannot be read, with why."""

    @abstractmethod
    def content_uuids(self, unusable: dict[str, str] | None = None) -> Iterator[str]:
        """Every content of which something is there, ordered by uuid.

        ``unusable``: is given the folders that cannot be read, with why; without it that is raised (UnusableError).
        """

    @abstractmethod
    def sync(self) -> None:
        """Make everything written so far durable; one call for a whole batch."""

    @abstractmethod
    def place(self, placements: Sequence[Placement], unusable: dict[str, str] | None = None) -> None:
        """Move staged files to their final places. Call :meth:`sync` before and after. Raises LibraryError.

        ``unusable``: is given the contents whose folders cannot be written, with why; without it that is raised.
        """

    sends_ahead: ClassVar[bool] = False
    """Whether :meth:`sent_ahead` does anything."""

    def sent_ahead(self, placements: Sequence[Placement], content_uuids: Iterable[str]) -> AbstractContextManager[None]:
        """Before a transaction that places these files: do what others need not wait for, and remember it inside.

        New sidecars are sent, if nothing is where they belong, and the manifests of these contents are read. What is
        not placed after all is a stray. Raises StoreError. In a folder nothing has to be done.
        """
        return nullcontext()

    def check_usable(self, rel_path: str) -> None:
        """Raise UnusableError if a sidecar cannot be placed there: a folder on the way, or the manifest of its content,
        cannot be used.
        """
        return

    def check_readable(self, rel_path: str) -> None:
        """Raise UnusableError if a sidecar may be there and cannot be read."""
        return

    def in_the_way(self, rel_path: str) -> str | None:
        """The first place on the way to a sidecar where a folder belongs and something else stands, such as a link."""
        return None

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

    def listed(self, content_uuids: Sequence[str], unusable: dict[str, str] | None = None) -> set[str]:
        """The contents among these that have a manifest; one bulk check for all.

        ``unusable``: is given those whose folders cannot be read, with why; without it that is raised (UnusableError).
        """
        try:
            there = self.exist([self.manifest_rel_path(uuid) for uuid in content_uuids])
        except UnusableError:
            if unusable is None:
                raise
            there = [self._is_listed(uuid, unusable) for uuid in content_uuids]
        return {uuid for uuid, exists in zip(content_uuids, there, strict=True) if exists}

    def _is_listed(self, content_uuid: str, unusable: dict[str, str]) -> bool:
        try:
            return self.exist([self.manifest_rel_path(content_uuid)])[0]
        except UnusableError as error:
            unusable[content_uuid] = str(error)
            return False

    def read_manifest(self, content_uuid: str) -> dict[tuple[SidecarKind, str], ManifestEntry]:
        """The manifest's entries by kind and variant; empty if there is none or it is damaged. Raises UnusableError."""
        manifest = self.find_manifest(content_uuid)
        return {} if manifest is None else manifest.by_key()

    def find_manifest(self, content_uuid: str) -> Manifest | None:
        """The manifest; None if there is none or it is damaged. Raises UnusableError."""
        try:
            return self.load_manifest(content_uuid)
        except ValueError:
            return None
        except OSError as error:
            if is_unusable(error):
                raise self.unusable(self.manifest_rel_path(content_uuid), error) from error
            return None

    def unusable(self, rel_path: str, error: OSError) -> UnusableError:
        """What an error that :func:`is_unusable` means, with what stands in the way."""
        return UnusableError(self.where(rel_path), reason(error), "file")

    def load_manifest(self, content_uuid: str) -> Manifest:
        """The manifest. Raises OSError if it cannot be read, ValueError if its contents are not valid."""
        from pillion.manifest import MAX_BYTES, parsed

        return parsed(self.read(self.manifest_rel_path(content_uuid), MAX_BYTES), content_uuid)

    def has_contents(self) -> bool:
        """Whether any content has a folder, or may have: then there was once a catalog that knew it."""
        try:
            return next(self.content_uuids(), None) is not None
        except UnusableError:
            return True

    def stage_manifest(
        self, owner: str, content_uuid: str, about: Mapping[str, Any], listed: Sequence[ManifestEntry]
    ) -> Placement:
        """Write a content's manifest to staging. ``about``: see :func:`described`."""
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


def described(hash_: str | None, size: int, mime: str, hashes: PictureHashes) -> Mapping[str, Any]:
    """What a manifest says of its content: its hash, size in bytes and type, and how it looks."""
    looks = {"thumbhash": thumbhash_text(hashes.thumbhash), "likeness": thumbhash_text(hashes.likeness)}
    return {"hash": hash_, "size": size, "mime": mime, **looks}


def _manifest(content_uuid: str, about: Mapping[str, Any], listed: Sequence[ManifestEntry]) -> str:
    """The manifest as JSON; manifest.py reads it."""
    data = {
        "manifest_version": MANIFEST_VERSION,
        "content_uuid": content_uuid,
        **about,
        "sidecars": [_as_dict(entry) for entry in sorted(listed, key=lambda entry: (entry.kind, entry.variant))],
    }
    return json.dumps(data, indent=1) + "\n"


def _as_dict(entry: ManifestEntry) -> dict[str, Any]:
    values = {one.name: getattr(entry, one.name) for one in fields(entry)}
    if not entry.own:
        del values["own"]
    return values


def thumbhash_text(value: bytes | None) -> str | None:
    """A hash of a picture in base64, the form in which web pages use ThumbHashes."""
    return None if value is None else base64.b64encode(value).decode()


def parts_of(rel_path: str) -> list[str]:
    """The names in a path that stays below its root. Raises ValueError for any other."""
    names = rel_path.split("/")
    if any(name in ("", ".", "..") or "\0" in name for name in names):
        raise ValueError(f"{rel_path[:200]!r} is not a path inside the library")
    return names


# staging: what workers write before it is a sidecar, and how it is believed -------------------------------------------


def take(folder: Path, path: Path, *, make: bool = False) -> bool:
    """Rename the file of ``path``'s name in ``folder`` to ``path``; False if it is not a plain file with one name.

    ``make``: make the folder of ``path`` if there is none. Raises OSError.
    """
    source = folder / path.name
    try:
        found = os.lstat(source)
    except OSError:
        return False
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        return False
    if make:
        path.parent.mkdir(mode=PRIVATE, exist_ok=True)
    os.replace(source, path)
    return True


def fetch(task: ExecutionTask, done: bool, folder: Path) -> None:
    """Take what a worker has written for a task from its own folder to staging: its sidecars if it is ``done``.

    The names are those of the task; what is no plain file is left where it is. Raises OSError.
    """
    staging = os.fsdecode(task.staging)
    for variant in task.variants if done else ():
        take(folder, staged_path(staging, variant))
    if task.checkpoint is not None and not _take_checkpoint(folder, task.checkpoint):
        _note(folder).write_text(task.checkpoint.name, encoding="ascii")


def _take_checkpoint(folder: Path, path: Path) -> bool:
    """Take a checkpoint with its parts, these first: it names only parts that are there."""
    for name in os.listdir(folder):
        if is_part(name, path.name):
            take(folder, path.with_name(name), make=True)
    return take(folder, path, make=True)


def is_part(name: str, checkpoint: str) -> bool:
    """Whether a file of this name is a part of a checkpoint (kinds/checkpoint.py)."""
    start, _, number = name.rpartition(".")
    return start == checkpoint and number.isdecimal() and len(number) <= _DIGITS


def _note(folder: Path) -> Path:
    """Beside a worker's folder: the name of the checkpoint that it may leave, for when its parent is killed."""
    return folder.with_name(f"{folder.name}{_NOTE}")


def rescue(owner: str, staging: Path, checkpoints: Path) -> None:
    """Take the checkpoints that the workers of an owner that is gone have left."""
    for note in staging.glob(f"{owner}.*{_NOTE}"):
        with suppress(OSError, UnicodeDecodeError):
            name = note.read_text(encoding="ascii")
            if name == os.path.basename(name):
                _take_checkpoint(note.with_name(note.name.removesuffix(_NOTE)), checkpoints / name)


def clear(path: Path) -> None:
    """Remove what a worker left at ``path``, whatever it is."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        shutil.rmtree(path, ignore_errors=True)


def hash_of(file: IO[bytes], size: int) -> str | None:
    """The hash of a file of this size, open at its start, a part of it in memory at a time. None if it changes.

    Raises OSError if it cannot be read.
    """
    if size <= CHUNK:
        data = file.read(size + 1)
        return _core.hash_bytes(data).hash if len(data) == size else None
    try:
        return _core.hash_file(f"/dev/fd/{file.fileno()}", sample_above=NEVER_SAMPLED).hash
    except ItemError as error:
        if error.error_class is ErrorClass.IO_TRANSIENT:
            raise OSError(errno.EIO, error.message) from error
        return None


@contextmanager
def _copied(file: BinaryIO, size: int, path: Path) -> Iterator[Path]:
    """A copy of a file beside its path, that was never anybody else's; removed unless it is renamed. Raises OSError."""
    copy = path.with_name(f"{path.name}.copy")
    try:
        with open(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as sink:
            left = size
            while left and (data := file.read(min(left, CHUNK))):
                sink.write(data)
                left -= len(data)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _leased(descriptor: int) -> bool:
    """Take a lease on a file until it is closed: granted only while nobody has it open to write, or mapped so.

    It costs two calls where a copy costs a file. False also where there are no leases, as on network file systems.
    Who opens the file to write while the lease is held waits, and it is no whole lease any more. The signal about that
    is one that is ignored, where the usual one ends the process.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError:
        return False
    return True


def secured(path: Path, size: int, checksum: str) -> bool:
    """Whether a job has written this file: a plain file of no other name, of this size and checksum.

    From then on nobody but this process can change its bytes: the worker has no other way to it, and where it may
    have the file open still, the file is replaced by a copy. Raises OSError if a copy cannot be written.
    """
    try:
        descriptor = os.open(path, FILE)
    except OSError:
        return False
    with open(descriptor, "rb", buffering=0) as file:
        leased = _leased(descriptor)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_size != size:
            return False
        if leased and fcntl.fcntl(descriptor, fcntl.F_GETLEASE) == fcntl.F_RDLCK:
            # Nobody opens it meanwhile, or waits to, and it has no name but this one, which only this process uses.
            return hash_of(file, size) == checksum
        with _copied(file, size, path) as copy, open(copy, "rb", buffering=0) as again:
            if hash_of(again, size) != checksum:
                return False
            os.replace(copy, path)
            return True
