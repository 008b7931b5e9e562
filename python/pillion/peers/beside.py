"""Taking from peers in threads: beside the work of a queue, and for somebody who waits for one sidecar (racing.py)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from pillion.catalog import queue as catalog_queue
from pillion.catalog.database import Database
from pillion.catalog.gates import list_holds
from pillion.catalog.outcomes import list_measured
from pillion.catalog.sidecars import content_info
from pillion.errors import PillionError
from pillion.model import SidecarKind
from pillion.peers.racing import Making
from pillion.queue.estimate import Estimates

if TYPE_CHECKING:
    from pillion.peers.pulling import Peers, Pulled

_logger = logging.getLogger(__name__)

LOOK_S = 2.0
"""So long the work waits for a first answer of the peers: what they have need not be begun."""

_LOOK_S, _END_S = 0.1, 10.0

_AGAIN_S = 15.0
"""Peers are asked again at most this often, for what has become due since."""

_AGAIN_TIMES = 20
"""The same, in times of what asking them took."""


class Beside:
    """Takes from peers while the work goes on, in a thread. Use it in ``with``; inside, the work may begin.

    ``kinds``: which may be taken, asked each time. ``at_once``: kind -> how many jobs run at a time here.
    """

    def __init__(
        self,
        database: Database,
        peers: Callable[[], Peers],
        kinds: Callable[[], Collection[SidecarKind]],
        at_once: Mapping[SidecarKind, int],
    ) -> None:
        self._database = database
        self._peers = peers
        self._kinds = kinds
        self._at_once = at_once
        self._stop = threading.Event()
        self._looked = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Beside:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin, and wait a moment for what the peers have."""
        self._thread = threading.Thread(target=self._run, name="pillion-peers", daemon=True)
        self._thread.start()
        self._looked.wait(LOOK_S)

    def stop(self) -> None:
        """End: what is on its way is left."""
        self._stop.set()
        if self._thread is not None:
            _end(self._thread, self._peers())
            self._thread = None

    def _may_take(self) -> bool:
        with self._database.read() as connection:
            return catalog_queue.may_be_taken(connection, self._kinds())

    def _run(self) -> None:
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                if self._may_take():
                    self._once()
            except (PillionError, OSError) as error:
                if not self._stop.is_set():
                    _logger.warning("nothing is taken from peers for now: %s", error)
            finally:
                self._looked.set()
            self._stop.wait(max(_AGAIN_S, _AGAIN_TIMES * (time.monotonic() - started)))

    def _once(self) -> None:
        with self._database.read() as connection:
            estimates = Estimates(list_measured(connection))
            unable = {hold.kind for hold in list_holds(connection) if hold.kind is not None}
        making = Making(estimates, self._at_once, unable, self._looked)
        for pulled in self._peers().race(self._kinds(), making, self._stop.is_set):
            self._say(pulled)

    def _say(self, pulled: Pulled) -> None:
        number = sum(pulled.by_kind.values()) + pulled.empty
        if number:
            _logger.info("%d sidecars were taken from the peer %s", number, pulled.peer)
        if pulled.failed is not None and not self._stop.is_set():
            _logger.warning("nothing more is taken from the peer %s: %s", pulled.peer, pulled.failed)


def _end(thread: threading.Thread, peers: Peers) -> None:
    """Wait for a thread that asks a peer, perhaps another one after that.

    A dead disk never answers, so what it waits for peers is limited; what it does itself, it ends.
    """
    asked_s, number = 0.0, thread.ident or 0
    while thread.is_alive() and asked_s < _END_S:
        peers.abort(number)
        asked = peers.asks(number)
        since = time.monotonic()
        thread.join(_LOOK_S)
        if asked and peers.asks(number):
            asked_s += time.monotonic() - since


class Fetching:
    """Takes single sidecars from peers, for whoever waits for one."""

    def __init__(self, database: Database, peers: Callable[[], Peers]) -> None:
        self._database = database
        self._peers = peers
        self._threads: set[threading.Thread] = set()
        self._closed = False

    def fetch(self, content_uuid: str, kind: SidecarKind, variant: str) -> None:
        """Take one from the first peer that has it as it is wanted, if there is one."""
        self._peers().fetch(content_uuid, kind, variant)

    def start(self, content_uuid: str, kind: SidecarKind, variant: str) -> threading.Event:
        """The same in a thread; the event is set when it has ended."""
        ended = threading.Event()

        def run() -> None:
            try:
                self.fetch(content_uuid, kind, variant)
            except (PillionError, OSError) as error:
                if not self._closed:
                    _logger.warning("%s of %s was not taken from a peer: %s", kind, content_uuid, error)
            finally:
                ended.set()
                self._threads.discard(thread)

        thread = threading.Thread(target=run, name="pillion-fetch", daemon=True)
        self._threads.add(thread)
        thread.start()
        return ended

    def expected_s(self, content_uuid: str, kind: SidecarKind, variant: str) -> tuple[float, float] | None:
        """(seconds to take it from a peer, seconds to make it here), as far as is known; None if there is no peer."""
        with self._database.read() as connection:
            info = content_info(connection, content_uuid)
            estimates = Estimates(list_measured(connection))
        if info is None:
            return None
        _, size, mime = info
        made = estimates.estimate(kind, variant, mime, number=1, source_bytes=size)
        fetch_s = self._peers().expected_s(made.bytes)
        return None if fetch_s is None else (fetch_s, made.seconds)

    def close(self) -> None:
        """End what is under way."""
        self._closed = True
        for thread in tuple(self._threads):
            _end(thread, self._peers())
