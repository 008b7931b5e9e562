"""Checks and completes the arguments that callers of the library pass in."""

from __future__ import annotations

import os
import re
import stat
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from pillion import _core
from pillion.catalog.locations import EntryRow, Location, list_locations
from pillion.errors import ItemError, UsageError
from pillion.facts import FileFacts
from pillion.kinds.settings import nearest
from pillion.machine import mtime_ns
from pillion.model import CONTENT_UUID
from pillion.quoting import quoted


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
    shown = quoted(folder)
    if os.path.exists(folder):
        raise UsageError(f"{shown} is a file; give the folder that holds it, or use 'pillion thumb' or 'pillion text'.")
    raise UsageError(f"{shown} does not exist.")


def location_id(connection: sa.Connection, path: str | os.PathLike[str] | None) -> int | None:
    """The id of the Location at a path; None stays None. Raises UsageError if there is no Location."""
    if path is None:
        return None
    folder = absolute_folder(path)
    for location in list_locations(connection):
        if location.path == folder:
            return location.id
    raise UsageError(f"{quoted(folder)} is not a Location of this library; 'pillion status' lists them.")


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
        raise UsageError(f"{quoted(absolute)} is in no Location of this library; index its folder first.")
    return None, folder


def is_inside(path: bytes, folder: bytes) -> bool:
    """Whether ``path`` is ``folder`` or inside it."""
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def check_variant(variant: str, kinds: str, known: Sequence[str]) -> None:
    """Raises UsageError, with the nearest name, for a variant of ``kinds`` that is not ``known``."""
    if variant not in known:
        hint = nearest(variant, known) or f"; choose from {', '.join(known)}."
        raise UsageError(f"There is no variant '{variant}' of {kinds}{hint}")


ContentId = str | uuid.UUID
"""What callers may give for a content: a UUID, or its text in any case."""


def content_id(value: object) -> str:
    """A content uuid as the catalog has it: 36 lower-case characters. Raises UsageError for anything else."""
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, str) and CONTENT_UUID.fullmatch(value):
        return value.lower()
    raise UsageError(f"{value!r} is no content uuid: give a UUID, such as 1b4e28ba-2fa1-8d2b-883f-0016d3cca427.")


def content_ids(values: Iterable[ContentId]) -> list[str]:
    """Content uuids as the catalog has them, in order. Raises UsageError for anything else."""
    if isinstance(values, str):
        raise UsageError(f"{values!r} is one text; give a list of content uuids.")
    return [content_id(value) for value in values]


def some_content_ids(values: Iterable[ContentId] | None) -> list[str] | None:
    """The same; None, which means all, stays None."""
    return None if values is None else content_ids(values)


def external_row(item: tuple[ContentId, str | os.PathLike[str], str]) -> EntryRow:
    """The entry for a (content uuid, path, MIME type) from another indexer.

    Raises UsageError if it is not well formed, or its source cannot be read or is no regular file.
    """
    try:
        content, path, mime = _parts(item)
        absolute = os.path.realpath(os.fsencode(path))
    except (TypeError, ValueError) as error:
        raise UsageError(f"{item!r} is no (content uuid, path, MIME type): {error}.") from error
    if not _MIME.fullmatch(mime):
        raise UsageError(f"{mime!r} is no MIME type, such as image/jpeg.")
    try:
        found = os.stat(absolute)
    except OSError as error:
        raise UsageError(f"Cannot read {quoted(absolute)}: {error.strerror}.") from error
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{quoted(absolute)} is not a regular file.")
    return EntryRow(
        path=absolute.lstrip(b"/"),
        size=found.st_size,
        mtime_ns=mtime_ns(found),
        inode=found.st_ino,
        content_uuid=content_id(content),
        mime=mime,
        facts=_facts(absolute),
    )


def _facts(path: bytes) -> FileFacts | None:
    try:
        _, said = _core.file_facts(path)
    except ItemError:
        return None
    return FileFacts(*(said or ()))


def _parts(item: tuple[Any, ...]) -> tuple[object, str, str]:
    """Whatever a caller gave. Raises TypeError, ValueError."""
    content, path, mime = item
    return content, os.fsdecode(path), os.fsdecode(mime)


_MIME = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", re.IGNORECASE | re.ASCII)
