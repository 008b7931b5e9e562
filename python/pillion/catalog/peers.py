"""Peers, what this library has to offer them, and where theirs differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from pillion.catalog.events import events_after, newest_event
from pillion.catalog.queue import Updates, change_rows
from pillion.catalog.rebuilding import this_device
from pillion.catalog.sidecars import UNKNOWN_RECIPES
from pillion.catalog.statements import INSERTS, STREAMED, chunks
from pillion.catalog.tables import (
    DUE,
    INVENTORY,
    contents,
    devices,
    entries,
    events,
    jobs,
    meta,
    peer_differences,
    peers,
    recipes,
    sidecars,
)
from pillion.events import Failed, Ready
from pillion.job import ON_DEMAND_BEFORE, JobState
from pillion.kinds import registry
from pillion.model import SidecarFormat, SidecarKind, SidecarMark, SidecarStatus, value

BUCKET = 4
"""Hexadecimal digits of a content's uuid that name its bucket: 65,536 buckets."""

_SPARSE = 16
"""Buckets are read by one walk from the first to the last of them, where they are at least one in so many there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerRow:
    """A peer as the catalog knows it; times are seconds since 1970."""

    name: str
    url: str
    token_file: bytes | None = None
    added_at: float
    device_uuid: str | None = None
    device_name: str | None = None
    seen_at: float | None = None
    refused: str | None = None


Due = tuple[str, SidecarKind, str, str]
"""(content_uuid, kind, variant, recipe) of a sidecar that may be due."""


@value
class Offer:
    """A ready sidecar that a library has, of ``size`` bytes; without format and checksum, that there is nothing."""

    content_uuid: str
    kind: SidecarKind
    variant: str
    recipe: str
    checksum: str
    size: int
    format: SidecarFormat | None
    mark: SidecarMark | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it says that the file was looked at, and there is nothing to be had from it."""
        return self.format is None

    @property
    def key(self) -> tuple[str, SidecarKind, str]:
        """(content_uuid, kind, variant)"""
        return (self.content_uuid, self.kind, self.variant)

    @property
    def due(self) -> Due:
        """(content_uuid, kind, variant, recipe)"""
        return (self.content_uuid, self.kind, self.variant, self.recipe)

    @property
    def line(self) -> str:
        """All that makes it another one than the same sidecar of another library."""
        return "/".join((self.content_uuid, self.kind, self.variant, self.recipe, self.checksum))


# peers ----------------------------------------------------------------------------------------------------------------


def add_peer(connection: sa.Connection, name: str, url: str, token_file: bytes | None, now: float) -> None:
    """Add a peer, or change the address of one; what was known of it is forgotten."""
    remove_peer(connection, name)
    connection.execute(sa.insert(peers).values(name=name, url=url, token_file=token_file, added_at=now))


def remove_peer(connection: sa.Connection, name: str) -> bool:
    """Forget a peer; False if there is none of this name."""
    connection.execute(sa.delete(peer_differences).where(peer_differences.c.peer == name))
    return connection.execute(sa.delete(peers).where(peers.c.name == name)).rowcount > 0


def list_peers(connection: sa.Connection) -> list[PeerRow]:
    """All peers, in order of their names."""
    columns = [peers.c[name] for name in PeerRow.__slots__]
    return [PeerRow(**row._mapping) for row in connection.execute(sa.select(*columns).order_by(peers.c.name))]


def refuse_peer(connection: sa.Connection, name: str, why: str) -> None:
    """Take nothing from a peer any more."""
    connection.execute(sa.update(peers).where(peers.c.name == name).values(refused=why))


def told_by(name: str) -> str:
    """How the note of an empty result begins that this peer has told."""
    return f"{TOLD}{name} says: "


# what this library has ------------------------------------------------------------------------------------------------


def about_this(connection: sa.Connection) -> tuple[str | None, str | None]:
    """(device uuid, device name) of the device that last opened this library for writing."""
    uuid = this_device(connection)
    name = connection.scalar(sa.select(devices.c.name).where(devices.c.device_uuid == uuid))
    return uuid, name


TOLD = "As the peer "
"""How the note of an empty result begins that a peer has told."""

_OFFERED = sa.and_(
    sidecars.c.status.in_([SidecarStatus.READY.value, SidecarStatus.EMPTY.value]),
    sidecars.c.recipe.not_in(UNKNOWN_RECIPES),
)

