"""How a worker asks a server: downloads that break off go on, and nothing more is taken than was said."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pillion.errors import UsageError
from pillion.remote import server as remote
from pillion.remote.protocol import DeskError, Lied, Over
from pillion.remote.server import Server, ServerAway

DATA = bytes(range(256)) * 40


class Cutting(ThreadingHTTPServer):
    """Sends at most ``piece`` bytes of what was asked for, and then ends the connection."""

    daemon_threads = True
    piece = 4000
    status = 0
    extra = b""
    asked: list[str | None]


class _Handler(BaseHTTPRequestHandler):
    server: Cutting

    def do_GET(self) -> None:
        asked = self.headers.get("range")
        self.server.asked.append(asked)
        if self.server.status:
            self.send_response(self.server.status)
            self.send_header("content-length", "0")
            self.end_headers()
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        left = DATA[start:] + self.server.extra
        self.send_response(206 if asked else 200)
        self.send_header("content-length", str(len(left)))
        self.end_headers()
        self.wfile.write(left[: self.server.piece])
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def cutting() -> Iterator[Cutting]:
    with Cutting(("127.0.0.1", 0), _Handler) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def asked(cutting: Cutting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    monkeypatch.setattr(remote, "_WAIT_S", 0.0)
    token = tmp_path / "token"
    token.write_text("pillion_secret")
    server = Server(f"http://127.0.0.1:{cutting.server_port}", token, [])
    return lambda to: server.download(1, "a" * 32, to, len(DATA))


def test_a_download_goes_on_where_it_broke_off(cutting: Cutting, asked: Callable[[Path], None], tmp_path: Path) -> None:
    asked(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA
    assert cutting.asked == [None, "bytes=4000-", "bytes=8000-"]


def test_one_that_never_gets_further_ends(cutting: Cutting, asked: Callable[[Path], None], tmp_path: Path) -> None:
    cutting.piece = 0
    with pytest.raises(ServerAway):
        asked(tmp_path / "file")
    assert len(cutting.asked) == remote._TRIES


def test_more_than_was_said_is_a_lie(cutting: Cutting, asked: Callable[[Path], None], tmp_path: Path) -> None:
    cutting.piece, cutting.extra = 1 << 20, b"more"
    with pytest.raises(Lied):
        asked(tmp_path / "file")


@pytest.mark.parametrize(("status", "error"), [(410, Over), (403, DeskError), (404, DeskError), (503, ServerAway)])
def test_what_the_server_says_is_an_error_of_its_kind(
    cutting: Cutting, asked: Callable[[Path], None], tmp_path: Path, status: int, error: type[Exception]
) -> None:
    cutting.status = status
    with pytest.raises(error):
        asked(tmp_path / "file")
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("url", ["nas", "ftp://nas", "http://me@nas", "http://nas:x", "http://"])
def test_what_is_no_address_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no address of a server"):
        Server(url, tmp_path / "token", [])
