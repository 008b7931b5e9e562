"""Items: the contents of the library by date, one with all that is known of it, months, Locations and folders."""

from __future__ import annotations

import base64
import binascii
import json
import os
import stat
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes

from pillion import _core
from pillion.errors import UnusableError
from pillion.facts import MediaFacts
from pillion.library.timeline import Chosen, Position, Shown
from pillion.model import MediaClass, SidecarStatus
from pillion.server.http import Answer, Problem, Request, json_answer
from pillion.server.sidecars import sidecar_path

if TYPE_CHECKING:
    from pillion.library import Library
    from pillion.library.sidecars import Item
    from pillion.server.app import Api

_MOST_TEXT = 32 * 1024 * 1024
"""A result with more bytes is named, and not put into an item."""


async def list_items(api: Api, request: Request) -> Answer:
    """A page of the timeline."""
    values = request.values
    chosen = chosen_of(values)
    after = position_of(values.get("cursor"))
    descending = values["order"] == "desc"

    def look(library: Library) -> dict[str, Any]:
        found, following = library.timeline.page(
            chosen, after=after, limit=values["limit"], offset=values["offset"], descending=descending
        )
        return {"items": [item_json(item) for item in found], "next": cursor_of(following)}

    return json_answer(await api.read(look))


async def show_months(api: Api, request: Request) -> Answer:
    """How many items each month has."""
    chosen = chosen_of(request.values)
    position = position_of(request.values.get("cursor"))

    def look(library: Library) -> dict[str, Any]:
        months = [
            {
                "month": f"{month.year:04}-{month.month:02}",
                "items": month.number,
                "cursor": cursor_of((month.end, "")),
            }
            for month in library.timeline.months(chosen)
        ]
        return {"items": sum(month["items"] for month in months), "months": months}

    found = await api.counts.of(("months", chosen), look)
    if position is None:
        return json_answer(found)
    year, number, within = await api.read_slowly(lambda library: library.timeline.place(chosen, position))
    newer = (month["items"] for month in found["months"] if month["month"] > f"{year:04}-{number:02}")
    return json_answer({**found, "place": sum(newer) + within})


async def show_item(api: Api, request: Request) -> Answer:
    """One content, with its files, sidecars and texts."""
    uuid = request.values["content_uuid"].lower()
    included = request.values.get("include", ["text", "transcript", "blocks"])
    return json_answer(await api.read_slowly(lambda library: _item(library, uuid, included)))


async def list_locations(api: Api, request: Request) -> Answer:
    """The watched folders."""

    def look(library: Library) -> dict[str, Any]:
        return {
            "locations": [
                {
                    "id": place.id,
                    "path": text_of(place.path),
                    "offline": place.offline,
                    "offline_since": time_text(place.offline_since),
                }
                for place in library.locations()
            ]
        }

    return json_answer(await api.read(look))


async def list_folders(api: Api, request: Request) -> Answer:
    """The folders directly in one."""
    location_id, path = folder_of(request.values["folder"])

    def look(library: Library) -> dict[str, Any]:
        return {
            "folders": [
                {
                    "folder": f"{location_id}/{quote(below)}",
                    "name": text_of(below.rpartition(b"/")[2]),
                    "files": files,
                    "bytes": size,
                }
                for below, files, size in library.timeline.subfolders(location_id, path)
            ]
        }

    return json_answer(await api.read(look))


# what is chosen -------------------------------------------------------------------------------------------------------


def chosen_of(values: Mapping[str, Any]) -> Chosen:
    """The choice that parameters make. Raises Problem."""
    state = values.get("state")
    folder = values.get("folder")
    return Chosen(
        types=tuple(sorted({_type(kind.lower()) for kind in values.get("type", ())})),
        state=None if state is None else SidecarStatus(state),
        folder=None if folder is None else folder_of(folder),
        since=_date(values.get("from"), "from"),
        until=_date(values.get("to"), "to"),
    )


def _type(kind: str) -> str:
    """A MIME type or class. Raises Problem for what is neither: nothing would ever be of it."""
    if "/" in kind or kind in list(MediaClass):
        return kind
    classes = ", ".join(MediaClass)
    raise Problem(422, f"'type': '{kind}' is no class ({classes}), and no MIME type.", parameter="type")


def folder_of(text: str) -> tuple[int, bytes]:
    """``LOCATION`` or ``LOCATION/path/in/it``, the path as in an address (%XX), as the two parts. Raises Problem."""
    number, _, rest = text.partition("/")
    path = unquote_to_bytes(rest).strip(b"/")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise Problem(422, "'folder': write LOCATION or LOCATION/path/in/it.", parameter="folder")
    if path and any(part in (b"", b".", b"..") or b"\0" in part for part in path.split(b"/")):
        raise Problem(422, "'folder': this is no path in a Location.", parameter="folder")
    return int(number), path


