"""The user's own files, by content: opened from the folder of their Location down, never by a path from a client.

A browser runs what is in some of them (SVG, HTML, XML). They are sent so that it shows them without running anything,
with no access to this server: sandboxed, and for saving.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from pillion.server.http import Answer, Headers, Problem, Request, Stream
from pillion.server.items import text_of
from pillion.server.sidecars import FRESH, pieces_of

if TYPE_CHECKING:
    from pillion.library import Library
    from pillion.server.app import Api

_SHOWN = re.compile(
    r"image/(?!svg)[\w.+-]+|audio/[\w.+-]+|video/[\w.+-]+|application/pdf|text/plain|application/octet-stream"
)
"""Types that a browser may show where they are; all others are for saving."""
_PLAIN = "application/octet-stream"
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", re.ASCII)


async def show_original(api: Api, request: Request) -> Answer | Stream:
    """A file with this content."""
    uuid = request.values["content_uuid"].lower()

    def look(library: Library) -> tuple[int, str, str]:
        info = library.content_info(uuid)
        if info is None:
            raise Problem(404, f"There is no content {uuid} in the library.")
        descriptor = library.timeline.opened(uuid)
        if descriptor is None:
            raise Problem(404, "No file with this content is there as it was indexed; index its folder again.")
        name = library.timeline.files(uuid)[0].path.rpartition(b"/")[2]
        return descriptor, info[2], text_of(name)

    descriptor, mime, name = await api.in_files_of_library(look)
    size = os.fstat(descriptor).st_size
    etag = f'"{uuid}"'.encode()
    headers: Headers = [
        (b"etag", etag),
        (b"accept-ranges", b"bytes"),
        FRESH,
        (b"content-disposition", _disposition(mime, name, asked=request.values["download"])),
    ]
    kind = mime if _TYPE.fullmatch(mime) else _PLAIN
    return pieces_of(api, request, descriptor, size, etag, kind.encode(), headers)


def _disposition(mime: str, name: str, *, asked: bool) -> bytes:
    how = "inline" if _SHOWN.fullmatch(mime) and not asked else "attachment"
    plain = re.sub(r"[^A-Za-z0-9 ._-]", "_", name)[:100] or "file"
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}".encode()
