"""Sidecars by address: whole where they are small, in pieces where not, made first where they are missing.

What is known of a small one was compared with its checksum when it was first read, and holds only while its file is
the same: one look at the file (device, inode, size, time) for each request. A regenerated sidecar is another file. Its
bytes are read again each time, from the memory in which the system keeps files: a copy of them here would grow to that
of all thumbnails. Where the system would have to wait for the disk, a thread does.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlencode

from pillion import _core
from pillion.errors import UsageError
from pillion.library.sidecars import Failed, Pending, Ready
from pillion.model import SidecarFormat, SidecarStatus
from pillion.server import endings
from pillion.server.http import (
    STRICT,
    Answer,
    Headers,
    Problem,
    Request,
    Send,
    Stream,
    has_match,
    json_answer,
    wanted_part,
)
from pillion.server.routes import API

if TYPE_CHECKING:
    from pillion.library import Library
    from pillion.library.sidecars import Item
    from pillion.server.app import Api

SMALL = 256 * 1024
"""Sidecars of at most so many bytes are answered whole."""
MOST_KNOWN = 20_000
"""So many of them are known by their files, each with less than a kilobyte."""
PIECE = 256 * 1024
MOST_WAITERS = 5000
"""So many requests may wait for sidecars to be made; others are told to come again."""
MAX_WAIT_S = 60
MAX_SIGNED_S = 365 * 86400
REDIRECT_S = 300
"""Seconds for which an address in an object store holds to which a client is sent."""

_TYPES = {
    "webp": b"image/webp",
    "jpeg": b"image/jpeg",
    "avif": b"image/avif",
    "json": b"application/json",
    "messagepack": b"application/vnd.msgpack",
    "webm": b"video/webm",
}

Key = tuple[str, str, str]
"""(content uuid, kind, variant)"""


def look_of(found: os.stat_result) -> tuple[int, int, int, int]:
    """What is compared of a file to know it again."""
    return (found.st_ino, found.st_mtime_ns, found.st_size, found.st_dev)


class Small:
    """A small sidecar: its file as it was when it was compared with its checksum."""

    __slots__ = ("checksum", "etag", "kind", "look", "path")

    def __init__(self, path: str, look: tuple[int, int, int, int], checksum: str, kind: bytes) -> None:
        self.path = path
        self.look = look
        self.checksum = checksum
        self.kind = kind
        self.etag = b'"' + checksum.encode() + b'"'

    def is_there(self) -> bool:
        """Whether its file is still the one that was read."""
        try:
            found = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return False
        return look_of(found) == self.look

    def body(self) -> bytes | None:
        """Its bytes; None if its file is another by now, or the disk would have to be waited for."""
        try:
            descriptor = os.open(self.path, _FILE)
        except OSError:
            return None
        try:
            if look_of(os.fstat(descriptor)) != self.look:
                return None
            body = _read_at_once(descriptor, self.look[2])
            return body if len(body) == self.look[2] else None
        except OSError:
            return None
        finally:
            os.close(descriptor)


def _read_at_once(descriptor: int, size: int) -> bytes:
    """The bytes of a file. Raises BlockingIOError where they are not in memory, if the file system can tell."""
    body = bytearray(size)
    try:
        return bytes(memoryview(body)[: os.preadv(descriptor, [body], 0, _AT_ONCE)])
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        return os.pread(descriptor, size, 0)


_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_AT_ONCE: int = getattr(os, "RWF_NOWAIT", 0)

FRESH = (b"cache-control", b"private, no-cache")
KEPT = (b"cache-control", b"private, max-age=31536000, immutable")


def _about(etag: bytes) -> Headers:
    return [(b"etag", etag), (b"accept-ranges", b"bytes")]


def _start(status: int, headers: Headers) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": [*headers, *STRICT]}


class Known:
    """Small sidecars by their files: those that were asked for last."""

    def __init__(self, most: int = MOST_KNOWN) -> None:
        self._most = most
        self._by_key: OrderedDict[Key, Small] = OrderedDict()

    def get(self, key: Key) -> Small | None:
        """A sidecar that was there when it was last asked for."""
        small = self._by_key.get(key)
        if small is not None:
            self._by_key.move_to_end(key)
        return small

    def forget(self, key: Key) -> None:
        """Look for it anew the next time."""
        self._by_key.pop(key, None)

    def keep(self, key: Key, small: Small) -> None:
        """Keep one, and let go of those that nobody has asked for for longest."""
        self.forget(key)
        self._by_key[key] = small
        if len(self._by_key) > self._most:
            self._by_key.popitem(last=False)

    def clear(self) -> None:
        """Keep nothing."""
        self._by_key.clear()


async def send_small(small: Small, request: Request, send: Send, wanted_sum: str | None) -> bool:
    """Answer with a sidecar that is known; False, and nothing is sent, if its file has to be looked for anew."""
    kept = KEPT if wanted_sum is not None and wanted_sum == small.checksum else FRESH
    match = request.headers.get(b"if-none-match")
    if match is not None and has_match(match, small.etag):
        if not small.is_there():
            return False
        await send(_start(304, [*_about(small.etag), kept]))
        await send({"type": "http.response.body", "body": b""})
        return True
    body = small.body()
    if body is None:
        return False
    length = (b"content-length", b"%d" % len(body))
    await send(_start(200, [(b"content-type", small.kind), length, *_about(small.etag), kept]))
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})
    return True


# the route ------------------------------------------------------------------------------------------------------------


async def show_sidecar(api: Api, request: Request) -> Answer | Stream:
    """A sidecar's bytes, or an export of it; a missing one is made first of all."""
    values = request.values
    variant, written, to = endings.parted(values["kind"], values["variant"])
    key = (values["content_uuid"].lower(), values["kind"], variant)
    until = time.monotonic() + values["wait"]
    if values["redirect"]:
        address = await api.read(lambda library: _direct(library, key, REDIRECT_S))
        if address is not None:
            return Answer(307, b"", headers=[(b"location", address.encode()), (b"cache-control", b"no-store")])
    for _ in range(3):
        there = await _there(api, key, written, to)
        if isinstance(there, bytes):
            return endings.answer_of(request, there, to or "")
        if isinstance(there, Large):
            return _part_or_whole(api, request, there)
        if isinstance(there, Whole):
            if not api.library.sidecars.are_elsewhere:
                # Of an object, only the row says whether it is still the one that was read.
                api.known.keep(key, there.small)
            return _of_whole(request, there)
        if there == "damaged":
            # Between the row and the file another may have been placed: then a second look finds both.
            continue
        if not values["make"]:
            raise Problem(404, "This sidecar is not there.", state="missing")
        if not await _make(api, request, key, until):
            address = sidecar_path((key[0], key[1], values["variant"]))
            body = {"state": "pending", "content_uuid": key[0], "kind": key[1], "variant": key[2], "url": address}
            return json_answer(body, 202, [(b"retry-after", b"1"), (b"location", address.encode())])
    raise Problem(
        409, "The file of this sidecar is damaged or has gone: run 'pillion verify --repair'.", state="damaged"
    )