def _date(text: str | None, name: str) -> int | None:
    """ms since 1970 of ``2024-05-31`` or a time with its zone. Raises Problem."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        return int(found.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise Problem(422, f"'{name}': write a date such as 2024-05-31.", parameter=name) from error


def cursor_of(position: Position | None) -> str | None:
    """A position as clients are given it."""
    if position is None:
        return None
    return base64.urlsafe_b64encode(f"{position[0]}:{position[1]}".encode()).decode().rstrip("=")


def position_of(cursor: str | None) -> Position | None:
    """The position that a cursor is. Raises Problem (422) for what we never gave."""
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        number, colon, uuid = text.partition(":")
        at = int(number)
        if not colon or not -(2**63) <= at < 2**63 or len(uuid) not in (0, 36):
            raise ValueError
    except (ValueError, binascii.Error) as error:
        raise Problem(422, "'cursor': it is none that this server gave.", parameter="cursor") from error
    return at, uuid


# as JSON --------------------------------------------------------------------------------------------------------------


def path_of(root: bytes, path: bytes) -> bytes:
    """The absolute path of what is at ``path`` in the Location at ``root``."""
    return root.rstrip(b"/") + b"/" + path


def text_of(name: bytes | str) -> str:
    """A name for people; of one that is not UTF-8, what can be shown of it."""
    return os.fsencode(name).decode("utf-8", "replace")


def time_text(seconds: float | None) -> str | None:
    """Seconds since 1970 as RFC 3339, in UTC; None for times beyond the calendar."""
    if seconds is None:
        return None
    try:
        found = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def item_json(item: Shown) -> dict[str, Any]:
    """An item as a list has it."""
    return {
        "content_uuid": item.content_uuid,
        "name": text_of(item.path.rpartition(b"/")[2]),
        "folder": f"{item.location_id}/{quote(item.path.rpartition(b'/')[0])}".rstrip("/"),
        "mime": item.mime,
        "class": _core.media_class(item.mime),
        "bytes": item.size,
        "date": time_text(item.shown_at / 1000),
        "taken": item.facts.taken,
        "width": item.facts.width,
        "height": item.facts.height,
        "duration": item.facts.duration,
        "place": _place(item.facts),
        "camera": " ".join(part for part in (item.facts.make, item.facts.model) if part) or None,
        "copies": item.copies,
        "thumbhash": None if item.thumbhash is None else base64.b64encode(item.thumbhash).decode(),
        "thumbs": item.thumbs,
        "cursor": cursor_of((item.shown_at, item.content_uuid)),
    }


def _place(facts: MediaFacts) -> list[float] | None:
    """Latitude and longitude in degrees, north and east positive."""
    return None if facts.latitude is None or facts.longitude is None else [facts.latitude, facts.longitude]


def _item(library: Library, uuid: str, included: Sequence[str]) -> dict[str, Any]:
    shown, info = library.timeline.show(uuid), library.content_info(uuid)
    if info is None:
        raise Problem(404, f"There is no content {uuid} in the library.")
    items = list(library.ls(content_uuid=uuid))
    digest, size, mime = info
    whole, parts = library.parts(uuid)
    bare = {"content_uuid": uuid, "mime": mime, "class": _core.media_class(mime), "bytes": size}
    about = item_json(shown) if shown is not None else bare
    return {
        **about,
        "hash": digest,
        "facts": library.facts(uuid).to_json(),
        "part_of": whole,
        "parts": list(parts),
        "files": [
            {
                "location": place.location_id,
                "path": text_of(path_of(place.root, place.path)),
                "bytes": place.size,
                "changed": time_text(place.mtime_ns / 1e9),
                "offline": place.offline,
            }
            for place in library.timeline.files(uuid)
        ],
        "sidecars": [sidecar_json(item) for item in items],
        **_texts(library, items, included),
    }


def sidecar_json(item: Item) -> dict[str, Any]:
    """A sidecar of an item. ``url``: where it is, for ever, if it is ready; with that checksum it never changes."""
    address = sidecar_path((item.content_uuid, item.kind, item.variant))
    return {
        "kind": item.kind,
        "variant": item.variant,
        "format": item.format,
        "state": item.state.value,
        "bytes": item.bytes,
        "checksum": item.checksum,
        "stale": item.stale,
        "mark": item.mark,
        "error": None if item.error is None else dict(item.error),
        "url": f"{address}?sum={item.checksum}" if item.checksum else address,
    }


def _texts(library: Library, items: Sequence[Item], included: Sequence[str]) -> dict[str, Any]:
    """What is written and said in an item; a member is left out where nothing is there."""
    found: dict[str, Any] = {}
    results = {str(item.kind): item for item in items if item.rel_path is not None}
    written, spoken, held = (_file(library, results.get(kind)) for kind in ("ocr", "transcript", "text"))
    if held is not None and "text" in included:
        parts = _parsed(held).get("parts", ())
        found["text"] = "\n\n".join(str(part.get("text", "")) for part in parts)
    if written is not None and {"text", "blocks"} & set(included):
        data = _parsed(written)
        if "text" in included and data:
            found["text"] = data.get("text", "")
        if "blocks" in included and data:
            found["blocks"] = [_page(page) for page in data.get("pages", ())]
    if spoken is not None and "transcript" in included:
        data = _parsed(spoken)
        if data:
            names = ("language", "duration", "text", "segments", "tracks")
            found["transcript"] = {name: data[name] for name in names if name in data}
    return found


def _file(library: Library, item: Item | None) -> Path | None:
    """Its file; None where there is none, or it cannot be read."""
    try:
        return None if item is None else library.sidecars.file(item)
    except UnusableError:
        return None


def _page(page: Mapping[str, Any]) -> dict[str, Any]:
    """A page with its blocks, lines and their places."""
    names = ("number", "width", "height", "unit", "rotation", "blocks")
    lines = [{name: line[name] for name in ("text", "box") if name in line} for line in page.get("lines", ())]
    return {**{name: page[name] for name in names if name in page}, "lines": lines}


def _parsed(path: Path) -> dict[str, Any]:
    """The object in a sidecar; empty if the file is gone, or is no such thing."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_TEXT:
                return {}
            data = json.load(file)
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
