"""PowerPoint presentations from before 2007 (ppt), of PowerPoint 97 to 2003 (MS-PPT).

Each save may add new versions of slides at the end of the stream: which are valid is in a directory, which the last
edit names. The texts of titles and bodies stand together in the document, those of other shapes with the shapes.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents.base import Notes, tidy
from pillion.readers.documents.result import DocumentPart, PartKind

# Types of records (MS-PPT, 2.13.24).
_DOCUMENT, _SLIDE, _SLIDE_ATOM, _NOTES, _PERSIST = 0x03E8, 0x03EE, 0x03EF, 0x03F0, 0x03F3
_SHOW_INFO, _DRAWING, _PLACEHOLDER, _TEXT_REFERENCE = 0x03F9, 0x040C, 0x0BC3, 0x0F9E
_TEXT_KIND, _TEXT, _TEXT_BYTES, _STRING = 0x0F9F, 0x0FA0, 0x0FA8, 0x0FBA
_HEADERS, _LIST, _EDIT, _DIRECTORY, _COMMENT = 0x0FD9, 0x0FF0, 0x0FF5, 0x1772, 0x2EE0
_SHAPE, _OBJECT = 0xF004, 0x1011
_HIDDEN = 4
_LOCKED = 0xF3D1C4DF
_MAX_EDITS = 10_000
_MAX_DEPTH = 40
_MAX_OBJECT = 16 << 20
_TITLES = (0, 6)


@dataclass(frozen=True, slots=True)
class _Record:
    kind: int
    instance: int
    whole: bool
    """Whether it holds records."""
    start: int
    end: int


@dataclass(slots=True)
class _Listed:
    """A slide, master or page of notes in the document's lists."""

    place: int
    number: int
    texts: list[tuple[int, str]] = field(default_factory=list)
    """Kind and text of its titles and bodies."""


def parts(data: bytes, user: bytes, notes: Notes) -> Iterator[DocumentPart]:
    """A part for each slide. ``user``: the stream ``Current User``. Raises ItemError and struct.error."""
    show = _Show(data, user, notes)
    yield from show.parts()


def objects(data: bytes, user: bytes) -> Iterator[bytes]:
    """The files of streams that are set into the slides. Raises ItemError and struct.error."""
    yield from _Show(data, user, Notes()).objects()


