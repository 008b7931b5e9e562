"""The routes of the API, with what each takes and answers."""

from __future__ import annotations

from pillion.server import (
    feed,
    finding,
    health,
    inventory,
    items,
    lending,
    metrics,
    openapi,
    originals,
    page,
    schemas,
    sidecars,
    work,
)
from pillion.server.routes import API, Handler, Param, Reply, Route, get, post
from pillion.server.schemas import (
    CLASSES,
    FLAG,
    JOB_STATES,
    OBJECT,
    OFF,
    STATES,
    UUID,
    Schema,
    integer,
    many,
    maybe,
    of,
    taken,
    text,
)

_UUID = "8b950a1f-1fee-8771-9887-d3dd49fa879c"
_SUM = "c0f2a1" + "0" * 58

# parameters -----------------------------------------------------------------------------------------------------------

CONTENT = Param(name="content_uuid", schema=UUID, text="The content.", example=_UUID)
KIND = Param(
    name="kind", schema=text(maxLength=64), text="thumb, ocr, transcript, embeddings, or another.", example="thumb"
)
VARIANT = Param(
    name="variant",
    schema=text(maxLength=64),
    text="As icon, grid@2x or default; with its format (10x10.webp), or in another (10x10.vtt, default.srt).",
    example="grid@2x",
)
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


def limit(most: int, default: int, *, or_empty: bool = False) -> Param:
    """How many are wanted."""
    schema = integer(minimum=1, maximum=most, default=default)
    return Param(name="limit", schema=schema, text="At most so many.", example=default, or_empty=or_empty)


_CURSOR = Param(
    name="cursor",
    schema=text(maxLength=120),
    text="Go on here: the 'next' of the page before, or the 'cursor' of an item, for what stands beside it.",
)
_PLACE = Param(
    name="cursor",
    schema=text(maxLength=120),
    text="The 'cursor' of an item: 'place' says how many stand before it.",
)
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
    schema={"type": "number", "minimum": 0, "maximum": sidecars.MAX_WAIT_S, "default": 0},
    text="Seconds to wait for a sidecar that has to be made first.",
    example=2,
)
_REDIRECT = Param(
    name="redirect",
    schema=OFF,
    text="Where sidecars are in an object store: answer with a signed address there, for a few minutes.",
    example="true",
)
_EXPIRES = Param(name="expires", schema=text(maxLength=20), text="Of a signed address: until when it holds.")
_SIGNATURE = Param(name="signature", schema=text(maxLength=128), text="Of a signed address.")
_NEAR = Param(name="near", schema=OFF, text="Also pictures that look the same.")
_AFTER = Param(name="after", schema=integer(minimum=0, maximum=2**53, default=0), text="Go on after this id.")
_SKIP = Param(name="offset", schema=integer(minimum=0, maximum=10_000_000, default=0), text="Leave out so many first.")
_WALK = Param(name="walk", schema=OFF, text="Also look in the folders for what is not indexed.")
_IN = Param(name="folder", schema=FOLDER.schema, text=FOLDER.text, example="1", required=True)
_DOWNLOAD = Param(name="download", schema=OFF, text="For saving in any case.", example="true")
_JOB_STATE = Param(name="state", schema=text(enum=JOB_STATES), text="Only in this state.")
_CLASS = Param(name="error_class", schema=text(enum=CLASSES), text="Only of this class.")
_KIND = Param(name="kind", schema=KIND.schema, text="Only of this kind.", example="thumb")
_KINDS = Param(name="kind", schema=KIND.schema, text="Only these kinds.", many=True, example="thumb")
_SEARCHED = Param(
    name="kind",
    schema=text(enum=["ocr", "transcript", "file", "embeddings", "name", "picture"]),
    text="Search only these.",
    many=True,
)
_Q = Param(
    name="q",
    schema=text(minLength=1, maxLength=1000),
    text='Words, "phrases", begin*, -without, one OR other.',
    example="invoice harbour",
    required=True,
)
_CHANGED = Param(name="since", schema=text(maxLength=10), text="Only changed since: 2024-05.", example="2024")
_BY = Param(name="by", schema=text(enum=["both", "words", "meaning"], default="both"), text="By words, or by meaning.")
_SINCE = Param(
    name="since",
    schema=integer(minimum=0, maximum=2**53),
    text="Only events after this id (default: from now on; of a page, all). Last-Event-ID says the same.",
    example=120,
)

