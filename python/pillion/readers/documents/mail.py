"""E-mail (eml, mbox): the usual headers, bodies, and the names of attachments."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import replace
from email.message import Message
from pathlib import Path

from pillion.readers.documents import markup
from pillion.readers.documents.base import collected, damage_is_corrupt, read_bytes, tidy
from pillion.readers.documents.charset import decoded, decoded_as, decoded_markup
from pillion.readers.documents.result import DocumentPart, DocumentText, PartKind

NAME = "email"
PACKAGE = markup.PACKAGE
NOTE = "e-mail"
_MBOX = "application/mbox"
MIMES = frozenset({"message/rfc822", _MBOX})

_MAX_BYTES = 64 << 20
"""Only so much of a longer file is read: most of it is attachments."""
_MAX_PARTS = 1000
_SHOWN = ("Subject", "From", "To", "Cc", "Date")
_NEXT_MESSAGE = re.compile(rb"(?:\A|(?<=\n))From [^\r\n]*\d{4}[^\r\n]*\r?\n")
"""RFC 4155, appendix A: the line between two messages ends with a date."""
_POLICY = email.policy.default.clone(utf8=True)


missing = markup.missing


def read(path: Path, mime: str) -> DocumentText:
    """A part for each message, including attached ones. Raises ItemError."""
    data, more = read_bytes(path, _MAX_BYTES)
    raw = _messages(data) if mime == _MBOX else iter((data,))
    result = collected(NAME, _parts(raw))
    return replace(result, truncated=more or result.truncated)


def _messages(data: bytes) -> Iterator[bytes]:
    marks = list(_NEXT_MESSAGE.finditer(data))
    ends = [mark.start() for mark in marks[1:]] + [len(data)]
    for mark, end in zip(marks, ends, strict=False):
        yield data[mark.end() : end]


def _parts(raw: Iterator[bytes]) -> Iterator[DocumentPart]:
    number = 0
    for data in raw:
        with damage_is_corrupt("message"):
            texts = list(_texts(email.message_from_bytes(data, policy=_POLICY)))
        for subject, text in texts:
            number += 1
            yield DocumentPart(text=text, kind=PartKind.MESSAGE, number=number, name=subject)


def _texts(message: Message) -> Iterator[tuple[str, str]]:
    """(subject, text) of a message and of messages attached to it, outermost first."""
    inner: list[Message] = []
    pieces = [_headers(message)]
    attached: list[str] = []
    for count, (part, is_body) in enumerate(_leaves(message)):
        if count >= _MAX_PARTS:
            break
        if part.get_content_type() == "message/rfc822":
            payload = part.get_payload()
            inner += [item for item in payload if isinstance(item, Message)] if isinstance(payload, list) else []
        elif is_body:
            pieces.append(_body(part))
        elif part.get_filename():
            attached.append(str(part.get_filename()))
    if attached:
        pieces.append(f"Attached: {', '.join(attached)}")
    yield _header(message, "Subject"), "\n\n".join(filter(None, pieces))
    for item in inner:
        yield from _texts(item)


def _leaves(message: Message) -> Iterator[tuple[Message, bool]]:
    """The parts that are not containers, and whether each is body text; of alternatives, only the plain-text one."""
    if message.get_content_type() == "message/rfc822" or not message.is_multipart():
        is_text = message.get_content_maintype() == "text"
        yield message, is_text and message.get_content_disposition() != "attachment"
        return
    children = [child for child in message.get_payload() if isinstance(child, Message)]
    if message.get_content_type() == "multipart/alternative" and children:
        plain = (child for child in children if child.get_content_type() == "text/plain")
        children = [next(plain, children[-1])]
    for child in children:
        yield from _leaves(child)


def _headers(message: Message) -> str:
    lines = ((name, _header(message, name)) for name in _SHOWN)
    return "\n".join(f"{name}: {value}" for name, value in lines if value)


def _header(message: Message, name: str) -> str:
    try:
        value = message.get(name)
    except (ValueError, LookupError, AttributeError, IndexError, TypeError):
        # A header that the standard library cannot parse is left out.
        return ""
    return " ".join(str(value).split()) if value else ""


def _body(part: Message) -> str:
    """The text of a part, whose charset may be wrong or unknown."""
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    charset = part.get_content_charset()
    said = decoded_as(data, charset) if charset and charset != "us-ascii" else None
    text = decoded(data) if said is None else said
    if part.get_content_subtype() == "html":
        text = markup.without_markup(text if charset else decoded_markup(data))
    return tidy(text)
