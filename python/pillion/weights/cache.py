"""The user's cache folder: files that Pillion can make again, safe with several processes at once.

It holds assembled and converted model weights, and the hashes of files already checked. Anything in it may be deleted
at any time. Loads no engine.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from pillion.errors import ErrorClass, ItemError, is_full
from pillion.weights.outside import must_not_ask

_STALE_SECONDS = 3600.0
"""A half-made folder older than this belongs to a process that was killed."""


def cache_folder() -> Path:
    """``$PILLION_CACHE``, else the platform's user cache folder for ``pillion``. Not created here."""
    explicit = os.environ.get("PILLION_CACHE")
    if explicit:
        return Path(explicit).expanduser()
    return _platform_cache_folder()


@cache
def _platform_cache_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("pillion", appauthor=False))


def sha256_of(path: Path) -> str:
    """64 hex digits of the file's SHA-256; read once, then remembered by path, size and mtime.

    Raises OSError when the file cannot be read. A cache folder that cannot be written only costs the memory.
    """
    status = path.stat()
    resolved = str(path.resolve())
    stamp = [resolved, status.st_size, status.st_mtime_ns]
    note = cache_folder() / "hashes" / f"{hashlib.blake2b(os.fsencode(resolved), digest_size=16).hexdigest()}.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(note.read_text())
        if known["stamp"] == stamp:
            return str(known["sha256"])
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    with contextlib.suppress(OSError):
        _write_atomically(note, json.dumps({"stamp": stamp, "sha256": digest}).encode())
    return digest


def filled_folder(name: str, fill: Callable[[Path], None]) -> Path:
    """The cache folder ``models/<name>``; made by ``fill(empty_folder)`` if it does not exist yet, or is not whole.

    ``fill`` works in a temporary folder that is renamed when complete, so no reader sees a partial one, and what a
    killed process leaves is removed later. One process fills, others wait.
    Raises ItemError (disk_full, missing_tool) if the cache cannot be written, and ElsewhereError in a worker: mark
    what calls it by :func:`pillion.weights.outside.made_outside`.
    """
    final = cache_folder() / "models" / name
    if is_whole(final):
        return final
    must_not_ask()
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with _locked(final.with_name(f".{name}.lock")):
            if not is_whole(final):
                shutil.rmtree(final, ignore_errors=True)
                _fill(final, fill)
    except OSError as error:
        raise _cache_error(error) from error
    return final


def is_whole(folder: Path) -> bool:
    """Whether a folder is there with all files that were put into it, as long as they were.

    A disk that failed, or a copy of the cache that was ended, leaves shorter ones.
    """
    if not os.path.isdir(folder):
        return False
    try:
        sizes = json.loads(_noted(folder).read_bytes())
    except FileNotFoundError:
        # Somebody else put it there.
        return True
    except (OSError, ValueError):
        return False
    try:
        return all((folder / name).lstat().st_size == size for name, size in dict(sizes).items())
    except (OSError, ValueError, TypeError):
        return False


def _noted(folder: Path) -> Path:
    """Beside a folder that was filled here: the size of each of its files."""
    return folder.with_name(f".{folder.name}.sizes.json")


def _fill(final: Path, fill: Callable[[Path], None]) -> None:
    _clear_stale(final)
    making = final.with_name(f".{final.name}.{uuid.uuid4().hex}.tmp")
    making.mkdir()
    try:
        fill(making)
        for path in making.iterdir():
            _sync(path)
        sizes = {path.name: path.lstat().st_size for path in making.iterdir()}
        _write_atomically(_noted(final), json.dumps(sizes).encode())
        try:
            making.rename(final)
        except OSError:
            # Without file locks (or with a cache shared over a network) another process may have been first.
            if not final.is_dir():
                raise
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _clear_stale(final: Path) -> None:
    for rubbish in final.parent.glob(f".{final.name}.*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - rubbish.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(rubbish, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an advisory lock, which the kernel releases when the process dies. Without locks, the rename decides."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with path.open("w") as stream:
        with contextlib.suppress(OSError):
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _write_atomically(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    making = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        making.write_bytes(data)
        making.replace(path)
    finally:
        making.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _cache_error(error: OSError) -> ItemError:
    if is_full(error):
        message = f"no space left for models in {cache_folder()}: free some, or set PILLION_CACHE"
        return ItemError(ErrorClass.DISK_FULL, message)
    return ItemError(
        ErrorClass.MISSING_TOOL,
        f"cannot write models to {cache_folder()} ({error.strerror}): make it writable, or set PILLION_CACHE",
    )