_bucket = sa.func.substr(sidecars.c.content_uuid, 1, BUCKET)

_COLUMNS = tuple(
    sidecars.c[name] for name in ("content_uuid", "kind", "variant", "recipe", "checksum", "size", "format", "mark")
)


@dataclass(frozen=True, kw_only=True, slots=True)
class InventoryState:
    """What the digests of an inventory were made from. ``gone``: a number that grows when sidecars go unnoticed."""

    event: int
    gone: int


def inventory_state(connection: sa.Connection) -> InventoryState:
    """The state of this library's inventory now."""
    gone = int(connection.scalar(sa.select(meta.c.value).where(meta.c.key == INVENTORY)) or 0)
    return InventoryState(event=newest_event(connection), gone=gone)


def buckets_changed(connection: sa.Connection, since: InventoryState, now: InventoryState) -> set[str] | None:
    """The buckets with sidecars that changed between two states; None if it may be any."""
    oldest = connection.scalar(sa.select(sa.func.min(events.c.first_id))) or 1
    if since.gone != now.gone or since.event + 1 < oldest or since.event > now.event:
        return None
    changed = (event for event in events_after(connection, since.event) if isinstance(event, (Ready, Failed)))
    return {event.content_uuid[:BUCKET] for event in changed}


def lines_of(connection: sa.Connection, buckets: Collection[str] | None = None) -> Iterator[tuple[str, list[str]]]:
    """(bucket, the lines of its offers in order) of each of these buckets that has any; None: of all."""
    line: sa.ColumnElement[str] = sidecars.c.content_uuid
    checksum = sa.func.coalesce(sidecars.c.checksum, "")
    for column in (sidecars.c.kind, sidecars.c.variant, sidecars.c.recipe, checksum):
        line = line.concat("/").concat(column)
    every = sa.select(_bucket.label("bucket"), sa.func.aggregate_strings(line, "\n")).where(_OFFERED).group_by("bucket")
    every = every.order_by("bucket")
    for row in _in_buckets(connection, every, buckets):
        yield row[0], sorted(row[1].split("\n"))


def offers_in(connection: sa.Connection, buckets: Collection[str]) -> Iterator[Offer]:
    """The offers in these buckets."""
    every = sa.select(*_COLUMNS).where(_OFFERED).order_by(*sidecars.primary_key.columns)
    for row in _in_buckets(connection, every, buckets):
        yield _offer(row)


@dataclass(frozen=True, slots=True)
class OfferedFile:
    """The file of an offer: its place below ``sidecars/``, bytes and checksum."""

    rel_path: str
    size: int
    checksum: str


def files_of(connection: sa.Connection, lines: Collection[str]) -> dict[str, OfferedFile]:
    """Line -> the file, of those of these offers that this library still has."""
    wanted = set(lines)
    query = sa.select(*_COLUMNS, sidecars.c.rel_path).where(_OFFERED, sidecars.c.rel_path.is_not(None))
    found: dict[str, OfferedFile] = {}
    for some in chunks(sorted({line.partition("/")[0] for line in wanted})):
        for *row, rel_path in connection.execute(query.where(sidecars.c.content_uuid.in_(some))):
            offer = _offer(row)
            if offer.line in wanted:
                found[offer.line] = OfferedFile(rel_path, offer.size, offer.checksum)
    return found


def _in_buckets(
    connection: sa.Connection, query: sa.Select[Any], buckets: Collection[str] | None, table: sa.Table = sidecars
) -> Iterator[Sequence[Any]]:
    """The rows of ``query``, whose first column starts with the bucket, in order of the buckets."""
    if buckets is None:
        yield from connection.execute(query, execution_options=STREAMED)
        return
    chosen = set(buckets)
    here = sa.and_(table.c.content_uuid >= sa.bindparam("low"), table.c.content_uuid < sa.bindparam("high"))
    ranged = query.where(here)
    for low, high in _ranges(chosen):
        bounds = {"low": low, "high": high + "g"}
        options = STREAMED if low < high else {}
        for row in connection.execute(ranged, bounds, execution_options=options):
            if row[0][:BUCKET] in chosen:
                yield row


def _ranges(buckets: Collection[str]) -> Iterator[tuple[str, str]]:
    """(first, last) of the walks that read these buckets: one over all of them, or one for each."""
    if not buckets:
        return
    low, high = min(buckets), max(buckets)
    if int(high, 16) - int(low, 16) < _SPARSE * len(buckets):
        yield low, high
    else:
        yield from ((bucket, bucket) for bucket in sorted(buckets))


