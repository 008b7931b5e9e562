"""Outlook's messages (msg): MAPI properties in streams (MS-OXMSG), and their compressed rich text (MS-OXRTFCP)."""

from __future__ import annotations

import datetime
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pillion.errors import ItemError
from pillion.readers.documents import markup
from pillion.readers.documents.base import Notes, tidy
from pillion.readers.documents.charset import decoded, decoded_markup
from pillion.readers.documents.oldword import code_page
from pillion.readers.documents.result import DocumentPart, PartKind

if TYPE_CHECKING:
    from pillion.readers.documents.compound import Streams

PROPERTIES = "__properties_version1.0"
_SUBJECT, _BODY, _HTML, _RICH = "0037", "1000", "1013", "1009"
_SENDER, _SENDER_ADDRESSES, _TO, _COPY = "0c1a", ("5d01", "0c1f"), "0e04", "0e03"
_NAMES = ("3707", "3704", "3001")
_SENT, _DELIVERED = 0x00390040, 0x0E060040
_LANGUAGE = 0x3FF10003
_CODE_PAGES = (0x3FFD0003, _LANGUAGE, 0x3FDE0003)
"""Of the message, of its language, of its web page."""
_INNER = "__substg1.0_3701000d/"
_FILE = "__substg1.0_37010102"
_ATTACHED, _RECIPIENT = "__attach_version1.0_", "__recip_version1.0_"
_ADDRESSES = ("39fe", "3003")
_MAX_RECIPIENTS = 500
_MAX_DEPTH = 8
_MAX_PARTS = 1000
_MAX_RICH = 64 << 20
_START = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript "
    b"\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n"
    b"\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
"""What the dictionary of compressed rich text holds at the start (2.1.2.1)."""


def parts(streams: Streams, notes: Notes) -> Iterator[DocumentPart]:
    """The message and those attached to it, each a part, with the text of its files behind it. Raises ItemError."""
    from pillion.readers.documents.attached import Attachments

    attachments = Attachments(notes)
    for number, (subject, text, files) in enumerate(_messages(streams, "", notes, 0), start=1):
        if number > _MAX_PARTS:
            notes.add("only the first messages are read")
            return
        yield DocumentPart(text=text, kind=PartKind.MESSAGE, number=number, name=subject)
        for name, stream in files:
            yield from attachments.parts(name, streams.data(stream))


_Files = list[tuple[str, str]]
"""Name and stream of the files that are attached to a message."""


def _messages(streams: Streams, place: str, notes: Notes, depth: int) -> Iterator[tuple[str, str, _Files]]:
    message = _Message(streams, place, notes)
    subject = " ".join(message.string(_SUBJECT).split())
    attached = sorted(
        {name[len(place) :].split("/")[0] for name in streams.names if name.startswith(place + _ATTACHED)}
    )
    inner = []
    files: _Files = []
    for folder in attached:
        attachment = _Message(streams, f"{place}{folder}/", notes, message.encoding)
        if f"{place}{folder}/{_INNER}{PROPERTIES}" in streams:
            inner.append(f"{place}{folder}/{_INNER}")
        else:
            name = next(filter(None, map(attachment.string, _NAMES)), "")
            files.append((" ".join(name.split()), f"{place}{folder}/{_FILE}"))
    body = message.body()
    listed = "\n".join(f"Attached: {name}" for name, _ in files if name)
    yield subject, "\n\n".join(filter(None, (message.headers(subject), body, listed))), files
    if depth >= _MAX_DEPTH and inner:
        notes.add("messages that are attached to others too deep are left out")
        return
    for folder in inner:
        yield from _messages(streams, folder, notes, depth + 1)