# members of a body ----------------------------------------------------------------------------------------------------

_MEMBERS: dict[str, Schema] = {
    "kind": KIND.schema,
    "variant": VARIANT.schema,
    "content_uuid": UUID,
    "content_uuids": {**many(UUID), "maxItems": 10_000},
    "location": integer(minimum=0, maximum=2**53),
    "folder": FOLDER.schema,
    "error_class": _CLASS.schema,
    "stale": OFF,
}
"""What a request to change something may name."""
_SIDECARS = {"sidecars": integer()}


def _change(name: str, about: str, handler: Handler, members: str, example: object, answer: dict[str, Schema]) -> Route:
    """A route that changes something. All its members may be left out."""
    body = taken({member: _MEMBERS[member] for member in members.split()})
    done = Reply(text="It is done.", schema=of(answer))
    return post("work", name, f"{API}/{name}", about, handler, body, example, {200: done}, changes=True)


# answers --------------------------------------------------------------------------------------------------------------

_ITEM_EXAMPLE = {
    "content_uuid": _UUID,
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
    "cursor": "MTcxNzE3MjQxMTAwMDo4Yjk1MGExZi0xZmVlLTg3NzEtOTg4Ny1kM2RkNDlmYTg3OWM",
}
_FILE = Reply(
    text="The file.",
    media="*/*",
    headers={
        "ETag": "The checksum, in quotes.",
        "Cache-Control": "immutable only where the address has the checksum.",
        "Accept-Ranges": "bytes",
    },
)
_OF_FILES = {
    206: Reply(text="The part that was asked for.", media="*/*"),
    304: Reply(text="The client has it.", media=""),
}

# the table ------------------------------------------------------------------------------------------------------------

