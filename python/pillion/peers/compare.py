"""Where a peer's sidecars differ from this library's, by exchanging digests (inventory.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pillion.catalog import peers as catalog_peers
from pillion.catalog.database import Database
from pillion.catalog.peers import BUCKET, Offer
from pillion.kinds import registry
from pillion.model import SidecarKind
from pillion.peers import inventory
from pillion.peers.inventory import BRANCH, PLACE, SHORT, differing, place_of, short_hash, split
from pillion.peers.peer import MOST_BUCKETS, MOST_OFFERS, PROTOCOL, About, Peer, PeerError, PeerLied

_MOST_IN_BUCKET = 1 << 16
"""Offers in one bucket, of a library of four thousand million."""

_PREFIXES = 64
"""Branches that one call asks for."""

Key = tuple[str, SidecarKind, str]


@dataclass(slots=True)
class Differences:
    """``has``: what the peer has and this library has not, or has another of, of contents that both know.

    ``lacks``: what this library has and the peer has not, or has another of. ``unknown``: how many sidecars it has of
    contents that this library does not know. ``received``: bytes that came for this. ``buckets``: that differed.
    """

    about: About
    has: list[Offer] = field(default_factory=list)
    lacks: list[Key] = field(default_factory=list)
    unknown: int = 0
    received: int = 0
    buckets: int = 0


def compare(
    database: Database, root: Path, peer: Peer, progress: Callable[[int, int], None] | None = None
) -> Differences:
    """Compare this library, whose folder is ``root``, with a peer. ``progress``: called with (buckets done, of all).

    No transaction is open while the peer is waited for. Raises PeerError, and PeerLied where the peer's answers do not
    fit each other.
    """
    before = peer.received
    about = _about(peer)
    found = Differences(about)
    with database.read() as connection:
        ours = inventory.current(connection, root)
    buckets = list(_differing(ours, peer, about.top))
    found.buckets = len(buckets)
    for start in range(0, len(buckets), MOST_BUCKETS):
        _compare_buckets(database, peer, buckets[start : start + MOST_BUCKETS], found)
        if progress is not None:
            progress(min(start + MOST_BUCKETS, len(buckets)), len(buckets))
    found.received = peer.received - before
    return found


def compare_bucket(database: Database, peer: Peer, bucket: str) -> list[Offer]:
    """What a peer has in one bucket that this library has not, or has another of. Raises PeerError."""
    found = Differences(_about(peer))
    _compare_buckets(database, peer, [bucket], found)
    return found.has


def _about(peer: Peer) -> About:
    about = peer.about()
    if about.protocol != PROTOCOL:
        raise PeerError(f"It speaks version {about.protocol} of the exchange, and this Pillion {PROTOCOL}.")
    _check_length(about.top, BRANCH)
    return about


def _differing(ours: inventory.Inventory, peer: Peer, top: bytes) -> Iterator[str]:
    """The buckets that differ."""
    prefixes = [f"{number:02x}" for number in differing(ours.top(), top)]
    for start in range(0, len(prefixes), _PREFIXES):
        some = prefixes[start : start + _PREFIXES]
        answer = peer.branches(some)
        for prefix in some:
            branch = answer.get(prefix, b"")
            _check_length(branch, BRANCH)
            yield from (f"{prefix}{number:02x}" for number in differing(ours.branch(prefix), branch))


def _check_length(data: bytes, length: int) -> None:
    if len(data) != length:
        raise PeerLied(f"It answered {len(data)} bytes of digests in place of {length}.")


def _compare_buckets(database: Database, peer: Peer, buckets: Sequence[str], found: Differences) -> None:
    answer = peer.short_hashes(buckets)
    theirs = {bucket: _checked(answer[bucket]) for bucket in buckets if bucket in answer}
    with database.read() as connection:
        ours = dict(catalog_peers.lines_of(connection, buckets))
        known = catalog_peers.known_in(connection, buckets)
    wanted: dict[str, list[bytes]] = {}
    for bucket in buckets:
        lines = {short_hash(line): line for line in ours.get(bucket, ())}
        has = theirs.get(bucket, set())
        found.lacks += [_key(line) for short, line in lines.items() if short not in has]
        places = {place_of(uuid) for uuid in known.get(bucket, ())}
        new = has - lines.keys()
        mine = sorted(short for short in new if short[:PLACE] in places)
        found.unknown += len(new) - len(mine)
        if mine:
            wanted[bucket] = mine
    for some in _portions(wanted):
        found.has += _asked(database, peer, some)


def _checked(hashes: bytes) -> set[bytes]:
    if len(hashes) % SHORT or len(hashes) > _MOST_IN_BUCKET * SHORT:
        raise PeerLied(f"It answered {len(hashes)} bytes as the hashes of a bucket.")
    return set(split(hashes))


def _key(line: str) -> Key:
    content_uuid, kind, variant, _, _ = line.split("/")
    return content_uuid, SidecarKind(kind), variant


def _portions(wanted: Mapping[str, list[bytes]]) -> Iterator[dict[str, bytes]]:
    """``wanted`` in portions that one call may ask for."""
    portion: dict[str, bytes] = {}
    room = MOST_OFFERS
    for bucket, shorts in wanted.items():
        for start in range(0, len(shorts), MOST_OFFERS):
            some = shorts[start : start + MOST_OFFERS]
            if len(some) > room:
                yield portion
                portion, room = {}, MOST_OFFERS
            portion[bucket] = portion.get(bucket, b"") + b"".join(some)
            room -= len(some)
    if portion:
        yield portion


def _asked(database: Database, peer: Peer, wanted: Mapping[str, bytes]) -> list[Offer]:
    """The offers with these hashes, of contents that are known here. Raises PeerLied for any other."""
    asked = {bucket: set(split(hashes)) for bucket, hashes in wanted.items()}
    offers = peer.offers(wanted)
    for offer in offers:
        hashes = asked.get(offer.content_uuid[:BUCKET], set())
        # Each is asked for once, and so it may come once.
        if short_hash(offer.line) not in hashes:
            raise PeerLied(f"It offered {offer.kind} {offer.variant} of {offer.content_uuid}, which was not asked for.")
        hashes.discard(short_hash(offer.line))
    with database.read() as connection:
        known = catalog_peers.known_contents(connection, {offer.content_uuid for offer in offers})
    kinds = set(registry.names())
    return [offer for offer in offers if offer.content_uuid in known and offer.kind in kinds]
