"""Sidecars in the library's own folder.

Below ``sidecars/`` no link is followed, and only regular files count: each folder of a path is opened by name inside
the folder before it, with O_NOFOLLOW, and the file is used by name inside the last. So a link that somebody has put
into a library, or puts there meanwhile, cannot lead out of it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from pillion import _core
from pillion.errors import CatalogError, ItemError, LibraryError, UnusableError, is_unusable, reason
from pillion.failpoints import reach
from pillion.store.base import FILE, FOLDER, PRIVATE, Placement, Store, folder_of, hash_of, parts_of


class LocalStore(Store):
    """The ``sidecars/`` folder below a library's root."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.sidecars = self.readable = root / "sidecars"

    def create(self) -> None:
        """Make the folders, private, and the mark."""
        super().create()
        self.sidecars.mkdir(mode=PRIVATE, exist_ok=True)

    @property
    def _lock_on(self) -> Path:
        return self.sidecars

    def absolute(self, rel_path: str) -> Path:
        """The absolute path of a file below ``sidecars/``. Raises CatalogError for a path that leads elsewhere."""
        try:
            return self.sidecars.joinpath(*parts_of(rel_path))
        except ValueError as error:
            message = f"The catalog of {self.root} names a file outside of it; run 'pillion verify'."
            raise CatalogError(message) from error

    def where(self, rel_path: str) -> str:
        """The absolute path."""
        return str(self.absolute(rel_path))

    def local(self, rel_path: str, size: int | None, checksum: str | None) -> Path | None:
        """The absolute path, if a regular file is there; its bytes are not compared."""
        path = self.absolute(rel_path)
        return path if self.size_of(rel_path) is not None else None

    def of_size(self, rel_path: str, size: int | None, checksum: str | None) -> Path | None:
        """The same, if the file has this size."""
        path = self.absolute(rel_path)
        return path if size is not None and self.size_of(rel_path) == size else None

    def source(self, content_uuid: str, rel_path: str) -> Path:
        """The absolute path; a worker tells if nothing is there."""
        return self.absolute(rel_path)

    def is_there(self, rel_path: str) -> bool:
        """Whether something has this name, which need not be text."""
        return os.path.lexists(self.absolute(rel_path))

    def exist(self, rel_paths: Sequence[str]) -> list[bool]:
        """Whether something is at each of these places. Raises UnusableError where that cannot be told."""
        try:
            return list(_core.exists_many(self.sidecars, list(rel_paths)))
        except ItemError as error:
            raise self._unreadable(rel_paths) or error from error

    def _unreadable(self, rel_paths: Sequence[str]) -> UnusableError | None:
        """An error that names the first of these places that cannot be looked at."""
        for rel_path in rel_paths:
            try:
                os.lstat(self.absolute(rel_path))
            except CatalogError:
                continue
            except OSError as error:
                if is_unusable(error):
                    return self.unusable(rel_path, error)
        return None

    def unusable(self, rel_path: str, error: OSError) -> UnusableError:
        """What an error that :func:`is_unusable` means, with the first on the way that cannot be used."""
        places = [self.sidecars]
        for name in parts_of(rel_path):
            places.append(places[-1] / name)
        tried = ((place, mode) for mode in (os.R_OK | os.X_OK, os.W_OK) for place in places)
        last = places[-1] if os.path.isfile(places[-1]) else places[-2]
        refusing = next((place for place, mode in tried if not _may_be_used(place, mode)), last)
        what = "file" if os.path.isfile(refusing) else "folder"
        return UnusableError(str(refusing), reason(error), what)

    def check_usable(self, rel_path: str) -> None:
        """Raise UnusableError if a folder on the way there, or the manifest of its content, cannot be used."""
        at = self.sidecars
        names = parts_of(rel_path)
        for name in names:
            if not _may_be_used(at, os.R_OK | os.W_OK | os.X_OK):
                raise UnusableError(str(at), os.strerror(errno.EACCES))
            at = at / name
        manifest = self.absolute(self.manifest_rel_path(names[3]))
        if not _may_be_used(manifest, os.R_OK):
            raise UnusableError(str(manifest), os.strerror(errno.EACCES), "file")

    def check_readable(self, rel_path: str) -> None:
        """Raise UnusableError if a file may be there and cannot be read."""
        try:
            self.read(rel_path, _MOST_READ)
        except ValueError:
            return
        except OSError as error:
            if is_unusable(error):
                raise self.unusable(rel_path, error) from error

    def remove(self, rel_path: str) -> bool:
        """Remove a regular file below ``sidecars/``, and the folders that are empty then. False if there is none.

        Raises OSError if it cannot be removed, and ValueError for a path that leads elsewhere.
        """
        *folders, name = parts_of(rel_path)
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

    def place(self, placements: Sequence[Placement], unusable: dict[str, str] | None = None) -> None:
        """Rename staged files to their final paths. Call :meth:`sync` before and after.

        ``unusable``: is given the contents whose folders cannot be written, with why; none of their files is placed any
        more. Raises LibraryError if a folder of the library is gone, or a link stands in its place, and OSError.
        """
        with _Folders(self.staging) as staging, _Folders(self.sidecars) as sidecars:
            for placement in placements:
                uuid = placement.rel_path.split("/")[3]
                if unusable and uuid in unusable:
                    continue
                reach("store.rename")
                try:
                    _place_file(placement, staging, sidecars)
                except FileNotFoundError as error:
                    raise self._replaced(error) from error
                except NotADirectoryError as error:
                    if unusable is None or self._is_replaced():
                        raise self._replaced(error) from error
                    sidecars.close()
                    there = self.where(self.in_the_way(placement.rel_path) or placement.rel_path)
                    unusable[uuid] = f"{there} is no folder any more: remove it."
                    continue
                except OSError as error:
                    if unusable is None or error.errno not in _OF_ONE:
                        raise
                    sidecars.close()
                    unusable[uuid] = str(self.unusable(placement.rel_path, error))
                    continue
                reach("store.renamed")

    def _is_replaced(self) -> bool:
        """Whether a link, or no folder, stands in place of one that all contents share."""
        shared = (self.staging, self.sidecars, self.sidecars / "content")
        return any(place.is_symlink() or not place.is_dir() for place in shared)

    def _replaced(self, error: OSError) -> LibraryError:
        return LibraryError(f"A folder of the library {self.root} was removed or replaced: {reason(error)}.")

    def in_the_way(self, rel_path: str) -> str | None:
        """The first place on the way there that is a link or no folder."""
        names = parts_of(rel_path)
        for depth in range(1, len(names)):
            place = "/".join(names[:depth])
            try:
                found = os.lstat(self.sidecars / place)
            except OSError:
                return None
            if not stat.S_ISDIR(found.st_mode):
                return place
        return None

    def content_uuids(self, unusable: dict[str, str] | None = None) -> Iterator[str]:
        """Every content that has a folder, ordered by uuid; holds the names of only one folder at a time."""
        for first in self._folders("content", 2, unusable):
            for second in self._folders(first, 2, unusable):
                for folder in self._folders(second, 36, unusable):
                    uuid = folder.rpartition("/")[2]
                    if uuid[:4] == first[-2:] + second[-2:]:
                        yield uuid

    def _folders(self, parent: str, name_length: int, unusable: dict[str, str] | None) -> list[str]:
        """The folders in ``parent``, without links, whose names are ``name_length`` long, in order."""
        try:
            with os.scandir(self.sidecars / parent) as items:
                found = [
                    item.name for item in items if len(item.name) == name_length and item.is_dir(follow_symlinks=False)
                ]
        except OSError as error:
            if is_unusable(error):
                found_so = self.unusable(parent, error)
                if unusable is None:
                    raise found_so from error
                unusable[parent] = str(found_so)
            return []
        return [f"{parent}/{name}" for name in sorted(found)]

    def remove_content(self, content_uuid: str) -> int:
        """Remove every regular file of a content and the empty folders; returns the number of files.

        Raises OSError if one cannot be removed.
        """
        folders = parts_of(folder_of(content_uuid))
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

    def size_of(self, rel_path: str) -> int | None:
        """The size of a regular file below ``sidecars/``; None if there is none. Raises UnusableError."""
        try:
            *folders, name = parts_of(rel_path)
            with _opened(self.sidecars, folders) as folder:
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except ValueError:
            return None
        except OSError as error:
            if is_unusable(error):
                raise self.unusable(rel_path, error) from error
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def is_whole(self, rel_path: str, size: int, checksum: str) -> bool:
        """Whether the file exists and has this size and checksum. Raises UnusableError if it cannot be read."""
        try:
            *folders, name = parts_of(rel_path)
            with _opened(self.sidecars, folders) as folder, open(os.open(name, FILE, dir_fd=folder), "rb") as file:
                found = os.fstat(file.fileno())
                is_there = stat.S_ISREG(found.st_mode) and found.st_size == size
                return is_there and hash_of(file, size) == checksum
        except ValueError:
            return False
        except OSError as error:
            if is_unusable(error):
                raise self.unusable(rel_path, error) from error
            return False

    def read(self, rel_path: str, limit: int) -> bytes:
        """The bytes of a regular file below ``sidecars/``, through no link.

        Raises OSError, and ValueError if it is no such file or has more than ``limit`` bytes.
        """
        return _read_file(self.sidecars, rel_path, limit)

    def walk_files(self, unusable: dict[str, str] | None = None) -> Iterator[str]:
        """Every file below ``sidecars/``, relative to it. Raises UnusableError if that itself cannot be read."""
        try:
            found = _core.walk(self.sidecars, hidden=True)
        except ItemError as error:
            raise UnusableError(str(self.sidecars), error.message) from error
        for entry in found.files:
            yield os.fsdecode(entry[0])
        if unusable is not None:
            unusable.update({os.fsdecode(path): message for path, _, message in found.problems})


