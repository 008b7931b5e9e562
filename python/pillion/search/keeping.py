"""Keep the index up while jobs are done: a thread that looks every few seconds, and once more at the end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pillion.catalog.database import Database
from pillion.errors import ItemError, PillionError, reason
from pillion.search import update
from pillion.search.index import Reader, State
from pillion.store import Store

EVERY_S = 3.0
"""How often it looks: with the time that a commit takes, the index is at most about 5 s behind."""

_MOST_NAMED = 20
"""So many sidecars that cannot be read are named in the log, of each time."""

_logger = logging.getLogger(__name__)


def state_of(store: Store) -> State | None:
    """What the index holds; None if there is none that can be read."""
    try:
        return Reader(store.root).state
    except ItemError:
        return None


def keep_up(database: Database, store: Store, unread: update.Unread) -> str | None:
    """Bring the index up to date if it is behind. What goes wrong is returned, logged and left to the next time.

    ``unread``: the sidecars that could not be read, as :func:`pillion.search.update.catch_up` keeps it.
    """
    known = unread.places()
    try:
        if update.behind(database, state_of(store)):
            update.catch_up(database, store, unread=unread)
    except (PillionError, OSError) as error:
        # Work goes on without an index: it is derived, and what it lacks stays known.
        _logger.warning("the search index of %s is behind: %s", store.root, error)
        message = error.message if isinstance(error, ItemError) else reason(error)
        return f"the search index is behind ({message}); it catches up later."
    for path in sorted(unread.places() - known)[:_MOST_NAMED]:
        _logger.warning("%s cannot be read: nothing of it is found", store.where(path))
    return unread.note() or None


class Keeper:
    """A thread that keeps the index up until :meth:`stop`."""

    def __init__(self, database: Database, store: Store) -> None:
        self._database = database
        self._store = store
        self.problem: str | None = None
        """Why the index is behind, or what it cannot have."""
        self._unread = update.Unread()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="pillion-search", daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        while not self._ended.wait(EVERY_S):
            self.look()

    def look(self) -> None:
        """Bring the index up to date now."""
        self.problem = keep_up(self._database, self._store, self._unread)

    def stop(self) -> None:
        """End the thread, after what it is at."""
        self._ended.set()
        self._thread.join()


@contextmanager
def kept_up(database: Database, store: Store) -> Iterator[Keeper]:
    """Inside, the index follows what is made; at the end it has all of it. After an error it is left as it is."""
    keeper = Keeper(database, store)
    try:
        yield keeper
    finally:
        keeper.stop()
    keeper.look()
