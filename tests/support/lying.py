"""Peers that answer as a test wants them to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pillion.catalog.peers import Offer
from pillion.peers.folder import FolderPeer
from pillion.peers.peer import About


class ChangedPeer:
    """The library in a folder, whose answers go through ``changes`` (name of the call -> what its answer becomes)."""

    def __init__(self, root: Path, changes: Mapping[str, Callable[[Any], Any]]) -> None:
        self._peer = FolderPeer(root)
        self._changes = changes
        self.calls: list[str] = []

    @property
    def received(self) -> int:
        """As its folder's."""
        return self._peer.received

    def _changed(self, name: str, answer: Any) -> Any:
        self.calls.append(name)
        return self._changes.get(name, lambda same: same)(answer)

    def about(self) -> About:
        """Changed by ``about``."""
        about: About = self._changed("about", self._peer.about())
        return about

    def branches(self, prefixes: Sequence[str]) -> Mapping[str, bytes]:
        """Changed by ``branches``."""
        branches: Mapping[str, bytes] = self._changed("branches", self._peer.branches(prefixes))
        return branches

    def short_hashes(self, buckets: Sequence[str]) -> Mapping[str, bytes]:
        """Changed by ``short_hashes``."""
        hashes: Mapping[str, bytes] = self._changed("short_hashes", self._peer.short_hashes(buckets))
        return hashes

    def offers(self, wanted: Mapping[str, bytes]) -> Sequence[Offer]:
        """Changed by ``offers``."""
        offers: Sequence[Offer] = self._changed("offers", self._peer.offers(wanted))
        return offers

    def read(self, offer: Offer) -> bytes | None:
        """Changed by ``read``."""
        data: bytes | None = self._changed("read", self._peer.read(offer))
        return data

    def abort(self) -> None:
        """Changed by ``abort``."""
        self._changed("abort", None)

    def close(self) -> None:
        """Close its catalog."""
        self._peer.close()
