"""The server's one door: each request is checked, given to its route, and answered; every error is a problem.

What asks the library runs in threads, so that no request waits for another's disk: those that take milliseconds have
threads of their own beside those that may take seconds, and both beside those that write.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from pillion.errors import ErrorClass, ItemError, LibraryBusyError, LibraryClosedError, PillionError, UsageError
from pillion.library import Library
from pillion.quoting import quoted
from pillion.remote.protocol import DeskError
from pillion.server import openapi, page
from pillion.server.feed import Feed
from pillion.server.guard import Guard
from pillion.server.http import Gone, Problem, Receive, Request, Scope, Send
from pillion.server.operations import ROUTES
from pillion.server.routes import API, Route, Table, check_body
from pillion.server.sidecars import Known, Making, is_signed, send_small

if TYPE_CHECKING:
    from pillion.remote.desk import Desk

T = TypeVar("T")

_logger = logging.getLogger(__name__)
_SIDECARS = f"{API}/sidecars/"
_LONGEST_SUM = len("sum=") + 128
_MOST_QUEUED = 256
"""So many requests may wait for a thread of one sort; others are told to come again."""


class Threads:
    """A few threads, and what waits for them."""

    def __init__(self, name: str, number: int) -> None:
        self._pool = ThreadPoolExecutor(number, thread_name_prefix=f"pillion-{name}")
        self._queued = 0

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """Its result. Raises Problem (503) if too many wait already."""
        if self._queued >= _MOST_QUEUED:
            raise Problem(503, "The server is busy; come again.", headers=[(b"retry-after", b"2")])
        self._queued += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)
        finally:
            self._queued -= 1

    def close(self) -> None:
        """Take no more work."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Counts:
    """Answers that take long to count: kept until files change, and counted once for all who ask meanwhile."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._kept: dict[object, tuple[str, Any]] = {}
        self._asked: dict[object, asyncio.Future[Any]] = {}

    async def of(self, key: object, count: Callable[[Library], T]) -> T:
        """The answer for ``key``."""
        changed = await self._api.read(lambda library: f"{library.timeline.changed()}:{library.newest_event()}")
        kept = self._kept.get(key)
        if kept is not None and kept[0] == changed:
            found: T = kept[1]
            return found
        asked = self._asked.get((key, changed))
        if asked is None:
            asked = asyncio.ensure_future(self._api.read_slowly(count))
            self._asked[key, changed] = asked
            asked.add_done_callback(lambda _: self._asked.pop((key, changed), None))
        answer: T = await asyncio.shield(asked)
        if len(self._kept) >= 100:
            self._kept.clear()
        self._kept[key] = (changed, answer)
        return answer

    def clear(self) -> None:
        """Keep none of them: another catalog was opened."""
        self._kept.clear()


async def nothing() -> None:
    """What is done where nothing is to be done."""


class Api:
    """The API of one library, as an ASGI application.

    ``makes``: whether missing sidecars are made. ``about``: what else is said of the server's health.
    ``on_replaced``: called when another catalog was put in the place of the open one.
    """

    def __init__(
        self,
        library: Library,
        guard: Guard,
        *,
        makes: bool = True,
        about: Callable[[], dict[str, Any]] = dict,
        on_replaced: Callable[[], Awaitable[None]] = nothing,
    ) -> None:
        self.library = library
        self.guard = guard
        self.makes = makes and not library.read_only
        self.about = about
        self.on_replaced = on_replaced
        self.stopping = asyncio.Event()
        self.known = Known()
        self.making = Making()
        self.counts = Counts(self)
        self.table = Table((*ROUTES, *page.ROUTES))
        self.answered: dict[tuple[str, int], int] = {}
        self.feed = Feed(self)
        self.begun = time.time()
        self._catalog = catalog_look(library)
        self._fast = Threads("read", 4)
        self._slow = Threads("slow", 2)
        self._search = Threads("search", 1)
        self._writes = Threads("write", 2)
        self._files = Threads("file", 4)
        self._lend = Threads("lend", 4)

    @cached_property
    def document(self) -> dict[str, Any]:
        """The OpenAPI document of what can be asked."""
        return openapi.document(ROUTES)

    # what handlers use ------------------------------------------------------------------------------------------------

    async def read(self, look: Callable[[Library], T]) -> T:
        """Ask the library something that takes milliseconds."""
        return await self._of(self._fast, look)

    async def read_slowly(self, look: Callable[[Library], T]) -> T:
        """Ask the library something that may take a while."""
        return await self._of(self._slow, look)

    async def search(self, look: Callable[[Library], T]) -> T:
        """Search: one at a time, as each uses all cores, and the index is brought up to date by one alone."""
        return await self._of(self._search, look)

    async def write(self, change: Callable[[Library], T]) -> T:
        """Change something, which may have to wait for others that write."""
        return await self._of(self._writes, change)

    async def lend(self, ask: Callable[[Desk], T]) -> T:
        """Ask the desk for other machines' work, which compares and records what they made."""
        return await self._of(self._lend, lambda library: ask(library.desk))

    async def in_files(self, work: Callable[..., T], *args: Any) -> T:
        """Do something with a file."""
        return await self._files.run(work, *args)

    async def in_files_of_library(self, look: Callable[[Library], T]) -> T:
        """Open one of the user's files, whose disk may be slow."""
        return await self._of(self._files, look)

    async def _of(self, threads: Threads, ask: Callable[[Library], T]) -> T:
        """Ask the library, and ask again where it was closed meanwhile for another catalog that took its place."""
        library = self.library
        try:
            return await threads.run(ask, library)
        except LibraryClosedError:
            if library is self.library:
                raise
            return await threads.run(ask, self.library)

    async def look_at_catalog(self) -> None:
        """Open the library again if another catalog was put in the place of the one that is open."""
        look = await self.in_files(catalog_look, self.library)
        if look is None or look == self._catalog:
            return
        _logger.warning("another catalog was put in the place of that of %s: it is opened now", self.library.root)
        opened = await self._writes.run(partial(Library.open, self.library.root, create=False))
        before, self.library, self._catalog = self.library, opened, look
        self.known.clear()
        self.counts.clear()
        await self._writes.run(before.close)
        await self.on_replaced()

    def close(self) -> None:
        """End the threads."""
        for threads in (self._fast, self._slow, self._search, self._writes, self._files, self._lend):
            threads.close()

    # the door ---------------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection's request, as ASGI has it."""
        if scope["type"] == "http":
            await self._http(Request(scope, receive), send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})

    async def _http(self, request: Request, send: Send) -> None:
        route: Route | None = None
        try:
            if await self._hot(request, send):
                return
            route = self._admitted(request)
            if route.body is not None:
                request.values.update(check_body(route.body, await request.json()))
            answer = await route.handler(self, request)
        except (Gone, asyncio.CancelledError):
            return
        except Exception as error:
            problem = self._problem(request, error)
            if problem.refuses_body:
                await request.discard_body()
            answer = problem.answer()
        self._note(request, route, answer.status)
        try:
            await answer.send(send, head=request.method == "HEAD")
        except (EOFError, TimeoutError, OSError) as error:
            # What was begun cannot become an error: without its end, the client sees that it is not whole.
            _logger.info("%s %s ended early: %s", request.method, quoted(request.path), error)
            raise

    async def _hot(self, request: Request, send: Send) -> bool:
        """Answer a request for a small sidecar that is known; False if it is anything else."""
        path, query = request.path, request.scope["query_string"]
        if not path.startswith(_SIDECARS) or request.method not in ("GET", "HEAD"):
            return False
        parts = path[len(_SIDECARS) :].split("/")
        if len(parts) != 3 or (query and (not query.startswith(b"sum=") or b"&" in query)):
            return False
        if b"range" in request.headers or len(query) > _LONGEST_SUM:
            return False
        key = (parts[0], parts[1], parts[2])
        small = self.known.get(key)
        if small is None:
            return False
        self._check(request, None)
        if not await send_small(small, request, send, query[4:].decode("latin-1") if query else None):
            self.known.forget(key)
            return False
        self._note(request, None, 200)
        return True

    def _admitted(self, request: Request) -> Route:
        """The route of a request that may be answered. Raises Problem."""
        try:
            route = self.table.find(request)
        except Problem:
            self._check(request, None)
            raise
        self._check(request, route)
        if route.changes:
            self.guard.check_writable()
            if self.library.read_only:
                raise Problem(403, "The library is read-only.")
        return route

    def _check(self, request: Request, route: Route | None) -> None:
        guard = self.guard
        guard.check_site(request)
        guard.rates.take(request.client)
        if route is not None and route.signed and is_signed(self, request):
            return
        if route is None:
            guard.check_token(request)
        else:
            guard.check_token(request, open_to_all=route.open_to_all, scope=route.scope)

    def _note(self, request: Request, route: Route | None, status: int) -> None:
        key = (request.method if request.method in _METHODS else "other", status)
        self.answered[key] = self.answered.get(key, 0) + 1
        if request.method in ("GET", "HEAD"):
            return
        who = f"token {request.who!r}" if request.who else "no token"
        name = route.name if route else "none"
        _logger.info(
            "%s %s (%s) by %s from %s: %d", request.method, quoted(request.path), name, who, request.client, status
        )

    def _problem(self, request: Request, error: Exception) -> Problem:
        if isinstance(error, Problem):
            return error
        if isinstance(error, DeskError):
            return Problem(error.status, _sentence(error))
        if isinstance(error, UsageError):
            return Problem(422, _sentence(error))
        if isinstance(error, ItemError):
            return _of_item(error)
        if isinstance(error, LibraryBusyError):
            return Problem(503, _sentence(error), headers=[(b"retry-after", b"5")], error_class="busy")
        if isinstance(error, LibraryClosedError):
            return Problem(503, "The server is about to end.", headers=[(b"retry-after", b"5")])
        if isinstance(error, PillionError):
            _logger.error("%s %s: %s", request.method, quoted(request.path), error)
            return Problem(503, _sentence(error), error_class="library")
        if isinstance(error, OSError):
            _logger.error("%s %s: %s", request.method, quoted(request.path), error)
            return Problem(503, f"The machine refuses: {error.strerror or error}.", error_class="io_transient")
        _logger.error("%s %s failed", request.method, quoted(request.path), exc_info=error)
        return Problem(500, "The server made a mistake; its log has more.")


_METHODS = ("GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS")


def _of_item(error: ItemError) -> Problem:
    """Why something could not be done: the machine's fault (full, without a tool), or what was asked for."""
    status = {ErrorClass.DISK_FULL: 507, ErrorClass.MISSING_TOOL: 501}.get(error.error_class, 422)
    text = error.message[:1].upper() + error.message[1:]
    return Problem(status, f"{text}.".replace("..", "."), error_class=error.error_class.value)


def _sentence(error: Exception) -> str:
    return quoted(str(error))


def catalog_look(library: Library) -> tuple[int, int] | None:
    """What changes when another catalog is put in the place of this one."""
    if library.is_elsewhere:
        return None
    try:
        found = os.stat(library.root / "catalog.sqlite")
    except OSError:
        return None
    return (found.st_dev, found.st_ino)