def _offer(row: Sequence[Any]) -> Offer:
    uuid, kind, variant, recipe, checksum, size, file_format, mark = row
    return Offer(
        content_uuid=uuid,
        kind=SidecarKind(kind),
        variant=variant,
        recipe=recipe,
        checksum=checksum or "",
        size=size or 0,
        format=SidecarFormat(file_format) if file_format else None,
        mark=SidecarMark(mark) if mark else None,
    )


def known_contents(connection: sa.Connection, content_uuids: Collection[str]) -> set[str]:
    """Those of these contents that this library knows."""
    found: set[str] = set()
    for some in chunks(sorted(content_uuids)):
        found.update(connection.scalars(sa.select(contents.c.content_uuid).where(contents.c.content_uuid.in_(some))))
    return found


def known_in(connection: sa.Connection, buckets: Collection[str]) -> Mapping[str, list[str]]:
    """Bucket -> the contents in it that this library knows, in order."""
    found: dict[str, list[str]] = {}
    every = sa.select(contents.c.content_uuid).order_by(contents.c.content_uuid)
    for (uuid,) in _in_buckets(connection, every, buckets, contents):
        found.setdefault(uuid[:BUCKET], []).append(uuid)
    return found


# where a peer differs -------------------------------------------------------------------------------------------------


