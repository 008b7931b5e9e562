"""The routes of the API, with what each takes and answers."""

from __future__ import annotations

from typing import Any

from pillion.errors import ErrorClass
from pillion.job import JobState
from pillion.model import CONTENT_UUID, MediaClass, SidecarStatus
from pillion.server import feed, finding, health, items, metrics, openapi, originals, sidecars, work
from pillion.server.routes import API, Handler, Param, Reply, Route, Schema

EXAMPLE_UUID = "8b950a1f-1fee-8771-9887-d3dd49fa879c"
_SUM = "c0f2a1" + "0" * 58

# schemas --------------------------------------------------------------------------------------------------------------


def text(**more: Any) -> Schema:
    """A text."""
    return {"type": "string", **more}


def integer(**more: Any) -> Schema:
    """A whole number."""
    return {"type": "integer", **more}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    kind = schema["type"]
    return {**schema, "type": [kind, "null"]}


def many(schema: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": schema}


def of(required: dict[str, Schema], **optional: Schema) -> Schema:
    """An object with these members, and those that may be left out."""
    return {"type": "object", "properties": {**required, **optional}, "required": sorted(required)}


def map_of(schema: Schema) -> Schema:
    """An object of any names."""
    return {"type": "object", "additionalProperties": schema}


NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
ANY: Schema = {}
UUID: Schema = text(pattern=f"^(?i:{CONTENT_UUID.pattern})$".replace("(?i:", "(").replace("0-9a-f", "0-9a-fA-F"))
TIME: Schema = text(format="date-time")
STATES = [state.value for state in SidecarStatus]
CLASSES = [item.value for item in ErrorClass]
MEDIA = [item.value for item in MediaClass]

_item: dict[str, Schema] = {"content_uuid": UUID, "mime": text(), "class": text(enum=MEDIA), "bytes": integer()}
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
        "facts": {"type": "object"},
        "part_of": maybe(UUID),
        "parts": many(UUID),
        "files": many(FILE),
        "sidecars": many(SIDECAR),
    },
    **_shown,
    text=text(),
    transcript={"type": "object"},
    blocks=many({"type": "object"}),
)
PASSAGE = of({"text": text(), "marks": many(many(integer())), "where": {"type": "object"}})
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

JOB_STATES = [state.value for state in JobState if state is not JobState.PAUSED]
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

_ITEM_EXAMPLE = {
    "content_uuid": EXAMPLE_UUID,
    "name": "harbour.jpg",
    "folder": "1/2024/May",
    "mime": "image/jpeg",
    "class": "image",
    "bytes": 2413912,
    "date": "2024-05-31T16:20:11.000Z",
    "taken": "2024-05-31T16:20:11+02:00",
    "width": 4032,
    "height": 3024,
    "duration": None,
    "place": [53.5437, 9.9665],
    "camera": "Canon EOS R5",
    "copies": 1,
    "thumbhash": "1QcSHQRnh493V4dIh4eXh1h4kJUI",
    "thumbs": {"grid@2x": _SUM, "icon": _SUM},
}

# parameters -----------------------------------------------------------------------------------------------------------

CONTENT = Param(name="content_uuid", schema=UUID, text="The content.", example=EXAMPLE_UUID)
KIND = Param(
    name="kind", schema=text(maxLength=64), text="thumb, ocr, transcript, embeddings, or another.", example="thumb"
)
VARIANT = Param(name="variant", schema=text(maxLength=64), text="As icon, grid@2x or default.", example="grid@2x")
FOLDER = Param(
    name="folder",
    schema=text(maxLength=4096),
    text="Only in this folder, with all below: the id of a Location, or LOCATION/path/in/it.",
    example="1/2024",
)
TYPE = Param(
    name="type",
    schema=text(maxLength=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9.+_/-]*$"),
    text="Only of these types: classes such as image, or MIME types.",
    example="image,video",
    many=True,
)
STATE = Param(name="state", schema=text(enum=STATES), text="Only with a sidecar in this state.")
FROM = Param(name="from", schema=text(maxLength=40), text="Only from this date on.", example="2024-01-01")
TO = Param(name="to", schema=text(maxLength=40), text="Only before this date.", example="2025-01-01")
_CHOICE = (TYPE, FOLDER, STATE, FROM, TO)


def limit(most: int, default: int) -> Param:
    """How many are wanted."""
    schema = integer(minimum=1, maximum=most, default=default)
    return Param(name="limit", schema=schema, text="At most so many.", example=default)


