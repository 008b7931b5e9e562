"""Where one decoder refuses a file the next is asked, for thumbnails, pixels and OCR; errors have the words of all."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

import pillion
from pillion import _core
from pillion.api import thumbnail_batch
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.thumbnail.generator import ImageThumbGenerator
from pillion.model import GenerationRequest, SidecarMark
from pillion.readers.images import decode as pictures
from pillion.readers.images import pillow
from tests.support.pictures import chart, encoded, opened
from tests.support.ssim import ssim

COMMON = ["AVIF", "BMP", "GIF", "ICO", "JPEG", "PNG", "PPM", "TIFF", "WEBP"]


def damaged_jpeg() -> bytes:
    """A JPEG with a bad mark near its end, which the core refuses."""
    data = bytearray(encoded(chart(400, 300), "JPEG", quality=95))
    at = len(data) * 9 // 10
    data[at : at + 2] = b"\xff\xd5"  # a restart marker, of which there are none
    return bytes(data)


@pytest.fixture
def blind_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that takes every picture for damaged."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise ItemError(ErrorClass.CORRUPT, "the core sees nothing")

    for name in ("decode", "thumbnails", "probe", "thumbhash"):
        monkeypatch.setattr(_core, name, refuse)


@pytest.mark.usefixtures("blind_core")
@pytest.mark.parametrize("file_format", COMMON)
def test_pillow_is_asked_for_all_common_formats(file_format: str) -> None:
    picture = chart(128, 128)
    data = encoded(picture, file_format, **({"sizes": [(128, 128)]} if file_format == "ICO" else {}))
    assert ssim(pillion.decode(data)[..., :3], np.asarray(picture)) > 0.9
    (made,) = pictures.thumbnails(data, [("a", 64, 90, 0)])
    assert opened(made.data).size == (64, 64)
    assert made.damaged
    page = pictures.opened(data)
    assert (page.width, page.height) == (128, 128)
    assert ssim(page.pixels(64)[..., :3], np.asarray(picture.resize((64, 64)))) > 0.8
    assert page.notes == ["the picture is damaged (the core sees nothing), and was read by pillow"]


def test_damage_is_shown_and_marked(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(damaged_jpeg())
    with pytest.raises(ItemError):
        _core.decode(path)
    pixels = pillion.decode(path)
    assert ssim(pixels[:200], np.asarray(chart(400, 300))[:200]) > 0.97
    request = GenerationRequest(kind="thumb", variants=("grid@1x",), source=path, mime="image/jpeg")
    generated = ImageThumbGenerator().generate(request)
    assert isinstance(generated, tuple)
    (made,) = generated
    assert made.mark is SidecarMark.DAMAGED
    page = pictures.opened(path)
    page.pixels(100)
    assert len(page.notes) == 1
    assert 0 < len(pillion.thumbhash(path)) <= 25


def test_many_at_once_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(damaged_jpeg())
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    back = dict(thumbnail_batch([tmp_path / "a.jpg", tmp_path / "b.png"], ["icon"]))
    assert back[tmp_path / "a.jpg"] == pillion.thumbnail(tmp_path / "a.jpg", ["icon"])
    error = back[tmp_path / "b.png"]
    assert isinstance(error, ItemError)
    assert "Pillow" in error.message


@pytest.mark.parametrize("call", [pillion.decode, pillion.thumbnail])
def test_what_nobody_reads_has_the_words_of_all(call: Any) -> None:
    with pytest.raises(ItemError) as caught:
        call(b"BM" + bytes(12) + b"\x28" + bytes(11) + b"\1\0\x18" + bytes(25))
    assert caught.value.error_class is ErrorClass.CORRUPT
    first, *others = caught.value.message.split("; ")
    assert "empty picture" in first
    assert any(other.startswith("Pillow: ") for other in others)


@pytest.mark.usefixtures("blind_core")
def test_the_limits_hold_for_every_decoder() -> None:
    data = encoded(chart(), "PNG")
    with pytest.raises(ItemError) as caught:
        pillion.decode(data, max_pixels=1000)
    assert "the core sees nothing" in caught.value.message
    assert "limit of 1000" in caught.value.message


def test_what_ends_a_file_for_all_is_not_asked_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pillow, "decode", lambda *_, **__: pytest.fail("Pillow was asked"))
    for call, error_class in (
        (lambda: pillion.decode(encoded(chart(), "PNG"), max_pixels=10), ErrorClass.TOO_LARGE),
        (lambda: pillion.decode(tmp_path / "gone.png"), ErrorClass.MISSING_SOURCE),
    ):
        with pytest.raises(ItemError) as caught:
            call()
        assert caught.value.error_class is error_class
