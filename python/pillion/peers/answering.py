"""What a library answers to those that ask what it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from pillion import _core
from pillion.catalog import peers as catalog_peers
from pillion.catalog.database import Database
from pillion.catalog.peers import InventoryState, Offer, OfferedFile
from pillion.errors import UsageError
from pillion.model import NEVER_SAMPLED
from pillion.peers import inventory
from pillion.peers.inventory import Inventory
from pillion.peers.peer import MOST_READ_BYTES, PROTOCOL, About
from pillion.store import Store


class Answering:
    """The answers of one library. ``save``: its digests may be kept in its folder."""

    def __init__(self, database: Database, store: Store, *, save: bool = True) -> None:
        self._database = database
        self._store = store
        self._save = save
        self._known: tuple[InventoryState, Inventory] | None = None

    def about(self) -> About:
        """Its device, and the top of its inventory."""
        with self._database.read() as connection:
            uuid, name = catalog_peers.about_this(connection)
            return About(PROTOCOL, uuid, name, self._digests().top())

    def branches(self, prefixes: Sequence[str]) -> Mapping[str, bytes]:
        """Two digits -> the digests of the buckets that begin with them."""
        digests = self._digests()
        return {prefix: digests.branch(prefix) for prefix in prefixes}

    def short_hashes(self, buckets: Sequence[str]) -> Mapping[str, bytes]:
        """Bucket -> the short hashes of its offers."""
        with self._database.read() as connection:
            return inventory.short_hashes(connection, buckets)

    def offers(self, wanted: Mapping[str, bytes]) -> Sequence[Offer]:
        """The offers with these short hashes, by bucket."""
        with self._database.read() as connection:
            return inventory.offers(connection, wanted)

    def read(self, lines: Sequence[str]) -> list[bytes | None]:
        """The bytes of the offers with these lines, in order; None where it has them no more, or not whole.

        Raises UsageError if they are more than :data:`MOST_READ_BYTES`, StoreError.
        """
        with self._database.read() as connection:
            files = catalog_peers.files_of(connection, lines)
        if sum(file.size for file in files.values()) > MOST_READ_BYTES:
            raise UsageError(f"At most {MOST_READ_BYTES:,} bytes of sidecars are answered at a time.")
        return list(self._store.each(partial(_whole, self._store), map(files.get, lines)))

    def _digests(self) -> Inventory:
        with self._database.read() as connection:
            state = catalog_peers.inventory_state(connection)
            if self._known is None or self._known[0] != state:
                self._known = state, inventory.current(connection, self._store.root, save=self._save)
            return self._known[1]


def _whole(store: Store, file: OfferedFile | None) -> bytes | None:
    if file is None:
        return None
    try:
        data = store.read(file.rel_path, file.size)
    except (OSError, ValueError):
        return None
    return data if _core.hash_bytes(data, sample_above=NEVER_SAMPLED).hash == file.checksum else None
