"""Text with parts left out is marked, PDFs are opened with passwords of the user, and failures are tried again."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from pathlib import Path

import pytest

from pillion import Library
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr import generator as ocr_generator
from pillion.kinds.ocr import pdf as ocr_pdf
from pillion.kinds.ocr.result import OcrResult
from pillion.model import Empty, GenerationRequest, SidecarKind, SidecarMark, SidecarStatus
from pillion.readers.pdf.document import opened
from tests.support import media, photos, program

SECRET = "Glockenblume 7"


def library_at(root: Path, config: str) -> Library:
    Library.open(root, policy="desktop").close()
    (root / "config.toml").write_text(f'policy = "desktop"\n[embeddings]\nenable = false\n{config}')
    return Library.open(root)


def states(library: Library) -> dict[str, SidecarStatus]:
    return {item.kind: item.state for item in library.ls()}


# partial --------------------------------------------------------------------------------------------------------------


def test_pages_that_are_left_out_make_a_partial_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = media.write_pdf(tmp_path / "a.pdf", ["The harbour wall was built in stone.", "And the light on it later."])
    monkeypatch.setattr(ocr_pdf, "MAX_PAGES", 1)
    request = GenerationRequest(kind=SidecarKind("ocr"), variants=("default",), source=path, mime="application/pdf")
    made = ocr_generator.OcrGenerator().generate(request)
    assert not isinstance(made, Empty)
    assert made[0].mark is SidecarMark.PARTIAL
    assert json.loads(made[0].data)["partial"] is True
    assert OcrResult.from_json(made[0].data).partial
    monkeypatch.undo()
    whole = ocr_generator.OcrGenerator().generate(request)
    assert not isinstance(whole, Empty)
    assert whole[0].mark is None
    assert "partial" not in json.loads(whole[0].data)


@pytest.mark.models
def test_the_mark_is_seen_everywhere(tmp_path: Path) -> None:
    """A PDF with a page that is not there: the others are read."""
    folder = tmp_path / "files"
    folder.mkdir()
    data = media.pdf_bytes(["The harbour wall was built in stone.", "And the light on it later."])
    (folder / "a.pdf").write_bytes(data.replace(b"/Kids [", b"/Kids [99 0 R ").replace(b"/Count 2", b"/Count 3"))
    root = tmp_path / "library"
    with library_at(root, "[thumb]\nenable = false\n") as library:
        library.index(folder)
        library.run()
        (item,) = library.ls()
        assert item.mark is SidecarMark.PARTIAL
        manifest = json.loads((root / "sidecars" / _manifest(root)).read_text())
        assert manifest["sidecars"][0]["mark"] == "partial"
    assert "(partial)" in program.run("ls", "-l", root).stdout
    assert "1 ready sidecars are marked partial" in program.run("status", "-l", root).stdout
    assert program.run_json("status", "-l", root, "--json")["marks"] == {"damaged": 0, "partial": 1, "truncated": 0}
    Library.reconcile(root, rebuild=True)
    with Library.open(root) as library:
        assert next(iter(library.ls())).mark is SidecarMark.PARTIAL


def _manifest(root: Path) -> Path:
    return next((root / "sidecars").rglob("manifest.json")).relative_to(root / "sidecars")


# passwords ------------------------------------------------------------------------------------------------------------


def test_passwords_are_tried_in_order_and_never_told(tmp_path: Path) -> None:
    path = media.write_pdf(tmp_path / "a.pdf", ["In confidence."], password=SECRET)
    passwords = tmp_path / "passwords.txt"
    passwords.write_bytes(b"wrong\r\n\n\xff\xfe\n" + SECRET.encode() + b"\nother\n")
    with opened(path, str(passwords)) as document:
        assert len(document) == 1
    passwords.write_text("one\ntwo\n")
    with pytest.raises(ItemError, match="no line of the password file opens it") as caught:
        opened(path, str(passwords)).__enter__()
    assert caught.value.error_class is ErrorClass.UNSUPPORTED
    assert "one" not in f"{caught.value.message}{caught.value.stderr_tail}".replace("no line", "")
    with pytest.raises(ItemError, match="cannot be read"):
        opened(path, str(tmp_path / "none")).__enter__()


@pytest.mark.models
def test_a_new_password_opens_what_was_closed(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    media.write_pdf(folder / "a.pdf", ["The harbour wall was built in stone."], password=SECRET)
    root = tmp_path / "library"
    passwords = root / "passwords.txt"
    with library_at(root, '[pdf]\npasswords_file = "passwords.txt"\n') as library:
        passwords.write_text("wrong\n")
        library.index(folder)
        library.run()
        assert states(library) == {"thumb": SidecarStatus.UNSUPPORTED, "ocr": SidecarStatus.UNSUPPORTED}
        # The file's time counts: nothing has changed since then.
        os.utime(passwords, (time.time() - 60, time.time() - 60))
        assert library.index().queued == 0
        passwords.write_text(f"wrong\n{SECRET}\n")
        assert library.index().queued > 0
        library.run()
        assert states(library) == {"thumb": SidecarStatus.READY, "ocr": SidecarStatus.READY}
    for file in root.rglob("*"):
        assert file == passwords or not file.is_file() or SECRET.encode() not in file.read_bytes(), file


# failures -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "again"), [(30, True), (0, False), (60, False)])
def test_what_failed_long_ago_is_tried_again(days: int, again: bool, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    photos.write_photo(folder / "good.jpg", 1, size=(80, 60))
    (folder / "bad.jpg").write_bytes((folder / "good.jpg").read_bytes()[:300])
    root = tmp_path / "library"
    with library_at(root, f"[ocr]\nenable = false\n[failures]\nretry_after_days = {days}\n") as library:
        library.index(folder)
        library.run()
        assert library.index().queued == 0
    long_ago = time.time() - 45 * 86400
    connection = sqlite3.connect(root / "catalog.sqlite")
    connection.execute("UPDATE failures SET last_at = ?, first_at = ?", (long_ago, long_ago))
    connection.execute("UPDATE sidecars SET updated_at = ?", (long_ago,))
    connection.commit()
    connection.close()
    with Library.open(root) as library:
        assert (library.index().queued > 0) == again
        library.run()
        assert library.index().queued == 0, "it failed again, now"
        assert {item.state for item in library.ls()} == {SidecarStatus.READY, SidecarStatus.FAILED}
