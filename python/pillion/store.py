"""The files of a library: staging, final paths, manifests. Knows nothing of the catalog.

A file appears at its final path only by a rename from staging, after its bytes are durable (architecture, promise 2).

Below ``sidecars/`` no link is followed, and only regular files count: each folder of a path is opened by name inside
the folder before it, with O_NOFOLLOW, and the file is used by name inside the last. So a link that somebody has put
into a library, or puts there meanwhile, cannot lead out of it.
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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from pillion import _core
from pillion.errors import CatalogError, ItemError, LibraryError
from pillion.failpoints import reach
from pillion.kinds import registry
from pillion.model import EXTENSIONS, NEVER_SAMPLED, SidecarFormat, SidecarKind, value

if TYPE_CHECKING:
    from pillion.kinds.execute import ExecutionTask
    from pillion.manifest import Manifest, ManifestEntry


MARK = ".pillion-library"
"""In the folder of every library: no walk enters a folder that has it (rust/src/walk.rs)."""

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1

PRIVATE = 0o700
"""The mode of a library's folders when they are made: nobody else can enter them."""

_SIGNS = (os.fsencode(MARK), b"catalog.sqlite", b"sidecars")
_MARK_TEXT = "This folder is a Pillion library: what it holds is not indexed.\n"

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_CHUNK = 1 << 20
"""Bytes of a file that are held at a time."""

_NOTE = "-checkpoint"

_DIGITS = 9
"""Of the number of a part of a checkpoint."""

_REMOVAL_S = 30.0
"""How long a batch of files may take to be removed; who waits longer does not wait on."""

_LOOK_S = 0.02
"""Between two looks whether somebody else has finished."""

_numbers = itertools.count()


@value
class Placement:
    """A file to move from staging to its final path (``rel_path``, relative to ``sidecars/``)."""

    staged: Path
    rel_path: str


def staged_path(staging: str, variant: str) -> Path:
    """The file to which a job with the staging path ``staging`` writes a variant (kinds/execute.py does)."""
    return Path(f"{staging}-{variant}")


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


def _clear(path: Path) -> None:
    """Remove what a worker left at ``path``, whatever it is."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        shutil.rmtree(path, ignore_errors=True)


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
            _clear(staged_path(staging, variant))

    def secure(self, staging: str, variant: str, size: int, checksum: str) -> bool:
        """Whether a job has written this variant: a plain file of no other name, of this size and checksum.

        From then on nobody but this process can change its bytes: the worker has no other way to it, and where it may
        have the file open still, the file is replaced by a copy. Raises OSError if a copy cannot be written.
        """
        path = staged_path(staging, variant)
        try:
            descriptor = os.open(path, _FILE)
        except OSError:
            return False
        with open(descriptor, "rb", buffering=0) as file:
            leased = _leased(descriptor)
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_size != size:
                return False
            if leased and fcntl.fcntl(descriptor, fcntl.F_GETLEASE) == fcntl.F_RDLCK:
                # Nobody opens it meanwhile, or waits to, and it has no name but this one, which only this process uses.
                return _hash_of(file, size) == checksum
            with _copied(file, size, path) as copy, open(copy, "rb", buffering=0) as again:
                if _hash_of(again, size) != checksum:
                    return False
                os.replace(copy, path)
                return True

    def sweep(self, owner: str) -> None:
        """Remove the files in staging of an owner that is gone, and the folders of its workers."""
        for path in self.staging.glob(f"{owner}.*"):
            _clear(path)

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
            return self.sidecars.joinpath(*_parts(rel_path))
        except ValueError as error:
            message = f"The catalog of {self.root} names a file outside of it; run 'pillion verify'."
            raise CatalogError(message) from error

    def remove(self, rel_path: str) -> bool:
        """Remove a regular file below ``sidecars/``, and the folders that are empty then. False if there is none.

        Raises OSError if it cannot be removed, and ValueError for a path that leads elsewhere.
        """
        *folders, name = _parts(rel_path)
        try:
            with _opened(self.sidecars, folders) as folder:
                if not _is_regular(name, folder):
                    return False
                os.unlink(name, dir_fd=folder)
        except (FileNotFoundError, NotADirectoryError):
            return False
        _prune(self.sidecars, folders)
        return True

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
                _place_file(placement.staged, self.sidecars, placement.rel_path)
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

        return parsed(_read_file(self.sidecars, _manifest_rel_path(content_uuid), MAX_BYTES), content_uuid)

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
        """Write a content's manifest to staging. ``about``: its hash, size, mime and ``thumbhash``, bytes or None."""
        staged = Path(self.new_staging_path(owner))
        reach("store.manifest")
        staged.write_text(_manifest(content_uuid, about, listed), encoding="utf-8")
        return Placement(staged=staged, rel_path=_manifest_rel_path(content_uuid))

    def remove_content(self, content_uuid: str) -> int:
        """Remove every regular file of a content and the empty folders; returns the number of files.

        Raises OSError if one cannot be removed.
        """
        folders = _parts(_folder_of(content_uuid))
        number = 0
        try:
            with _opened(self.sidecars, folders) as folder:
                for _, below, names, at in os.fwalk(".", topdown=False, follow_symlinks=False, dir_fd=folder):
                    regular = [name for name in names if _is_regular(name, at)]
                    for name in regular:
                        os.unlink(name, dir_fd=at)
                    number += len(regular)
                    for name in below:
                        _remove_empty(name, at)
        except (FileNotFoundError, NotADirectoryError):
            return number
        _prune(self.sidecars, folders)
        return number

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
        """A lock of the system on the folder of the sidecars, which needs no file, and so no room on a full disk."""
        try:
            at = os.open(self.sidecars, _FOLDER)
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

    def size_of(self, rel_path: str) -> int | None:
        """The size of a regular file below ``sidecars/``; None if there is none."""
        try:
            *folders, name = _parts(rel_path)
            with _opened(self.sidecars, folders) as folder:
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except (OSError, ValueError):
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def is_whole(self, rel_path: str, size: int, checksum: str) -> bool:
        """Whether the file exists and has this size and checksum."""
        try:
            *folders, name = _parts(rel_path)
            with _opened(self.sidecars, folders) as folder, open(os.open(name, _FILE, dir_fd=folder), "rb") as file:
                found = os.fstat(file.fileno())
                is_there = stat.S_ISREG(found.st_mode) and found.st_size == size
                return is_there and _hash_of(file, size) == checksum
        except (OSError, ValueError):
            return False

    def read(self, rel_path: str, limit: int) -> bytes:
        """The bytes of a regular file below ``sidecars/``, through no link.

        Raises OSError, and ValueError if it is no such file or has more than ``limit`` bytes.
        """
        return _read_file(self.sidecars, rel_path, limit)

    def walk_files(self) -> Iterator[str]:
        """Every file below ``sidecars/``, relative to it."""
        for entry in _core.walk(self.sidecars, hidden=True).entries:
            yield os.fsdecode(entry[0])