def offer_contents(connection: sa.Connection, offered: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """The rows of these contents, as ``record_contents`` (rebuilding.py) takes them."""
    columns = [contents.c[name] for name in ("content_uuid", "hash", "size", "mime", "thumbhash", "likeness")]
    for some in chunks(offered):
        query = sa.select(*columns).where(contents.c.content_uuid.in_(some))
        yield from (dict(row._mapping) for row in connection.execute(query))


def want_offers(connection: sa.Connection, offers: Sequence[Offer], now: float) -> None:
    """Want these sidecars by the recipes that they were made with, where nothing else is known of them."""
    rows = [
        {
            "content_uuid": offer.content_uuid,
            "kind": offer.kind,
            "variant": offer.variant,
            "status": SidecarStatus.PENDING.value,
            "wanted": offer.recipe,
            "created_at": now,
            "updated_at": now,
        }
        for offer in offers
    ]
    if rows:
        connection.execute(INSERTS[connection.dialect.name](sidecars).on_conflict_do_nothing(), rows)


def save_differences(
    connection: sa.Connection,
    peer: str,
    device: tuple[str | None, str | None],
    *,
    has: Sequence[Offer],
    lacks: Sequence[tuple[str, SidecarKind, str]],
    now: float,
) -> None:
    """Replace what is known of a peer. ``has``: what it has and this library has not, or has another of."""
    connection.execute(sa.delete(peer_differences).where(peer_differences.c.peer == peer))
    nothing = dict.fromkeys(("recipe", "checksum", "size", "format", "mark"))
    names = ("content_uuid", "kind", "variant")
    files = [offer for offer in has if not offer.is_empty]
    rows: list[dict[str, Any]] = [{"peer": peer, **msgspec.to_builtins(_as_dict(offer))} for offer in files]
    taken = {offer.key for offer in has}
    rows += [{"peer": peer, **dict(zip(names, key, strict=True)), **nothing} for key in lacks if key not in taken]
    for some in chunks(rows, 10_000):
        connection.execute(sa.insert(peer_differences), some)
    seen = {"device_uuid": device[0], "device_name": device[1], "seen_at": now}
    connection.execute(sa.update(peers).where(peers.c.name == peer).values(**seen))


def _as_dict(offer: Offer) -> dict[str, Any]:
    return {column.name: getattr(offer, column.name) for column in _COLUMNS}


def count_differences(connection: sa.Connection, peer: str) -> tuple[int, int]:
    """(how many sidecars the peer has and this library has not, or has others of; how many it lacks)."""
    theirs = peer_differences.c.recipe.is_not(None)
    query = sa.select(theirs, sa.func.count()).where(peer_differences.c.peer == peer).group_by(theirs)
    counts = {bool(has): number for has, number in connection.execute(query)}
    return counts.get(True, 0), counts.get(False, 0)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a peer has exactly as this library wants to make it. ``settings``: of the kind, as JSON.

    ``mime``, ``source_bytes``: of the content that it is made from.
    """

    offer: Offer
    settings: str
    mime: str
    source_bytes: int


def wanted_among(
    connection: sa.Connection, offers: Sequence[Offer], kinds: Collection[str] | None = None
) -> list[Wanted]:
    """Those of these offers that are due here by the very recipe, of files that are there.

    By kind in the order of work, then by content: so about as they would be made. ``kinds``: only of these.
    """
    present = sa.exists().where(entries.c.content_uuid == sidecars.c.content_uuid, entries.c.removed_at.is_(None))
    columns = (*sidecars.primary_key.columns, sidecars.c.wanted, recipes.c.settings, contents.c.mime, contents.c.size)
    due = (
        sa.select(*columns)
        .join(recipes, recipes.c.digest == sidecars.c.wanted)
        .join(contents, contents.c.content_uuid == sidecars.c.content_uuid)
        .where(DUE, present)
    )
    chosen = [offer for offer in offers if kinds is None or offer.kind in kinds]
    found: list[Wanted] = []
    for some in chunks(chosen):
        here = due.where(sidecars.c.content_uuid.in_({offer.content_uuid for offer in some}))
        wants = {(uuid, kind, variant): rest for uuid, kind, variant, *rest in connection.execute(here)}
        for offer in some:
            recipe, *rest = wants.get(offer.key, (None,))
            if recipe == offer.recipe:
                found.append(Wanted(offer, *rest))
    return sorted(found, key=lambda one: (registry.rank(one.offer.kind), one.offer.content_uuid, one.offer.variant))


def due_variants(connection: sa.Connection, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], set[str]]:
    """(content_uuid, kind), among those that are asked for -> all the variants of it that are due."""
    found: dict[tuple[str, str], set[str]] = {}
    for some in chunks(sorted({uuid for uuid, _ in wanted})):
        query = sa.select(*sidecars.primary_key.columns).where(sidecars.c.content_uuid.in_(some), DUE)
        for uuid, kind, variant in connection.execute(query):
            if (uuid, kind) in wanted:
                found.setdefault((uuid, kind), set()).add(variant)
    return found


def still_free(connection: sa.Connection, keys: Sequence[Due]) -> set[Due]:
    """Those of these that are due by their recipes, and that no running job makes.

    One that makes nothing but what is among them counts as none: it can be stopped.
    """
    due: dict[tuple[str, str], set[Due]] = {}
    running: set[tuple[str, str]] = set()
    for some in chunks(sorted({key[0] for key in keys})):
        columns = (*sidecars.primary_key.columns, sidecars.c.wanted)
        for uuid, kind, variant, wanted in connection.execute(
            sa.select(*columns).where(sidecars.c.content_uuid.in_(some), DUE)
        ):
            due.setdefault((uuid, kind), set()).add((uuid, SidecarKind(kind), variant, wanted))
        runs = sa.and_(jobs.c.state == JobState.RUNNING.value, jobs.c.content_uuid.in_(some))
        ran = connection.execute(sa.select(jobs.c.content_uuid, jobs.c.kind).where(runs))
        running.update((row[0], row[1]) for row in ran)
    given = set(keys)
    return {key for key in given if key in due.get(key[:2], ()) and (key[:2] not in running or due[key[:2]] <= given)}


_HOLD = Updates(
    "UPDATE jobs SET not_before = :until WHERE content_uuid = :content_uuid AND kind = :kind AND state = 'queued'"
    f" AND attempts = 0 AND error_class IS NULL AND priority >= {ON_DEMAND_BEFORE} AND not_before = :before",
    until="float8",
    content_uuid="text",
    kind="text",
    before="float8",
)


def hold_jobs(connection: sa.Connection, rows: Sequence[tuple[float, str, SidecarKind, float]]) -> None:
    """Let queued jobs wait until a time, given as (until, content_uuid, kind, until when they wait now, or 0).

    One that somebody waits for, that failed before, or that waits for anything else stays as it is.
    """
    if rows:
        change_rows(connection, _HOLD, rows)


def forget_differences(connection: sa.Connection, keys: Sequence[tuple[str, SidecarKind, str]], peer: str) -> None:
    """These were taken from the peer, or are not what it said: they are no differences any more."""
    theirs = peer_differences.c
    for some in chunks(list(keys), 200):
        here = sa.tuple_(theirs.content_uuid, theirs.kind, theirs.variant).in_(some)
        connection.execute(sa.delete(peer_differences).where(theirs.peer == peer, here))
