"""What a library answers to those that ask what it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pillion.catalog import peers as catalog_peers
from pillion.catalog.database import Database
from pillion.catalog.peers import InventoryState, Offer
from pillion.peers import inventory
from pillion.peers.inventory import Inventory
from pillion.peers.peer import PROTOCOL, About


class Answering:
    """The answers of one library. ``save``: its digests may be kept in its folder ``root``."""

    def __init__(self, database: Database, root: Path, *, save: bool = True) -> None:
        self._database = database
        self._root = root
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

    def _digests(self) -> Inventory:
        with self._database.read() as connection:
            state = catalog_peers.inventory_state(connection)
            if self._known is None or self._known[0] != state:
                self._known = state, inventory.current(connection, self._root, save=self._save)
            return self._known[1]
