"""Peers that are reached by HTTP: the real server, and servers that do what no server should."""

from __future__ import annotations

import dataclasses
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pillion import Library, UsageError
from pillion.catalog.peers import Offer
from pillion.model import SidecarFormat, SidecarKind
from pillion.peers import web
from pillion.peers.connection import Connection
from pillion.peers.peer import PeerError, PeerLied
from pillion.peers.web import WebPeer
from tests.support import devices
from tests.support.devices import PHOTOS, SIZES
from tests.support.lying import ENDLESS, endless
from tests.support.program import run, run_json
from tests.support.serving import Served, is_problem, serving


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs, and a library with their thumbnails."""
    folder = tmp_path_factory.mktemp("made")
    devices.make(folder)
    return folder


@pytest.fixture(scope="module")
def served(made: Path) -> Iterator[Served]:
    with serving(made / "desk", "--no-work", "--no-watch") as server:
        yield server


def offered(phone: Library, served: Served) -> list[Offer]:
    """What the server has, and the phone has not."""
    phone.peers.add("desk", f"http://127.0.0.1:{served.port}/")
    return phone.peers.compare("desk").has


@pytest.fixture
def phone(made: Path, tmp_path: Path) -> Iterator[Library]:
    with devices.other(made, tmp_path) as library:
        yield library


def test_sidecars_come_from_a_server(phone: Library, served: Served) -> None:
    phone.peers.add("desk", f"http://127.0.0.1:{served.port}/")
    (pulled,) = phone.peers.pull()
    assert (pulled.failed, pulled.by_kind) == (None, {"thumb": SIZES * PHOTOS})
    assert not phone.run(kinds=["thumb"]).recorded
    assert phone.verify() == []
    uuid = next(iter(phone.ls())).content_uuid
    assert phone.resolve(f"sidecar://{uuid}/thumb/detail@2x", "fetch_only") is None


def test_a_server_is_asked_only_for_what_it_has(phone: Library, served: Served) -> None:
    uuid = next(iter(phone.ls())).content_uuid
    missing = served.ask(f"sidecars/{uuid}/thumb/detail@2x?make=false")
    assert is_problem(missing, 404)


def test_several_sidecars_come_in_one_answer_each_only_as_it_was_offered(
    phone: Library, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers = offered(phone, served)
    other = dataclasses.replace(offers[0], checksum="0" * 64)
    peer = WebPeer(f"http://127.0.0.1:{served.port}")
    single = [peer.read(offer) for offer in offers]
    monkeypatch.setattr(WebPeer, "read", None)
    assert list(peer.read_many([other, *offers])) == [None, *single]
    assert None not in single
    monkeypatch.setattr(web, "_ASKED", 2)
    assert list(peer.read_many(offers)) == single
    peer.close()


def test_an_older_server_gives_sidecars_one_at_a_time(
    phone: Library, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers = offered(phone, served)
    answer, asked = WebPeer._answer, []

    def older(peer: WebPeer, path: str, **more: Any) -> tuple[int, bytes]:
        asked.append(path)
        return (404, b"{}") if path == "/inventory/sidecars" else answer(peer, path, **more)

    monkeypatch.setattr(WebPeer, "_answer", older)
    peer = WebPeer(f"http://127.0.0.1:{served.port}")
    for _ in range(2):
        assert None not in peer.read_many(offers)
    assert asked.count("/inventory/sidecars") == 1
    peer.close()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("inventory/sidecars", {"lines": ["../../etc/passwd"]}),
        ("inventory/sidecars", {"lines": ["0" * 36 + "/thumb/icon"] * 257}),
        ("inventory/branches?prefixes=zz", None),
        ("inventory/branches?prefixes=" + ",".join(["00"] * 3 + ["0"]), None),
        ("inventory/hashes", {"buckets": ["zzzz"]}),
        ("inventory/hashes", {"buckets": ["0000", "0000"]}),
        ("inventory/hashes", {"buckets": [f"{number:04x}" for number in range(1025)]}),
        ("inventory/offers", {"buckets": ["0000"], "hashes": []}),
        ("inventory/offers", {"buckets": ["0000"], "hashes": ["AAAA"]}),
        ("inventory/offers", {"buckets": ["0000"], "hashes": ["not base64"]}),
        ("inventory/offers", {"buckets": ["0000"], "hashes": ["übel"]}),
        ("inventory/offers", {"buckets": ["0000"], "hashes": ["A" * 16 * 5000]}),
    ],
)
def test_what_is_asked_wrongly_is_a_problem(served: Served, path: str, body: object) -> None:
    answer = served.ask(path, "GET" if body is None else "POST", json_body=body)
    assert is_problem(answer, 422), answer.body


def test_a_token_lets_a_device_in(phone: Library, made: Path, tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    shutil.copytree(made / "desk", desk)
    token = run("token", "create", "phone", "--library", desk)
    assert token.returncode == 0, token.stderr
    secret = next(word for word in token.stdout.split() if len(word) > 30)
    (tmp_path / "token").write_text(secret + "\n")
    with serving(desk, "--no-work", "--no-watch", "--host", "0.0.0.0", "--allow-host", "127.0.0.1") as server:
        address = f"http://127.0.0.1:{server.port}"
        phone.peers.add("desk", address)
        (refused,) = phone.peers.pull()
        assert "does not let this device in: make a token" in (refused.failed or "")
        assert not refused.lied
        (tmp_path / "other").write_text(
            run_json("token", "create", "gpu", "--scope", "work", "--library", desk)["token"]
        )
        phone.peers.add("desk", address, tmp_path / "other")
        (refused,) = phone.peers.pull()
        assert "does not let this device in: This token is for workers alone" in (refused.failed or ""), refused.failed
        phone.peers.add("desk", address, tmp_path / "token")
        (pulled,) = phone.peers.pull()
        assert (pulled.failed, pulled.by_kind) == (None, {"thumb": SIZES * PHOTOS})


# servers that are none ------------------------------------------------------------------------------------------------


@contextmanager
def answering(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server that answers all requests so."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def sends(body: bytes, status: int = 200, length: int | None = None, **headers: str) -> Callable[..., None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return answer


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (sends(b"<html>hello</html>"), PeerLied, "no answer"),
        (sends(b"[" * 100_000), PeerLied, "no answer|more than"),
        (sends(b'{"protocol": "one"}'), PeerLied, "no answer"),
        (sends(b"x" * 10_000_000), PeerLied, "more than"),
        (sends(b"{}", length=1000), PeerError, "early|cannot be reached"),
        (sends(b"{}", 404), PeerError, "no 'pillion serve'"),
        (sends(b"{}", 302, Location="http://127.0.0.1:1/"), PeerError, "status 302"),
        (sends(b'{"detail": "so it is"}', 500), PeerError, "so it is"),
        (sends(b"nonsense", 401), PeerError, "token"),
    ],
)
def test_what_is_no_answer_is_said_in_a_sentence(
    answer: Callable[..., None], error: type[PeerError], message: str
) -> None:
    with answering(answer) as url:
        peer = WebPeer(url)
        with pytest.raises(error, match=message) as raised:
            peer.about()
        peer.close()
    assert (raised.type is PeerLied) == (error is PeerLied)


def test_who_was_never_asked_before_has_time_to_sum_up_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(404)
        handler.send_header("content-length", "0")
        handler.end_headers()

    steps: list[float | None] = []
    within = Connection.within

    def noted(connection: Connection, seconds: float, *, step_s: float | None = None) -> None:
        steps.append(step_s)
        within(connection, seconds, step_s=step_s)

    monkeypatch.setattr(Connection, "within", noted)
    with answering(answer) as address:
        peer = WebPeer(address)
        for ask in (peer.about, partial(peer.branches, ["00"])):
            with pytest.raises(PeerError):
                ask()
        peer.close()
    assert steps == [web.ANSWER_S, web.CONNECT_S]


def test_a_slow_peer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "ANSWER_S", 0.2)
    over = threading.Event()

    def drop(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "60000")
        handler.end_headers()
        while not over.wait(0.02):
            try:
                handler.wfile.write(b" ")
            except OSError:
                return

    with answering(drop) as url:
        peer = WebPeer(url)
        with pytest.raises(PeerError, match="too slow"):
            peer.about()
        peer.close()
        over.set()


@pytest.mark.parametrize("what", ENDLESS)
def test_an_answer_without_an_end_is_left(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Each byte of it comes soon: only the time of the whole tells."""
    monkeypatch.setattr(web, "ANSWER_S", 0.2)
    monkeypatch.setattr(web, "SLOWEST", 1 << 30)
    with endless(what) as url:
        peer = WebPeer(url)
        with pytest.raises(PeerError, match="too slow") as raised:
            peer.about()
        assert raised.type is PeerError
        peer.close()


