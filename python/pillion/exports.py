"""Sidecars in the formats of other programs: those of a library, or made now, straight from a file.

Behind ``pillion.export`` and ``pillion export``.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from pillion import api, extras
from pillion.errors import UsageError
from pillion.kinds import registry
from pillion.kinds.spec import Origin
from pillion.library import Library
from pillion.library.sidecars import Item
from pillion.model import SidecarKind, SidecarStatus, SidecarUri
from pillion.quoting import quoted


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """``data`` is UTF-8 or a PDF. ``content_uuid``: set if it was made from a library's sidecar."""

    data: bytes
    source: Path | None
    content_uuid: str | None = None


@extras.needed()
def export(
    source: str | os.PathLike[str] | UUID,
    to: str = "text",
    *,
    library: Library | None = None,
    languages: str | Sequence[str] = ("auto",),
    model: str = "base",
) -> bytes:
    """``source`` in the format ``to``: text, markdown, hocr, alto, pdf (pictures, PDFs); text, srt, vtt (sound, video).

    Sheets of frames: vtt and json. With a ``library``, ``source`` is a file in it, (the start of) a content uuid, or
    the address of a sidecar, and its sidecar is exported.
    Without, the file is read or transcribed now, with ``languages`` or the Whisper ``model``. Raises UsageError, which
    says what to do, if that is not possible; ItemError if the file itself is the cause.
    """
    check_format(to)
    name = str(source) if isinstance(source, UUID) else os.fspath(source)
    made = from_library(library, name, to) if library else from_file(Path(name), to, languages, model)
    return made.data


def formats() -> tuple[str, ...]:
    """The formats that at least one kind can be exported to."""
    return tuple(dict.fromkeys(form for spec in registry.specs().values() for form in spec.exports))


def check_format(to: str) -> None:
    """Raises UsageError for an unknown format."""
    if to not in formats():
        raise UsageError(f"There is no format '{to}'; choose from {', '.join(formats())}.")


@extras.needed()
def from_file(path: Path, to: str, languages: str | Sequence[str] = ("auto",), model: str = "base") -> Exported:
    """Read or transcribe a file now. See :func:`export`."""
    mime = api.sniff(path)
    kind = next((kind for kind in _kinds(to) if registry.find(kind, mime) is not None), None)
    read_now = registry.spec(kind).read_now if kind else None
    if kind is None or read_now is None:
        raise UsageError(f"{quoted(path)} is {mime}, which cannot be exported as {to}.")
    data = registry.loaded(read_now)(path, mime, {"languages": languages, "model": model})
    return Exported(data=_exported(kind, to, data, Origin(source=path, mime=mime)), source=path)


def from_library(library: Library, what: str, to: str) -> Exported:
    """Export a library's sidecar. See :func:`export`."""
    found = library.find(what)
    if len(found) != 1:
        known = f"may mean {len(found)} contents" if found else "is not known"
        raise UsageError(
            f"'{quoted(what)}' {known} in the library {library.root}; give a file in it, or a content uuid."
        )
    items = _meant(library, what, found[0], to)
    item = next((item for item in items if item.state is SidecarStatus.READY), None)
    path = None if item is None else library.sidecars.file(item)
    if item is None:
        raise UsageError(_why_not(what, to, items, library))
    if path is None or not library.sidecars.is_whole(item.uri):
        raise UsageError(
            f"The sidecar {item.where} is gone or damaged: run 'pillion verify --repair' and then 'pillion work'."
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"The sidecar {item.where} cannot be read ({error.strerror}): run 'pillion verify'."
        ) from error
    source = next((path for path in map(Path, item.sources) if path.is_file()), None)
    made = _exported(item.kind, to, data, Origin(source=source, mime=_mime(library, found[0])))
    return Exported(data=made, source=source, content_uuid=found[0])


def _meant(library: Library, what: str, content_uuid: str, to: str) -> list[Item]:
    """The sidecars of a content to export as ``to``: those that an address means, else those of one kind.

    Several kinds may have the format: that which comes first in the order of work is then what is usually meant.
    """
    uri = SidecarUri.parse(what) if SidecarUri.is_one(what) else None
    for kind in _kinds(to):
        items = list(library.ls(kind=kind, content_uuid=content_uuid))
        if uri is not None:
            items = [item for item in items if uri.matches(item.kind, item.variant, item.format)]
        if items:
            return items
    return []


def _kinds(to: str) -> tuple[SidecarKind, ...]:
    """The kinds that can be exported to this format, in the order of work."""
    return tuple(kind for kind, spec in registry.specs().items() if to in spec.exports)


def _exported(kind: SidecarKind, to: str, data: bytes, origin: Origin) -> bytes:
    made: bytes = registry.loaded(registry.spec(kind).exports[to])(data, origin)
    return made


def _why_not(what: str, to: str, items: Sequence[Item], library: Library) -> str:
    """Why there is nothing to export, and what to do."""
    if not items:
        return (
            f"The library wants no {' or '.join(_kinds(to))} of '{quoted(what)}', so there is nothing to export as "
            f"{to}; use --now to read the file itself."
        )
    item = items[0]
    if item.state in (SidecarStatus.PENDING, SidecarStatus.CANCELLED):
        of = f"--library {shlex.quote(quoted(library.root))}"
        retry = f"'pillion retry {of} {shlex.quote(quoted(what))}' and then "
        first = retry if item.state is SidecarStatus.CANCELLED else ""
        return (
            f"The {item.kind} of '{quoted(what)}' is not made yet: run {first}'pillion work {of}', "
            "or use --now to read the file itself."
        )
    why = (item.error or {}).get("message") or "nothing was found"
    return f"The {item.kind} of '{quoted(what)}' is {item.state}: {why}"


def _mime(library: Library, content_uuid: str) -> str:
    info = library.content_info(content_uuid)
    return info[2] if info else ""