@dataclass(frozen=True, slots=True)
class Whole:
    """A small sidecar with its bytes."""

    small: Small
    body: bytes


@dataclass(frozen=True, slots=True)
class Large:
    """A sidecar that is read in pieces."""

    descriptor: int
    size: int
    checksum: str
    kind: bytes


async def _there(
    api: Api, key: Key, written: SidecarFormat | None, to: str | None
) -> Whole | Large | bytes | Literal["missing", "damaged"]:
    """A sidecar in the format ``written``, or its export (bytes)."""
    if to is None:
        return await api.read(lambda library: _look(library, key, written))
    return await api.read_slowly(lambda library: _exported(library, key, to))


def _exported(library: Library, key: Key, to: str) -> bytes | Literal["missing", "damaged"]:
    """A sidecar in another format. Raises Problem, as _look does."""
    there = _look(library, key, None)
    if isinstance(there, Whole):
        return endings.exported(library, key[0], key[1], to, there.body)
    if not isinstance(there, Large):
        return there
    with open(there.descriptor, "rb", buffering=0) as file:
        data = file.read(there.size)
    return endings.exported(library, key[0], key[1], to, data) if len(data) == there.size else "damaged"


def _look(library: Library, key: Key, written: SidecarFormat | None) -> Whole | Large | Literal["missing", "damaged"]:
    """What is there now. ``written``: the format that it must have. Raises Problem for what can never be there."""
    item = _row(library, key)
    if item is None or item.state is not SidecarStatus.READY:
        return "missing"
    path = library.sidecars.file(item)
    if path is None or item.checksum is None or item.format is None:
        return "missing"
    if written is not None and item.format is not written:
        raise Problem(404, f"This sidecar is {item.format.value}, not {written.value}.", state="missing")
    try:
        descriptor = os.open(path, _FILE)
    except OSError:
        return "missing"
    return _opened(path, descriptor, item, _TYPES[item.format.value])


