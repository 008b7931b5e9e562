"""Documents that are zip files of parts: opened within limits, unpacked and parsed here before any reader sees them.

A part is unpacked when it is asked for, never beyond the limit, whatever size the zip file states. Pictures, fonts,
macros and embedded files are not unpacked at all. XML may declare what it likes: entities whose value is plain text
are put in, all others (nested, external) are left out, and nothing outside of the part is ever opened.
"""

from __future__ import annotations

import bz2
import html
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents.base import Notes
from pillion.readers.source import open_regular

if TYPE_CHECKING:
    from lxml import etree

MAX_XML_BYTES = 96 << 20
"""Of all XML in one document, unpacked. The parsed tree takes about ten times as much."""
_MAX_ENTRIES = 50_000
_TEXT_ENDINGS = (".xml", ".rels", ".vml", ".rdf", ".opf", ".xhtml", ".html", ".htm", ".ncx")
_MANIFEST = "META-INF/manifest.xml"
_PROTECTED = "the document is protected with a password"
_MAX_ENTITY = 256
"""Characters of an entity's value that are put in; longer ones are no letters or names but expansion."""

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OverflowError)
"""What reading a broken zip file raises."""


class Package:
    """A zipped document that is open. ``notes``: what could not be read of it."""

    def __init__(self, archive: zipfile.ZipFile, limit: int) -> None:
        self.notes = Notes()
        self._archive = archive
        self._limit = limit
        self._left = limit
        # Names of parts differ in more than case in no format; some programs write backslashes.
        parts = [entry for entry in archive.infolist() if entry.filename and not entry.is_dir()]
        self._entries = {_plain_name(entry.filename): entry for entry in parts}

    def __contains__(self, name: str) -> bool:
        return _plain_name(name) in self._entries

    def names(self) -> list[str]:
        """The names of all parts, in lower case, in their order in the file."""
        return list(self._entries)

    def data(self, name: str) -> bytes:
        """The bytes of a part. Raises ItemError: corrupt where it is missing or damaged, too_large."""
        entry = self._entries.get(_plain_name(name))
        if entry is None:
            raise ItemError(ErrorClass.CORRUPT, f"the document is damaged: it lacks the part {_shown(name)}")
        try:
            data = _unpacked(self._archive, entry, self._left)
        except _TooMuchError as error:
            raise ItemError(ErrorClass.TOO_LARGE, _too_large(self._limit)) from error
        except (*DAMAGE, OSError, struct.error) as error:
            message = f"the document is damaged: its part {_shown(name)} cannot be unpacked"
            raise ItemError(ErrorClass.CORRUPT, message) from error
        self._left -= len(data)
        return data

    def xml(self, name: str) -> etree._Element:
        """The root of a part's XML; a note says so where only some of it can be read.

        Raises ItemError: corrupt where none of it can, too_large.
        """
        root, left_out = parsed(self.data(name))
        if root is None:
            raise ItemError(ErrorClass.CORRUPT, f"the document is damaged: its part {_shown(name)} is not XML")
        if left_out:
            self.notes.add(f"the part {_shown(name)} {left_out}")
        return root

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Around the reading of a part that the document can do without: what goes wrong with it becomes a note."""
        try:
            yield
        except MemoryError:
            raise
        except ItemError as error:
            if error.error_class is not ErrorClass.CORRUPT:
                raise
            self.notes.add(error.message.replace("the document is damaged: its", "the"))
        except Exception:
            self.notes.add(f"the part {_shown(name)} could not be read")


@contextmanager
def opened_package(source: Path | bytes, limit: int | None = None) -> Iterator[Package]:
    """A zipped document, of which at most ``limit`` bytes are unpacked (None: MAX_XML_BYTES). Raises ItemError."""
    limit = MAX_XML_BYTES if limit is None else limit
    with opened(source, limit) as archive:
        yield Package(archive, limit)


@contextmanager
def opened(source: Path | bytes, limit: int | None = None) -> Iterator[zipfile.ZipFile]:
    """A zip file whose text parts unpack to no more than ``limit`` bytes (None: MAX_XML_BYTES).

    Raises ItemError, also for what goes wrong with the zip file inside the ``with`` block.
    """
    try:
        opening = io.BytesIO(source) if isinstance(source, bytes) else open_regular(source)
        with opening as stream, zipfile.ZipFile(stream) as archive:
            _check(archive, MAX_XML_BYTES if limit is None else limit)
            yield archive
    except DAMAGE as error:
        raise ItemError(ErrorClass.CORRUPT, "the document is damaged: its zip file cannot be read") from error
    except KeyError as error:
        raise ItemError(ErrorClass.CORRUPT, "the document is damaged: it lacks a part") from error
    except FileNotFoundError as error:
        raise ItemError(ErrorClass.MISSING_SOURCE, "the file is no longer there") from error
    except OSError as error:
        raise ItemError(ErrorClass.IO_TRANSIENT, f"the file cannot be read ({error.strerror})") from error


def part_of(archive: zipfile.ZipFile, entry: zipfile.ZipInfo | str, limit: int | None = None) -> bytes:
    """The bytes of a part, at most ``limit`` (None: MAX_XML_BYTES). Raises ItemError (too_large), KeyError, DAMAGE."""
    limit = MAX_XML_BYTES if limit is None else limit
    entry = archive.getinfo(entry) if isinstance(entry, str) else entry
    try:
        return _unpacked(archive, entry, limit)
    except _TooMuchError as error:
        raise ItemError(ErrorClass.TOO_LARGE, _too_large(limit)) from error
    except struct.error as error:
        raise zipfile.BadZipFile from error


# XML ------------------------------------------------------------------------------------------------------------------


SAFE: Any = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
"""For every parser of lxml: nothing is expanded (but in attributes, within libxml2's limit), nothing is opened."""


def parsed(data: bytes) -> tuple[etree._Element | None, str]:
    """The root of some XML, and what was left out of it, if anything; None where nothing can be read of it.

    Comments and processing instructions are left out, entities put in or left out (see the module).
    """
    from lxml import etree

    left_out = ""
    try:
        root = etree.fromstring(data, _parser(recover=False))
    except (etree.XMLSyntaxError, ValueError):
        left_out = "is damaged: only what could be read of it is here"
        try:
            root = etree.fromstring(data, _parser(recover=True))
        except (etree.XMLSyntaxError, ValueError):
            return None, left_out
    if root is None:
        return None, left_out
    if b"&" in data and not _settle_entities(root):
        left_out = left_out or "refers to entities of its own, which are left out"
    return root, left_out


def _parser(*, recover: bool) -> Any:
    from lxml import etree

    return etree.XMLParser(recover=recover, remove_comments=True, remove_pis=True, **SAFE)


def _settle_entities(root: etree._Element) -> bool:
    """Put the values of entities into the text; whether none had to be left out."""
    from lxml import etree

    found = list(root.iter(etree.Entity))
    if not found:
        return True
    declared: Any = root.getroottree().docinfo.internalDTD
    values = {} if declared is None else {entity.name: entity.content or "" for entity in declared.iterentities()}
    budget = 1 << 20
    whole = True
    for node in found:
        name = str(getattr(node, "name", ""))
        value = values.get(name)
        if value is None:
            # The names of HTML, which books use without declaring them.
            value = html.unescape(f"&{name};")
        elif "&" in value or "<" in value:
            value = "&"
        if value.startswith("&") or len(value) > min(_MAX_ENTITY, budget):
            value, whole = "", False
        budget -= len(value)
        _replace_by_text(node, value + (node.tail or ""))
    return whole


def _replace_by_text(node: etree._Element, text: str) -> None:
    parent = node.getparent()
    before = node.getprevious()
    if parent is None:
        return
    if before is None:
        parent.text = (parent.text or "") + text
    else:
        before.tail = (before.tail or "") + text
    node.tail = None
    parent.remove(node)


# zip ------------------------------------------------------------------------------------------------------------------


class _TooMuchError(Exception):
    """A part unpacks to more than its limit."""


_LOCAL = struct.Struct("<4s22xHH")


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    """The bytes of a part, of which never more than ``limit`` are unpacked.

    zipfile unpacks whole blocks before it compares their size with the stated one.
    """
    stream = archive.fp
    if stream is None:
        raise zipfile.BadZipFile("closed")
    stream.seek(entry.header_offset)
    mark, name_length, extra_length = _LOCAL.unpack(stream.read(_LOCAL.size))
    if mark != b"PK\x03\x04":
        raise zipfile.BadZipFile("no local header")
    stream.seek(name_length + extra_length, io.SEEK_CUR)
    packed = stream.read(entry.compress_size)
    if len(packed) < entry.compress_size:
        raise EOFError
    unpack = _METHODS.get(entry.compress_type)
    if unpack is None:
        raise zipfile.BadZipFile("packed in an unknown way")
    data = unpack(packed, limit + 1)
    if len(data) > limit:
        raise _TooMuchError
    if len(data) != entry.file_size or zlib.crc32(data) != entry.CRC:
        raise zipfile.BadZipFile("not what the table of contents states")
    return data


def _deflated(data: bytes, most: int) -> bytes:
    return zlib.decompressobj(-15).decompress(data, most)


def _bzipped(data: bytes, most: int) -> bytes:
    return bz2.BZ2Decompressor().decompress(data, most)


_METHODS: dict[int, Callable[[bytes, int], bytes]] = {
    zipfile.ZIP_STORED: lambda data, most: data[:most],
    zipfile.ZIP_DEFLATED: _deflated,
    zipfile.ZIP_BZIP2: _bzipped,
}
"""The two that the standards of Office, OpenDocument and EPUB allow, and one that people choose for zip files."""


def _check(archive: zipfile.ZipFile, limit: int) -> None:
    entries = archive.infolist()
    if len(entries) > _MAX_ENTRIES:
        raise ItemError(ErrorClass.TOO_LARGE, f"the document has {len(entries)} parts, more than {_MAX_ENTRIES}")
    if any(entry.flag_bits & 1 for entry in entries):
        raise ItemError(ErrorClass.UNSUPPORTED, _PROTECTED)
    size = sum(entry.file_size for entry in entries if _is_text(entry))
    if size > limit:
        raise ItemError(ErrorClass.TOO_LARGE, _too_large(limit, size))
    # OpenDocument 1.2, part 3: each encrypted part has an encryption-data element in the manifest.
    if _MANIFEST in archive.namelist() and b"encryption-data" in part_of(archive, _MANIFEST, limit):
        raise ItemError(ErrorClass.UNSUPPORTED, _PROTECTED)


def _too_large(limit: int, size: int | None = None) -> str:
    amount = f"{size >> 20} MiB of XML," if size else ""
    return f"the document unpacks to {amount} more than the limit of {limit >> 20} MiB".replace("  ", " ")


def _is_text(entry: zipfile.ZipInfo) -> bool:
    return entry.filename.lower().endswith(_TEXT_ENDINGS) or entry.filename == "mimetype"


def _plain_name(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def _shown(name: str) -> str:
    """The name of a part in a note: what it is called in the file, cut, without control characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in name.lstrip("/"))[:80]
