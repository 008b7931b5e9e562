"""A content's manifest: what it lists, and how it is read. Believes nothing of it. The store writes it.

Manifests lie in folders that are synced, restored and shared, so any file may stand in their place. What is read here
has the types and the lengths that Pillion writes, or is refused; where a sidecar lies is computed from its key.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from pillion import _core
from pillion.kinds import registry
from pillion.model import EXTENSIONS, SidecarFormat, SidecarKind, SidecarMark, value

MAX_BYTES = 4 << 20
"""Of a manifest. One of a content with all kinds and variants has about 10 kB."""


@value
class ManifestEntry:
    """One sidecar file, as its content's manifest lists it. ``rel_path`` is that of its key, whatever is stored."""

    kind: SidecarKind
    variant: str
    format: SidecarFormat
    rel_path: str
    size: int
    checksum: str
    recipe: str
    mark: SidecarMark | None = None
    own: bool = False
    """Whether the user defined the variant: its size and format are known to that library's settings alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A content's manifest: hash, size in bytes and type of the content, and its sidecar files."""

    content_uuid: str
    hash: str | None
    size: int
    mime: str
    sidecars: Sequence[ManifestEntry]
    thumbhash: bytes | None = None
    likeness: bytes | None = None

    def by_key(self) -> dict[tuple[SidecarKind, str], ManifestEntry]:
        """The sidecars by kind and variant."""
        return {(entry.kind, entry.variant): entry for entry in self.sidecars}


_Size = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Word = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{0,128}\Z")]


class _Entry(msgspec.Struct):
    kind: _Word
    variant: _Word
    format: SidecarFormat
    rel_path: Annotated[str, msgspec.Meta(max_length=1024)]
    size: _Size
    checksum: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    recipe: _Word
    mark: SidecarMark | None = None
    own: bool = False


class _Stored(msgspec.Struct):
    content_uuid: _Word
    hash: _Word | None
    size: _Size
    mime: Annotated[str, msgspec.Meta(pattern=r"^[ -~]{0,255}\Z")]
    sidecars: list[_Entry]
    thumbhash: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    likeness: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9+/]{43}=\Z")] | None = None


_decoder = msgspec.json.Decoder(_Stored)


def parsed(data: bytes, content_uuid: str) -> Manifest:
    """The manifest in a content's folder. Raises ValueError, with what is wrong, for what Pillion would not write."""
    try:
        stored = _decoder.decode(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ValueError(str(error)[:200]) from error
    if stored.content_uuid != content_uuid:
        raise ValueError(f"it is about {stored.content_uuid}")
    return Manifest(
        content_uuid=content_uuid,
        hash=stored.hash,
        size=stored.size,
        mime=stored.mime,
        sidecars=[_entry(content_uuid, entry) for entry in stored.sidecars],
        thumbhash=base64.b64decode(stored.thumbhash, validate=True) if stored.thumbhash else None,
        likeness=base64.b64decode(stored.likeness, validate=True) if stored.likeness else None,
    )


def _entry(content_uuid: str, entry: _Entry) -> ManifestEntry:
    kind = SidecarKind(entry.kind)
    return ManifestEntry(
        kind=kind,
        variant=entry.variant,
        format=entry.format,
        rel_path=_rel_path(content_uuid, kind, entry),
        size=entry.size,
        checksum=entry.checksum,
        recipe=entry.recipe,
        mark=entry.mark,
        own=entry.own,
    )


def _rel_path(content_uuid: str, kind: SidecarKind, entry: _Entry) -> str:
    """Where the sidecar lies. Of a kind that is not installed, the manifest gives the name of its folder."""
    spec = registry.specs().get(kind)
    folder = (spec.directory or kind) if spec else (entry.rel_path.split("/") + [""] * 5)[4]
    place = _core.sidecar_path(content_uuid, folder, entry.variant, EXTENSIONS[entry.format])
    if entry.rel_path != place:
        raise ValueError(f"it says that {kind} {entry.variant} is at {entry.rel_path[:200]!r}, which is not its place")
    return place
