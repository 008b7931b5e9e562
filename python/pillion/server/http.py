"""What a request and an answer are: a thin layer over ASGI, since a small answer costs less than a framework's request.

Errors are problems (RFC 9457): raise :class:`Problem` anywhere below a handler.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import msgspec

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON = b"application/json"
PROBLEM = b"application/problem+json"
MAX_BODY = 1024 * 1024
"""Bytes of a request's body."""
BODY_S = 20.0
"""A client that has not sent its body after so long is sent away."""
DISCARD = 16 * 1024 * 1024
"""Bytes of a refused body that are taken all the same."""
DISCARD_S = 2.0
SEND_S = 60.0
"""A client that has taken nothing for so long is left."""

SAFE: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"SAMEORIGIN"),
]
"""Headers of every answer."""
STRICT: Headers = [
    *SAFE,
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'self'; sandbox"),
]
"""Headers of every answer but the page's own files: nothing in it may load or run anything."""

_encode = msgspec.json.Encoder().encode


def encode(value: object) -> bytes:
    """A value as JSON. Half characters, which some file put into a message, are replaced."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
        return text.encode("utf-8", "replace")


class Problem(Exception):
    """An answer that is an error.

    ``detail``: one sentence; ``refuses_body``: the connection ends, so that the rest of the body need not be taken;
    ``more``: further members of the problem.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Headers | None = None,
        title: str | None = None,
        refuses_body: bool = False,
        **more: object,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.title = title or HTTPStatus(status).phrase
        self.refuses_body = refuses_body
        self.headers: Headers = [*(headers or []), *([(b"connection", b"close")] if refuses_body else [])]
        self.more = more

    def answer(self) -> Answer:
        """The answer, as problem+json."""
        body = {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail, **self.more}
        return Answer(self.status, encode(body), PROBLEM, [*self.headers, (b"cache-control", b"no-store")])


@dataclass(slots=True)
class Answer:
    """A whole answer. ``headers``: those that are its own."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: Headers = field(default_factory=list)

    async def send(self, send: Send, *, head: bool = False) -> None:
        """Send it; with ``head`` without its body."""
        start: Headers = [(b"content-length", b"%d" % len(self.body)), *self.headers, *STRICT]
        if self.body or self.status not in (204, 304):
            start.append((b"content-type", self.content_type))
        await send({"type": "http.response.start", "status": self.status, "headers": start})
        await send({"type": "http.response.body", "body": b"" if head else self.body})


@dataclass(slots=True)
class Stream:
    """An answer in pieces. ``headers`` has all of its headers but those of safety; ``safety``: these."""

    status: int
    pieces: AsyncIterator[bytes]
    headers: Headers
    safety: Headers = field(default_factory=lambda: STRICT)
    close: Callable[[], object] = lambda: None

    async def send(self, send: Send, *, head: bool = False) -> None:
        """Send it piece by piece, no faster than the client takes it."""
        try:
            headers = [*self.headers, *self.safety]
            await send({"type": "http.response.start", "status": self.status, "headers": headers})
            if not head:
                async for piece in self.pieces:
                    message = {"type": "http.response.body", "body": piece, "more_body": True}
                    await asyncio.wait_for(send(message), SEND_S)
            await send({"type": "http.response.body", "body": b""})
        finally:
            self.close()


def json_answer(value: object, status: int = 200, headers: Headers | None = None) -> Answer:
    """A JSON answer that is not kept: what it says may change at any time."""
    return Answer(status, encode(value), JSON, [(b"cache-control", b"no-store"), *(headers or [])])


class Request:
    """One request. ``values``: its parameters, checked by the route; ``who``: the name of its token, if it has one."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.receive = receive
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.who: str | None = None
        self.values: dict[str, Any] = {}

    @cached_property
    def headers(self) -> Mapping[bytes, bytes]:
        """Names in lower case; of one that comes twice, the last."""
        return dict(self.scope["headers"])

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The parameters behind the question mark. Raises Problem if there are too many, or one comes twice."""
        return parsed_query(self.scope["query_string"])

    @property
    def client(self) -> str:
        """The client's address."""
        client = self.scope.get("client")
        return client[0] if client else ""

    async def body(self) -> bytes:
        """The whole body. Raises Problem for one that is too large, or does not come."""
        announced = self.headers.get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > MAX_BODY:
            raise _too_large()
        try:
            return await asyncio.wait_for(self._read(), BODY_S)
        except TimeoutError as error:
            raise Problem(408, "The body of the request did not arrive in time.") from error

    async def _read(self) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] != "http.request":
                raise Gone
            piece = message.get("body", b"")
            size += len(piece)
            if size > MAX_BODY:
                raise _too_large()
            pieces.append(piece)
            if not message.get("more_body"):
                return b"".join(pieces)

    async def discard_body(self) -> None:
        """Take a body that is refused, to a limit.

        A client sends its whole body before it reads: one whose connection ends while it sends sees no answer. One
        that asked whether it may send (RFC 9110, 10.1.1) does not send.
        """
        if b"expect" not in self.headers:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._discard(), DISCARD_S)

    async def _discard(self) -> None:
        left, more = DISCARD, True
        while more and left > 0:
            message = await self.receive()
            left -= len(message.get("body", b""))
            more = bool(message.get("more_body"))

    async def json(self) -> Mapping[str, Any]:
        """The object in the body; empty without one. Raises Problem for anything else."""
        body = await self.body()
        if not body:
            return {}
        kind = self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind != JSON:
            raise Problem(415, "The body must be JSON, with the content type application/json.")
        try:
            value = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Problem(422, f"The body is no JSON: {error}.") from error
        if not isinstance(value, dict):
            raise Problem(422, "The body must be a JSON object.")
        return value


