"""Documents that are zip files of XML: opened within limits, before any library sees them.

Libraries get a copy in memory with only the XML: pictures, fonts, macros and embedded files are empty. So the most that
can be unpacked is known beforehand, however large the pictures are and whatever sizes the zip file states (Python's
zipfile never returns more than the stated size, which is checked here).
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pillion.errors import ErrorClass, ItemError

MAX_XML_BYTES = 96 << 20
"""Of all XML in one document, unpacked. The parsed tree takes about ten times as much."""
_MAX_ENTRIES = 50_000
_TEXT_ENDINGS = (".xml", ".rels", ".vml", ".rdf", ".opf", ".xhtml", ".html", ".htm", ".ncx")
_DECLARES = re.compile(rb"<!(DOCTYPE|ENTITY)|<\0!\0(D\0O\0C\0T|E\0N\0T\0I)|\0<\0!\0(D\0O\0C\0T|E\0N\0T\0I)")
_MANIFEST = "META-INF/manifest.xml"
_PROTECTED = "the document is protected with a password"

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OverflowError)
"""What reading a broken zip file raises."""


@contextmanager
def opened(path: Path, limit: int | None = None) -> Iterator[zipfile.ZipFile]:
    """A zip file whose text parts unpack to no more than ``limit`` bytes (None: MAX_XML_BYTES).

    Raises ItemError, also for what goes wrong with the zip file inside the ``with`` block.
    """
    try:
        with zipfile.ZipFile(path) as archive:
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


def slim_copy(path: Path, limit: int | None = None) -> io.BytesIO:
    """The document with only its text parts; all other parts are present but empty. Raises ItemError."""
    copy = io.BytesIO()
    with opened(path, limit) as archive, zipfile.ZipFile(copy, "w") as slim:
        for entry in archive.infolist():
            if not entry.is_dir():
                slim.writestr(entry.filename, plain_xml(archive, entry) if _is_text(entry) else b"")
    copy.seek(0)
    return copy


def plain_xml(archive: zipfile.ZipFile, entry: zipfile.ZipInfo | str) -> bytes:
    """The bytes of a part, which must declare no entities. Raises ItemError (corrupt) if it does."""
    data = archive.read(entry)
    # No office program writes them: they can exhaust a parser's memory, or make it open other files.
    if _DECLARES.search(data):
        raise ItemError(ErrorClass.CORRUPT, "the document declares XML entities, which no office program writes")
    return data


def _check(archive: zipfile.ZipFile, limit: int) -> None:
    entries = archive.infolist()
    if len(entries) > _MAX_ENTRIES:
        raise ItemError(ErrorClass.TOO_LARGE, f"the document has {len(entries)} parts, more than {_MAX_ENTRIES}")
    if any(entry.flag_bits & 1 for entry in entries):
        raise ItemError(ErrorClass.UNSUPPORTED, _PROTECTED)
    size = sum(entry.file_size for entry in entries if _is_text(entry))
    if size > limit:
        message = f"the document unpacks to {size >> 20} MiB of XML, more than the limit of {limit >> 20} MiB"
        raise ItemError(ErrorClass.TOO_LARGE, message)
    # OpenDocument 1.2, part 3: each encrypted part has an encryption-data element in the manifest.
    if _MANIFEST in archive.namelist() and b"encryption-data" in archive.read(_MANIFEST):
        raise ItemError(ErrorClass.UNSUPPORTED, _PROTECTED)


def _is_text(entry: zipfile.ZipInfo) -> bool:
    return entry.filename.lower().endswith(_TEXT_ENDINGS) or entry.filename == "mimetype"
