"""Files of streams (MS-CFB) through olefile: Office documents before 2007, Outlook's messages, locked documents.

What such a file is shows from its streams and not from its name: Word documents are called .xls as well, and a document
that is encrypted is put into such a file whatever it was before.
"""

from __future__ import annotations

import copy
import io
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pillion import extras
from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents import oldsheets, oldslides, oldword, outlook
from pillion.readers.documents.base import Notes, checked_engine, collected, read_bytes
from pillion.readers.documents.result import DocumentPart, DocumentText

NAME = "compound"
PACKAGE = "olefile"
NOTE = "office documents from before 2007 and Outlook messages"
PROTECTED = "application/x-ooxml-protected"
"""An office document encrypted with a password, which is no longer a zip file."""
_OTHER = "application/x-ole-storage"
MIMES = frozenset(
    {
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/vnd.ms-outlook",
        PROTECTED,
        _OTHER,
    }
)

_PROTECTED = "the document is protected with a password"
_MAX_BYTES = 256 << 20
_MAX_STREAMS = 20_000
_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
BOTH = "PP97_DUALSTORAGE"
"""The folder of a presentation in a file that is one of PowerPoint 95 as well."""
_LOCKED = ("encryptedpackage", "encryptioninfo", "\x06dataspaces")


def missing() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    return extras.missing("documents", NOTE, PACKAGE)


class Streams:
    """The streams of a file that is open."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._left = [_MAX_BYTES]
        """How many bytes may still be read of them and of those in their folders."""
        self.names = {"/".join(path).lower(): path for path in file.listdir(streams=True, storages=False)}
        if len(self.names) > _MAX_STREAMS:
            raise ItemError(ErrorClass.TOO_LARGE, f"the document has more than {_MAX_STREAMS} streams")

    def __contains__(self, name: str) -> bool:
        return name.lower() in self.names

    def data(self, name: str) -> bytes:
        """The bytes of a stream; empty where it is not there. Raises ItemError: too_large."""
        path = self.names.get(name.lower())
        if path is None:
            return b""
        with self._file.openstream(path) as stream:
            data: bytes = stream.read()
        self._left[0] -= len(data)
        if self._left[0] < 0:
            raise ItemError(ErrorClass.TOO_LARGE, f"the document has more than {_MAX_BYTES >> 20} MiB of text")
        return data

    def below(self, folder: str) -> Streams:
        """The streams in a folder, as if they were a file."""
        start = f"{folder}/".lower()
        inner = copy.copy(self)
        inner.names = {name[len(start) :]: path for name, path in self.names.items() if name.startswith(start)}
        return inner


def read(path: Path, mime: str) -> DocumentText:
    """The text of a document from before 2007 or a message. Raises ItemError."""
    checked_engine(missing())
    try:
        return _read(path)
    except ItemError as error:
        if mime == PROTECTED and error.error_class is ErrorClass.CORRUPT:
            # What is to be a zip file by its name and is a file of streams is that by encryption.
            raise ItemError(ErrorClass.UNSUPPORTED, _PROTECTED) from error
        raise


def _read(path: Path) -> DocumentText:
    data, more = read_bytes(path, _MAX_BYTES)
    if more:
        raise ItemError(ErrorClass.TOO_LARGE, f"the document has more than {_MAX_BYTES >> 20} MiB, the limit")
    notes = Notes()
    if not data.startswith(_MAGIC):
        # Excel before version 5 writes one stream and nothing around it.
        return collected(oldsheets.__name__.rpartition(".")[2], oldsheets.parts(data, notes), notes)
    with opened(data) as streams:
        return text_of(streams, notes)


def text_of(streams: Streams, notes: Notes) -> DocumentText:
    """The text of the document that the streams are, and of the objects in it. Raises ItemError and struct.error."""
    name, parts = _reader(streams)(streams, notes)
    if name != "outlook":
        # It reads such files itself, by this module.
        from pillion.readers.documents import embedded

        parts = itertools.chain(parts, embedded.of_streams(streams, notes))
        if name == "oldslides":
            parts = itertools.chain(parts, embedded.of_files(oldslides.objects(*_show(streams)), notes))
    return collected(name, parts, notes)


@contextmanager
def opened(data: bytes) -> Iterator[Streams]:
    """The streams of a file. Raises ItemError, corrupt also for what a reader does not expect inside of the block."""
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            yield Streams(file)
    except (ItemError, MemoryError):
        raise
    except Exception as error:
        # The library and the readers of records check less than there can be.
        raise ItemError(ErrorClass.CORRUPT, "the document is damaged") from error


_Reader = Callable[[Streams, Notes], tuple[str, Iterator[DocumentPart]]]


def _reader(streams: Streams) -> _Reader:
    if any(name.startswith(_LOCKED) for name in streams.names):
        raise ItemError(ErrorClass.UNSUPPORTED, _PROTECTED)
    for stream, reader in _READERS.items():
        if stream in streams:
            return reader
    raise ItemError(ErrorClass.UNSUPPORTED, "there is no text to be read in this kind of document")


def _workbook(streams: Streams, notes: Notes) -> tuple[str, Iterator[DocumentPart]]:
    data = streams.data("Workbook") or streams.data("Book")
    return "oldsheets", oldsheets.parts(data, notes)


def _document(streams: Streams, notes: Notes) -> tuple[str, Iterator[DocumentPart]]:
    text = oldword.text_of(streams.data("WordDocument"), (streams.data("0Table"), streams.data("1Table")), notes)
    return "oldword", iter([DocumentPart(text=text)])


def _slides(streams: Streams, notes: Notes) -> tuple[str, Iterator[DocumentPart]]:
    return "oldslides", oldslides.parts(*_show(streams), notes)


def _show(streams: Streams) -> tuple[bytes, bytes]:
    # Saved for PowerPoint 95 and 97 both.
    place = f"{BOTH}/" if f"{BOTH}/PowerPoint Document" in streams else ""
    return streams.data(f"{place}PowerPoint Document"), streams.data(f"{place}Current User")


def _message(streams: Streams, notes: Notes) -> tuple[str, Iterator[DocumentPart]]:
    return "outlook", outlook.parts(streams, notes)


_READERS: dict[str, _Reader] = {
    "WordDocument": _document,
    "PowerPoint Document": _slides,
    outlook.PROPERTIES: _message,
    "PP40": _slides,
    "Workbook": _workbook,
    "Book": _workbook,
}
"""The stream that a document of some kind has -> its reader."""
DOCUMENTS = tuple(name.lower() for name in _READERS)
