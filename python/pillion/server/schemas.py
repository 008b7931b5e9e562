"""The JSON Schemas of what the API takes and answers, and the short words they are written with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion.errors import ErrorClass
from pillion.job import JobState
from pillion.model import CONTENT_UUID, MediaClass, SidecarStatus

Schema = Mapping[str, Any]
"""A JSON Schema."""

# the words ------------------------------------------------------------------------------------------------------------


def text(**more: Any) -> Schema:
    """A text."""
    return {"type": "string", **more}


def integer(**more: Any) -> Schema:
    """A whole number."""
    return {"type": "integer", **more}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    return {**schema, "type": [schema["type"], "null"]}


def many(schema: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": schema}


def of(required: dict[str, Schema], **optional: Schema) -> Schema:
    """An object with these members, and those that may be left out."""
    return {"type": "object", "properties": {**required, **optional}, "required": sorted(required)}


def map_of(schema: Schema) -> Schema:
    """An object of any names."""
    return {"type": "object", "additionalProperties": schema}


def taken(members: dict[str, Schema], *required: str) -> Schema:
    """The object of a request's body, which has no other members."""
    needed = {"required": list(required)} if required else {}
    return {"type": "object", "properties": members, **needed, "additionalProperties": False}


NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
OFF: Schema = {**FLAG, "default": False}
OBJECT: Schema = {"type": "object"}
"""An object whose members the document does not name."""
UUID: Schema = text(title="UUID", pattern=f"^({CONTENT_UUID.pattern})$".replace("0-9a-f", "0-9a-fA-F"))
TIME: Schema = text(format="date-time")
STATES = [state.value for state in SidecarStatus]
CLASSES = [item.value for item in ErrorClass]
JOB_STATES = [state.value for state in JobState if state is not JobState.PAUSED]

# what is answered -----------------------------------------------------------------------------------------------------

_item: dict[str, Schema] = {
    "content_uuid": UUID,
    "mime": text(),
    "class": text(enum=[item.value for item in MediaClass]),
    "bytes": integer(),
}
_shown: dict[str, Schema] = {
    "name": text(),
    "folder": text(),
    "date": maybe(TIME),
    "taken": maybe(text()),
    "width": maybe(integer()),
    "height": maybe(integer()),
    "duration": maybe(NUMBER),
    "place": maybe(many(NUMBER)),
    "camera": maybe(text()),
    "copies": integer(),
    "thumbhash": maybe(text()),
    "thumbs": map_of(text()),
    "cursor": text(),
}
ITEM = of({**_item, **_shown})
SIDECAR = of(
    {
        "kind": text(),
        "variant": text(),
        "format": maybe(text()),
        "state": text(enum=STATES),
        "bytes": maybe(integer()),
        "checksum": maybe(text()),
        "stale": FLAG,
        "mark": maybe(text()),
        "error": {"type": ["object", "null"]},
        "url": text(),
    }
)
FILE = of({"location": integer(), "path": text(), "bytes": integer(), "changed": maybe(TIME), "offline": FLAG})
WHOLE_ITEM = of(
    {
        **_item,
        "hash": maybe(text()),
        "facts": OBJECT,
        "part_of": maybe(UUID),
        "parts": many(UUID),
        "files": many(FILE),
        "sidecars": many(SIDECAR),
    },
    **_shown,
    text=text(),
    transcript=OBJECT,
    blocks=many(OBJECT),
)
PASSAGE = of({"text": text(), "marks": many(many(integer())), "where": OBJECT})
HIT = of(
    {
        "content_uuid": UUID,
        "path": text(),
        "paths": many(text()),
        "type": text(),
        "score": NUMBER,
        "why": many(text()),
        "passages": many(PASSAGE),
        "item": {"anyOf": [ITEM, {"type": "null"}]},
    }
)
FOUND = of({"hits": many(HIT), "notes": many(text())})
PENDING = of({"state": text(enum=["pending"]), "content_uuid": UUID, "kind": text(), "variant": text(), "url": text()})

JOB = of(
    {
        "id": integer(),
        "content_uuid": UUID,
        "kind": text(),
        "state": text(enum=JOB_STATES),
        "attempts": integer(),
        "not_before": maybe(TIME),
        "error_class": maybe(text()),
        "message": maybe(text()),
        "created": maybe(TIME),
        "updated": maybe(TIME),
    }
)
FAILURE = of(
    {
        "content_uuid": UUID,
        "kind": text(),
        "variant": text(),
        "state": text(enum=STATES),
        "error_class": text(enum=CLASSES),
        "message": text(),
        "stderr_tail": text(),
        "attempts": integer(),
        "first": maybe(TIME),
        "last": maybe(TIME),
        "retry": maybe(TIME),
        "sources": many(text()),
    }
)
HEALTH = of(
    {"status": text(enum=["ok", "degraded"]), "version": text()},
    library=text(),
    read_only=FLAG,
    newest_event=integer(),
    notices=map_of(text()),
    workers=OBJECT,
)
MONTHS = of(
    {"items": integer(), "months": many(of({"month": text(), "items": integer(), "cursor": text()}))}, place=integer()
)
LOCATION = of({"id": integer(), "path": text(), "offline": maybe(text()), "offline_since": maybe(TIME)})
FOLDER = of({"folder": text(), "name": text(), "files": integer(), "bytes": integer()})
GROUP = of(
    {
        "kind": text(enum=["exact", "near"]),
        "best": text(),
        "paths": many(text()),
        "content_uuids": many(UUID),
    }
)
STATUS = of(
    {
        "files": integer(),
        "contents": integer(),
        "unidentified": integer(),
        "sidecars": map_of(map_of(integer())),
        "jobs": map_of(map_of(integer())),
        "paused": many(of({"kind": maybe(text()), "location": maybe(text())})),
        "held": many(of({"kind": maybe(text()), "error_class": text(), "notice": text()})),
        "quiet": many(OBJECT),
        "offline": many(of({"location": integer(), "path": text(), "why": text()})),
        "failures": many(of({"kind": text(), "error_class": text(), "sidecars": integer()})),
    }
)
EVENT = of({"id": integer(), "at": NUMBER, "event": text()})
