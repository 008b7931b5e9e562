"""uvicorn, but a request's head must come in time and be short, and those who wait are told when the server ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import FrameType
from typing import cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_S = 15.0
"""A client that has not sent the head of a request after so long is sent away."""

HEAD_BYTES = 64 << 10
"""So is one that has sent more than this and a piece of a head, or of what follows a body. The parser keeps it all,
and takes the longer for a piece, the more there is."""

_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Server(uvicorn.Server):
    """A server that calls ``on_exit``, in the thread of its loop, as soon as it is told to end.

    Those who wait are told by it, so that an endless answer does not hold the end up.
    """

    def __init__(self, config: uvicorn.Config, on_exit: Callable[[], object]) -> None:
        super().__init__(config)
        self._on_exit = on_exit
        self._loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to end has come."""
        self._loop.call_soon_threadsafe(self._on_exit)
        super().handle_exit(sig, frame)


class Protocol(HttpToolsProtocol):
    """A connection that ends if no request comes over it."""

    _head: asyncio.TimerHandle | None = None
    _used = False
    _unused_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client is there: from now on it has to ask."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._begin_head()

    def data_received(self, data: bytes) -> None:
        """A piece has come."""
        self._used = False
        super().data_received(data)
        self._unused_bytes = 0 if self._used else self._unused_bytes + len(data)
        if self._unused_bytes > HEAD_BYTES and not self.transport.is_closing():
            cycle = cast("RequestResponseCycle | None", self.cycle)
            if cycle is None or cycle.response_complete:
                self.transport.write(_TOO_LONG)
            self.transport.close()

    def on_body(self, body: bytes) -> None:
        """A part of a body is there."""
        self._used = True
        super().on_body(body)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._begin_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._used = True
        self._end_head()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._end_head()
        super().connection_lost(exc)

    def _begin_head(self) -> None:
        self._end_head()
        self._head = self.loop.call_later(HEAD_S, self.transport.close)

    def _end_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None