_CURSOR = Param(name="cursor", schema=text(maxLength=120), text="Go on here: the 'next' of the page before.")
_ORDER = Param(name="order", schema=text(enum=["desc", "asc"], default="desc"), text="Newest first, or oldest first.")
_OFFSET = Param(
    name="offset",
    schema=integer(minimum=0, maximum=1_000_000, default=0),
    text="Leave out so many first: to jump into a long month.",
)
_INCLUDE = Param(
    name="include",
    schema=text(enum=["text", "transcript", "blocks"]),
    text="Which results to put in (default: all that are there).",
    many=True,
)
_MAKE = Param(
    name="make",
    schema={**FLAG, "default": True},
    text="Whether to make a sidecar that is missing; without, it is a 404.",
    example="false",
)
_SUM_PARAM = Param(
    name="sum",
    schema=text(maxLength=128),
    text="The checksum: with that of the file that is there, the answer may be kept for ever.",
    example=_SUM,
)
_WAIT = Param(
    name="wait",
    schema={"type": "number", "minimum": 0, "maximum": 60, "default": 0},
    text="Seconds to wait for a sidecar that has to be made first.",
    example=2,
)
_EXPIRES = Param(name="expires", schema=text(maxLength=20), text="Of a signed address: until when it holds.")
_SIGNATURE = Param(name="signature", schema=text(maxLength=128), text="Of a signed address.")

_BYTES_HEADERS = {
    "ETag": "The checksum, in quotes.",
    "Cache-Control": "immutable only where the address has the checksum.",
    "Accept-Ranges": "bytes",
}
_BYTES = {
    206: Reply(text="The part that was asked for.", media="*/*"),
    304: Reply(text="The client has it.", media=""),
}

_KIND = Param(name="kind", schema=KIND.schema, text="Only of this kind.", example="thumb")
_LOCATION = integer(minimum=0, maximum=2**53)
_UUIDS = {"type": "array", "items": UUID, "maxItems": 10_000}


