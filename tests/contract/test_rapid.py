"""PP-OCR keeps what the generators rely on: places, words with boxes, every way up, the same bytes, no network."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr import models, ppocr
from pillion.kinds.ocr.ppocr import RegionText
from tests.support import signs

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def sign() -> NDArray[np.uint8]:
    """RGB; two lines, dark on white, in the middle of gray."""
    picture = Image.new("RGB", (640, 480), (120, 125, 118))
    picture.paste(signs.board("Harbour Shed", "open 9-17", pixels=40).convert("RGB"), (150, 160))
    return np.array(picture)


def recognised(picture: NDArray[np.uint8]) -> list[RegionText]:
    return ppocr.loaded().recognise(picture, ppocr.loaded().detect(picture))


def test_lines_are_found_and_read_with_boxes_on_their_words(sign: NDArray[np.uint8]) -> None:
    engine = ppocr.loaded()
    regions = engine.detect(sign)
    assert len(regions) == 2
    texts = engine.recognise(sign, regions)
    assert [text.text for text in texts] == ["Harbour Shed", "open 9-17"]
    words = texts[0].words
    assert [word.text for word in words] == ["Harbour", "Shed"]
    boxes = ppocr.upright_boxes(ppocr.word_corners(texts))
    assert len(boxes) == 4
    assert boxes[0][2] <= boxes[1][0] + 4
    for word, box in zip(words, boxes, strict=False):
        left, top, right, bottom = (round(side) for side in box)
        assert (sign[top:bottom, left:right].min(axis=2) < 90).mean() > 0.05
        assert 0.9 < word.confidence <= 1


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_text_on_its_side_and_on_its_head(quarters: int, sign: NDArray[np.uint8]) -> None:
    turned = np.ascontiguousarray(np.rot90(sign, quarters))
    assert {text.text for text in recognised(turned)} == {"Harbour Shed", "open 9-17"}


def test_the_same_picture_gives_the_same(sign: NDArray[np.uint8]) -> None:
    first, again = (recognised(sign) for _ in range(2))
    assert [text.words for text in first] == [text.words for text in again]
    assert np.array_equal([text.corners for text in first], [text.corners for text in again])


def test_nothing_is_found_in_nothing() -> None:
    assert ppocr.loaded().detect(np.full((480, 640, 3), 200, np.uint8)) == []
    assert ppocr.loaded().recognise(np.zeros((64, 64, 3), np.uint8), []) == []
    assert recognised(np.zeros((40, 3, 3), np.uint8)) == []


def test_a_gray_picture_is_recognised_too(sign: NDArray[np.uint8]) -> None:
    gray = np.repeat(sign[:, :, 1:2], 3, axis=2)
    assert [text.text for text in recognised(gray)] == ["Harbour Shed", "open 9-17"]


def test_loading_asks_no_network_and_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], sign: NDArray[np.uint8]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    ppocr.loaded.cache_clear()
    assert recognised(sign)
    assert capfd.readouterr() == ("", "")


def test_a_model_that_is_lost_or_damaged_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = list(models.NETWORKS)
    monkeypatch.setattr(models, "network_files", lambda: [tmp_path / name for name in names])
    assert "pip install" in (ppocr.problem() or "")
    assert models.has_networks()
    for name in names:
        (tmp_path / name).write_bytes(b"not a model")
    assert ppocr.problem() is None
    with pytest.raises(ItemError, match="pip install --force-reinstall") as caught:
        models.verified_networks()
    assert caught.value.error_class is ErrorClass.MISSING_TOOL
    monkeypatch.setattr(models, "network_files", list)
    assert not models.has_networks()
    assert "pillion[photos]" in (models.networks_problem() or "")


def test_a_line_is_read_quickly_too(sign: NDArray[np.uint8]) -> None:
    engine = ppocr.loaded()
    texts = engine.recognise_quickly(sign, engine.detect(sign))
    assert [text.text for text in texts] == ["Harbour Shed", "open 9-17"]
    assert min(text.confidence for text in texts) > 0.9


def test_the_quick_network_comes_along_and_knows_latin_letters_alone() -> None:
    quick = models.verified_networks().quick
    assert quick.parent == Path(models.__file__).parent
    characters = [*filter(None, ppocr.loaded()._quick.characters)]
    assert {"a", "Z", "9", "€", "ß"} <= set(characters)
    assert all(ord(character[0]) < 0x2200 for character in characters)


def test_latin_letters_are_read_by_what_knows_them_alone_and_others_by_what_knows_all(
    monkeypatch: pytest.MonkeyPatch, sign: NDArray[np.uint8]
) -> None:
    engine = ppocr.loaded()
    regions = engine.detect(sign)
    texts, whole = engine.recognise_latin(sign, regions), engine.recognise(sign, regions)
    assert [text.text for text in texts] == [text.text for text in whole] == ["Harbour Shed", "open 9-17"]
    assert texts[0].confidence == pytest.approx(whole[0].confidence, abs=0.02)
    assert set(engine._latin.characters) < set(engine._whole.characters)
    assert "日" not in engine._latin.characters
    monkeypatch.setattr(ppocr, "_DOUBTFUL", 1.1)
    assert [text.text for text in engine.recognise_latin(sign, regions)] == ["Harbour Shed", "open 9-17"]


def read_at(*places: tuple[str, int]) -> list[str]:
    return [word.text for word in ppocr._words([(character, column, 0.9) for character, column in places], 60.0)]


def test_characters_far_apart_are_of_two_words_without_a_space_between_them() -> None:
    assert read_at(("Q", 2), ("t", 5), ("y", 8), ("6", 20)) == ["Qty", "6"]
    assert read_at(("Q", 2), (" ", 4), ("6", 7)) == ["Q", "6"]
    spaced = [("S", 2), ("A", 10), ("L", 18), ("E", 26)]
    assert read_at(*spaced) == ["SALE"]
    assert read_at() == []
