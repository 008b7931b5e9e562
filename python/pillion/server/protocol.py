"""uvicorn, but a request's head must come in time, and those who wait for an answer are told when the server ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import FrameType
from typing import cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 15.0
"""A client that has not sent the head of a request after so long is sent away."""


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

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client is there: from now on it has to ask."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._begin_head()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._begin_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there."""
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