def _direct(library: Library, key: Key, seconds: int) -> str | None:
    """The address of a ready sidecar in the object store itself; None where it is to be had from here."""
    item = _row(library, key)
    return None if item is None or item.state is not SidecarStatus.READY else library.sidecars.signed(item, seconds)


def _opened(path: Path, descriptor: int, item: Item, kind: bytes) -> Whole | Large | Literal["missing", "damaged"]:
    found = os.fstat(descriptor)
    checksum = item.checksum or ""
    if not stat.S_ISREG(found.st_mode) or found.st_size != item.bytes:
        os.close(descriptor)
        return "damaged"
    if found.st_size > SMALL:
        return Large(descriptor, found.st_size, checksum, kind)
    with open(descriptor, "rb", buffering=0) as file:
        body = file.read(SMALL + 1)
    if _core.hash_bytes(body).hash != checksum:
        return "damaged"
    return Whole(Small(os.fspath(path), look_of(found), checksum, kind), body)


def _row(library: Library, key: Key) -> Item | None:
    try:
        items = library.ls(kind=key[1], content_uuid=key[0])
        return next((item for item in items if item.variant == key[2]), None)
    except UsageError as error:
        raise Problem(404, str(error)) from error


def _of_whole(request: Request, whole: Whole) -> Answer:
    small, body = whole.small, whole.body
    immutable = request.values.get("sum") == small.checksum
    headers: Headers = [*_about(small.etag), KEPT if immutable else FRESH]
    match = request.headers.get(b"if-none-match")
    if match is not None and has_match(match, small.etag):
        return Answer(304, b"", headers=headers)
    part = wanted_part(_range(request, small.etag), len(body))
    if part is None:
        return Answer(200, body, small.kind, headers)
    headers.append(part.content_range(len(body)))
    return Answer(206, body[part.start : part.end], small.kind, headers)


def _range(request: Request, etag: bytes) -> bytes | None:
    """The Range header, if it is of what the client has a part of (If-Range)."""
    condition = request.headers.get(b"if-range")
    return request.headers.get(b"range") if condition in (None, etag) else None


def _part_or_whole(api: Api, request: Request, large: Large) -> Answer | Stream:
    immutable = request.values.get("sum") == large.checksum
    etag = b'"' + large.checksum.encode() + b'"'
    headers: Headers = [*_about(etag), KEPT if immutable else FRESH]
    return pieces_of(api, request, large.descriptor, large.size, etag, large.kind, headers)


def pieces_of(
    api: Api, request: Request, descriptor: int, size: int, etag: bytes, kind: bytes, headers: Headers
) -> Answer | Stream:
    """An open file, or the part of it that is asked for, piece by piece. It is closed at the end."""
    try:
        match = request.headers.get(b"if-none-match")
        if match is not None and has_match(match, etag):
            os.close(descriptor)
            return Answer(304, b"", headers=headers)
        part = wanted_part(_range(request, etag), size)
    except Problem:
        os.close(descriptor)
        raise
    start, end = (part.start, part.end) if part else (0, size)
    own: Headers = [*headers, (b"content-type", kind), (b"content-length", b"%d" % (end - start))]
    if part:
        own.append(part.content_range(size))

    async def pieces() -> AsyncIterator[bytes]:
        at = start
        while at < end:
            piece = await api.in_files(os.pread, descriptor, min(PIECE, end - at), at)
            if not piece:
                raise EOFError("the file became shorter")
            at += len(piece)
            yield piece

    return Stream(206 if part else 200, pieces(), own, close=lambda: os.close(descriptor))


