"""The text of files that are attached to messages, up to a limit: documents, text, PDFs, and zip files of them."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from pillion import _core
from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents import packages
from pillion.readers.documents.base import MAX_CHARACTERS, Notes
from pillion.readers.documents.result import PART_SEPARATOR, DocumentPart, PartKind

MAX_FILES = 50
"""Of one mailbox or message, with all in it; of others only the names are read."""
MAX_BYTES = 16 << 20
_MAX_DEPTH = 4
"""Files attached to messages that are attached as files."""
_MAX_PDF_PAGES = 200
_SNIFFED = 4096
_MESSAGES = ("message/rfc822", "application/mbox")
_PDF, _ZIP = "application/pdf", "application/zip"
_MAX_ENTRIES = 1000
_LOCKED = 1
"""The bit of a zip file's entry that is encrypted (APPNOTE, 4.4.4)."""


@dataclass(slots=True)
class Attachments:
    """Reads files, and counts how many it may still read."""

    notes: Notes
    left: int = field(default_factory=lambda: MAX_FILES)
    _number: int = field(default=0, init=False)
    _depth: int = field(default=0, init=False)

    def parts(self, name: str, data: bytes) -> Iterator[DocumentPart]:
        """The text of a file; none where it has none. What cannot be read is a note."""
        from pillion.readers.documents import mail, table

        mime = _core.sniff(data[:_SNIFFED], name.encode("utf-8", "replace"))
        is_message = mime in _MESSAGES or (mime == "text/plain" and mail.is_message(data[:_SNIFFED]))
        if not (is_message or mime in (_PDF, _ZIP) or table.has_text(mime)):
            return
        if self.left <= 0 or len(data) > MAX_BYTES or self._depth >= _MAX_DEPTH:
            self.notes.add(f"the attached file {_shown(name)} was not read: it is beyond the limit")
            return
        self.left -= 1
        if is_message:
            yield from self._messages(name, data, mime)
            return
        if mime == _ZIP:
            yield from self._zipped(name, data)
            return
        try:
            text = _text(name, data, mime, self.notes)
        except ItemError as error:
            if error.error_class is ErrorClass.IO_TRANSIENT:
                raise
            self.notes.add(f"the attached file {_shown(name)} could not be read: {error.message}")
            return
        yield from self.part(name, text)

    def part(self, name: str, text: str) -> Iterator[DocumentPart]:
        """Text that was read of a file, if there is any."""
        if text:
            self._number += 1
            yield DocumentPart(text=text, kind=PartKind.ATTACHMENT, number=self._number, name=name)

    def _messages(self, name: str, data: bytes, mime: str) -> Iterator[DocumentPart]:
        """The messages in a file, and what is attached to them."""
        from pillion.readers.documents import mail

        self._depth += 1
        try:
            for part in mail.parts_of(data, mime, self):
                if part.kind is PartKind.MESSAGE:
                    self._number += 1
                    part = replace(part, kind=PartKind.ATTACHMENT, number=self._number, name=name)
                yield part
        except ItemError as error:
            self.notes.add(f"the attached file {_shown(name)} could not be read: {error.message}")
        finally:
            self._depth -= 1

    def _zipped(self, name: str, data: bytes) -> Iterator[DocumentPart]:
        """The files in a zip file, by names that begin with its own."""
        left = MAX_BYTES
        self._depth += 1
        try:
            with packages.opened(data, MAX_BYTES) as archive:
                for entry in itertools.islice(archive.infolist(), _MAX_ENTRIES):
                    path = f"{name}/{entry.filename}"
                    if entry.flag_bits & _LOCKED:
                        self.notes.add(f"the file {_shown(path)} is protected with a password")
                    elif entry.filename and not entry.is_dir() and _may_have_text(entry.filename):
                        inner = packages.part_of(archive, entry, left)
                        left -= len(inner)
                        yield from self.parts(path, inner)
        except ItemError as error:
            if error.error_class is ErrorClass.IO_TRANSIENT:
                raise
            self.notes.add(f"the attached file {_shown(name)} could not be read: {error.message}")
        finally:
            self._depth -= 1


def _may_have_text(name: str) -> bool:
    mime = _core.mime_from_name(name.encode("utf-8", "replace"))
    return _core.media_class(mime) not in ("image", "audio", "video")


def _text(name: str, data: bytes, mime: str, notes: Notes) -> str:
    from pillion.readers.documents import table

    # The readers open files by their paths.
    with tempfile.NamedTemporaryFile(prefix="pillion-") as file:
        file.write(data)
        file.flush()
        if mime == _PDF:
            return _pdf_text(Path(file.name))
        result = table.read(Path(file.name), mime)
    for note in result.notes:
        notes.add(f"in {_shown(name)}: {note}")
    return result.text


def _pdf_text(path: Path) -> str:
    """The text layer; pictures of text are not recognised here."""
    from pillion.readers.pdf import document as pdfium

    pages: list[str] = []
    with pdfium.opened(path) as document:
        for number in range(min(len(document), _MAX_PDF_PAGES)):
            with document.page(number) as page:
                pages.append(page.text().text.replace("\r\n", "\n").strip())
            if sum(map(len, pages)) > MAX_CHARACTERS:
                break
    return "\n\n".join(filter(None, pages)).replace(PART_SEPARATOR, "\n")


def _shown(name: str) -> str:
    """The name of a file in a note, cut, without control characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:80] or "without a name"
