"""HTTP for one connection, as uvicorn has it, but for clients that hang: a request's head must come in time."""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 15.0
"""A client that has not sent the head of a request after so long is sent away."""


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