# making ---------------------------------------------------------------------------------------------------------------


class Making:
    """Who waits for what: of all who wait for one sidecar, one asks the library."""

    def __init__(self) -> None:
        self._asked: dict[Key, asyncio.Future[Ready | Failed | Pending]] = {}
        self.waiting = 0

    async def ask(self, api: Api, key: Key) -> Ready | Failed | Pending:
        """What the library says, once for all who ask at the same time."""
        asked = self._asked.get(key)
        if asked is None:
            asked = asyncio.ensure_future(api.write(lambda library: _get(library, key)))
            self._asked[key] = asked
            asked.add_done_callback(lambda _: self._asked.pop(key, None))
        return await asyncio.shield(asked)


def _get(library: Library, key: Key) -> Ready | Failed | Pending:
    try:
        return library.sidecars.get_or_enqueue(*key)
    except UsageError as error:
        raise Problem(404, str(error)) from error


async def _make(api: Api, request: Request, key: Key, until: float) -> bool:
    """Have a missing sidecar made; False if it is not there when the time is over. Raises Problem if it cannot be."""
    if not api.makes:
        raise Problem(404, "This sidecar is not there, and this server makes none.", state="missing")
    answer: Ready | Failed | Pending = await api.making.ask(api, key)
    if isinstance(answer, Pending):
        left = until - time.monotonic()
        if left <= 0:
            return False
        if api.making.waiting >= MOST_WAITERS:
            raise Problem(503, "Too many requests wait for sidecars; come again.", headers=[(b"retry-after", b"5")])
        api.making.waiting += 1
        try:
            answer = await _wait(api, key, answer, left)
        except TimeoutError:
            return False
        finally:
            api.making.waiting -= 1
    if isinstance(answer, Failed):
        raise Problem(
            404,
            answer.message or f"There is no such sidecar of this content: it is {answer.status.value}.",
            state=answer.status.value,
            error_class=answer.error_class,
        )
    return True


async def _wait(api: Api, key: Key, pending: Pending, left: float) -> Ready | Failed:
    future: Future[Ready | Failed] = pending.future()
    stopping: asyncio.Future[Any] = asyncio.ensure_future(api.stopping.wait())
    answer = asyncio.wrap_future(future)
    both: set[asyncio.Future[Any]] = {answer, stopping}
    try:
        await asyncio.wait(both, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise TimeoutError
        return answer.result()
    finally:
        stopping.cancel()
        if not answer.done():
            answer.cancel()


# signed addresses -----------------------------------------------------------------------------------------------------


def sidecar_path(key: Key) -> str:
    """The path of a sidecar's address."""
    return f"{API}/sidecars/{key[0]}/{quote(key[1], safe='')}/{quote(key[2], safe='@')}"


async def sign(api: Api, request: Request) -> Answer:
    """An address of one sidecar that needs no token until it expires."""
    values = request.values
    key = (values["content_uuid"].lower(), values["kind"], values["variant"])
    row = await api.read(lambda library: _row(library, key))
    if row is None:
        raise Problem(404, "This content has no such sidecar.")
    expires = int(time.time()) + values["seconds"]
    address = sidecar_path(key)
    signature = api.guard.tokens.sign(address, expires)
    url = f"{address}?{urlencode({'expires': expires, 'signature': signature})}"
    direct = await api.read(lambda library: _direct(library, key, values["seconds"]))
    return json_answer({"url": url, "expires": expires, "direct": direct}, 201)


def is_signed(api: Api, request: Request) -> bool:
    """Whether a request has the signature of its address."""
    query = request.query
    expires, signature = query.get("expires"), query.get("signature")
    if expires is None or signature is None or request.method not in ("GET", "HEAD"):
        return False
    parts = request.path.rsplit("/", 3)
    address = sidecar_path((parts[-3].lower(), parts[-2], parts[-1]))
    return api.guard.tokens.is_signed(address, expires, signature)
