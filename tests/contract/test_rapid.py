"""PP-OCR keeps what the generators rely on: places, words with boxes, every way up, the same bytes, no network."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr import ppocr as rapid
from pillion.kinds.ocr import ppocr_models as photographs
from tests.support import signs

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def sign() -> NDArray[np.uint8]:
    """RGB; two lines, dark on white, in the middle of gray."""
    picture = Image.new("RGB", (640, 480), (120, 125, 118))
    picture.paste(signs.board("Harbour Shed", "open 9-17", pixels=40).convert("RGB"), (150, 160))
    return np.array(picture)


def test_lines_are_found_and_read_with_boxes_on_their_words(sign: NDArray[np.uint8]) -> None:
    reader = rapid.reader()
    spots = reader.find(sign)
    assert len(spots) == 2
    texts = reader.texts(sign, spots)
    assert [text.text for text in texts] == ["Harbour Shed", "open 9-17"]
    line = rapid.seen_line(texts[0])
    assert [word.text for word in line.words] == ["Harbour", "Shed"]
    first, second = line.words
    assert first.box[2] <= second.box[0] + 4
    for word in line.words:
        left, top, right, bottom = (round(side) for side in word.box)
        assert (sign[top:bottom, left:right].min(axis=2) < 90).mean() > 0.05
        assert 90 < word.confidence <= 100


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_text_on_its_side_and_on_its_head(quarters: int, sign: NDArray[np.uint8]) -> None:
    turned = np.ascontiguousarray(np.rot90(sign, quarters))
    texts = rapid.reader().texts(turned, rapid.reader().find(turned))
    assert {text.text for text in texts} == {"Harbour Shed", "open 9-17"}


def test_the_same_picture_gives_the_same(sign: NDArray[np.uint8]) -> None:
    first, again = (rapid.reader().read(sign) for _ in range(2))
    assert first == again


def test_nothing_is_found_in_nothing() -> None:
    assert rapid.reader().find(np.full((480, 640, 3), 200, np.uint8)) == []
    assert rapid.reader().texts(np.zeros((64, 64, 3), np.uint8), []) == []
    assert rapid.reader().read(np.zeros((40, 3), np.uint8)).lines == ()


def test_a_gray_page_is_read_too(sign: NDArray[np.uint8]) -> None:
    seen = rapid.reader().read(np.ascontiguousarray(sign[:, :, 1]))
    assert [" ".join(word.text for word in line.words) for line in seen.lines] == ["Harbour Shed", "open 9-17"]


def test_loading_asks_no_network_and_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], sign: NDArray[np.uint8]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    rapid._reader.cache_clear()
    assert rapid.reader().read(sign).lines
    assert capfd.readouterr() == ("", "")


def test_a_model_that_is_lost_or_damaged_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = list(photographs.SHA256)
    monkeypatch.setattr(photographs, "files", lambda: [tmp_path / name for name in names])
    assert "pip install" in (rapid.missing() or "")
    assert photographs.installed()
    for name in names:
        (tmp_path / name).write_bytes(b"not a model")
    assert rapid.missing() is None
    with pytest.raises(ItemError, match="pip install --force-reinstall") as caught:
        photographs.found()
    assert caught.value.error_class is ErrorClass.MISSING_TOOL
    monkeypatch.setattr(photographs, "files", list)
    assert not photographs.installed()
    assert "pillion[photos]" in (photographs.missing() or "")