class Gone(Exception):
    """The client is gone: nobody is there to be answered."""


def _too_large() -> Problem:
    return Problem(413, f"The body of a request may have at most {MAX_BODY:,} bytes.", refuses_body=True)


def parsed_query(query: bytes) -> Mapping[str, str]:
    """Name -> value of each parameter. Raises Problem."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=100, errors="strict")
    except (UnicodeError, ValueError) as error:
        raise Problem(422, "The parameters of the address cannot be read.") from error
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise Problem(422, f"'{name[:50]}' is given twice.", parameter=name[:50])
        found[name] = value
    return found


# what a client has already --------------------------------------------------------------------------------------------


def has_match(header: bytes, etag: bytes) -> bool:
    """Whether If-None-Match names this entity tag."""
    if header == etag:
        return True
    return any(tag.strip().removeprefix(b"W/") in (etag, b"*") for tag in header.split(b","))


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes ``start`` to ``end`` (exclusive) of something."""

    start: int
    end: int

    def content_range(self, size: int) -> tuple[bytes, bytes]:
        """The Content-Range header, of something with ``size`` bytes."""
        return (b"content-range", b"bytes %d-%d/%d" % (self.start, self.end - 1, size))


def wanted_part(header: bytes | None, size: int) -> Part | None:
    """The part that a Range header asks for; None for the whole (RFC 9110: also for what is not understood).

    Of several ranges the whole is sent. Raises Problem (416) if there are no such bytes.
    """
    if header is None or not header.startswith(b"bytes=") or b"," in header:
        return None
    first, dash, last = (part.strip() for part in header[6:].partition(b"-"))
    if not dash or not (first or last) or not all(part.isdigit() and len(part) < 20 for part in (first, last) if part):
        return None
    if first:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < int(first):
            return None
    else:
        start, end = max(0, size - int(last)), size
    if start >= size or start >= end:
        headers = [(b"content-range", b"bytes */%d" % size)]
        raise Problem(416, f"There are only {size:,} bytes.", headers=headers)
    return Part(start, end)
