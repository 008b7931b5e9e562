"""The index of a sheet for players and programs."""

from __future__ import annotations

from pillion.kinds.spec import Origin
from pillion.kinds.thumbstrip.index import index_of


def index_json(data: bytes, _origin: Origin) -> bytes:
    """The index as JSON (schema-1.json). Raises ItemError (corrupt) for a sheet without one."""
    return index_of(data).to_json().encode()


def vtt(data: bytes, _origin: Origin) -> bytes:
    """WebVTT whose cues name the places in the sheet, which is taken to lie beside it as ``VARIANT.webp``.

    Players take it as a track of thumbnails. Raises ItemError (corrupt) for a sheet without an index.
    """
    index = index_of(data)
    lines = ["WEBVTT", ""]
    for tile in index.tiles:
        start, end = _clock(tile.start), _clock(tile.end)
        if start != end:
            place = ",".join(map(str, tile.xywh))
            lines += [f"{start} --> {end}", f"{index.variant}.webp#xywh={place}", ""]
    return "\n".join(lines).encode()


def _clock(seconds: float) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}.{milliseconds:03}"
