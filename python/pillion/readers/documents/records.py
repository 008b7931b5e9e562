"""Contacts and calendars (vCard, iCalendar): what is in their fields, as people read it (RFC 6350, RFC 5545)."""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pillion.readers.documents.base import Notes, collected, read_bytes, tidy
from pillion.readers.documents.binary import NOTE as BINARY
from pillion.readers.documents.binary import without_binary
from pillion.readers.documents.charset import decoded, decoded_as
from pillion.readers.documents.result import DocumentPart, DocumentText

NAME = "records"
PACKAGE = None
NOTE = "contacts and calendars"
MIMES = frozenset({"text/vcard", "text/x-vcard", "text/directory", "text/calendar"})

_MAX_BYTES = 16 << 20
_FOLD = re.compile(rb"\r?\n[ \t]")
_LINE = re.compile(r"(?:[\w-]+\.)?([\w-]+)((?:;(?:\"[^\"]*\"|[^:;\"])*)*):(.*)", re.DOTALL)
_MACHINES = frozenset(
    (
        *(
            "BEGIN",
            "END",
            "VERSION",
            "PRODID",
            "UID",
            "REV",
            "DTSTAMP",
            "SEQUENCE",
            "CREATED",
            "LAST-MODIFIED",
            "CLASS",
        ),
        *("TRANSP", "STATUS", "CALSCALE", "METHOD", "TZOFFSETFROM", "TZOFFSETTO", "TZID", "RRULE", "EXDATE", "TRIGGER"),
        *("ACTION", "PROFILE", "KIND", "LABEL-ID", "CLIENTPIDMAP", "SORT-STRING", "MAILER", "PRIORITY", "TZ", "GEO"),
    )
)
_PICTURES = frozenset({"PHOTO", "LOGO", "SOUND", "KEY"})
_ESCAPE = re.compile(r"\\([nN,;:\\])")


def missing() -> str | None:
    """None: it needs no library."""
    return None


def read(path: Path, mime: str) -> DocumentText:
    """A paragraph for each contact or entry. Raises ItemError."""
    data, more = read_bytes(path, _MAX_BYTES)
    notes = Notes()
    result = collected(NAME, [DocumentPart(text=tidy("\n".join(_lines(data, notes))))], notes)
    return replace(result, truncated=more or result.truncated)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    parameters: str
    value: str


def _lines(data: bytes, notes: Notes) -> Iterator[str]:
    zones = 0
    for field in _fields(data):
        if field.name in ("BEGIN", "END"):
            zones += (field.value.upper() == "VTIMEZONE") * (1 if field.name == "BEGIN" else -1)
            yield ""
            continue
        if zones > 0 or field.name in _MACHINES or (field.name.startswith("X-") and field.name[2:5] != "ABD"):
            continue
        if _is_binary(field) or (field.name in _PICTURES and "URI" not in field.parameters):
            notes.add(BINARY)
            continue
        value, has_binary = without_binary(field.value)
        if has_binary:
            notes.add(BINARY)
        pieces = re.split(r"(?<!\\);", value) if field.name in ("N", "ADR", "ORG") else [value]
        text = " ".join(filter(None, (_ESCAPE.sub(_unescaped, piece).strip() for piece in pieces)))
        if text:
            yield f"{field.name.capitalize()}: {text}"


def _is_binary(field: _Field) -> bool:
    return bool(re.search(r"(?i)ENCODING=(?:b\b|base64)|;BASE64\b", field.parameters)) or field.value.startswith(
        "data:"
    )


def _unescaped(found: re.Match[str]) -> str:
    return "\n" if found[1] in "nN" else found[1]


def _fields(data: bytes) -> Iterator[_Field]:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = decoded(data).encode()
    data = _FOLD.sub(b"", data).replace(b"\r", b"")
    lines = data.split(b"\n")
    texts = decoded(data).split("\n")
    if len(texts) != len(lines):
        # Of a set in which the byte of a line end is a part of letters.
        texts = [line.decode("cp1252", "replace") for line in lines]
    at = 0
    while at < len(lines):
        line, text = lines[at], texts[at]
        at += 1
        head = line.partition(b":")[0].upper()
        if b"QUOTED-PRINTABLE" in head:
            # Continued by a sign at the end of the line instead of a space at the start of the next.
            begin = at - 1
            while lines[at - 1].endswith(b"=") and at < len(lines):
                at += 1
            line = b"".join(part.removesuffix(b"=") for part in lines[begin:at])
            text = "".join(part.removesuffix("=") for part in texts[begin:at])
        found = _LINE.fullmatch(text)
        if found:
            yield _field(found, line, head)


def _field(found: re.Match[str], line: bytes, head: bytes) -> _Field:
    name, parameters, value = found[1].upper(), found[2], found[3]
    label = re.search(rb"CHARSET=\"?([\w.:-]+)", head)
    if b"QUOTED-PRINTABLE" in head:
        data = quopri.decodestring(line.partition(b":")[2])
        said = decoded_as(data, label[1].decode()) if label else None
        value = decoded(data) if said is None else said
    elif label:
        said = decoded_as(line.partition(b":")[2], label[1].decode())
        value = value if said is None else said
    return _Field(name, parameters, value)
