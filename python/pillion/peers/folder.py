"""A peer whose library's folder can be read here: a disk from a drawer, another user's library."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from pillion.catalog.database import Database, refuse_network_file_system
from pillion.catalog.peers import Offer
from pillion.errors import LibraryError, PillionError
from pillion.peers.answering import Answering
from pillion.peers.peer import About, PeerError, PeerLied, SentOffer, sent, taken
from pillion.store import open_store

T = TypeVar("T")

CATALOG = "catalog.sqlite"


def has_library(root: Path) -> bool:
    """Whether a folder is that of a library with its catalog in it."""
    return (root / CATALOG).is_file()


class FolderPeer:
    """The library in a folder, read and never written. Raises PeerError if there is none, or it cannot be opened."""

    def __init__(self, root: Path) -> None:
        self.received = 0
        self._root = root
        self._store = open_store(root)
        if not has_library(root):
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
        self._answering = Answering(self._database, self._store, save=False)

    def close(self) -> None:
        """Close its catalog."""
        self._database.close()

    def abort(self) -> None:
        """Nothing: a file that is read is soon read."""

    def about(self) -> About:
        """Its device, and the top of its inventory."""
        return self._counted(self._asked(self._answering.about))

    def branches(self, prefixes: Sequence[str]) -> Mapping[str, bytes]:
        """The digests of the buckets that begin with these digits."""
        return self._counted(self._asked(partial(self._answering.branches, prefixes)))

    def short_hashes(self, buckets: Sequence[str]) -> Mapping[str, bytes]:
        """The short hashes of the offers in these buckets."""
        return self._counted(self._asked(partial(self._answering.short_hashes, buckets)))

    def offers(self, wanted: Mapping[str, bytes]) -> Sequence[Offer]:
        """The offers with these short hashes."""
        found = self._asked(partial(self._answering.offers, wanted))
        # Its catalog may be anybody's: what it says goes through the same schema as what is sent.
        data = msgspec.msgpack.encode([sent(offer) for offer in found])
        self.received += len(data)
        try:
            return [taken(offer) for offer in msgspec.msgpack.decode(data, type=list[SentOffer])]
        except msgspec.ValidationError as error:
            raise PeerLied(f"The catalog in {self._root} is not one of a library: {str(error)[:200]}.") from error

    def read(self, offer: Offer) -> bytes | None:
        """The bytes of a sidecar; None if it is there no more."""
        if offer.format is None:
            return None
        try:
            place = self._store.rel_path(offer.content_uuid, offer.kind, offer.variant, offer.format)
            data = self._store.read(place, offer.size)
        except (OSError, ValueError, KeyError):
            return None
        except LibraryError as error:
            raise PeerError(str(error)) from error
        self.received += len(data)
        return data

    def read_many(self, offers: Sequence[Offer]) -> Iterator[bytes | None]:
        """The bytes of sidecars, in order."""
        return map(self.read, offers)

    def _asked(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except PillionError as error:
            raise PeerError(f"The catalog in {self._root} cannot be read: {error}") from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise PeerLied(f"The catalog in {self._root} has rows that no library writes: {error}.") from error

    def _counted(self, answer: T) -> T:
        self.received += len(msgspec.msgpack.encode(answer))
        return answer
