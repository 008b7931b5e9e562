"""What a file says of itself: when and with what it was taken, its size, its length, where. docs/facts.md.

The core reads them while a file is hashed (``rust/src/facts/``). They describe a content and never decide which it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Self

from pillion import _core


@dataclass(frozen=True, slots=True)
class FileFacts:
    """Facts as the core reads them and the catalog stores them.

    ``taken_at``: the capture date in ms since 1970, by the clock on the wall where it was taken. ``body``: a JSON
    object with the fields of :class:`MediaFacts` that are known, or None. ``version``: of the rules they were read by.
    """

    taken_at: int | None = None
    body: str | None = None
    version: int = _core.FACTS_VERSION


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaFacts:
    """What a file says of itself; None where it says nothing.

    ``taken``: ISO 8601, with the offset from UTC only where it is known: without one it is a local time of an unknown
    zone. ``taken_from``: where it stands: exif, xmp, iptc, container, tags, text, document, gps, or sidecar (a ``.xmp``
    file). ``width``, ``height``: pixels as shown, after ``orientation`` (1 to 8, as EXIF counts). ``duration``:
    seconds. ``latitude``, ``longitude``: degrees, north and east positive; ``altitude``: metres. ``exposure``: seconds;
    ``aperture``: the f-number; ``focal_length``: millimetres. ``codecs``: of film and sound, by the names that their
    containers use. ``motion``: offset and length in bytes of a film inside a photograph. ``live_id``: what joins a
    photograph and its film that are two files.
    """

    taken: str | None = None
    taken_from: str | None = None
    width: int | None = None
    height: int | None = None
    orientation: int | None = None
    duration: float | None = None
    latitude: float | None = None
    longitude: float | None = None
    altitude: float | None = None
    make: str | None = None
    model: str | None = None
    lens: str | None = None
    exposure: float | None = None
    aperture: float | None = None
    iso: int | None = None
    focal_length: float | None = None
    codecs: Sequence[str] = ()
    pages: int | None = None
    motion: Sequence[int] | None = None
    live_id: str | None = None

    @classmethod
    def of(cls, body: str | None) -> Self:
        """From the JSON that the catalog stores. Fields that this version does not know are left out."""
        if body is None:
            return cls()
        values: dict[str, Any] = json.loads(body)
        return cls(**{name: value for name, value in values.items() if name in _names()})

    def to_json(self) -> Mapping[str, Any]:
        """The fields that are known, as ``pillion show --json`` prints them."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in values.items() if value is not None and value != ()}

    def corrected(self, beside: MediaFacts) -> MediaFacts:
        """This with what a ``.xmp`` file beside it says in its place."""
        values = {name: getattr(beside, name) for name in _DESCRIBED if getattr(beside, name) is not None}
        if beside.taken is not None:
            values["taken_from"] = "sidecar"
        return replace(self, **values)


_DESCRIBED = ("taken", "latitude", "longitude", "altitude", "make", "model", "lens")
"""What programs change in a ``.xmp`` file, and not in the photograph."""


def taken_ms(taken: str | None) -> int | None:
    """The clock time of ``MediaFacts.taken`` in ms since 1970, by the clock on the wall."""
    if taken is None:
        return None
    # A month or a year counts from its first day.
    whole = taken if len(taken) >= 10 else f"{taken}-01-01"[:10]
    return (datetime.fromisoformat(whole).replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def _names() -> frozenset[str]:
    return frozenset(field.name for field in fields(MediaFacts))
