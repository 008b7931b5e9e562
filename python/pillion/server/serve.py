"""Runs the server: its socket, its certificate, who may use it, the process that works the queue, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import ipaddress
import logging
import os
import resource
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pillion.errors import LibraryError, UsageError
from pillion.extras import require
from pillion.quoting import quoted
from pillion.server.app import Api, nothing
from pillion.server.guard import Guard, Rates
from pillion.server.supervise import Companion
from pillion.server.tokens import Tokens

if TYPE_CHECKING:
    import uvicorn

    from pillion.library import Library

_logger = logging.getLogger(__name__)

GRACE_S = 5
"""So long requests may take to end when the server does."""
_BACKLOG = 2048
_ARENAS, _M_ARENA_MAX = "MALLOC_ARENA_MAX", -8
"""Of mallopt(3): the variable by which users choose, and the number of the option in glibc's malloc.h."""
_CONNECTIONS = 8000


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How a library is served. ``rate``: requests a second that one client may make, None: as the address suggests."""

    host: str = "127.0.0.1"
    port: int = 8640
    work: bool = True
    watch: bool = True
    read_only: bool = False
    need_token: bool = False
    allow_hosts: Sequence[str] = ()
    certificate: Path | None = None
    key: Path | None = None
    rate: float | None = None


def serve(library: Library, options: Options, ready: Callable[[str, str | None], object]) -> None:
    """Serve until SIGTERM or Ctrl-C. ``ready`` is given the address when clients can connect, and a token made for it.

    Raises UsageError for an address that cannot be used or a wrong certificate, ItemError (missing_tool) without the
    packages.
    """
    require("serve", "servers")
    _check_certificate(options)
    listening = _listen(options.host, options.port)
    with listening:
        _raise_limit()
        _share_memory()
        address = listening.getsockname()
        loopback = ipaddress.ip_address(address[0].partition("%")[0]).is_loopback
        guard, made = _guard(library, options, loopback=loopback)
        scheme = "https" if options.certificate else "http"
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        ready(f"{scheme}://{host}:{address[1]}/api/v1", made)
        _run(library, options, guard, listening)


def _guard(library: Library, options: Options, *, loopback: bool) -> tuple[Guard, str | None]:
    """The rules, and the token that was made, where one is needed and there was none."""
    tokens = Tokens(library.root)
    needs_token = options.need_token or not loopback
    made = None
    if needs_token and not tokens.all():
        if library.read_only:
            raise LibraryError("A token is needed, and none can be made: the library is read-only.")
        made = tokens.create("first")
    names = {"localhost", *(name.lower().rstrip(".") for name in options.allow_hosts)}
    if not loopback:
        own = socket.gethostname().lower()
        names |= {own, f"{own}.local", socket.getfqdn().lower()}
    names.add(options.host.lower())
    rate = options.rate if options.rate is not None else 0.0 if loopback else 500.0
    guard = Guard(
        tokens=tokens,
        names=frozenset(names),
        needs_token=needs_token,
        loopback=loopback,
        read_only=options.read_only,
        rates=Rates(rate),
    )
    return guard, made


def _check_certificate(options: Options) -> None:
    if (options.certificate is None) != (options.key is None):
        raise UsageError("A certificate needs its key, and a key its certificate: give --tls-cert and --tls-key.")
    if options.certificate is None or options.key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(options.certificate, options.key)
    except OSError as error:
        why = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        files = f"{quoted(str(options.certificate))} and {quoted(str(options.key))}"
        raise UsageError(f"The certificate and key in {files} cannot be used: {why or error}.") from error


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises UsageError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        # A number of the system is nothing to people.
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise UsageError(f"There is no address '{quoted(host)}' to serve at: {why}.") from error
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise UsageError(
                f"Port {port} of {quoted(host)} is taken, perhaps by another 'pillion serve': choose one with --port."
            ) from error
        raise UsageError(f"Cannot serve at {quoted(host)}, port {port}: {error.strerror}.") from error
    listening.setblocking(False)
    return listening


def _share_memory() -> None:
    """Have all threads take memory from two pools: with one for each, as glibc has it, what one gave back lies idle."""
    if _ARENAS in os.environ:
        return
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def _raise_limit() -> None:
    """Allow as many open files as the system lets us: each client is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65536) if hard != resource.RLIM_INFINITY else 65536
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _companion(options: Options) -> list[str] | None:
    """The command that works the queue and watches the folders beside the server."""
    if options.read_only or not (options.work or options.watch):
        return None
    if not options.watch:
        return ["work", "--stay", "--quiet"]
    return ["watch", "--quiet"] if options.work else ["watch", "--no-work", "--quiet"]


def _run(library: Library, options: Options, guard: Guard, listening: socket.socket) -> None:
    import uvloop

    uvloop.run(_serving(library, options, guard, listening))


async def _serving(library: Library, options: Options, guard: Guard, listening: socket.socket) -> None:
    from pillion.server.protocol import Server

    command = None if library.read_only else _companion(options)
    companion = None if command is None else Companion(command, library.root)
    workers = companion if options.work else None

    def about() -> dict[str, Any]:
        return {"workers": {"state": "off"} if workers is None else workers.about()}

    on_replaced = nothing if companion is None else companion.again
    api = Api(library, guard, makes=not options.read_only, about=about, on_replaced=on_replaced)
    if companion is not None:
        await companion.start()
    following = asyncio.create_task(api.feed.run())
    try:
        await Server(_config(api, options), api.stopping.set).serve(sockets=[listening])
    finally:
        api.stopping.set()
        await following
        if companion is not None:
            await companion.stop()
        api.close()
        # Where another catalog was opened meanwhile, nobody else closes it.
        api.library.close()


def _config(api: Api, options: Options) -> uvicorn.Config:
    import uvicorn

    from pillion.server.protocol import Protocol

    logging.getLogger("uvicorn").addHandler(logging.NullHandler())
    return uvicorn.Config(
        api,
        http=Protocol,
        loop="uvloop",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=options.certificate,
        ssl_keyfile=options.key,
    )