def _change(
    name: str, about: str, handler: Handler, members: dict[str, Schema], example: object, answer: dict[str, Schema]
) -> Route:
    """A route that changes something. All its members may be left out."""
    return Route(
        method="POST",
        path=f"{API}/{name}",
        name=name,
        tag="work",
        text=about,
        handler=handler,
        body={"type": "object", "properties": members, "additionalProperties": False},
        body_example=example,
        replies={200: Reply(text="It is done.", schema=of(answer))},
        changes=True,
    )


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=f"{API}/openapi.json",
        name="openapi",
        tag="server",
        text="This document.",
        handler=openapi.show_document,
        replies={200: Reply(text="OpenAPI 3.1.", schema={"type": "object"})},
        open_to_all=True,
    ),
    Route(
        method="GET",
        path=f"{API}/health",
        name="health",
        tag="server",
        text="Whether the server is well. Without a token, where one is needed, only that.",
        handler=health.health,
        replies={
            200: Reply(
                text="It answers; 'degraded': work stands still.",
                schema=of(
                    {"status": text(enum=["ok", "degraded"]), "version": text()},
                    library=text(),
                    read_only=FLAG,
                    newest_event=integer(),
                    notices=map_of(text()),
                    workers={"type": "object"},
                ),
                example={"status": "ok", "version": "0.1.0"},
            ),
            503: Reply(text="The library cannot be read.", schema=of({"status": text(), "version": text()})),
        },
        open_to_all=True,
    ),
    Route(
        method="GET",
        path=f"{API}/items",
        name="list_items",
        tag="items",
        text="Contents by date, a page at a time. A page of a choice may be short, even empty, before 'next' is null.",
        handler=items.list_items,
        query=(limit(1000, 100), _CURSOR, _ORDER, _OFFSET, *_CHOICE),
        replies={
            200: Reply(
                text="A page.",
                schema=of({"items": many(ITEM), "next": maybe(text())}),
                example={"items": [_ITEM_EXAMPLE], "next": "MTcxNzE3MjQxMTAwMDo4Yjk1"},
            )
        },
    ),
    Route(
        method="GET",
        path=f"{API}/timeline",
        name="timeline",
        tag="items",
        text="How many items each month (in UTC) has, the newest first, with a cursor for its newest item.",
        handler=items.show_months,
        query=_CHOICE,
        replies={
            200: Reply(
                text="The months that have any.",
                schema=of(
                    {
                        "items": integer(),
                        "months": many(of({"month": text(), "items": integer(), "cursor": text()})),
                    }
                ),
                example={"items": 41, "months": [{"month": "2024-05", "items": 41, "cursor": "MTcxNzIwMDAwMDAwMDo"}]},
            )
        },
    ),
    Route(
        method="GET",
        path=API + "/items/{content_uuid}",
        name="show_item",
        tag="items",
        text="One content: its files, sidecars, text, transcript and the blocks of its pages.",
        handler=items.show_item,
        path_params=(CONTENT,),
        query=(_INCLUDE,),
        replies={
            200: Reply(
                text="The item; results that are not there are left out.",
                schema=WHOLE_ITEM,
                example={
                    **_ITEM_EXAMPLE,
                    "hash": _SUM,
                    "facts": {},
                    "part_of": None,
                    "parts": [],
                    "files": [],
                    "sidecars": [],
                    "text": "Harbour Street 5",
                },
            )
        },
    ),
    Route(
        method="GET",
        path=f"{API}/locations",
        name="list_locations",
        tag="items",
        text="The watched folders.",
        handler=items.list_locations,
        replies={
            200: Reply(
                text="All of them, oldest first.",
                schema=of(
                    {
                        "locations": many(
                            of(
                                {
                                    "id": integer(),
                                    "path": text(),
                                    "offline": maybe(text()),
                                    "offline_since": maybe(TIME),
                                }
                            )
                        )
                    }
                ),
                example={"locations": [{"id": 1, "path": "/home/me/Pictures", "offline": None, "offline_since": None}]},
            )
        },
    ),
    Route(
        method="GET",
        path=f"{API}/folders",
        name="list_folders",
        tag="items",
        text="The folders directly in a folder, with their totals as last indexed.",
        handler=items.list_folders,
        query=(Param(name="folder", schema=FOLDER.schema, text=FOLDER.text, example="1", required=True),),
        replies={
            200: Reply(
                text="In order of their names.",
                schema=of(
                    {"folders": many(of({"folder": text(), "name": text(), "files": integer(), "bytes": integer()}))}
                ),
                example={"folders": [{"folder": "1/2024", "name": "2024", "files": 812, "bytes": 3019922112}]},
            )
        },
    ),
    Route(
        method="GET",
        path=API + "/sidecars/{content_uuid}/{kind}/{variant}",
        name="show_sidecar",
        tag="files",
        text="The bytes of a sidecar. One that is missing is made first of all; 'wait' says how long to wait for it.",
        handler=sidecars.show_sidecar,
        path_params=(CONTENT, KIND, VARIANT),
        query=(_WAIT, _MAKE, _SUM_PARAM, _EXPIRES, _SIGNATURE),
        replies={
            200: Reply(text="The file.", media="*/*", headers=_BYTES_HEADERS),
            **_BYTES,
            202: Reply(
                text="It is being made: ask again after Retry-After.",
                schema=PENDING,
                example={
                    "state": "pending",
                    "content_uuid": EXAMPLE_UUID,
                    "kind": "thumb",
                    "variant": "grid@2x",
                    "url": f"{API}/sidecars/{EXAMPLE_UUID}/thumb/grid@2x",
                },
            ),
        },
        signed=True,
    ),
    Route(
        method="POST",
        path=f"{API}/sign",
        name="sign",
        tag="files",
        text="An address of one sidecar that needs no token until it expires.",
        handler=sidecars.sign,
        body={
            "type": "object",
            "properties": {
                "content_uuid": UUID,
                "kind": KIND.schema,
                "variant": VARIANT.schema,
                "seconds": integer(minimum=1, maximum=sidecars.MAX_SIGNED_S, default=3600),
            },
            "required": ["content_uuid", "kind", "variant"],
            "additionalProperties": False,
        },
        body_example={"content_uuid": EXAMPLE_UUID, "kind": "thumb", "variant": "grid@2x", "seconds": 3600},
        replies={201: Reply(text="The address.", schema=of({"url": text(), "expires": integer()}))},
    ),
    Route(
        method="GET",
        path=API + "/originals/{content_uuid}",
        name="show_original",
        tag="files",
        text="A file of the user's with this content. What a browser could run (SVG, HTML, XML) is for saving.",
        handler=originals.show_original,
        path_params=(CONTENT,),
        query=(
            Param(name="download", schema={**FLAG, "default": False}, text="For saving in any case.", example="true"),
        ),
        replies={200: Reply(text="The file.", media="*/*", headers=_BYTES_HEADERS), **_BYTES},
    ),
    Route(
        method="GET",
        path=f"{API}/search",
        name="search",
        tag="find",
        text="Items by what is written, said or meant in them, best first.",
        handler=finding.search,
        query=(
            Param(
                name="q",
                schema=text(minLength=1, maxLength=1000),
                text='Words, "phrases", begin*, -without, one OR other.',
                example="invoice harbour",
                required=True,
            ),
            limit(200, 20),
            Param(
                name="kind",
                schema=text(enum=["ocr", "transcript", "file", "embeddings", "name"]),
                text="Search only these.",
                many=True,
            ),
            TYPE,
            FOLDER,
            Param(name="since", schema=text(maxLength=10), text="Only changed since: 2024-05.", example="2024"),
            Param(
                name="by",
                schema=text(enum=["both", "words", "meaning"], default="both"),
                text="By words, or by meaning.",
            ),
        ),
        replies={
            200: Reply(
                text="The hits; docs/search.md has what 'where' may be.",
                schema=FOUND,
                example={
                    "hits": [
                        {
                            "content_uuid": EXAMPLE_UUID,
                            "path": "/home/me/Pictures/2024/May/harbour.jpg",
                            "paths": ["/home/me/Pictures/2024/May/harbour.jpg"],
                            "type": "image/jpeg",
                            "score": 0.0325,
                            "why": ["words"],
                            "passages": [{"text": "Harbour Street 5", "marks": [[0, 7]], "where": {"page": 1}}],
                            "item": _ITEM_EXAMPLE,
                        }
                    ],
                    "notes": [],
                },
            )
        },
    ),
    Route(
        method="GET",
        path=API + "/items/{content_uuid}/similar",
        name="similar",
        tag="find",
        text="Items like one: pictures by their looks, others by what they mean.",
        handler=finding.similar,
        path_params=(CONTENT,),
        query=(limit(200, 20),),
        replies={200: Reply(text="The most alike first.", schema=FOUND, example={"hits": [], "notes": []})},
    ),
    Route(
        method="GET",
        path=f"{API}/duplicates",
        name="duplicates",
        tag="find",
        text="Groups of files that are the same.",
        handler=finding.duplicates,
        query=(
            limit(10_000, 100),
            Param(name="near", schema={**FLAG, "default": False}, text="Also pictures that look the same."),
        ),
        replies={
            200: Reply(
                text="'total' groups, of which the first are shown.",
                schema=of(
                    {
                        "total": integer(),
                        "groups": many(
                            of(
                                {
                                    "kind": text(enum=["exact", "near"]),
                                    "best": text(),
                                    "paths": many(text()),
                                    "content_uuids": many(UUID),
                                }
                            )
                        ),
                    }
                ),
                example={"total": 0, "groups": []},
            )
        },
    ),
    Route(
        method="GET",
        path=f"{API}/status",
        name="status",
        tag="work",
        text="How much there is, what is queued, what failed, and what holds work back.",
        handler=work.status,
        replies={
            200: Reply(
                text="Counts.",
                schema=of(
                    {
                        "files": integer(),
                        "contents": integer(),
                        "unidentified": integer(),
                        "sidecars": map_of(map_of(integer())),
                        "jobs": map_of(map_of(integer())),
                        "paused": many(of({"kind": maybe(text()), "location": maybe(text())})),
                        "held": many(of({"kind": maybe(text()), "error_class": text(), "notice": text()})),
                        "quiet": many({"type": "object"}),
                        "offline": many(of({"location": integer(), "path": text(), "why": text()})),
                        "failures": many(of({"kind": text(), "error_class": text(), "sidecars": integer()})),
                    }
                ),
            )
        },
    ),
    Route(
        method="GET",
        path=f"{API}/jobs",
        name="list_jobs",
        tag="work",
        text="Jobs in the order in which they were first queued, a page at a time.",
        handler=work.list_jobs,
        query=(
            limit(1000, 100),
            Param(name="after", schema=integer(minimum=0, maximum=2**53, default=0), text="Go on after this id."),
            Param(name="state", schema=text(enum=JOB_STATES), text="Only in this state."),
            _KIND,
        ),
        replies={
            200: Reply(
                text="A page; 'next' is the 'after' of the following one.",
                schema=of({"jobs": many(JOB), "next": maybe(integer())}),
                example={"jobs": [], "next": None},
            )
        },
    ),
    Route(
        method="GET",
        path=f"{API}/failures",
        name="list_failures",
        tag="work",
        text="Sidecars that failed and have not been made since, in order of content, kind and variant.",
        handler=work.list_failures,
        query=(
            limit(1000, 100),
            Param(
                name="offset", schema=integer(minimum=0, maximum=10_000_000, default=0), text="Leave out so many first."
            ),
            _KIND,
            Param(name="error_class", schema=text(enum=CLASSES), text="Only of this class."),
        ),
        replies={
            200: Reply(
                text="A page; 'next' is the 'offset' of the following one.",
                schema=of({"failures": many(FAILURE), "next": maybe(integer())}),
                example={"failures": [], "next": None},
            )
        },
    ),
    Route(
        method="GET",
        path=f"{API}/plan",
        name="plan",
        tag="work",
        text="What the next index and run would make, why, how long that takes and how large it will be.",
        handler=work.show_plan,
        query=(
            Param(name="kind", schema=KIND.schema, text="Only these kinds.", many=True, example="thumb"),
            Param(
                name="walk", schema={**FLAG, "default": False}, text="Also look in the folders for what is not indexed."
            ),
        ),
        replies={200: Reply(text="The plan, as 'pillion plan --json' prints it.", schema={"type": "object"})},
    ),
    Route(
        method="GET",
        path=f"{API}/usage",
        name="usage",
        tag="work",
        text="How many sidecars there are, and how many bytes they take.",
        handler=work.show_usage,
        replies={200: Reply(text="As 'pillion usage --json' prints it.", schema={"type": "object"})},
    ),
    _change(
        "retry",
        "Queue failed and cancelled sidecars again, with all their tries.",
        work.retry,
        {"kind": _KIND.schema, "error_class": text(enum=CLASSES), "content_uuids": _UUIDS},
        {"error_class": "timeout"},
        {"sidecars": integer()},
    ),
    _change(
        "cancel",
        "Take jobs out of the queue, running ones too. They stay cancelled until somebody asks for them.",
        work.cancel,
        {"kind": _KIND.schema, "location": _LOCATION, "content_uuids": _UUIDS},
        {"kind": "transcript"},
        {"sidecars": integer()},
    ),
    _change(
        "regenerate",
        "Queue sidecars to be made again; the old ones are served until they are replaced.",
        work.regenerate,
        {
            "kind": _KIND.schema,
            "variant": VARIANT.schema,
            "content_uuid": UUID,
            "folder": FOLDER.schema,
            "stale": {**FLAG, "default": False},
        },
        {"kind": "thumb", "content_uuid": EXAMPLE_UUID},
        {"sidecars": integer()},
    ),
    _change(
        "pause",
        "Pause a kind, or all, in a Location, or everywhere, until resume.",
        work.pause,
        {"kind": _KIND.schema, "location": _LOCATION},
        {"kind": "transcript"},
        {"paused": FLAG},
    ),
    _change(
        "resume",
        "End pauses: of a kind, or of all, in a Location, or everywhere.",
        work.resume,
        {"kind": _KIND.schema, "location": _LOCATION},
        {},
        {"ended": integer()},
    ),
    Route(
        method="GET",
        path=f"{API}/events",
        name="events",
        tag="work",
        text="What happens in the library, as server-sent events (docs/events.md); for who accepts JSON alone, a page.",
        handler=feed.listen,
        query=(
            limit(10_000, 1000),
            Param(
                name="since",
                schema=integer(minimum=0, maximum=2**53),
                text="Only events after this id (default: from now on; of a page, all). Last-Event-ID says the same.",
                example=120,
            ),
        ),
        replies={
            200: Reply(
                text="Events without end; of a page, 'next' is the 'since' of the following one.",
                schema=of({"events": many(of({"id": integer(), "at": NUMBER, "event": text()})), "next": integer()}),
                example={
                    "events": [{"id": 121, "at": 1717172411.2, "event": "queued", "kind": "thumb", "jobs": 3}],
                    "next": 121,
                },
                also="text/event-stream",
            )
        },
    ),
    Route(
        method="GET",
        path="/metrics",
        name="metrics",
        tag="server",
        text="What Prometheus reads: the queue, what was made and what failed, ages, requests.",
        handler=metrics.show_metrics,
        replies={200: Reply(text="Prometheus' text format.", media="text/plain")},
    ),
)