_MOST_READ = 256 << 20
"""Bytes that are read of a sidecar to see whether that can be done: more than other sidecars are made from."""

_OF_ONE = frozenset({errno.EACCES, errno.EPERM, errno.EIO, errno.EUCLEAN, errno.EBADMSG, errno.EISDIR, errno.ENOTEMPTY})
"""Errors of one folder or file, which say nothing of those beside it."""


def _may_be_used(place: Path, mode: int) -> bool:
    """Whether a folder may be used in this way, and a file be read; True for what is not there."""
    try:
        found = os.lstat(place)
    except OSError as error:
        return not is_unusable(error)
    return os.access(place, mode if stat.S_ISDIR(found.st_mode) else os.R_OK)


# without following a link ---------------------------------------------------------------------------------------------


def _read_file(root: Path, rel_path: str, limit: int) -> bytes:
    """The bytes of a regular file. Raises OSError, and ValueError if it is no such file or has more than ``limit``."""
    *folders, name = parts_of(rel_path)
    with _opened(root, folders) as folder, open(os.open(name, FILE, dir_fd=folder), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is not a regular file")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"it has more than {limit} bytes")
    return data


def _place_file(placement: Placement, staging: _Folders, sidecars: _Folders) -> None:
    """Rename a staged file to its place, whose folders are made where they are missing. Raises OSError."""
    *folders, name = parts_of(placement.rel_path)
    for last in (False, True):
        try:
            source, target = staging.open([]), sidecars.open(folders)
            os.replace(placement.staged.name, name, src_dir_fd=source, dst_dir_fd=target)
            return
        except FileNotFoundError:
            # One that was empty may have been removed since it was opened.
            if last:
                raise
            sidecars.close()


class _Folders:
    """Descriptors of the folders on the way to the last one that was asked for, below ``root``. Use it in ``with``.

    Files that are placed one after the other have most of that way in common.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._names: list[str] = []
        self._open: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close them all."""
        self._leave(0)

    def open(self, folders: list[str]) -> int:
        """The folder at ``folders``, made if it is missing. Raises NotADirectoryError for a link on the way."""
        same = 0
        while same < min(len(folders), len(self._names)) and folders[same] == self._names[same]:
            same += 1
        if not self._open:
            self._open.append(os.open(self._root, FOLDER))
        self._leave(same + 1)
        for name in folders[same:]:
            try:
                self._open.append(_open_below(name, self._open[-1], make=True))
            except PermissionError as error:
                raise _with_path(error, self._root.joinpath(*self._names, name)) from error
            self._names.append(name)
        return self._open[-1]

    def _leave(self, number: int) -> None:
        """Keep only so many open."""
        while len(self._open) > number:
            os.close(self._open.pop())
        del self._names[max(number - 1, 0) :]


@contextmanager
def _opened(root: Path, folders: list[str]) -> Iterator[int]:
    """A descriptor of the folder at ``folders`` below ``root``. Raises NotADirectoryError for a link in the path."""
    at = os.open(root, FOLDER)
    try:
        for name in folders:
            try:
                below = _open_below(name, at, make=False)
            except PermissionError as error:
                raise _with_path(error, root.joinpath(*folders)) from error
            os.close(at)
            at = below
        yield at
    finally:
        os.close(at)


def _with_path(error: PermissionError, path: Path) -> PermissionError:
    """The same with the whole path: what is opened within a folder is only known by its last part."""
    return PermissionError(error.errno, error.strerror, str(path))


def _open_below(name: str, at: int, *, make: bool) -> int:
    try:
        return os.open(name, FOLDER, dir_fd=at)
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
