"""A peer that is reached by its ``pillion serve``: the exchange over HTTP. See docs/devices.md.

Answers are JSON (bytes in base64) but for a sidecar's own bytes. No redirect is followed, so that a token goes nowhere
but to the address it is for. Each answer has a limit of bytes and of time, by what was asked for.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from socket import SHUT_RDWR
from typing import Annotated, Self, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from pillion import __version__
from pillion.catalog.peers import Offer
from pillion.errors import UsageError, reason
from pillion.peers.connection import Connection, SecureConnection, TooSlow, unreachable
from pillion.peers.inventory import SHORT
from pillion.peers.peer import (
    MOST_READ,
    MOST_READ_BYTES,
    About,
    PeerError,
    PeerLied,
    SentOffer,
    taken,
)

T = TypeVar("T")

_Prefix = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{2}\Z")]
_Bucket = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{4}\Z")]

API = "/api/v1"

CONNECT_S = 5.0
"""Seconds to reach a peer, and between two pieces of an answer."""

ANSWER_S = 20.0
"""Seconds for a whole answer, and as many more as its limit of bytes takes at :data:`SLOWEST`."""

SLOWEST = 64 << 10
"""Bytes in a second of the slowest peer that is waited for."""

_PIECE = 256 << 10
_MOST_TOKEN = 4096
_ABOUT_BYTES = 64 << 10
_ENTRY_BYTES = 6 << 10
_OFFER_BYTES = 2 << 10
_HASHES_BYTES = 64 << 20

_PLACE_BYTES = 16
"""Of one sidecar in an answer, beside its own."""

_SMALL = 256 << 10
"""Sidecars of at most so many bytes are asked for together, others each by itself."""

_ASKED, _ASKED_BYTES = MOST_READ // 2, MOST_READ_BYTES // 4
"""What is asked for together at most: sidecars, and bytes. Who waits for a slow disk has to read them all first."""


@dataclass(frozen=True)
class Address:
    """The address of another library's server. ``prefix``: what its paths begin with, as it is sent."""

    host: str
    port: int | None
    is_secure: bool
    prefix: str

    @classmethod
    def of(cls, url: str, what: str) -> Self:
        """``what``: whose address it is to be, for people. Raises UsageError for what is none."""
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = 0
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or parts.username:
            raise UsageError(f"'{url[:200]}' is no address of a {what}; it is like https://host:8640.")
        prefix = quote(parts.path.rstrip("/"), safe="/%~:@!$&'()*+,;=") + API
        return cls(parts.hostname, port, parts.scheme == "https", prefix)

    def connection(self, step_s: float) -> Connection:
        """A new one, which connects at its first request. ``step_s``: see Connection."""
        return (SecureConnection if self.is_secure else Connection)(self.host, self.port, step_s=step_s)


