"""A peer whose library's folder can be read here: a disk from a drawer, another user's library."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from pillion.catalog import peers as catalog_peers
from pillion.catalog.database import Database, refuse_network_file_system
from pillion.catalog.peers import Offer
from pillion.errors import LibraryError, PillionError
from pillion.peers import inventory
from pillion.peers.inventory import Inventory
from pillion.peers.peer import PROTOCOL, About, PeerError, PeerLied, SentOffer, sent, taken
from pillion.store import Store

T = TypeVar("T")

CATALOG = "catalog.sqlite"


class FolderPeer:
    """The library in a folder, read and never written. Raises PeerError if there is none, or it cannot be opened."""

    def __init__(self, root: Path) -> None:
        self.received = 0
        self._root = root
        self._store = Store(root)
        if not (root / CATALOG).is_file():
            raise PeerError(f"There is no library at {root} now.")
        try:
            refuse_network_file_system(root)
            self._database = Database(root / CATALOG, read_only=True)
            try:
                self._database.prepare(may_be_empty=True)
            except BaseException:
                self._database.close()
                raise
        except LibraryError as error:
            raise PeerError(str(error)) from error
        self._inventory: Inventory | None = None

    def close(self) -> None:
        """Close its catalog."""
        self._database.close()

    def about(self) -> About:
        """Its device, and the top of its inventory."""
        uuid, name = self._read(catalog_peers.about_this)
        return self._counted(About(PROTOCOL, uuid, name, self._digests().top()))

    def branches(self, prefixes: Sequence[str]) -> Mapping[str, bytes]:
        """The digests of the buckets that begin with these digits."""
        digests = self._digests()
        return self._counted({prefix: digests.branch(prefix) for prefix in prefixes})

    def short_hashes(self, buckets: Sequence[str]) -> Mapping[str, bytes]:
        """The short hashes of the offers in these buckets."""
        return self._counted(self._read(partial(inventory.short_hashes, buckets=buckets)))

    def offers(self, wanted: Mapping[str, bytes]) -> Sequence[Offer]:
        """The offers with these short hashes."""
        found = self._read(partial(inventory.offers, wanted=wanted))
        # Its catalog may be anybody's: what it says goes through the same schema as what is sent.
        data = msgspec.msgpack.encode([sent(offer) for offer in found])
        self.received += len(data)
        try:
            return [taken(offer) for offer in msgspec.msgpack.decode(data, type=list[SentOffer])]
        except msgspec.ValidationError as error:
            raise PeerLied(f"The catalog in {self._root} is not one of a library: {str(error)[:200]}.") from error

    def read(self, offer: Offer) -> bytes | None:
        """The bytes of a sidecar; None if it is there no more."""
        try:
            place = self._store.rel_path(offer.content_uuid, offer.kind, offer.variant, offer.format)
            data = self._store.read(place, offer.size)
        except (OSError, ValueError, KeyError):
            return None
        self.received += len(data)
        return data

    def _digests(self) -> Inventory:
        if self._inventory is None:
            self._inventory = self._read(partial(inventory.current, root=self._root, save=False))
        return self._inventory

    def _read(self, ask: Callable[..., T]) -> T:
        try:
            with self._database.read() as connection:
                return ask(connection)
        except PillionError as error:
            raise PeerError(f"The catalog in {self._root} cannot be read: {error}") from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise PeerLied(f"The catalog in {self._root} has rows that no library writes: {error}.") from error

    def _counted(self, answer: T) -> T:
        self.received += len(msgspec.msgpack.encode(answer))
        return answer
