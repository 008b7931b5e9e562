"""Types by magic bytes; the table itself is tested beside it in Rust."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import wave
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillion import _core
from pillion.errors import ItemError
from pillion.model import MediaClass


def zip_of(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, "content")
    return out.getvalue()


def tar_of(name: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    return out.getvalue()


def wav() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16000)
        sound.writeframes(b"\0\0" * 100)
    return out.getvalue()


OFFICE = "application/vnd.openxmlformats-officedocument."


@pytest.mark.parametrize(
    ("head", "name", "want"),
    [
        (b"", b"a.jpg", "application/x-empty"),
        (b"\xff\xd8\xff\xe0", b"a.png", "image/jpeg"),
        (b"hello", b"a.jpg", "text/plain"),
        (b"# hello", b"folder/a.md", "text/markdown"),
        (b"caf\xc3", b"", "text/plain"),
        (b"junk %PDF-1.7\n%\xe2\xe3\xcf\xd3\n\0", b"", "application/pdf"),
        (struct.pack(">I4s4sI4s", 20, b"ftyp", b"avif", 0, b"mif1"), b"", "image/avif"),
        (zip_of("a.txt"), b"a.docx", "application/zip"),
        (zip_of("[Content_Types].xml", "word/document.xml"), b"", OFFICE + "wordprocessingml.document"),
        (zip_of("[Content_Types].xml", "xl/workbook.xml"), b"", OFFICE + "spreadsheetml.sheet"),
        (tar_of("a"), b"", "application/x-tar"),
        (wav(), b"", "audio/wav"),
        (b"\0\1\2\3", b"a.jpg", "application/octet-stream"),
    ],
)
def test_sniff(head: bytes, name: bytes, want: str) -> None:
    assert _core.sniff(head, name) == want


@given(head=st.binary(max_size=300), name=st.binary(max_size=20))
def test_any_bytes_get_a_type(head: bytes, name: bytes) -> None:
    mime = _core.sniff(head, name)
    assert mime.count("/") == 1
    assert MediaClass(_core.media_class(mime))
    assert (mime == "application/x-empty") is (head == b"")


@given(text=st.text(st.characters(exclude_categories=["C"]), min_size=2), cut=st.integers(0, 3))
def test_utf8_is_text_even_when_cut(text: str, cut: int) -> None:
    head = text.encode()[: max(len(text.encode()) - cut, 1)]
    mime = _core.sniff(b"words: " + head)
    assert _core.media_class(mime) == "text"


@pytest.mark.parametrize(
    ("name", "want"),
    [
        (b"a.JPEG", "image/jpeg"),
        (b"/x.png/a", "application/octet-stream"),
        (b".gif", "application/octet-stream"),
        (b"\xff.pdf", "application/pdf"),
    ],
)
def test_mime_from_name(name: bytes, want: str) -> None:
    assert _core.mime_from_name(name) == want


@pytest.mark.parametrize(
    ("mime", "want"),
    [
        ("image/svg+xml", MediaClass.IMAGE),
        ("application/pdf", MediaClass.PDF),
        ("video/mp4", MediaClass.VIDEO),
        ("audio/flac", MediaClass.AUDIO),
        ("Text/Plain; charset=utf-8", MediaClass.TEXT),
        ("application/json", MediaClass.TEXT),
        ("application/zip", MediaClass.OTHER),
        ("nonsense", MediaClass.OTHER),
    ],
)
def test_media_class(mime: str, want: MediaClass) -> None:
    assert MediaClass(_core.media_class(mime)) is want


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)


@pytest.mark.parametrize("start", [zip_of("META-INF/container.xml", "mimetype"), OLE])
@given(changes=st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=4)), max_size=6))
def test_no_directory_makes_it_fail(
    start: bytes, changes: list[tuple[int, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(start)
    for at, new in changes:
        at %= len(data)
        data[at : at + len(new)] = new
    path = tmp_path_factory.getbasetemp() / "mutated"
    path.write_bytes(data)
    assert _core.sniff_file(path).count("/") == 1


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, error_class in ((tmp_path / "pipe", "unsupported"), (tmp_path / "gone", "missing_source")):
        with pytest.raises(ItemError) as caught:
            _core.sniff_file(path)
        assert caught.value.error_class == error_class