class WebPeer:
    """A peer at a web address. ``token_file``: with the token to send. Raises PeerError if it cannot be reached."""

    def __init__(self, url: str, token_file: Path | None = None) -> None:
        self.received = 0
        address = Address.of(url, "peer")
        self._url = url
        self._prefix = address.prefix
        self._headers = {"user-agent": f"pillion/{__version__}", "accept-encoding": "identity"}
        if token_file is not None:
            self._headers["authorization"] = f"Bearer {read_token(token_file)}"
        self._connection = address.connection(CONNECT_S)
        self._aborted = False
        self._answers_many = True
        """Whether it is not known that it is an older one, which gives sidecars one at a time."""

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def abort(self) -> None:
        """Let a call that waits in another thread end by PeerError, and every later one."""
        self._aborted = True
        socket = self._connection.sock
        if socket is not None:
            with suppress(OSError):
                socket.shutdown(SHUT_RDWR)

    def about(self) -> About:
        """Which device it is, and the top of its inventory."""
        # Who was never asked before sums up all that it has first.
        return self._json("/inventory", About, limit=_ABOUT_BYTES, step_s=ANSWER_S)

    def branches(self, prefixes: Sequence[str]) -> Mapping[str, bytes]:
        """The digests of the buckets that begin with these digits."""
        path = "/inventory/branches?prefixes=" + ",".join(prefixes)
        return self._json(path, dict[_Prefix, bytes], limit=_ABOUT_BYTES + _ENTRY_BYTES * len(prefixes))

    def short_hashes(self, buckets: Sequence[str]) -> Mapping[str, bytes]:
        """The short hashes of the offers in these buckets."""
        body = msgspec.json.encode({"buckets": list(buckets)})
        return self._json("/inventory/hashes", dict[_Bucket, bytes], limit=_HASHES_BYTES, body=body)

    def offers(self, wanted: Mapping[str, bytes]) -> Sequence[Offer]:
        """The offers with these short hashes."""
        body = msgspec.json.encode({"buckets": list(wanted), "hashes": list(wanted.values())})
        number = sum(map(len, wanted.values())) // SHORT
        found = self._json("/inventory/offers", list[SentOffer], limit=_ABOUT_BYTES + _OFFER_BYTES * number, body=body)
        return [taken(offer) for offer in found]

    def read(self, offer: Offer) -> bytes | None:
        """The bytes of a sidecar; None if it is there no more."""
        place = "/".join(quote(part, safe="@") for part in (offer.content_uuid, offer.kind, offer.variant))
        status, data = self._answer(f"/sidecars/{place}?make=false", limit=offer.size)
        if status in (404, 409, 410):
            return None
        self._check(status, data)
        return data

    def read_many(self, offers: Sequence[Offer]) -> Iterator[bytes | None]:
        """The bytes of sidecars, in order: small ones come many in one answer."""
        for some in _together(offers):
            several = self._several(some) if len(some) > 1 and self._answers_many else None
            yield from map(self.read, some) if several is None else several

    def _several(self, offers: Sequence[Offer]) -> list[bytes | None] | None:
        """The bytes of sidecars in one answer; None from a peer that is older."""
        body = msgspec.json.encode({"lines": [offer.line for offer in offers]})
        limit = sum(offer.size + _PLACE_BYTES for offer in offers)
        # They are all read before the first byte comes.
        status, data = self._answer("/inventory/sidecars", limit=limit, body=body, step_s=ANSWER_S)
        if status == 404:
            self._answers_many = False
            return None
        self._check(status, data)
        try:
            found = msgspec.msgpack.decode(data, type=list[bytes | None])
        except (msgspec.DecodeError, RecursionError) as error:
            raise PeerLied(f"It answered for sidecars with what is no answer: {str(error)[:200]}.") from error
        if len(found) != len(offers):
            raise PeerLied(f"It answered with {len(found)} sidecars in place of {len(offers)}.")
        return found

    # answers ----------------------------------------------------------------------------------------------------------

    def _json(self, path: str, form: type[T], *, limit: int, body: bytes | None = None, step_s: float = CONNECT_S) -> T:
        status, data = self._answer(path, limit=limit, body=body, step_s=step_s)
        if status == 404:
            raise PeerError(f"{self._url} is no 'pillion serve' that other devices can take from; it may be older.")
        self._check(status, data)
        try:
            return msgspec.json.decode(data, type=form)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise PeerLied(
                f"It answered {path.partition('?')[0]} with what is no answer: {str(error)[:200]}."
            ) from error

    def _check(self, status: int, data: bytes) -> None:
        if status == 200:
            return
        if status == 401:
            raise PeerError(
                f"{self._url} does not let this device in: make a token there with 'pillion token create', and give its"
                " file with --token-file."
            )
        if status == 403:
            raise PeerError(f"{self._url} does not let this device in: {_detail(data)}")
        raise PeerError(f"{self._url} answered with status {status}: {_detail(data)}")

    def _answer(
        self, path: str, *, limit: int, body: bytes | None = None, step_s: float = CONNECT_S
    ) -> tuple[int, bytes]:
        """(status, body) of an answer of at most ``limit`` bytes, whatever is wrong with it after one new try."""
        headers = self._headers if body is None else {**self._headers, "content-type": "application/json"}
        for last in (False, True):
            if self._aborted:
                raise PeerError(f"{self._url} is not asked any more.")
            seconds = ANSWER_S + limit / SLOWEST
            self._connection.within(seconds, step_s=step_s)
            try:
                self._connection.request("GET" if body is None else "POST", self._prefix + path, body, headers)
                return self._read(limit)
            except TooSlow as error:
                self._connection.close()
                raise PeerError(f"{self._url} is too slow: it did not answer in {seconds:.0f} s.") from error
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
                # A server ends connections that were idle.
                self._connection.close()
                if last:
                    raise PeerError(unreachable(self._url, error)) from error
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                raise PeerError(unreachable(self._url, error)) from error
        raise AssertionError

    def _read(self, limit: int) -> tuple[int, bytes]:
        response = self._connection.getresponse()
        pieces: list[bytes] = []
        size = 0
        while piece := response.read1(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > max(limit, _ABOUT_BYTES):
                self._connection.close()
                raise PeerLied(f"It answered with more than the {limit:,} bytes that were asked for.")
        self.received += size
        left = response.length
        response.close()
        if left:
            self._connection.close()
            raise PeerError(f"{self._url} ended an answer early.")
        return response.status, b"".join(pieces)


def _together(offers: Sequence[Offer]) -> Iterator[Sequence[Offer]]:
    """In pieces that are asked for together."""
    some: list[Offer] = []
    size = 0
    for offer in offers:
        large = offer.size > _SMALL
        if some and (large or len(some) == _ASKED or size + offer.size > _ASKED_BYTES):
            yield some
            some, size = [], 0
        if large:
            yield [offer]
            continue
        some.append(offer)
        size += offer.size
    if some:
        yield some


def read_token(path: Path) -> str:
    """The token in a file. Raises PeerError."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_TOKEN).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PeerError(f"The token in {path} cannot be read: {reason(error)}.") from error
    if not text.isprintable() or not text or " " in text:
        raise PeerError(f"{path} holds no token.")
    return text


def _detail(data: bytes) -> str:
    """What a problem (RFC 9457) says."""
    try:
        return str(msgspec.json.decode(data, type=dict[str, object]).get("detail", ""))[:300]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return "without a word."