def test_why_a_peer_cannot_be_reached_is_said_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    peer = WebPeer(f"http://127.0.0.1:{port}")
    with pytest.raises(PeerError, match=r"cannot be reached \(Connection refused\); is 'pillion serve'"):
        peer.about()


def test_one_that_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "CONNECT_S", 0.2)
    monkeypatch.setattr(web, "ANSWER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        peer = WebPeer(f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        with pytest.raises(PeerError, match="cannot be reached"):
            peer.about()
        assert time.monotonic() - started < 30
        peer.close()


def test_a_token_is_sent_only_as_one(tmp_path: Path) -> None:
    seen: list[str | None] = []

    def note(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers.get("Authorization"))
        sends(b"{}", 401)(handler)

    (tmp_path / "token").write_text("secret\n")
    with answering(note) as url:
        for peer in (WebPeer(url, tmp_path / "token"), WebPeer(url)):
            with pytest.raises(PeerError):
                peer.about()
            peer.close()
    assert seen == ["Bearer secret", None]
    (tmp_path / "token").write_text("two\nlines")
    with pytest.raises(PeerError, match="no token"):
        WebPeer("http://127.0.0.1:1", tmp_path / "token")
    with pytest.raises(PeerError, match="cannot be read"):
        WebPeer("http://127.0.0.1:1", tmp_path / "none")


def test_only_buckets_are_read_from_an_answer() -> None:
    """Millions of other names would each be looked for among those that were asked for."""
    for ask, answer in (
        ("branches", b'{"zz": ""}'),
        ("short_hashes", b'{"00000": ""}'),
        ("short_hashes", b'{"00g0": ""}'),
    ):
        with answering(sends(answer)) as url:
            peer = WebPeer(url)
            with pytest.raises(PeerLied, match="no answer"):
                getattr(peer, ask)(["00"])
            peer.close()


@pytest.mark.parametrize(
    ("answer", "message"),
    [(b"\x93\xc0\xc0\xc0", "3 sidecars in place of 2"), (b"[null, null]", "no answer"), (b"x" * 100_000, "more than")],
)
def test_who_gives_more_or_other_than_sidecars_lies(answer: bytes, message: str) -> None:
    offers = [Offer(size=1, format=SidecarFormat.WEBP, checksum="0" * 64, **_ANY)] * 2
    with answering(sends(answer)) as url:
        peer = WebPeer(url)
        with pytest.raises(PeerLied, match=message):
            list(peer.read_many(offers))
        peer.close()


_ANY: Mapping[str, Any] = {"content_uuid": "0" * 36, "kind": SidecarKind("thumb"), "variant": "icon", "recipe": "r"}


@pytest.mark.parametrize("url", ["http://", "http://me:secret@host", "http://host:x", "ftp://host"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        WebPeer(url)
