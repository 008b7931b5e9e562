"""E-mail (eml, mbox, mht): the usual headers, bodies, and what is attached.

Python's parser cuts messages into parts. What is in the parts is decoded here, because real mail breaks the rules that
the parser's own decoding keeps: bytes beyond ASCII in headers, labels of character sets that mean larger ones, base64
where none may be.
"""

from __future__ import annotations

import base64
import binascii
import email
import email.policy
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.message import Message
from pathlib import Path
from typing import Any

from pillion.readers.documents import markup, tnef
from pillion.readers.documents.attached import Attachments
from pillion.readers.documents.base import Notes, collected, damage_is_corrupt, read_bytes, tidy
from pillion.readers.documents.charset import decoded, decoded_as, decoded_markup
from pillion.readers.documents.result import DocumentPart, DocumentText, PartKind

NAME = "email"
PACKAGE = markup.PACKAGE
NOTE = "e-mail"
_MBOX = "application/mbox"
MIMES = frozenset({"message/rfc822", "multipart/related", "application/x-mimearchive", _MBOX})

_MAX_BYTES = 64 << 20
"""Only so much of a longer file is read: most of it is attachments."""
_MAX_PARTS = 1000
_MAX_DEPTH = 10
"""Messages attached to messages."""
_SHOWN = ("Subject", "From", "To", "Cc", "Date")
_NEXT_MESSAGE = re.compile(rb"(?:\A|(?<=\n))From [^\r\n]*\d{4}[^\r\n]*\r?\n")
"""RFC 4155, appendix A: the line between two messages ends with a date."""
_QUOTED_FROM = re.compile(rb"(?m)^>(>*From )")
_POLICY = email.policy.compat32


missing = markup.missing


def read(path: Path, mime: str) -> DocumentText:
    """A part for each message, including attached ones, and for each attached file with text. Raises ItemError."""
    data, more = read_bytes(path, _MAX_BYTES)
    notes = Notes()
    result = collected(NAME, parts_of(data, mime, Attachments(notes)), notes)
    return replace(result, truncated=more or result.truncated)


def parts_of(data: bytes, mime: str, attachments: Attachments) -> Iterator[DocumentPart]:
    """The parts of a message or mailbox, numbered from 1; ``attachments`` reads what is attached. Raises ItemError."""
    number = 0
    for raw in _messages(data) if mime == _MBOX else (data,):
        with damage_is_corrupt("message"):
            found = list(_texts(email.message_from_bytes(raw, policy=_POLICY), attachments.notes, 0))
        for text in found:
            number += 1
            yield DocumentPart(text=text.text, kind=PartKind.MESSAGE, number=number, name=text.subject)
            for name, content in text.files:
                yield from attachments.parts(name, content)


def is_message(head: bytes) -> bool:
    """Whether a text file begins as a message or a web archive does: with headers, among them those of its parts."""
    block = re.split(rb"\r?\n\r?\n", head.lstrip(), maxsplit=1)[0]
    return bool(_HEADERS.fullmatch(block)) and bool(_MIME_HEADER.search(block))


# Each character can be matched in one way only: otherwise indented lines that end in no header take for ever.
_HEADERS = re.compile(rb"(?:[\w-]+:[^\n]*(?:\n|\Z)(?:[ \t][^\n]*(?:\n|\Z))*)+")
_MIME_HEADER = re.compile(rb"(?im)^(?:mime-version|content-type)\s*:.*")


def _messages(data: bytes) -> Iterator[bytes]:
    marks = list(_NEXT_MESSAGE.finditer(data))
    ends = [mark.start() for mark in marks[1:]] + [len(data)]
    for mark, end in zip(marks, ends, strict=False):
        yield _QUOTED_FROM.sub(rb"\1", data[mark.end() : end])


@dataclass(frozen=True, slots=True)
class _Text:
    subject: str
    text: str
    files: tuple[tuple[str, bytes], ...]


def _texts(message: Message, notes: Notes, depth: int) -> Iterator[_Text]:
    """The text of a message and of messages attached to it, outermost first."""
    inner: list[Message] = []
    pieces: list[str] = []
    files: list[tuple[str, bytes]] = []
    for count, (part, is_body) in enumerate(_leaves(message, notes)):
        if count >= _MAX_PARTS:
            notes.add(f"of a message with very many parts only the first {_MAX_PARTS} were read")
            break
        kind = part.get_content_type()
        if kind == "message/rfc822":
            inner += _attached_messages(part)
        elif kind in tnef.MIMES or (_filename(part).lower() == "winmail.dat"):
            body, wrapped = _unwrapped(part, notes)
            pieces.append(body)
            files += wrapped
        elif is_body:
            text, enclosed = _body(part, notes)
            pieces.append(text)
            files += enclosed
        elif name := _filename(part):
            files.append((name, _payload(part)))
    names = ", ".join(name for name, _ in files if name)
    pieces = [_headers(message), *dict.fromkeys(pieces), f"Attached: {names}" if names else ""]
    yield _Text(_header(message, "Subject"), "\n\n".join(filter(None, pieces)), tuple(files))
    if inner and depth >= _MAX_DEPTH:
        notes.add("messages deep within others were not read")
        return
    for item in inner:
        yield from _texts(item, notes, depth + 1)