ROUTES: tuple[Route, ...] = (
    get(
        "server",
        "openapi",
        f"{API}/openapi.json",
        "This document.",
        openapi.show_document,
        Reply(text="OpenAPI 3.1.", schema=OBJECT),
        open_to_all=True,
    ),
    get(
        "server",
        "health",
        f"{API}/health",
        "Whether the server is well. Without a token, where one is needed, only that.",
        health.health,
        Reply(
            text="It answers; 'degraded': work stands still.",
            schema=schemas.HEALTH,
            example={"status": "ok", "version": "0.1.0"},
        ),
        other_replies={
            503: Reply(text="The library cannot be read.", schema=of({"status": text(), "version": text()}))
        },
        open_to_all=True,
    ),
    get(
        "items",
        "list_items",
        f"{API}/items",
        "Contents by date, a page at a time. A page of a choice may be short, even empty, before 'next' is null.",
        items.list_items,
        Reply(
            text="A page.",
            schema=of({"items": many(schemas.ITEM), "next": maybe(text())}),
            example={"items": [_ITEM_EXAMPLE], "next": "MTcxNzE3MjQxMTAwMDo4Yjk1"},
        ),
        limit(1000, 100, or_empty=True),  # others rely on /items?limit=&cursor=
        *(_CURSOR, _ORDER, _OFFSET),
        *_CHOICE,
    ),
    get(
        "items",
        "timeline",
        f"{API}/timeline",
        "How many items each month (in UTC) has, the newest first, with a cursor for its newest item.",
        items.show_months,
        Reply(
            text="The months that have any.",
            schema=schemas.MONTHS,
            example={"items": 41, "months": [{"month": "2024-05", "items": 41, "cursor": "MTcxNzIwMDAwMDAwMDo"}]},
        ),
        _PLACE,
        *_CHOICE,
    ),
    get(
        "items",
        "show_item",
        API + "/items/{content_uuid}",
        "One content: its files, sidecars, text, transcript and the blocks of its pages.",
        items.show_item,
        Reply(
            text="The item; results that are not there are left out.",
            schema=schemas.WHOLE_ITEM,
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
        ),
        _INCLUDE,
        path_params=(CONTENT,),
    ),
    get(
        "items",
        "list_locations",
        f"{API}/locations",
        "The watched folders.",
        items.list_locations,
        Reply(
            text="All of them, oldest first.",
            schema=of({"locations": many(schemas.LOCATION)}),
            example={"locations": [{"id": 1, "path": "/home/me/Pictures", "offline": None, "offline_since": None}]},
        ),
    ),
    get(
        "items",
        "list_folders",
        f"{API}/folders",
        "The folders directly in a folder, with their totals as last indexed.",
        items.list_folders,
        Reply(
            text="In order of their names.",
            schema=of({"folders": many(schemas.FOLDER)}),
            example={"folders": [{"folder": "1/2024", "name": "2024", "files": 812, "bytes": 3019922112}]},
        ),
        _IN,
    ),
    get(
        "files",
        "show_sidecar",
        API + "/sidecars/{content_uuid}/{kind}/{variant}",
        "The bytes of a sidecar. One that is missing is made first of all; 'wait' says how long to wait for it.",
        sidecars.show_sidecar,
        _FILE,
        *(_WAIT, _MAKE, _SUM_PARAM, _REDIRECT, _EXPIRES, _SIGNATURE),
        path_params=(CONTENT, KIND, VARIANT),
        other_replies={
            **_OF_FILES,
            307: Reply(text="With 'redirect': it is at Location, in the object store.", media=""),
            202: Reply(
                text="It is being made: ask again after Retry-After.",
                schema=schemas.PENDING,
                example={
                    "state": "pending",
                    "content_uuid": _UUID,
                    "kind": "thumb",
                    "variant": "grid@2x",
                    "url": f"{API}/sidecars/{_UUID}/thumb/grid@2x",
                },
            ),
        },
        signed=True,
    ),
    post(
        "files",
        "sign",
        f"{API}/sign",
        "An address of one sidecar that needs no token until it expires.",
        sidecars.sign,
        taken(
            {
                "content_uuid": UUID,
                "kind": KIND.schema,
                "variant": VARIANT.schema,
                "seconds": integer(minimum=1, maximum=sidecars.MAX_SIGNED_S, default=3600),
            },
            *("content_uuid", "kind", "variant"),
        ),
        {"content_uuid": _UUID, "kind": "thumb", "variant": "grid@2x", "seconds": 3600},
        {
            201: Reply(
                text="The address; 'direct': one in the object store itself, if it is in one, for at most seven days.",
                schema=of({"url": text(), "expires": integer(), "direct": maybe(text())}),
            )
        },
    ),
    get(
        "files",
        "show_original",
        API + "/originals/{content_uuid}",
        "A file of the user's with this content. What a browser could run (SVG, HTML, XML) is for saving.",
        originals.show_original,
        _FILE,
        _DOWNLOAD,
        path_params=(CONTENT,),
        other_replies=_OF_FILES,
    ),
    get(
        "find",
        "search",
        f"{API}/search",
        "Items by what is written, said or meant in them, best first.",
        finding.search,
        Reply(
            text="The hits; docs/search.md has what 'where' may be.",
            schema=schemas.FOUND,
            example={
                "hits": [
                    {
                        "content_uuid": _UUID,
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
        ),
        *(_Q, limit(200, 20), _SEARCHED, TYPE, FOLDER, _CHANGED, _BY),
    ),
    get(
        "find",
        "similar",
        API + "/items/{content_uuid}/similar",
        "Items like one: pictures by their looks, others by what they mean.",
        finding.similar,
        Reply(text="The most alike first.", schema=schemas.FOUND, example={"hits": [], "notes": []}),
        limit(200, 20),
        path_params=(CONTENT,),
    ),
    get(
        "find",
        "duplicates",
        f"{API}/duplicates",
        "Groups of files that are the same.",
        finding.duplicates,
        Reply(
            text="'total' groups, of which the first are shown.",
            schema=of({"total": integer(), "groups": many(schemas.GROUP)}),
            example={"total": 0, "groups": []},
        ),
        *(limit(10_000, 100), _NEAR),
    ),
    get(
        "work",
        "status",
        f"{API}/status",
        "How much there is, what is queued, what failed, and what holds work back.",
        work.status,
        Reply(text="Counts.", schema=schemas.STATUS),
    ),
    get(
        "work",
        "list_jobs",
        f"{API}/jobs",
        "Jobs in the order in which they were first queued, a page at a time.",
        work.list_jobs,
        Reply(
            text="A page; 'next' is the 'after' of the following one.",
            schema=of({"jobs": many(schemas.JOB), "next": maybe(integer())}),
            example={"jobs": [], "next": None},
        ),
        *(limit(1000, 100), _AFTER, _JOB_STATE, _KIND),
    ),
    get(
        "work",
        "list_failures",
        f"{API}/failures",
        "Sidecars that failed and have not been made since, in order of content, kind and variant.",
        work.list_failures,
        Reply(
            text="A page; 'next' is the 'offset' of the following one.",
            schema=of({"failures": many(schemas.FAILURE), "next": maybe(integer())}),
            example={"failures": [], "next": None},
        ),
        *(limit(1000, 100), _SKIP, _KIND, _CLASS),
    ),
    get(
        "work",
        "plan",
        f"{API}/plan",
        "What the next index and run would make, why, how long that takes and how large it will be.",
        work.show_plan,
        Reply(text="The plan, as 'pillion plan --json' prints it.", schema=OBJECT),
        *(_KINDS, _WALK),
    ),
    get(
        "work",
        "usage",
        f"{API}/usage",
        "How many sidecars there are, and how many bytes they take.",
        work.show_usage,
        Reply(text="As 'pillion usage --json' prints it.", schema=OBJECT),
    ),
    _change(
        "retry",
        "Queue failed and cancelled sidecars again, with all their tries.",
        work.retry,
        "kind error_class content_uuids",
        {"error_class": "timeout"},
        _SIDECARS,
    ),
    _change(
        "cancel",
        "Take jobs out of the queue, running ones too. They stay cancelled until somebody asks for them.",
        work.cancel,
        "kind location content_uuids",
        {"kind": "transcript"},
        _SIDECARS,
    ),
    _change(
        "regenerate",
        "Queue sidecars to be made again; the old ones are served until they are replaced.",
        work.regenerate,
        "kind variant content_uuid folder stale",
        {"kind": "thumb", "content_uuid": _UUID},
        _SIDECARS,
    ),
    _change(
        "pause",
        "Pause a kind, or all, in a Location, or everywhere, until resume.",
        work.pause,
        "kind location",
        {"kind": "transcript"},
        {"paused": FLAG},
    ),
    _change(
        "resume",
        "End pauses: of a kind, or of all, in a Location, or everywhere.",
        work.resume,
        "kind location",
        {},
        {"ended": integer()},
    ),
    get(
        "work",
        "events",
        f"{API}/events",
        "What happens in the library, as server-sent events (docs/events.md); for who accepts JSON alone, a page.",
        feed.listen,
        Reply(
            text="Events without end; of a page, 'next' is the 'since' of the following one.",
            schema=of({"events": many(schemas.EVENT), "next": integer()}),
            example={
                "events": [{"id": 121, "at": 1717172411.2, "event": "queued", "kind": "thumb", "jobs": 3}],
                "next": 121,
            },
            also="text/event-stream",
        ),
        *(limit(10_000, 1000), _SINCE),
    ),
    post(
        "server",
        "sign_in",
        f"{API}/session",
        "Take a token, and give it back as a cookie that no script can read: for the page.",
        page.sign_in,
        taken({"token": text(maxLength=200)}, "token"),
        {"token": "pillion_..."},
        {204: Reply(text="The cookie is set.", media="")},
        open_to_all=True,
    ),
    Route(
        method="DELETE",
        path=f"{API}/session",
        name="sign_out",
        tag="server",
        text="Have the browser forget its token.",
        handler=page.sign_out,
        replies={204: Reply(text="The cookie is gone.", media="")},
        open_to_all=True,
    ),
    get(
        "server",
        "metrics",
        "/metrics",
        "What Prometheus reads: the queue, what was made and what failed, ages, requests.",
        metrics.show_metrics,
        Reply(text="Prometheus' text format.", media="text/plain"),
    ),
    *inventory.ROUTES,
    *lending.ROUTES,
)
"""All that can be asked of the API, in the order of the document."""
