"""Peers that answer as a test wants them to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
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

    def read_many(self, offers: Sequence[Offer]) -> Iterator[bytes | None]:
        """Each changed by ``read``."""
        return map(self.read, offers)

    def abort(self) -> None:
        """Changed by ``abort``."""
        self._changed("abort", None)

    def close(self) -> None:
        """Close its catalog."""
        self._peer.close()


ENDLESS: Mapping[str, tuple[bytes, bytes]] = {
    "a header": (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a chunk's head": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1", b";"),
    "trailers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: x\r\n"),
    "a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b" "),
}
"""What is sent -> (how an answer begins, what is sent after it again and again)."""


@contextmanager
def endless(what: str) -> Iterator[str]:
    """The address of a server whose answers never end, though each byte of them comes soon (see :data:`ENDLESS`)."""
    begin, again = ENDLESS[what]
    over = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(1 << 16)
            connection.sendall(begin)
            while not over.wait(0.002):
                connection.sendall(again)

    def serve(listening: socket.socket) -> None:
        with suppress(OSError):
            while not over.is_set():
                connection, _ = listening.accept()
                threads.append(threading.Thread(target=answer, args=(connection,)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threads = [threading.Thread(target=serve, args=(listening,))]
        threads[0].start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            over.set()
            listening.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
