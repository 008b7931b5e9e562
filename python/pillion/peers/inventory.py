"""What a library has to offer, summed up so that two libraries find where they differ without naming what they share.

The ready sidecars of a library are its *offers*, and so are its findings that there is nothing. Each lies in one of
65,536 *buckets*, by the first four hexadecimal digits of its content's uuid, which are those of a hash. A bucket's
digest is BLAKE2b (128 bits) of the sorted lines of its offers; 256 of these make the digest of a *branch* (the first
two digits), and 256 branches are the top. So two libraries with a million sidecars that differ in ten exchange the top
(4 kB), ten branches (4 kB each), and the short hashes of ten buckets. Digests only say where to look: what is fetched
is checked by its own checksum.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from pillion.catalog import peers as catalog_peers
from pillion.catalog.peers import InventoryState
from pillion.store import PRIVATE

DIGEST = 16
"""Bytes of a digest."""

BRANCH = 256 * DIGEST
"""Bytes of a branch, and of the top."""

PLACE = 4
"""Bytes of a content's uuid in a short hash: those after its bucket."""

SHORT = PLACE + 8
"""Bytes of a short hash of an offer: of its content's uuid, then BLAKE2b of its line."""

CACHE = "inventory"
"""The file in a library with its digests, as they last were. It is made again wherever it is not right."""

_HEAD = struct.Struct("<8sqq")
_MARK = b"PILINV02"
_LEAVES = 65536 * DIGEST
_NONE = bytes(DIGEST)


def digest(data: bytes) -> bytes:
    """The digest of some bytes: 16 bytes."""
    return hashlib.blake2b(data, digest_size=DIGEST).digest()


@dataclass(frozen=True, slots=True)
class Inventory:
    """The digests of all buckets, in order: 1 MiB."""

    leaves: bytes

    def branch(self, prefix: str) -> bytes:
        """The 256 digests of the buckets that begin with these two digits."""
        at = int(prefix, 16) * BRANCH
        return self.leaves[at : at + BRANCH]

    def top(self) -> bytes:
        """The 256 digests of the branches; of an empty one, 16 zero bytes."""
        branches = (self.leaves[at : at + BRANCH] for at in range(0, _LEAVES, BRANCH))
        return b"".join(digest(branch) if any(branch) else _NONE for branch in branches)


def differing(ours: bytes, theirs: bytes) -> list[int]:
    """The numbers of the digests in which two branches, or two tops, differ."""
    return [at // DIGEST for at in range(0, BRANCH, DIGEST) if ours[at : at + DIGEST] != theirs[at : at + DIGEST]]


def current(connection: sa.Connection, root: Path, *, save: bool = True) -> Inventory:
    """The digests of a library as it is now. Only buckets that changed since the last call are read again.

    ``save``: keep them in a file of the library, where it can be written.
    """
    state = catalog_peers.inventory_state(connection)
    found = _load(root)
    if found is not None:
        since, leaves = found
        changed = catalog_peers.buckets_changed(connection, since, state)
        if changed is not None:
            if changed:
                leaves = _updated(leaves, changed, catalog_peers.lines_of(connection, changed))
            if save and since != state:
                _save(root, state, leaves)
            return Inventory(leaves)
    leaves = _updated(bytes(_LEAVES), (), catalog_peers.lines_of(connection))
    if save:
        _save(root, state, leaves)
    return Inventory(leaves)


def _updated(leaves: bytes, emptied: Collection[str], lines: Iterable[tuple[str, list[str]]]) -> bytes:
    """The leaves with those buckets set anew; ``emptied``: those that may have nothing any more."""
    made = bytearray(leaves)
    for bucket in emptied:
        at = int(bucket, 16) * DIGEST
        made[at : at + DIGEST] = _NONE
    for bucket, some in lines:
        at = int(bucket, 16) * DIGEST
        made[at : at + DIGEST] = digest("\n".join(some).encode())
    return bytes(made)


def short_hash(line: str) -> bytes:
    """The short hash of an offer's line (:data:`SHORT` bytes)."""
    place = bytes.fromhex(line[4:8] + line[9:13])
    return place + hashlib.blake2b(line.encode(), digest_size=SHORT - PLACE).digest()


def place_of(content_uuid: str) -> bytes:
    """The part of a short hash that all offers of a content have in common."""
    return bytes.fromhex(content_uuid[4:8] + content_uuid[9:13])


def short_hashes(connection: sa.Connection, buckets: Collection[str]) -> dict[str, bytes]:
    """Bucket -> the short hashes of its offers, one after the other; buckets without any are left out."""
    lines = catalog_peers.lines_of(connection, buckets)
    return {bucket: b"".join(map(short_hash, some)) for bucket, some in lines}


def offers(connection: sa.Connection, wanted: Mapping[str, bytes]) -> list[catalog_peers.Offer]:
    """The offers with these short hashes, by bucket; what is not there any more is left out."""
    chosen = {bucket: set(split(hashes)) for bucket, hashes in wanted.items()}
    found = catalog_peers.offers_in(connection, chosen)
    return [offer for offer in found if short_hash(offer.line) in chosen[offer.content_uuid[: catalog_peers.BUCKET]]]


def split(hashes: bytes) -> list[bytes]:
    """Short hashes that are one after the other, as a list."""
    return [hashes[at : at + SHORT] for at in range(0, len(hashes), SHORT)]


# the file -------------------------------------------------------------------------------------------------------------


def _load(root: Path) -> tuple[InventoryState, bytes] | None:
    """What the file holds; None if there is none, or it is not whole."""
    try:
        descriptor = os.open(root / CACHE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            data = file.read(_HEAD.size + _LEAVES + DIGEST + 1)
    except OSError:
        return None
    body, sum_of = data[:-DIGEST], data[-DIGEST:]
    if len(data) != _HEAD.size + _LEAVES + DIGEST or digest(body) != sum_of:
        return None
    mark, event, gone = _HEAD.unpack_from(body)
    return None if mark != _MARK else (InventoryState(event=event, gone=gone), body[_HEAD.size :])


def _save(root: Path, state: InventoryState, leaves: bytes) -> None:
    """Keep the digests for the next time. Where that cannot be, they are made again then."""
    body = _HEAD.pack(_MARK, state.event, state.gone) + leaves
    new = root / f"{CACHE}.{os.getpid()}"
    with suppress(OSError):
        try:
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE & 0o600)
            with open(descriptor, "wb") as file:
                file.write(body + digest(body))
            os.replace(new, root / CACHE)
        finally:
            with suppress(FileNotFoundError):
                new.unlink()
