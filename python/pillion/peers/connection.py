"""HTTP connections whose requests end by a moment, whatever the other side sends until then.

A socket's timeout is for one piece of an answer. Who sends a byte of a header every second, or interim answers (100
Continue) or trailers without end, would be waited for for ever: here each piece is waited for no longer than what is
left of the whole time.
"""

from __future__ import annotations

import http.client
import io
import math
import socket
import ssl
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from pillion.errors import reason

_SLOW = "the whole answer took too long"


def unreachable(url: str, error: BaseException) -> str:
    """Why there was no answer from an address, and what to do, in one sentence."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{url} has a certificate that this device does not trust: {error.verify_message}."
    if isinstance(error, ssl.SSLError):
        return f"{url} does not answer as https does ({(error.reason or 'no TLS').lower()}); try http://."
    return f"{url} cannot be reached ({reason(error)}); is 'pillion serve' running there?"


class TooSlow(TimeoutError):
    """The time for all of a request and its answer is over."""


@dataclass(slots=True)
class _Deadline:
    """``step_s``: for one piece, in seconds; ``until``: for all of them, on the monotonic clock."""

    step_s: float
    until: float = math.inf

    def left_s(self) -> float:
        """How long the next piece may take. Raises TooSlow."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TooSlow(_SLOW)
        return min(self.step_s, left)

    def told(self, error: TimeoutError) -> TimeoutError:
        """What the end of a wait means."""
        return TooSlow(_SLOW) if time.monotonic() >= self.until else error


class Connection(http.client.HTTPConnection):
    """One that connects at its first request. ``step_s``: seconds to connect, and for each piece."""

    def __init__(self, host: str, port: int | None, *, step_s: float) -> None:
        super().__init__(host, port, timeout=step_s)
        self._deadline = _Deadline(step_s)
        self.response_class: Any = partial(_Response, self._deadline)

    def within(self, seconds: float, *, step_s: float | None = None) -> None:
        """Let the next request, and its answer with it, end by TooSlow after so many seconds. ``step_s``: for a piece
        of it."""
        self._deadline.until = time.monotonic() + seconds
        if step_s is not None:
            self._deadline.step_s = step_s

    def send(self, data: Any) -> None:
        """As http.client's. Raises TooSlow."""
        if self.sock is not None:
            self.sock.settimeout(self._deadline.left_s())
        try:
            super().send(data)
        except TimeoutError as error:
            raise self._deadline.told(error) from error


class SecureConnection(Connection):
    """The same over TLS. Certificates are checked."""

    default_port = 443

    def connect(self) -> None:
        """Connect, and shake hands."""
        super().connect()
        self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


class _Response(http.client.HTTPResponse):
    def __init__(self, deadline: _Deadline, sock: socket.socket, *more: Any, **named: Any) -> None:
        super().__init__(sock, *more, **named)
        plain: Any = self.fp
        self.fp = io.BufferedReader(_Pieces(plain.detach(), sock, deadline))


class _Pieces(io.RawIOBase):
    """What comes from a socket, each piece of it in time."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: _Deadline) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Wait for a piece. Raises TooSlow, TimeoutError."""
        self._sock.settimeout(self._deadline.left_s())
        try:
            found: int | None = self._raw.readinto(buffer)
            return found
        except TimeoutError as error:
            raise self._deadline.told(error) from error

    def close(self) -> None:
        """Let the socket go."""
        self._raw.close()
        super().close()
