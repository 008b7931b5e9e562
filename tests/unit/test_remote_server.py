"""How a worker asks a server: downloads that break off go on, and nothing more is taken than was said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from pillion.errors import ErrorClass, ItemError, UsageError
from pillion.remote import desk
from pillion.remote import server as remote
from pillion.remote.protocol import DeskError, Lent, Lied, Made, Over, Returned
from pillion.remote.server import Server, ServerAway
from tests.support.lying import ENDLESS, endless

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


@pytest.mark.parametrize("what", ENDLESS)
def test_an_answer_without_an_end_is_left(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "ANSWER_S", 0.2)
    monkeypatch.setattr(remote, "_TRIES", 1)
    (tmp_path / "token").write_text("pillion_secret")
    with endless(what) as url:
        server = Server(url, tmp_path / "token", [])
        with pytest.raises(ServerAway, match="took too long"):
            server.claim(1, [])
        with pytest.raises(ServerAway, match="took too long"):
            server.download(1, "a" * 32, tmp_path / "file", 100)


def test_a_file_for_which_there_is_no_room_is_no_fault_of_the_server(
    asked: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ItemError) as caught:
        asked(Path("/dev/full"))
    assert caught.value.error_class is ErrorClass.DISK_FULL


def test_a_job_took_no_longer_than_it_was_lent() -> None:
    """What later jobs are expected to take is learnt from it."""
    lent: Any = SimpleNamespace(since=time.monotonic())
    told = Returned(job=1, claim="a" * 32, seconds=1e9, empty="")
    assert 0.0 <= desk._execution(lent, told, []).seconds < 1e6


VARIANTS = ["../x", "a/b", ".", "", "x" * 129, "a\n"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_variant_that_is_lent_or_told_is_a_path(variant: str) -> None:
    lent = {"variant": variant, "format": "webp", "size": 1, "checksum": "0" * 64, "recipe": "r"}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(lent, Made)
    with pytest.raises(msgspec.ValidationError, match="recipes"):
        msgspec.convert({**_LENT, "recipes": {variant: "r"}}, Lent)
    assert msgspec.convert({**_LENT, "recipes": {"grid@2x": "r"}}, Lent).job == 1


_LENT = {
    "job": 1,
    "claim": "a" * 32,
    "kind": "thumb",
    "content_uuid": "8b950a1f-1fee-8771-9887-d3dd49fa879c",
    "mime": "image/jpeg",
    "source": {"size": 1, "hash": None},
    "sample_above": 0,
    "settings": {},
    "texts": {},
    "priority": 0,
    "seconds": 1.0,
}


@pytest.mark.parametrize("url", ["nas", "ftp://nas", "http://me@nas", "http://nas:x", "http://"])
def test_what_is_no_address_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no address of a server"):
        Server(url, tmp_path / "token", [])
