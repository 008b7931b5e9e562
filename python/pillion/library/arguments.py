"""Checks and completes the arguments that callers of the library pass in."""

from __future__ import annotations

import os
from collections.abc import Sequence

import sqlalchemy as sa

from pillion.catalog.indexing import EntryRow, Location, list_locations
from pillion.errors import UsageError
from pillion.kinds.settings import nearest


def absolute_folder(path: str | bytes | os.PathLike[str]) -> bytes:
    """A path made absolute, links resolved, whether it is there or not. Raises UsageError for an empty one."""
    if not os.fsencode(path):
        raise UsageError("The path is empty; name a folder.")
    return os.path.realpath(os.path.expanduser(os.fsencode(path)))


def existing_folder(path: str | bytes | os.PathLike[str]) -> bytes:
    """The absolute path of a folder, links resolved. Raises UsageError if it is none."""
    folder = absolute_folder(path)
    if os.path.isdir(folder):
        return folder
    shown = os.fsdecode(folder)
    if os.path.exists(folder):
        raise UsageError(f"{shown} is a file; give the folder that holds it, or use 'pillion thumb' or 'pillion ocr'.")
    raise UsageError(f"{shown} does not exist.")


def location_id(connection: sa.Connection, path: str | os.PathLike[str] | None) -> int | None:
    """The id of the Location at a path; None stays None. Raises UsageError if there is no Location."""
    if path is None:
        return None
    folder = existing_folder(path)
    for location in list_locations(connection):
        if location.path == folder:
            return location.id
    raise UsageError(f"{os.fsdecode(folder)} is not a Location of this library; 'pillion status' lists them.")


def locate(locations: Sequence[Location], path: str | os.PathLike[str]) -> tuple[Location | None, bytes]:
    """The walked Location that contains a file or folder, and its path in it: a folder's ends with a slash or is "".

    Without such a Location: None, and the absolute path of the folder. Raises UsageError for a path that does not
    exist, or a file in no Location.
    """
    absolute = os.path.realpath(os.path.expanduser(os.fsencode(path)))
    is_file = os.path.isfile(absolute)
    folder = os.path.dirname(absolute) if is_file else existing_folder(absolute)
    for location in locations:
        if location.walked and is_inside(folder, location.path):
            inside = os.path.relpath(absolute, location.path)
            return location, inside if is_file else b"" if inside == b"." else inside + b"/"
    if is_file:
        raise UsageError(f"{os.fsdecode(absolute)} is in no Location of this library; index its folder first.")
    return None, folder


def is_inside(path: bytes, folder: bytes) -> bool:
    """Whether ``path`` is ``folder`` or inside it."""
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def check_variant(variant: str, kinds: str, known: Sequence[str]) -> None:
    """Raises UsageError, with the nearest name, for a variant of ``kinds`` that is not ``known``."""
    if variant not in known:
        hint = nearest(variant, known) or f"; choose from {', '.join(known)}."
        raise UsageError(f"There is no variant '{variant}' of {kinds}{hint}")


def external_row(content_uuid: str, path: str | os.PathLike[str], mime: str) -> EntryRow:
    """The entry for a file from another indexer. Raises UsageError if it cannot be read."""
    absolute = os.path.realpath(os.fsencode(path))
    try:
        stat = os.stat(absolute)
    except OSError as error:
        raise UsageError(f"Cannot read {os.fsdecode(absolute)}: {error.strerror}.") from error
    return EntryRow(
        path=absolute.lstrip(b"/"),
        size=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        inode=stat.st_ino,
        content_uuid=content_uuid,
        mime=mime,
    )