def _folder_of(content_uuid: str) -> str:
    return f"content/{content_uuid[:2]}/{content_uuid[2:4]}/{content_uuid}"


def _manifest_rel_path(content_uuid: str) -> str:
    return f"{_folder_of(content_uuid)}/{MANIFEST}"


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


# without following a link ---------------------------------------------------------------------------------------------


def _read_file(root: Path, rel_path: str, limit: int) -> bytes:
    """The bytes of a regular file. Raises OSError, and ValueError if it is no such file or has more than ``limit``."""
    *folders, name = _parts(rel_path)
    with _opened(root, folders) as folder, open(os.open(name, _FILE, dir_fd=folder), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is not a regular file")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"it has more than {limit} bytes")
    return data


def _hash_of(file: IO[bytes], size: int) -> str | None:
    """The hash of a file of this size, open at its start, a part of it in memory at a time. None if it changes."""
    if size <= _CHUNK:
        data = file.read(size + 1)
        return _core.hash_bytes(data).hash if len(data) == size else None
    try:
        return _core.hash_file(f"/dev/fd/{file.fileno()}", sample_above=NEVER_SAMPLED).hash
    except ItemError:
        return None


def _place_file(staged: Path, root: Path, rel_path: str) -> None:
    """Rename ``staged`` to its path below ``root``, whose folders are made where they are missing. Raises OSError."""
    *folders, name = _parts(rel_path)
    with _opened(staged.parent, []) as source, _opened(root, folders, make=True) as target:
        os.replace(staged.name, name, src_dir_fd=source, dst_dir_fd=target)


def _parts(rel_path: str) -> list[str]:
    """The names in a path that stays below its root. Raises ValueError for any other."""
    names = rel_path.split("/")
    if any(name in ("", ".", "..") or "\0" in name for name in names):
        raise ValueError(f"{rel_path[:200]!r} is not a path inside the library")
    return names


@contextmanager
def _opened(root: Path, folders: list[str], *, make: bool = False) -> Iterator[int]:
    """A descriptor of the folder at ``folders`` below ``root``. Raises NotADirectoryError for a link in the path.

    ``make``: make those that are missing.
    """
    at = os.open(root, _FOLDER)
    try:
        for name in folders:
            below = _open_below(name, at, make=make)
            os.close(at)
            at = below
        yield at
    finally:
        os.close(at)


def _open_below(name: str, at: int, *, make: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=at)
    except FileNotFoundError:
        if not make:
            raise
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotADirectoryError(errno.ENOTDIR, "a link stands where a folder of the library was", name) from error
        raise
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=at)
    return _open_below(name, at, make=False)


# what a worker has written --------------------------------------------------------------------------------------------


@contextmanager
def _copied(file: BinaryIO, size: int, path: Path) -> Iterator[Path]:
    """A copy of a file beside its path, that was never anybody else's; removed unless it is renamed. Raises OSError."""
    copy = path.with_name(f"{path.name}.copy")
    try:
        with open(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as sink:
            left = size
            while left and (data := file.read(min(left, _CHUNK))):
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


def _is_regular(name: str, at: int) -> bool:
    return stat.S_ISREG(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode)


def _prune(root: Path, folders: list[str]) -> None:
    """Remove these folders, innermost first, until one is not empty; ``content`` itself stays."""
    for depth in range(len(folders), 1, -1):
        try:
            with _opened(root, folders[: depth - 1]) as parent:
                os.rmdir(folders[depth - 1], dir_fd=parent)
        except OSError:
            return


def _remove_empty(name: str, at: int) -> None:
    """Remove a folder if it is empty. A link to a folder, or one that is not empty, stays."""
    try:
        os.rmdir(name, dir_fd=at)
    except OSError:
        return