def _leaves(message: Message, notes: Notes) -> Iterator[tuple[Message, bool]]:
    """The parts that are not containers, and whether each is body text; of alternatives, only the best."""
    kind = message.get_content_type()
    if _is_encrypted(message):
        notes.add("the message is encrypted, so its text cannot be read")
        return
    if kind == "message/rfc822" or not message.is_multipart():
        is_text = kind.startswith("text/") and kind not in _UNSEEN
        attached = message.get_content_disposition() == "attachment"
        yield message, is_text and not attached and not (_filename(message) and kind not in _BODIES)
        return
    children = _children(message)
    if kind == "multipart/alternative" and children:
        children = [_best(children)]
    for child in children:
        yield from _leaves(child, notes)


def _children(message: Message) -> list[Message]:
    payload = message.get_payload()
    return [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []


def _is_encrypted(message: Message) -> bool:
    kind = message.get_content_type()
    if kind in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
        return message.get_param("smime-type") != "signed-data"
    return kind == "multipart/encrypted"


# alternatives ---------------------------------------------------------------------------------------------------------

_BODIES = ("text/plain", "text/html")
_UNSEEN = ("text/calendar", "text/css", "text/javascript", "text/ecmascript", "text/vcard", "text/x-vcard")
_USEFUL_SHARE = 0.5
"""Plain text with fewer letters than this share of the page's is looked at: it may only excuse itself."""
_EXCUSE = re.compile(r"(?i)\b(?:html|mime|view|display|support|browser|angezeigt|darstell|anzeig|afficher|visuali|ver)")
_MAX_EXCUSE = 400


def _best(children: list[Message]) -> Message:
    """The plain text, unless it says nothing, or no more than that the message has to be seen otherwise."""
    plain = next((child for child in children if child.get_content_type() == "text/plain"), None)
    rich = next((child for child in reversed(children) if child is not plain and _has_page(child)), None)
    if plain is None or rich is None:
        return plain or rich or children[-1]
    # Only pages can have more than the plain text says.
    text = _body(plain, Notes())[0]
    letters = len("".join(text.split()))
    if letters == 0:
        return rich
    page = next(part for part, _ in _leaves(rich, Notes()) if part.get_content_type() == "text/html")
    more = len("".join(_body(page, Notes())[0].split()))
    is_excuse = letters <= _MAX_EXCUSE and letters < max(_USEFUL_SHARE * more, 80) and _EXCUSE.search(text)
    return rich if is_excuse and more else plain


def _has_page(part: Message) -> bool:
    return any(leaf.get_content_type() == "text/html" for leaf, _ in _leaves(part, Notes()))


# messages in messages -------------------------------------------------------------------------------------------------


def _attached_messages(part: Message) -> list[Message]:
    """The messages in a part, also where it is encoded, which RFC 2046 forbids and some programs do."""
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    found = _children(part)
    if encoding not in ("base64", "quoted-printable"):
        return found
    data = b"".join(item.as_bytes(policy=_POLICY) for item in found)
    if encoding == "base64":
        text = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
        try:
            data = base64.b64decode(text + b"=" * (-len(text) % 4))
        except binascii.Error:
            return found
    else:
        data = quopri.decodestring(data)
    # Some only say that it is encoded.
    whole = email.message_from_bytes(data, policy=_POLICY)
    return [whole] if whole.keys() else found


def _unwrapped(part: Message, notes: Notes) -> tuple[str, list[tuple[str, bytes]]]:
    """What Outlook wrapped."""
    found = tnef.parsed(_payload(part))
    if found is None:
        notes.add("what Outlook attached (winmail.dat) could not be read")
        return "", [(_filename(part), b"")]
    return tidy(found.body), list(found.files)


# headers --------------------------------------------------------------------------------------------------------------

_ENCODED = re.compile(r"=\?([^?\s*]+)(?:\*[^?]*)?\?([bBqQ])\?([^?]*)\?=")
_BETWEEN = re.compile(r"(=\?[^?\s]+\?[bBqQ]\?[^?]*\?=)\s+(?==\?[^?\s]+\?[bBqQ]\?[^?]*\?=)")


def _headers(message: Message) -> str:
    lines = ((name, _header(message, name)) for name in _SHOWN)
    return "\n".join(f"{name}: {value}" for name, value in lines if value)


def _header(message: Message, name: str) -> str:
    for key, value in message.raw_items():
        if key.lower() == name.lower():
            label = message.get_content_charset() if not message.is_multipart() else None
            return _header_text(str(value), label)
    return ""


def _header_text(value: str, label: str | None = None) -> str:
    """A header as it is meant: encoded words decoded, and bytes beyond ASCII by the message's own character set."""
    data = value.encode("utf-8", "surrogateescape")
    if not data.isascii():
        value = (decoded_as(data, label) if label else None) or decoded(data)
    return " ".join(_with_words(value).split())


def _with_words(value: str) -> str:
    """Text with its encoded words (RFC 2047) decoded; neighbours together, because a letter may be cut in two."""
    value = _BETWEEN.sub(r"\1", value)
    pieces: list[str] = []
    label, data, end = "", b"", 0
    for word in _ENCODED.finditer(value):
        if word.start() != end or word[1].lower() != label:
            pieces.append(_decoded(data, label))
            data, label = b"", word[1].lower()
        pieces.append(value[end : word.start()])
        data += _word_bytes(word[2].lower(), word[3])
        end = word.end()
    return "".join([*pieces, _decoded(data, label), value[end:]])


def _word_bytes(encoding: str, text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    if encoding == "q":
        return quopri.decodestring(data.replace(b"_", b" ") + b"\n")[:-1]
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
    # Four letters are three bytes, so one letter left over is none.
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return base64.b64decode(letters + b"=" * (-len(letters) % 4))


def _decoded(data: bytes, label: str) -> str:
    said = decoded_as(data, label) if label and data else None
    return decoded(data) if said is None else said


def _filename(part: Message) -> str:
    try:
        name = part.get_filename()
    except (ValueError, LookupError, AttributeError, IndexError, TypeError):
        # A header that the standard library cannot parse.
        return ""
    return _header_text(str(name)).replace("\0", "") if name else ""


# bodies ---------------------------------------------------------------------------------------------------------------

_UUENCODED = re.compile(rb"(?m)^begin [0-7]{3,4} ([^\r\n]+)\r?\n((?:[ -`]{1,62}\r?\n)*?)(?:`| )?\r?\n?end[ \t]*\r?$")
_PGP = re.compile(r"-----BEGIN PGP MESSAGE-----.*?(?:-----END PGP MESSAGE-----|\Z)", re.DOTALL)
_SIGNATURE = re.compile(r"-----BEGIN PGP SIGNATURE-----.*?(?:-----END PGP SIGNATURE-----|\Z)", re.DOTALL)
_SIGNED = re.compile(r"-----BEGIN PGP SIGNED MESSAGE-----\s*\n(?:[\w-]+:.*\n)*")


def _payload(part: Message) -> bytes:
    payload: Any = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _body(part: Message, notes: Notes) -> tuple[str, list[tuple[str, bytes]]]:
    """The text of a part, whose character set may be wrong or unknown, and the files written into it."""
    data = _payload(part)
    charset = part.get_content_charset()
    label = charset if charset and charset != "us-ascii" else None
    if part.get_content_subtype() == "html":
        said = decoded_as(data, label) if label else None
        return tidy(markup.without_markup(decoded_markup(data) if said is None else said)), []
    files: list[tuple[str, bytes]] = []
    if b"begin " in data:
        data = _UUENCODED.sub(lambda found: _enclosed(found, files), data)
    said = decoded_as(data, label) if label else None
    text = decoded(data) if said is None else said
    if _PGP.search(text):
        notes.add("the message is encrypted, so its text cannot be read")
        text = _PGP.sub("", text)
    text = _SIGNED.sub("", _SIGNATURE.sub("", text))
    if str(part.get_param("format", "")).lower() == "flowed":
        text = unflowed(text, delete_space=str(part.get_param("delsp", "")).lower() == "yes")
    return tidy(text), files


def _enclosed(found: re.Match[bytes], files: list[tuple[str, bytes]]) -> bytes:
    data = bytearray()
    for line in found[2].splitlines():
        try:
            data += binascii.a2b_uu(line)
        except binascii.Error:
            # Programs that strip the blanks at the end of lines, or write more than they count.
            data += binascii.a2b_uu(line[: 1 + ((line[0] - 32 & 63) * 4 + 2) // 3].ljust(61))[: line[0] - 32 & 63]
    files.append((_header_text(found[1].decode("utf-8", "surrogateescape")), bytes(data)))
    return b""


def unflowed(text: str, *, delete_space: bool) -> str:
    """Text in format=flowed (RFC 3676): a line that ends with a space goes on in the next of the same quotation."""
    lines: list[str] = []
    open_depth: int | None = None
    for line in text.splitlines():
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:].removeprefix(" ")
        flows = content.endswith(" ") and content != "-- "
        if open_depth == depth and lines and content != "-- ":
            lines[-1] += content
        else:
            lines.append(">" * depth + (" " if depth else "") + content)
        if flows and delete_space:
            lines[-1] = lines[-1][:-1]
        open_depth = depth if flows else None
    return "\n".join(lines)
