"""Copying a library's sidecars to another library's folder: a disk for a drawer, or for another device."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pillion import _core
from pillion.catalog import peers as catalog_peers
from pillion.catalog.database import Database
from pillion.catalog.peers import Offer
from pillion.catalog.rebuilding import record_contents
from pillion.model import NEVER_SAMPLED, Produced, SidecarKind
from pillion.recording import Given, record_many, record_told
from pillion.store import Store

_BATCH = 256
_BATCH_BYTES = 64 << 20

NOTHING = "There is nothing in it."

_BUCKETS = 256
"""Buckets that are read at a time."""


@dataclass(slots=True)
class Exported:
    """What was copied. ``there``: sidecars that were there already. ``damaged``: whose files are not whole here.

    ``empty``: files in which nothing was found, which is noted there, too.
    """

    by_kind: dict[SidecarKind, int] = field(default_factory=dict)
    bytes: int = 0
    there: int = 0
    damaged: int = 0
    empty: int = 0

    def to_json(self) -> dict[str, Any]:
        """The object that ``pillion export-library --json`` prints."""
        counts = {"there": self.there, "damaged": self.damaged, "empty": self.empty}
        return {"sidecars": sum(self.by_kind.values()), "by_kind": dict(self.by_kind), "bytes": self.bytes, **counts}


def copy(
    database: Database,
    store: Store,
    other: Database,
    others_store: Store,
    kinds: Collection[SidecarKind],
    progress: Callable[[int, int], None] | None = None,
) -> Exported:
    """Copy the ready sidecars of these kinds that the other library has not. ``progress``: (sidecars done, of all)."""
    result = Exported()
    with database.read() as connection:
        every = sorted(bucket for bucket, _ in catalog_peers.lines_of(connection))
    missing: list[Offer] = []
    for start in range(0, len(every), _BUCKETS):
        buckets = every[start : start + _BUCKETS]
        with database.read() as mine, other.read() as theirs:
            there = {offer.line for offer in catalog_peers.offers_in(theirs, buckets)}
            found = [offer for offer in catalog_peers.offers_in(mine, buckets) if offer.kind in kinds]
        missing += [offer for offer in found if offer.line not in there]
        result.there += sum(offer.line in there for offer in found)
    done = 0
    for batch in _batches(missing):
        _copy_batch(database, store, other, others_store, batch, result)
        done += len(batch)
        if progress is not None:
            progress(done, len(missing))
    return result


def _copy_batch(
    database: Database, store: Store, other: Database, others_store: Store, batch: Sequence[Offer], result: Exported
) -> None:
    empty = [(offer.content_uuid, offer.kind, offer.variant, offer.recipe) for offer in batch if offer.is_empty]
    given = [made for offer in batch if (made := _given(store, offer)) is not None]
    result.damaged += len(batch) - len(given) - len(empty)
    uuids = sorted({made.content_uuid for made in given} | {key[0] for key in empty})
    if not uuids:
        return
    now = time.time()
    with database.read() as connection:
        about = list(catalog_peers.offer_contents(connection, uuids))
    with other.write() as connection:
        record_contents(connection, about, now)
        catalog_peers.want_offers(connection, batch, now)
    if given:
        record_many(other, others_store, given)
    result.empty += record_told(other, empty, NOTHING) if empty else 0
    for made in given:
        result.by_kind[made.kind] = result.by_kind.get(made.kind, 0) + 1
        result.bytes += len(made.produced.data)


def _given(store: Store, offer: Offer) -> Given | None:
    """The sidecar; None if its file is not whole."""
    if offer.format is None:
        return None
    try:
        place = store.rel_path(offer.content_uuid, offer.kind, offer.variant, offer.format)
        data = store.read(place, offer.size)
    except (OSError, ValueError):
        return None
    if len(data) != offer.size or _core.hash_bytes(data, sample_above=NEVER_SAMPLED).hash != offer.checksum:
        return None
    produced = Produced(variant=offer.variant, format=offer.format, data=data, mark=offer.mark)
    return Given(content_uuid=offer.content_uuid, kind=offer.kind, recipe=offer.recipe, produced=produced)


def _batches(offers: Sequence[Offer]) -> Iterator[Sequence[Offer]]:
    batch: list[Offer] = []
    size = 0
    for offer in offers:
        if batch and (len(batch) == _BATCH or size + offer.size > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(offer)
        size += offer.size
    if batch:
        yield batch