class _Message:
    """The properties of one message or attachment, whose streams begin with ``place``."""

    def __init__(self, streams: Streams, place: str, notes: Notes, encoding: str | None = None) -> None:
        self._streams = streams
        self._place = place
        self._notes = notes
        self._fixed = self._fixed_properties()
        self.encoding = encoding or self._encoding()
        self._known: dict[str, str] | None = None

    def string(self, tag: str) -> str:
        """The text of a property; empty where it is not there."""
        wide = self._streams.data(f"{self._place}__substg1.0_{tag}001f")
        if wide:
            return wide.decode("utf-16-le", "replace").rstrip("\0")
        narrow = self._streams.data(f"{self._place}__substg1.0_{tag}001e").rstrip(b"\0")
        if not narrow:
            return ""
        try:
            return decoded(narrow) if self.encoding is None else narrow.decode(self.encoding)
        except UnicodeDecodeError:
            return decoded(narrow)

    def headers(self, subject: str) -> str:
        """The usual lines above a message."""
        sender = " ".join(self.string(_SENDER).split())
        address = next((found for found in map(self.string, _SENDER_ADDRESSES) if "@" in found), "")
        if address and address != sender:
            sender = f"{sender} <{address}>".strip()
        lines = (
            ("Subject", subject),
            ("From", sender),
            ("To", self._with_addresses(_TO)),
            ("Cc", self._with_addresses(_COPY)),
            ("Date", self._date()),
        )
        return "\n".join(f"{name}: {' '.join(value.split())}" for name, value in lines if value.strip())

    def _with_addresses(self, tag: str) -> str:
        """Names of recipients, parted by semicolons, each with its address where the message has it."""
        names = [" ".join(name.split()) for name in self.string(tag).split(";")]
        known = self._addresses()
        return "; ".join(f"{name} <{known[name]}>" if name in known else name for name in names if name)

    def _addresses(self) -> dict[str, str]:
        """Name -> address of each recipient that has another name than its address."""
        if self._known is None:
            start = self._place + _RECIPIENT
            folders = {name[len(self._place) :].split("/")[0] for name in self._streams.names if name.startswith(start)}
            self._known = {}
            for folder in sorted(folders)[:_MAX_RECIPIENTS]:
                one = _Message(self._streams, f"{self._place}{folder}/", self._notes, self.encoding)
                name = " ".join(one.string(_NAMES[-1]).split())
                address = next((found for found in map(one.string, _ADDRESSES) if "@" in found), "")
                if address and address != name:
                    self._known[name] = address
        return self._known

    def body(self) -> str:
        """The plain text, else that of the web page, else that of the rich text."""
        plain = tidy(self.string(_BODY).replace("\r\n", "\n"))
        if plain:
            return plain
        page = self._streams.data(f"{self._place}__substg1.0_{_HTML}0102")
        text = decoded_markup(page) if page else self.string(_HTML)
        if text.strip():
            return markup.without_markup(text)
        return self._rich()

    def _rich(self) -> str:
        data = self._streams.data(f"{self._place}__substg1.0_{_RICH}0102")
        if not data:
            return ""
        from pillion.readers.documents import richtext

        try:
            rich = unpacked(data)
            with tempfile.NamedTemporaryFile(prefix="pillion-") as file:
                file.write(rich)
                file.flush()
                return richtext.read(Path(file.name), "application/rtf").text
        except (ItemError, ValueError, IndexError, struct.error):
            self._notes.add("the rich text of a message could not be read")
            return ""

    def _fixed_properties(self) -> dict[int, bytes]:
        """Tag -> value of the properties of fixed size (2.4)."""
        data = self._streams.data(f"{self._place}{PROPERTIES}")
        start = 32 if not self._place else (8 if _ATTACHED in self._place.rpartition(_INNER)[2] else 24)
        found = {}
        for at in range(start, len(data) - 15, 16):
            (tag,) = struct.unpack_from("<I", data, at)
            found[tag] = data[at + 8 : at + 16]
        return found

    def _encoding(self) -> str | None:
        """The code page that the message names, or that of its language, if Python knows it; else it is guessed."""
        for tag in _CODE_PAGES:
            if tag == _LANGUAGE and tag in self._fixed:
                return code_page(struct.unpack_from("<I", self._fixed[tag])[0])
            if tag in self._fixed:
                (page,) = struct.unpack_from("<I", self._fixed[tag])
                name = {65001: "utf-8", 20127: "cp1252", 28591: "cp1252", 936: "gb18030"}.get(page, f"cp{page}")
                try:
                    return name if b"".decode(name) == "" else None
                except LookupError:
                    continue
        return None

    def _date(self) -> str:
        for tag in (_SENT, _DELIVERED):
            if tag in self._fixed:
                (ticks,) = struct.unpack("<Q", self._fixed[tag])
                try:
                    when = datetime.datetime(1601, 1, 1) + datetime.timedelta(microseconds=ticks // 10)
                except OverflowError:
                    continue
                return f"{when:%Y-%m-%d %H:%M} UTC"
        return ""


def unpacked(data: bytes) -> bytes:
    """Rich text out of its compressed form. Raises ValueError and struct.error."""
    packed_size, size, kind, _ = struct.unpack_from("<IIII", data)
    if size > _MAX_RICH:
        raise ValueError("too long")
    body = data[16 : 4 + packed_size]
    if kind == 0x414C454D:
        return body[:size]
    if kind != 0x75465A4C:
        raise ValueError("not rich text")
    window = bytearray(4096)
    window[: len(_START)] = _START
    to = len(_START)
    found = bytearray()
    at = 0
    while at < len(body) and len(found) < size:
        flags = body[at]
        at += 1
        for bit in range(8):
            if at >= len(body) or len(found) >= size:
                break
            if not flags >> bit & 1:
                chunk = body[at : at + 1]
                at += 1
            elif at + 1 < len(body):
                pair = body[at] << 8 | body[at + 1]
                at += 2
                place, length = pair >> 4, (pair & 15) + 2
                if place == to:
                    return bytes(found)
                chunk = b""
                for step in range(length):
                    letter = window[(place + step) % 4096]
                    chunk += bytes((letter,))
                    window[(to + step) % 4096] = letter
            else:
                return bytes(found)
            for letter in chunk:
                window[to] = letter
                to = (to + 1) % 4096
            found += chunk
    return bytes(found)
