"""Files that are set into office documents as objects: their text follows that of the document.

An object is a part of its own: a document as it is (``package``), or a file of streams that holds one (``oleObject``:
[MS-OLEDS] 2.3, and what programs write into the streams ``Package`` and ``CONTENTS``). The workbooks behind charts are
no objects: what is seen of them is in the charts.
"""

from __future__ import annotations

import posixpath
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents import compound, ooxml
from pillion.readers.documents.attached import Attachments
from pillion.readers.documents.base import Notes
from pillion.readers.documents.packages import Package
from pillion.readers.documents.result import DocumentPart

if TYPE_CHECKING:
    from pillion.readers.documents.compound import Streams

_MAX_OBJECTS = 10
"""Of one document, with all in its objects: each may cost as much time as a document."""
_MAX_DEPTH = 2
"""Objects in documents that are objects."""
_STREAMS = ("\x01ole10native", "package", "contents")
"""Streams that hold a file, in lower case."""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(slots=True)
class _Allowance:
    """How many objects may still be read of a document, and how deep it goes on now."""

    left: int = _MAX_OBJECTS
    depth: int = 0


_allowed: ContextVar[_Allowance | None] = ContextVar("_allowed", default=None)


def parts(package: Package, names: Iterable[str]) -> Iterator[DocumentPart]:
    """The text of the objects to which these parts refer, in order. What cannot be read is a note."""
    found = [target for name in names for target in ooxml.linked(package, name, "package", "oleObject")]
    there = filter(package.__contains__, dict.fromkeys(found))
    yield from _read(
        package.notes, there, lambda name, files: files.parts(*_file(posixpath.basename(name), package.data(name)))
    )


def of_streams(streams: Streams, notes: Notes) -> Iterator[DocumentPart]:
    """The same of a document from before 2007, whose objects are folders of streams."""
    yield from _read(notes, _folders(streams), lambda folder, files: _of_folder(streams.below(folder), files, notes))


def of_files(objects: Iterable[bytes], notes: Notes) -> Iterator[DocumentPart]:
    """The same of objects that are files of streams, wherever they were found."""
    yield from _read(notes, objects, lambda data, files: files.parts(*_file("", data)))


_Object = TypeVar("_Object")


def _read(
    notes: Notes,
    objects: Iterable[_Object],
    parts_of: Callable[[_Object, Attachments], Iterable[DocumentPart]],
) -> Iterator[DocumentPart]:
    allowance = _allowed.get() or _Allowance()
    attachments = Attachments(notes)
    for one in objects:
        if not allowance.left or allowance.depth >= _MAX_DEPTH:
            notes.add("objects beyond the first ten, or set into others too deep, are left out")
            return
        allowance.left -= 1
        try:
            with _one_deeper(allowance):
                # In a list, for the depth counts only while they are read.
                read = list(parts_of(one, attachments))
        except (ItemError, struct.error) as error:
            if isinstance(error, ItemError) and error.error_class not in (ErrorClass.CORRUPT, ErrorClass.TOO_LARGE):
                raise
            notes.add(f"an object could not be read: {getattr(error, 'message', 'it ends early')}")
            continue
        yield from read


@contextmanager
def _one_deeper(allowance: _Allowance) -> Iterator[None]:
    token = _allowed.set(allowance)
    allowance.depth += 1
    try:
        yield
    finally:
        allowance.depth -= 1
        _allowed.reset(token)


def _file(name: str, data: bytes) -> tuple[str, bytes]:
    """The file that an object is: its name and bytes, out of the streams that hold it. Raises ItemError."""
    if not data.startswith(_OLE):
        return name, data
    with compound.opened(data) as streams:
        for stream in _STREAMS:
            if stream in streams:
                return _held(stream, streams.data(stream))
        return name, data if _is_document(streams) else b""


def _folders(streams: Streams) -> Iterator[str]:
    """The folders of streams that are objects, without those in other objects."""
    found: list[str] = []
    for name in sorted(streams.names, key=lambda name: name.count("/")):
        folder, _, stream = name.rpartition("/")
        is_object = stream in _STREAMS or stream in compound.DOCUMENTS
        if folder and folder != compound.BOTH.lower() and is_object and not _is_in(folder, found):
            found.append(folder)
    order = list(streams.names)
    yield from sorted(found, key=lambda folder: next(at for at, name in enumerate(order) if name.startswith(folder)))


def _is_in(folder: str, others: Iterable[str]) -> bool:
    return any(f"{folder}/".startswith(f"{other}/") for other in others)


def _is_document(streams: Streams) -> bool:
    """Whether there is text to be read. The workbook behind a chart is no document."""
    made_by = streams.data("\x01CompObj")
    is_chart = any(word in made_by for word in (b"Graph", b"Chart"))
    return not is_chart and any(name in streams for name in compound.DOCUMENTS)


def _of_folder(streams: Streams, files: Attachments, notes: Notes) -> Iterator[DocumentPart]:
    """The document, or the file that is packed, in the folder of an object."""
    if _is_document(streams):
        inside = Notes()
        text = compound.text_of(streams, inside).text
        for note in inside.texts():
            notes.add(f"in an object: {note}")
        yield from files.part("", text)
        return
    for stream in _STREAMS:
        if stream in streams:
            yield from files.parts(*_held(stream, streams.data(stream)))
            return


def _held(stream: str, data: bytes) -> tuple[str, bytes]:
    """Name and bytes of the file in a stream. Raises struct.error.

    The packager writes lengths, two names, a third, and the bytes; in other streams there is nothing else.
    """
    if not stream.lower().endswith(_STREAMS[0]):
        return "", data
    (kind,) = struct.unpack_from("<H", data, 4)
    if kind != 2:
        return "", b""
    label, _, rest = data[6:].partition(b"\0")
    _, _, rest = rest.partition(b"\0")
    (length,) = struct.unpack_from("<I", rest, 4)
    (size,) = struct.unpack_from("<I", rest, 8 + length)
    start = 12 + length
    return label.decode("cp1252", "replace").replace("\\", "/").rpartition("/")[2], rest[start : start + size]
