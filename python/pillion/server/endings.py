"""The endings of sidecars' addresses: ``10x10.webp`` is the sheet itself, ``10x10.vtt`` its index as WebVTT.

So what one names beside itself, as the WebVTT of a sheet names the sheet, is found there, as it is beside a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillion import _core
from pillion.errors import ItemError
from pillion.kinds import registry
from pillion.kinds.spec import Origin
from pillion.model import ENDINGS, SidecarFormat, SidecarKind
from pillion.server.http import Answer, Headers, Problem, Request, has_match

if TYPE_CHECKING:
    from pillion.library import Library

MEDIA = {
    "vtt": b"text/vtt; charset=utf-8",
    "srt": b"application/x-subrip; charset=utf-8",
    "text": b"text/plain; charset=utf-8",
    "markdown": b"text/markdown; charset=utf-8",
    "json": b"application/json",
}
"""The exports that are answered, with their types: those that are made from the sidecar alone."""


def parted(kind: str, variant: str) -> tuple[str, SidecarFormat | None, str | None]:
    """The variant that an address names, and its ending: the format of the sidecar, or else the name of an export."""
    name, _, ending = variant.rpartition(".")
    spec = registry.specs().get(SidecarKind(kind))
    if name and spec is not None:
        written = ENDINGS.get(ending.lower())
        if written in spec.formats:
            return name, written, None
        if ending in spec.exports and ending in MEDIA:
            return name, None, ending
    return variant, None, None


def exported(library: Library, content_uuid: str, kind: str, to: str, data: bytes) -> bytes:
    """A sidecar in another format. Raises Problem (409) for one that is damaged."""
    info = library.content_info(content_uuid)
    origin = Origin(source=None, mime=info[2] if info else "")
    try:
        made: bytes = registry.loaded(registry.spec(kind).exports[to])(data, origin)
    except ItemError as error:
        raise Problem(409, f"This sidecar cannot be read: {error.message}.", state="damaged") from error
    return made


def answer_of(request: Request, made: bytes, to: str) -> Answer:
    """The answer with an export, or that the client has it."""
    etag = b'"' + _core.hash_bytes(made).hash.encode() + b'"'
    headers: Headers = [(b"etag", etag), (b"cache-control", b"private, no-cache")]
    match = request.headers.get(b"if-none-match")
    if match is not None and has_match(match, etag):
        return Answer(304, b"", headers=headers)
    return Answer(200, made, MEDIA[to], headers)
