"""Events of the library as server-sent events, from an id on; and what the server counts of them.

One look at the newest id, a few times a second, serves all who listen. Whoever listens reads from the catalog what came
after what they have seen, so that a slow client misses nothing that is still kept, and holds nobody up.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from pillion.errors import PillionError
from pillion.events import Event, Failed, Ready, event_json
from pillion.server.http import Answer, Headers, Problem, Receive, Request, Stream, encode, json_answer

if TYPE_CHECKING:
    from pillion.library import Library
    from pillion.server.app import Api

_logger = logging.getLogger(__name__)

LOOK_S, SELDOM_S = 0.2, 1.0
"""How often the newest id is looked at while somebody listens, and while nobody does."""
HEARTBEAT_S = 15.0
MOST_LISTENERS = 500
_PAGE = 500


class Feed:
    """Follows the library's events while the server runs."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._woken = asyncio.Event()
        self.newest = 0
        self.listeners = 0
        self.ready: Counter[str] = Counter()
        """Kind -> sidecars made since the server began."""
        self.failed: Counter[tuple[str, str]] = Counter()
        """(kind, error class) -> tries that failed since then."""

    def next(self) -> asyncio.Event:
        """Set when something happens after now."""
        return self._woken

    async def run(self) -> None:
        """Look until the server ends."""
        self.newest = await self._api.read(lambda library: library.newest_event())
        quiet = False
        while not self._api.stopping.is_set():
            try:
                await asyncio.wait_for(self._api.stopping.wait(), LOOK_S if self.listeners else SELDOM_S)
            except TimeoutError:
                pass
            try:
                await self._api.look_at_catalog()
                await self._look()
                quiet = False
            except (PillionError, OSError, Problem) as error:
                if not quiet:
                    _logger.warning("the events of the library cannot be read: %s", error)
                quiet = True

    async def _look(self) -> None:
        newest = await self._api.read(lambda library: library.newest_event())
        if newest == self.newest:
            return
        for event in await self._api.read(functools.partial(_after, seen=self.newest, most=None)):
            if isinstance(event, Ready):
                self.ready[event.kind] += len(event.variants)
            elif isinstance(event, Failed) and event.error_class is not None:
                self.failed[event.kind, event.error_class.value] += len(event.variants)
        self.newest = newest
        self._woken.set()
        self._woken = asyncio.Event()


def _after(library: Library, seen: int, most: int | None) -> Sequence[Event]:
    """The first ``most`` events after one that was seen."""
    return list(itertools.islice(library.events(since=seen), most))


async def listen(api: Api, request: Request) -> Answer | Stream:
    """Events as they happen, or, for who accepts JSON alone, those that there are."""
    since = request.values.get("since")
    again = request.headers.get(b"last-event-id", b"")
    if again.isdigit() and len(again) < 19:
        since = int(again)
    accepted = request.headers.get(b"accept", b"")
    if b"application/json" in accepted and b"text/event-stream" not in accepted:
        page = await api.read(functools.partial(_after, seen=since or 0, most=request.values["limit"]))
        return json_answer(
            {
                "events": [event_json(event) for event in page],
                "next": page[-1].id if page else since or 0,
            }
        )
    if api.feed.listeners >= MOST_LISTENERS:
        raise Problem(503, "Too many listen already.", headers=[(b"retry-after", b"30")])
    seen: int = await api.read(lambda library: library.newest_event()) if since is None else since
    headers: Headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
    ]
    return Stream(200, _pieces(api, request.receive, seen), headers)


async def _pieces(api: Api, receive: Receive, seen: int) -> AsyncIterator[bytes]:
    gone = asyncio.ensure_future(_is_gone(receive))
    stopping = asyncio.ensure_future(api.stopping.wait())
    api.feed.listeners += 1
    try:
        yield b"retry: 2000\n\n"
        while not (gone.done() or stopping.done()):
            woken = asyncio.ensure_future(api.feed.next().wait())
            found = await api.read(functools.partial(_after, seen=seen, most=_PAGE))
            if found:
                seen = found[-1].id
                woken.cancel()
                yield b"".join(map(_as_sent, found))
                continue
            waited: set[asyncio.Future[Any]] = {woken, gone, stopping}
            done, _ = await asyncio.wait(waited, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
            woken.cancel()
            if not done:
                yield b": still here\n\n"
    finally:
        api.feed.listeners -= 1
        gone.cancel()
        stopping.cancel()


async def _is_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _as_sent(event: Event) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.id, event.name.encode(), encode(event_json(event)))
