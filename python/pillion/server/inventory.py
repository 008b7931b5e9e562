"""What a library answers to other devices: digests of its sidecars, and which they are (docs/devices.md)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import msgspec

from pillion.peers.inventory import SHORT
from pillion.peers.peer import MOST_BUCKETS, MOST_OFFERS, MOST_READ, sent
from pillion.server.http import Answer, Problem, Request, json_answer
from pillion.server.routes import API, Param, Reply, Route, get, post
from pillion.server.schemas import Schema, integer, many, map_of, maybe, of, text

if TYPE_CHECKING:
    from pillion.server.app import Api

MOST_PREFIXES = 256

MSGPACK = b"application/vnd.msgpack"


async def show_inventory(api: Api, _request: Request) -> Answer:
    """The device, and the top of its inventory."""
    return json_answer(await api.read_slowly(lambda library: library.peers.answering.about()))


async def show_branches(api: Api, request: Request) -> Answer:
    """The digests of the buckets that begin with some digits."""
    prefixes = list(dict.fromkeys(request.values["prefixes"]))
    return json_answer(await api.read_slowly(lambda library: library.peers.answering.branches(prefixes)))


async def show_hashes(api: Api, request: Request) -> Answer:
    """The short hashes of the offers in some buckets."""
    buckets = _buckets(request)
    return json_answer(await api.read_slowly(lambda library: library.peers.answering.short_hashes(buckets)))


async def show_offers(api: Api, request: Request) -> Answer:
    """The offers with some short hashes."""
    buckets, hashes = _buckets(request), [_hashes(one) for one in request.values["hashes"]]
    if len(hashes) != len(buckets):
        raise Problem(422, "There must be as many 'hashes' as 'buckets'.", parameter="hashes")
    if sum(map(len, hashes)) > MOST_OFFERS * SHORT:
        raise Problem(422, f"At most {MOST_OFFERS} offers are answered at a time.", parameter="hashes")
    wanted = dict(zip(buckets, hashes, strict=True))
    offers = await api.read_slowly(lambda library: library.peers.answering.offers(wanted))
    return json_answer([sent(offer) for offer in offers])


async def give_sidecars(api: Api, request: Request) -> Answer:
    """The bytes of the sidecars with some lines."""
    lines: list[str] = request.values["lines"]
    found = await api.read_slowly(lambda library: library.peers.answering.read(lines))
    return Answer(200, msgspec.msgpack.encode(found), MSGPACK, [(b"cache-control", b"no-store")])


def _buckets(request: Request) -> list[str]:
    buckets = list(request.values["buckets"])
    if len(set(buckets)) != len(buckets):
        raise Problem(422, "A bucket is named twice.", parameter="buckets")
    return buckets


def _hashes(data: str) -> bytes:
    try:
        hashes = base64.b64decode(data, validate=True)
    except ValueError as error:
        raise Problem(422, "It is not base64.", parameter="hashes") from error
    if len(hashes) % SHORT:
        raise Problem(422, f"Each hash has {SHORT} bytes.", parameter="hashes")
    return hashes


_BUCKET: Schema = text(pattern="^[0-9a-f]{4}$")
_BUCKETS: Schema = {**many(_BUCKET), "maxItems": MOST_BUCKETS}
_BASE64: Schema = text(contentEncoding="base64")
_ABOUT = of({"protocol": integer(), "device_uuid": maybe(text()), "device_name": maybe(text()), "top": _BASE64})
_OFFER: Schema = many({"type": ["string", "integer", "null"]})
"""content_uuid, kind, variant, recipe, checksum, size, format, mark."""

_LINE: Schema = text(pattern=r"^[0-9a-f-]{36}/[!-~]+$", maxLength=600)
_LINES: Schema = {**many(_LINE), "maxItems": MOST_READ}

_PREFIXES = Param(
    name="prefixes",
    most=MOST_PREFIXES,
    schema=text(pattern="^[0-9a-f]{2}$"),
    text="Two hexadecimal digits each.",
    example="00,ff",
    required=True,
    many=True,
)

ROUTES: tuple[Route, ...] = (
    get(
        "devices",
        "show_inventory",
        f"{API}/inventory",
        "Which device this is, and the digests of the 256 branches of its inventory.",
        show_inventory,
        Reply(text="16 bytes for each branch.", schema=_ABOUT),
    ),
    get(
        "devices",
        "show_branches",
        f"{API}/inventory/branches",
        "The digests of the buckets whose names begin with two digits.",
        show_branches,
        Reply(text="Digits -> 256 digests.", schema=map_of(_BASE64)),
        _PREFIXES,
    ),
    post(
        "devices",
        "show_hashes",
        f"{API}/inventory/hashes",
        "The short hashes of what is ready in some buckets. Changes nothing.",
        show_hashes,
        of({"buckets": _BUCKETS}),
        {"buckets": ["00a1", "ff03"]},
        {200: Reply(text="Bucket -> hashes of 12 bytes.", schema=map_of(_BASE64))},
    ),
    post(
        "devices",
        "show_offers",
        f"{API}/inventory/offers",
        "Which sidecars have some short hashes. Changes nothing.",
        show_offers,
        of({"buckets": _BUCKETS, "hashes": {**many(_BASE64), "maxItems": MOST_BUCKETS}}),
        {"buckets": ["00a1"], "hashes": ["AAAAAAAAAAAAAAAA"]},
        {
            200: Reply(
                text="Of each: content_uuid, kind, variant, recipe, checksum, size, format, mark.", schema=many(_OFFER)
            )
        },
    ),
    post(
        "devices",
        "give_sidecars",
        f"{API}/inventory/sidecars",
        "The bytes of several sidecars, by what is known of them from their offers. Changes nothing.",
        give_sidecars,
        of({"lines": _LINES}),
        {"lines": [f"{'0' * 8}-0000-8000-8000-{'0' * 12}/thumb/icon/{'0' * 64}/{'0' * 64}"]},
        {
            200: Reply(
                text="In the order of the lines, each content_uuid/kind/variant/recipe/checksum: the bytes, or nil "
                "where there is no such sidecar now.",
                media=MSGPACK.decode(),
            )
        },
    ),
)
"""The routes for other devices."""
