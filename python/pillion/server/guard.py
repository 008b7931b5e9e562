"""Who may ask what: the Host and Origin of a request (DNS rebinding, CSRF), tokens, and how often.

A page of another site can make a browser send requests to this server. It cannot read answers, since nothing here
allows it to; what it must not do either is change something, or give this server another name, under which a browser
would take the two for one site.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pillion.server.http import Headers, Problem, Request
from pillion.server.tokens import EVERYTHING, WORK, Tokens

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
COOKIE = "pillion_token"
_CHALLENGE: Headers = [(b"www-authenticate", b'Bearer realm="pillion"')]


class Rates:
    """How often a client may ask: ``per_s`` on average, and ten seconds' worth at once. 0: as often as it likes."""

    def __init__(self, per_s: float, most: int = 10_000) -> None:
        self._per_s = per_s
        self._burst = per_s * 10
        self._most = most
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> None:
        """Count a request. Raises Problem (429) for one too many."""
        if not self._per_s:
            return
        now = time.monotonic()
        left, at = self._left.pop(client, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._per_s)
        self._left[client] = (max(left - 1, 0.0), now)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        if left < 1:
            wait = max(1, round((1 - left) / self._per_s))
            headers = [(b"retry-after", b"%d" % wait)]
            raise Problem(429, "This client asks too often.", headers=headers)


@dataclass(kw_only=True)
class Guard:
    """The rules of one server. ``names``: by which it may be called; ``needs_token``: whether all need one."""

    tokens: Tokens
    names: Collection[str]
    needs_token: bool
    loopback: bool
    read_only: bool = False
    rates: Rates = field(default_factory=lambda: Rates(0))
    tries: Rates = field(default_factory=lambda: Rates(2))
    """Of wrong tokens."""
    _hosts: dict[bytes, bool] = field(default_factory=dict)

    def check_site(self, request: Request) -> None:
        """Raise Problem (403) unless the request is meant for this server, and comes from no other site's page."""
        headers = request.headers
        host = headers.get(b"host", b"")
        if not self._is_ours(host):
            raise Problem(
                403,
                "This server is not called that; start it with --allow-host NAME to use another name.",
                title="Host",
            )
        site = headers.get(b"sec-fetch-site")
        if site == b"cross-site" and headers.get(b"sec-fetch-mode") != b"navigate":
            raise Problem(403, "Pages of other sites may not use this server.", title="Origin")
        if request.method not in SAFE_METHODS:
            self._check_change(request, headers, host)

    def _check_change(self, request: Request, headers: Mapping[bytes, bytes], host: bytes) -> None:
        origin, scheme = headers.get(b"origin"), request.scope.get("scheme", "http").encode()
        if origin is not None and origin.lower() != scheme + b"://" + host.lower():
            raise Problem(403, "Pages of other sites may not change anything here.", title="Origin")
        if headers.get(b"sec-fetch-site", b"same-origin") not in (b"same-origin", b"none"):
            raise Problem(403, "Pages of other sites may not change anything here.", title="Origin")

    def check_writable(self) -> None:
        """Raise Problem (403) if this server changes nothing."""
        if self.read_only:
            raise Problem(403, "This server is read-only.")

    def check_token(self, request: Request, *, open_to_all: bool = False, scope: str = EVERYTHING) -> None:
        """Note whose token a request has. Raises Problem: 401 for none or a wrong one, 429 for too many of these.

        ``open_to_all``: it may come without. ``scope``: which tokens are for this; where work is lent, one is needed
        on this machine, too.
        """
        text = token_of(request.headers)
        if text is None:
            if (self.needs_token or scope == WORK) and not open_to_all:
                raise Problem(401, "This server needs a token: Authorization: Bearer TOKEN.", headers=_CHALLENGE)
            return
        token = self.tokens.find(text)
        request.who = None if token is None else token.name
        if token is not None and token.scope != scope and not open_to_all:
            only = "is for workers alone" if token.scope == WORK else "is not for workers; make one with --scope work"
            raise Problem(403, f"This token {only}.")
        if request.who is None:
            if open_to_all:
                return
            self.tries.take(request.client)
            raise Problem(401, "This token is not known here, or was revoked.", headers=_CHALLENGE)

    def _is_ours(self, host: bytes) -> bool:
        known = self._hosts.get(host)
        if known is None:
            known = self._look(host)
            if len(self._hosts) < 1000:
                self._hosts[host] = known
        return known

    def _look(self, host: bytes) -> bool:
        """A name that is known, or an address, which no name server can make up."""
        text = host.decode("latin-1").lower()
        name, _, port = text.rpartition(":") if ":" in text and not text.endswith("]") else (text, "", "")
        if port and not port.isdigit():
            return False
        name = name.rstrip(".")
        if name in self.names:
            return True
        try:
            address = ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return address.is_loopback or not self.loopback


def token_of(headers: Mapping[bytes, bytes]) -> str | None:
    """The token of a request: in its header, or in the cookie that the page was given for it."""
    header = headers.get(b"authorization")
    if header is not None:
        scheme, _, text = header.decode("latin-1").partition(" ")
        return text.strip() if scheme.lower() == "bearer" else ""
    cookies = headers.get(b"cookie")
    if cookies is None:
        return None
    for cookie in cookies.decode("latin-1").split(";"):
        name, _, value = cookie.strip().partition("=")
        if name == COOKIE:
            return value
    return None