class _Show:
    def __init__(self, data: bytes, user: bytes, notes: Notes) -> None:
        self._data = data
        self._notes = notes
        self._places = self._directory(user)
        self._lists: dict[int, list[_Listed]] = {0: [], 1: [], 2: []}
        self._footers: list[str] = []
        document = next(self._all(_DOCUMENT), None)
        if document is None and (not data or data[:4] == b"\3\0\0\0"):
            raise ItemError(ErrorClass.UNSUPPORTED, "presentations of PowerPoint 95 and before are not read")
        if document is None:
            raise ItemError(ErrorClass.CORRUPT, "the presentation is damaged: it has no document")
        for record in self._below(document):
            if record.kind == _LIST and record.instance in self._lists:
                self._lists[record.instance] = self._listed(record)
            elif record.kind == _HEADERS:
                self._footers += [self._string(one) for one in self._below(record) if one.kind == _STRING]
        self._shown: set[int] = set()

    def objects(self) -> Iterator[bytes]:
        for record in self._all(_OBJECT):
            body = self._data[record.start : record.end]
            if record.instance == 0:
                yield body
            else:
                with contextlib.suppress(zlib.error):
                    # Behind the size, which is not needed.
                    yield zlib.decompressobj().decompress(body[4:], _MAX_OBJECT)

    def parts(self) -> Iterator[DocumentPart]:
        slides = self._lists[0]
        failed = 0
        for number, slide in enumerate(slides, start=1):
            record = self._at(slide.place, _SLIDE)
            if record is None:
                failed += 1
                self._notes.add(f"slide {number} is missing: only its outline is here")
                text, hidden = "\n".join(text for _, text in slide.texts), False
            else:
                text, hidden = self._slide(record, slide)
            if number == 1:
                text += "\n" + "\n".join(self._footers)
            title = next((" ".join(text.split()) for kind, text in slide.texts if kind in _TITLES), "")
            yield DocumentPart(text=tidy(text), kind=PartKind.SLIDE, number=number, name=title[:200], hidden=hidden)

    def _slide(self, slide: _Record, listed: _Listed) -> tuple[str, bool]:
        texts: list[str] = []
        hidden = False
        master = notes = 0
        for record in self._below(slide):
            if record.kind == _SLIDE_ATOM and record.end - record.start >= 20:
                master, notes = struct.unpack_from("<II", self._data, record.start + 12)
            elif record.kind == _SHOW_INFO and record.end - record.start >= 12:
                hidden = bool(struct.unpack_from("<H", self._data, record.start + 10)[0] & _HIDDEN)
        texts += self._texts(slide, listed)
        for fixed in self._lists[1]:
            if fixed.number == master and master not in self._shown:
                self._shown.add(master)
                texts += self._fixed(fixed)
        for page in self._lists[2]:
            found = self._at(page.place, _NOTES) if page.number == notes and notes else None
            if found is not None:
                texts.append("\n" + "\n".join(self._texts(found, page, notes_only=True)))
        texts += self._comments(slide)
        return "\n".join(texts), hidden

    # texts ------------------------------------------------------------------------------------------------------------

    def _texts(self, container: _Record, listed: _Listed, *, notes_only: bool = False) -> Iterator[str]:
        """The texts of the shapes in their order; those that the document's list alone holds come first."""
        found: list[str] = []
        used: set[int] = set()
        for shape in self._shapes(container):
            for record in self._walk(shape):
                if record.kind == _TEXT_REFERENCE and record.end - record.start >= 4:
                    (index,) = struct.unpack_from("<I", self._data, record.start)
                    if index < len(listed.texts) and index not in used:
                        used.add(index)
                        found.append(listed.texts[index][1])
                elif record.kind in (_TEXT, _TEXT_BYTES) and not (notes_only and not self._is_of_notes(shape)):
                    found.append(self._text(record))
        yield from (text for index, (_, text) in enumerate(listed.texts) if index not in used)
        yield from found

    def _is_of_notes(self, shape: _Record) -> bool:
        """Not the number, date, header or footer of a page of notes (placeholders 7 to 10 of its kinds)."""
        for record in self._walk(shape):
            if record.kind == _PLACEHOLDER and record.end - record.start >= 5:
                return self._data[record.start + 4] not in (7, 8, 9, 10, 11, 5)
        return True

    def _fixed(self, listed: _Listed) -> Iterator[str]:
        """What stands on a master, but not what asks to be replaced."""
        record = self._at(listed.place, None)
        for shape in self._shapes(record) if record is not None else ():
            records = list(self._walk(shape))
            if not any(one.kind == _PLACEHOLDER for one in records):
                yield from (self._text(one) for one in records if one.kind in (_TEXT, _TEXT_BYTES))

    def _comments(self, slide: _Record) -> Iterator[str]:
        for record in self._walk(slide):
            if record.kind == _COMMENT:
                yield from (
                    self._string(one) for one in self._below(record) if one.kind == _STRING and one.instance == 1
                )

    def _shapes(self, container: _Record) -> Iterator[_Record]:
        for record in self._below(container):
            if record.kind == _DRAWING:
                yield from (below for below in self._walk(record) if below.kind == _SHAPE)

    def _text(self, record: _Record) -> str:
        raw = self._data[record.start : record.end]
        text = raw.decode("latin-1" if record.kind == _TEXT_BYTES else "utf-16-le", "replace")
        return text.replace("\r", "\n").replace("\x0b", "\n")

    def _string(self, record: _Record) -> str:
        return self._data[record.start : record.end].decode("utf-16-le", "replace")

    # records ----------------------------------------------------------------------------------------------------------

    def _directory(self, user: bytes) -> dict[int, int]:
        """Number of an object -> its place: of the last edit, then of those before it (2.1.2)."""
        places: dict[int, int] = {}
        if len(user) < 20:
            self._notes.add("which versions of the slides are valid is not known: all are here")
            return places
        token, at = struct.unpack_from("<II", user, 12)
        if token == _LOCKED:
            raise ItemError(ErrorClass.UNSUPPORTED, "the document is protected with a password")
        seen: set[int] = set()
        while at not in seen and len(seen) < _MAX_EDITS:
            seen.add(at)
            edit = self._record(at)
            if edit is None or edit.kind != _EDIT:
                break
            before, directory = struct.unpack_from("<II", self._data, edit.start + 8)
            if edit.end - edit.start >= 32 and len(seen) == 1:
                raise ItemError(ErrorClass.UNSUPPORTED, "the document is protected with a password")
            record = self._record(directory)
            if record is not None and record.kind == _DIRECTORY:
                for number, place in self._entries(record):
                    places.setdefault(number, place)
            if not before:
                break
            at = before
        return places

    def _entries(self, record: _Record) -> Iterator[tuple[int, int]]:
        at = record.start
        while at + 4 <= record.end:
            (head,) = struct.unpack_from("<I", self._data, at)
            first, count = head & 0xFFFFF, head >> 20
            for step in range(min(count, (record.end - at - 4) // 4)):
                yield first + step, struct.unpack_from("<I", self._data, at + 4 + 4 * step)[0]
            at += 4 + 4 * count

    def _listed(self, container: _Record) -> list[_Listed]:
        found: list[_Listed] = []
        kind = -1
        for record in self._below(container):
            if record.kind == _PERSIST and record.end - record.start >= 16:
                reference, _, _, number = struct.unpack_from("<IIII", self._data, record.start)
                found.append(_Listed(self._places.get(reference, -1), number))
            elif record.kind == _TEXT_KIND and record.end - record.start >= 4:
                (kind,) = struct.unpack_from("<I", self._data, record.start)
                if found:
                    found[-1].texts.append((kind, ""))
            elif record.kind in (_TEXT, _TEXT_BYTES) and found and found[-1].texts:
                found[-1].texts[-1] = (kind, self._text(record))
        return found

    def _all(self, kind: int) -> Iterator[_Record]:
        """The valid records of a kind at the top, by the directory; else by the order of the stream, the last first."""
        found = [record for place in self._places.values() if (record := self._at(place, kind)) is not None]
        yield from found
        if not found:
            whole = _Record(0, 0, True, 0, len(self._data))
            yield from reversed([record for record in self._below(whole) if record.kind == kind])

    def _at(self, place: int, kind: int | None) -> _Record | None:
        record = self._record(place) if place >= 0 else None
        return record if record is not None and kind in (None, record.kind) else None

    def _record(self, at: int) -> _Record | None:
        if at + 8 > len(self._data):
            return None
        head, kind, size = struct.unpack_from("<HHI", self._data, at)
        return _Record(kind, head >> 4, head & 15 == 15, at + 8, min(at + 8 + size, len(self._data)))

    def _below(self, container: _Record) -> Iterator[_Record]:
        at = container.start
        while at + 8 <= container.end:
            record = self._record(at)
            if record is None:
                return
            yield record
            at = record.end

    def _walk(self, container: _Record, depth: int = 0) -> Iterator[_Record]:
        for record in self._below(container):
            yield record
            # The frame of a shape's text is marked as no container by some programs.
            if (record.whole or record.kind == 0xF00D) and depth < _MAX_DEPTH:
                yield from self._walk(record, depth + 1)
