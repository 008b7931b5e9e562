"""The server that lends jobs, as a worker asks it: each call with limits of bytes and time, each answer by its schema.

No redirect is followed. A connection that breaks is made again; a download goes on where it broke off.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from pillion import __version__
from pillion.errors import ErrorClass, ItemError, PillionError, is_full
from pillion.peers.connection import Connection, TooSlow, unreachable
from pillion.peers.web import Address, read_token
from pillion.remote.protocol import PROTOCOL, Claimed, DeskError, Held, Lied, Opened, Over, Returned, Taken

T = TypeVar("T")

CONNECT_S = 10.0
"""Seconds to reach the server, and between two pieces of an answer."""

ANSWER_S = 120.0
"""Seconds for what is no file: results are looked at before they are answered."""

SLOWEST = 64 << 10
"""Bytes in a second of the slowest server that is waited for."""

_PIECE = 1 << 20
_MOST_JSON = 32 << 20
_TRIES = 5
_WAIT_S = 0.5


class ServerAway(PillionError):
    """The server does not answer, or is about to end; what was lent may be lent to others meanwhile."""


class Server:
    """The server at ``url``. May be used from any thread. Raises UsageError for what is no address, PeerError for a
    file without a token."""

    def __init__(self, url: str, token_file: Path, kinds: list[str]) -> None:
        self.url = url
        self._address = Address.of(url, "server")
        self._prefix = self._address.prefix + "/workers"
        self._headers = {
            "user-agent": f"pillion/{__version__}",
            "accept-encoding": "identity",
            "authorization": f"Bearer {read_token(token_file)}",
        }
        self._kinds = kinds
        self._session = ""
        self._local = threading.local()

    # the operations ---------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin a session. Raises DeskError, ServerAway."""
        opened = self._json("POST", "", Opened, {"kinds": self._kinds, "protocol": PROTOCOL})
        if opened.protocol != PROTOCOL:
            raise DeskError(409, f"The server speaks {opened.protocol[:40]!r}, and this worker {PROTOCOL!r}.")
        self._session = f"/{opened.session}"

    def leave(self) -> None:
        """End the session."""
        self._answer("DELETE", self._session)

    def claim(self, limit: int, without: list[str]) -> Claimed:
        """Have jobs lent. Raises Over, ServerAway."""
        return self._json("POST", f"{self._session}/claim", Claimed, {"limit": limit, "without": without})

    def renew(self) -> Held:
        """Renew the leases. Raises Over, ServerAway."""
        return self._json("POST", f"{self._session}/renew", Held, {})

    def release(self, jobs: list[int]) -> None:
        """Give jobs back. Raises Over, ServerAway."""
        self._answer("POST", f"{self._session}/release", {"jobs": jobs})

    def finish(self, results: list[Returned]) -> Taken:
        """Tell results. Raises Over, Lied, ServerAway."""
        return self._json("POST", f"{self._session}/results", Taken, {"results": msgspec.to_builtins(results)})

    def upload(self, job: int, claim: str, variant: str, path: Path) -> None:
        """Send the bytes of a sidecar. Raises Over, Lied, ServerAway."""
        place = f"{self._session}/jobs/{job}/sidecars/{quote(variant, safe='@')}?claim={claim}"
        size = path.stat().st_size

        def send(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
            with path.open("rb") as file:
                headers = {"content-type": "application/octet-stream", "content-length": str(size)}
                connection.request("PUT", self._prefix + place, file, {**self._headers, **headers})
                return connection.getresponse()

        self._checked(*self._tried(send, ANSWER_S + size / SLOWEST))

    def checkpoint(self, job: int, claim: str) -> bytes:
        """What an earlier try of a job has made so far. Raises Over, DeskError, ServerAway."""
        return self._answer("GET", f"{self._session}/jobs/{job}/checkpoint?claim={claim}")

    def leave_checkpoint(self, job: int, claim: str, data: bytes) -> None:
        """Send what a job has made so far. Raises Over, DeskError, ServerAway."""
        place = f"{self._session}/jobs/{job}/checkpoint?claim={claim}"

        def send(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
            headers = {**self._headers, "content-type": "application/octet-stream"}
            connection.request("PUT", self._prefix + place, data, headers)
            return connection.getresponse()

        self._checked(*self._tried(send, ANSWER_S + len(data) / SLOWEST))

    def download(self, job: int, claim: str, to: Path, size: int, kind: str | None = None) -> None:
        """Fetch the source of a job, or with ``kind`` the sidecar it is made from.

        Raises Over, DeskError, ServerAway; ItemError where there is no room for it.
        What is there already of it is not fetched again.
        """
        place = f"{self._session}/jobs/{job}/source?claim={claim}{f'&kind={quote(kind)}' if kind else ''}"
        tries = 0
        while True:
            begun = to.stat().st_size if to.exists() else 0
            if begun == size and size:
                return
            try:
                self._part(place, to, begun, size)
                return
            except ServerAway:
                came = to.stat().st_size if to.exists() else 0
                tries = 0 if came > begun else tries + 1
                if tries >= _TRIES:
                    raise
                time.sleep(_WAIT_S)

    def _part(self, place: str, to: Path, begun: int, size: int) -> None:
        headers = {**self._headers, **({"range": f"bytes={begun}-"} if begun else {})}
        connection = self._connection()
        connection.within(ANSWER_S + size / SLOWEST, step_s=CONNECT_S)
        try:
            connection.request("GET", self._prefix + place, None, headers)
            answer = connection.getresponse()
            if answer.status not in (200, 206):
                self._checked(answer.status, answer.read(_MOST_JSON))
            with to.open("ab" if answer.status == 206 else "wb") as file:
                while piece := answer.read1(_PIECE):
                    file.write(piece)
                    if file.tell() > size:
                        raise Lied(f"{self.url} sent more than the {size:,} bytes of a file.")
                if file.tell() != size:
                    raise ServerAway(f"{self.url} ended a file early.")
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and is_full(error):
                raise ItemError(ErrorClass.DISK_FULL, "This machine has no room for its file.") from error
            raise ServerAway(unreachable(self.url, error)) from error
        finally:
            connection.close()

    # answers ----------------------------------------------------------------------------------------------------------

    def _json(self, method: str, place: str, form: type[T], value: Mapping[str, Any]) -> T:
        data = self._answer(method, place, value)
        try:
            return msgspec.json.decode(data, type=form)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Lied(f"{self.url} answered with what is no answer: {str(error)[:200]}.") from error

    def _answer(self, method: str, place: str, value: Mapping[str, Any] | None = None) -> bytes:
        def send(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
            body = None if value is None else msgspec.json.encode(value)
            headers = {**self._headers, **({} if body is None else {"content-type": "application/json"})}
            connection.request(method, self._prefix + place, body, headers)
            return connection.getresponse()

        return self._checked(*self._tried(send, ANSWER_S))

    def _tried(
        self, send: Callable[[http.client.HTTPConnection], http.client.HTTPResponse], seconds: float
    ) -> tuple[int, bytes]:
        """(status, body), after one new try on a new connection: a server ends those that were idle."""
        for last in (False, True):
            connection = self._connection()
            try:
                connection.within(seconds, step_s=seconds)
                answer = send(connection)
                data = answer.read(_MOST_JSON + 1)
                if len(data) > _MOST_JSON:
                    connection.close()
                    raise Lied(f"{self.url} answered with more than {_MOST_JSON:,} bytes.")
                return answer.status, data
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if last or isinstance(error, TooSlow):
                    raise ServerAway(unreachable(self.url, error)) from error
        raise AssertionError

    def _checked(self, status: int, data: bytes) -> bytes:
        if status in (200, 201, 204):
            return data
        try:
            detail = str(msgspec.json.decode(data, type=dict[str, Any]).get("detail", ""))[:300]
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            detail = "without a word."
        if status == 410:
            raise Over("This session, or the claim of a job,")
        if status in (429, 502, 503, 504, 507):
            raise ServerAway(f"{self.url} is not ready: {detail}")
        if status in (401, 403):
            hint = " Make a token there with 'pillion token create NAME --scope work'." if status == 401 else ""
            raise DeskError(status, f"{self.url} does not let this worker in: {detail}{hint}")
        raise DeskError(status, f"{self.url} answered with status {status}: {detail}")

    def _connection(self) -> Connection:
        """This thread's connection."""
        kept: Connection | None = getattr(self._local, "connection", None)
        if kept is None:
            kept = self._local.connection = self._address.connection(CONNECT_S)
        return kept
