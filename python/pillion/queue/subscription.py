"""Subscriptions to job events: a callback during a run, or an iterator that may follow what goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice

from pillion.catalog.database import Database
from pillion.catalog.events import events_after, newest_event
from pillion.events import Event

_LOOK_S = 0.2
"""How often a follower looks for new events: one look is a lookup of the newest id."""
_PART = 500
"""So many events are read at a time."""


class Subscription:
    """Gives a callback every event from now on, whenever :meth:`deliver` is called."""

    def __init__(self, database: Database, callback: Callable[[Event], None]) -> None:
        self._database = database
        self._callback = callback
        with database.read() as connection:
            self._seen = newest_event(connection)

    def deliver(self) -> None:
        """Call the callback with the events since the last time."""
        for event in _new(self._database, self._seen):
            self._seen = event.id
            self._callback(event)


def events_since(database: Database, since: int, *, follow: bool) -> Iterator[Event]:
    """Events with a greater id than ``since``; with ``follow`` without end. Holds no transaction while it waits."""
    while True:
        for event in _new(database, since):
            since = event.id
            yield event
        if not follow:
            return
        time.sleep(_LOOK_S)


def _new(database: Database, seen: int) -> Iterator[Event]:
    """The events after ``seen``; all of them where that is from before the catalog was made anew.

    A part at a time, each in a transaction of its own: all that are kept would be some 20 MB.
    """
    while part := _part(database, seen):
        yield from part
        seen = part[-1].id


def _part(database: Database, seen: int) -> list[Event]:
    with database.read() as connection:
        newest = newest_event(connection)
        if newest == seen:
            return []
        return list(islice(events_after(connection, seen if newest > seen else 0), _PART))
