"""Pipes, sockets and devices among a user's files: nobody waits for them, they are named, and the others are made."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pillion
from pillion.errors import ItemError
from pillion.readers.documents import table as documents
from pillion.readers.media import opening
from pillion.readers.pdf import document as pdf
from tests.support import photos
from tests.support.program import run

PATIENCE_S = 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "d"
    root.mkdir()
    photos.write_photo(root / "x.jpg", seed=1, size=(160, 120))
    os.mkfifo(root / "p")
    os.mkfifo(root / "pipe.jpg")
    (root / "link.jpg").symlink_to(root / "pipe.jpg")
    return root


@pytest.fixture
def special(folder: Path) -> Iterator[list[Path]]:
    """A pipe, a link to it, a socket, a device, a folder."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket.jpg"))
        yield [folder / "pipe.jpg", folder / "link.jpg", folder / "socket.jpg", Path("/dev/zero"), folder]


ASKS: dict[str, Callable[[Path], object]] = {
    "decode": pillion.decode,
    "thumbnail": pillion.thumbnail,
    "file_thumbnail": pillion.file_thumbnail,
    "thumbhash": pillion.thumbhash,
    "ocr": pillion.ocr,
    "transcribe": pillion.transcribe,
    "file_text": pillion.file_text,
    "export": pillion.export,
    "hash_file": pillion.hash_file,
    "documents": lambda path: documents.read(path, "text/plain"),
    "zip": lambda path: documents.read(path, "application/epub+zip"),
    "pdf": lambda path: pdf.opened(path).__enter__(),
    "media": lambda path: opening.opened(path).__enter__(),
}


@pytest.mark.parametrize("ask", ASKS)
def test_nobody_waits_for_what_is_no_regular_file(special: list[Path], ask: str) -> None:
    def all_of_them() -> None:
        for path in special:
            with pytest.raises(ItemError, match="not a regular file") as raised:
                ASKS[ask](path)
            assert raised.value.error_class == "unsupported"

    _within(all_of_them)


def _within(work: Callable[[], None]) -> None:
    """Do it in a thread, which is left behind if it waits for ever."""
    failed: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive(), "it waits"
    if failed:
        raise failed[0]


def test_a_batch_makes_the_others(folder: Path) -> None:
    def batch() -> None:
        made = dict(pillion.thumbnail_batch([folder / "p", folder / "pipe.jpg", folder / "x.jpg"]))
        assert isinstance(made[folder / "x.jpg"], dict)
        assert {str(made[folder / name]) for name in ("p", "pipe.jpg")} == {"not a regular file"}

    _within(batch)


def test_thumb_names_the_pipe_and_makes_the_others(folder: Path, tmp_path: Path) -> None:
    done = run("thumb", folder, "-o", tmp_path / "out")
    assert done.returncode == 0
    assert f"pillion: {folder / 'p'}: unsupported: not a regular file" in done.stderr.splitlines()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["x.jpg.grid@2x.webp"]
    named = run("thumb", folder / "p", folder / "x.jpg", "-o", tmp_path / "other")
    assert named.returncode == 1
    assert "unsupported: not a regular file" in named.stderr
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["x.jpg.grid@2x.webp"]


@pytest.mark.parametrize("command", ["text", "ocr", "transcribe"])
def test_commands_that_read_go_on(folder: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "a.txt").write_text("a plain text\n")
    done = run(command, folder / "p", tmp_path / "a.txt")
    assert f"pillion: {folder / 'p'}: unsupported: not a regular file" in done.stderr.splitlines()
    if command == "text":
        assert done.stdout == "a plain text\n"


def test_an_index_leaves_them_out(folder: Path, tmp_path: Path) -> None:
    with pillion.Library.open(tmp_path / "library", policy="mobile") as library:
        assert library.index(folder).files == 1
        library.run()
        # A file that has become a pipe since is one that changed.
        (folder / "x.jpg").unlink()
        os.mkfifo(folder / "x.jpg")
        library.regenerate()
        library.run()
        assert {item.failure.error_class.value for item in library.requests.failures()} == {"changed_source"}
