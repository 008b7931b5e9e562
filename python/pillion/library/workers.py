"""The workers of one open library: for as long as the caller waits, or in the background."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pillion.catalog.database import Database
from pillion.events import Event
from pillion.model import SidecarKind
from pillion.queue.subscription import Listener
from pillion.queue.work import Workers
from pillion.settings.config import Config
from pillion.store import Store


class Working:
    """Runs workers over the queue. ``background``: those that were started and not stopped yet."""

    def __init__(self, database: Database, store: Store, config: Config) -> None:
        self.background: Workers | None = None
        self._database = database
        self._store = store
        self._config = config

    def run(
        self,
        kinds: Sequence[SidecarKind],
        progress: Callable[[Workers], None] | None,
        on_event: Callable[[Event], None] | None,
        *,
        stay: bool,
    ) -> Workers:
        """Work until the queue is idle, or for ever with ``stay``; returns the workers, which have ended."""
        listener = None if on_event is None else Listener(self._database, on_event)

        def report(workers: Workers) -> None:
            if progress is not None:
                progress(workers)
            if listener is not None:
                listener.pass_on()

        workers = self._make(kinds, report)
        workers.run(until_idle=not stay)
        if listener is not None:
            listener.pass_on()
        return workers

    def start(self, kinds: Sequence[SidecarKind]) -> None:
        """Work in the background, unless that is so already."""
        if self.background is None:
            self.background = self._make(kinds, None)
            self.background.start()

    def wait_until_idle(self, timeout_s: float | None) -> bool:
        """Wait until the background workers have nothing left to do; False if that takes longer than ``timeout_s``."""
        if self.background is None:
            return True
        # Only an idle moment from now on counts: what was queued since the last one has to be seen.
        self.background.engine.idle.clear()
        return self.background.engine.idle.wait(timeout_s)

    def stop(self) -> None:
        """Stop the background workers; what was in flight goes back to the queue."""
        if self.background is not None:
            self.background.stop()
            self.background = None

    def _make(self, kinds: Sequence[SidecarKind], progress: Callable[[Workers], None] | None) -> Workers:
        made: list[Workers] = []

        def report() -> None:
            if progress is not None and made:
                progress(made[0])

        workers = Workers(self._database, self._store, self._config, kinds=kinds, progress=report)
        made.append(workers)
        return workers
