"""Text in photographs: where it may be, what it says, and what of that to believe.

The detector reads best where letters are some 15 pixels high, and texture that fills a picture drowns what is near it.
So it looks twice: at a small picture, in which signs stand out and texture is gone, and at a larger one, for small
print. What it marked but could not be read (several lines in one mark, mostly) is looked at once more from close by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pillion.kinds.ocr import photo_trust as trust
from pillion.kinds.ocr.page import PageReading
from pillion.kinds.ocr.ppocr import Spot, SpotText, seen_line, shared, sized
from pillion.kinds.ocr.result import OcrLine, OcrWord

FIRST_SIDE = 640
SECOND_SIDE = 960
_READ_SIDE = 2560
"""Longest sides of the picture, in pixels: of the first look, of the second, and of the largest that is read from."""
_READ_HEIGHT = 56.0
"""Lines are cut from a picture in which the lower ones have this height, in pixels; the recogniser reads at 48."""
_MOST_LINES = 200

_SAME_SPOT = 0.8
_UNREAD = 0.7
_CLOSER_SIDE = 512
_MOST_CLOSER = 2
_LARGE = 0.25
"""A mark of more than this share of the picture is texture."""
_UNCERTAIN = 60.0


class PhotoReader(Protocol):
    """An engine that finds lines in a picture and reads them; pictures are RGB, uint8, shape (H, W, 3)."""

    def find(self, picture: NDArray[np.uint8]) -> list[Spot]:
        """Where there may be text, in pixels of the picture."""
        ...

    def texts(self, picture: NDArray[np.uint8], spots: Sequence[Spot]) -> list[SpotText]:
        """What stands in each spot, in their order."""
        ...


class PhotoSource(Protocol):
    """A picture to be had in several sizes: :class:`pillion.readers.images.decode.Picture`."""

    @property
    def width(self) -> int:
        """In pixels, upright."""
        ...

    @property
    def height(self) -> int:
        """In pixels, upright."""
        ...

    def pixels(self, max_side: int | None = None) -> NDArray[np.uint8]:
        """Upright, shape (H, W, 3 or 4), no side longer than ``max_side``. Raises ItemError."""
        ...


def read_photo(source: PhotoSource, reader: PhotoReader) -> PageReading:
    """The believable lines of a photograph, in its own pixels. Raises ItemError."""
    texts = trust.believed(_all_texts(source, reader))
    lines = tuple(_line(text, begins) for text, begins in trust.in_reading_order(texts))
    return PageReading(lines, trust.rotation(texts))


def _all_texts(source: PhotoSource, reader: PhotoReader) -> list[SpotText]:
    spots = _found(source, reader, FIRST_SIDE)
    for spot in _found(source, reader, SECOND_SIDE):
        if not any(_is_same(spot, other) for other in spots):
            spots.append(spot)
    if not spots:
        return []
    spots = sorted(spots, key=lambda spot: spot.score, reverse=True)[:_MOST_LINES]
    picture, factor = _large_enough(source, spots)
    texts = reader.texts(picture, [_scaled(spot, factor) for spot in spots])
    return [_rescaled(text, factor) for text in [*texts, *_closer(picture, texts, reader)]]


def _found(source: PhotoSource, reader: PhotoReader, side: int) -> list[Spot]:
    """Spots in the pixels of the source."""
    picture = source.pixels(side)
    factor = np.array([source.width / picture.shape[1], source.height / picture.shape[0]], np.float32)
    return [_scaled(spot, factor) for spot in reader.find(picture)]


def _large_enough(source: PhotoSource, spots: Sequence[Spot]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A picture in which the lines are high enough to be read, and by how much it is larger than the source."""
    low = float(np.percentile([spot.height for spot in spots], 10))
    side = max(source.width, source.height) * min(1.0, _READ_HEIGHT / max(low, 1.0))
    picture = source.pixels(min(_READ_SIDE, max(FIRST_SIDE, round(side))))[:, :, :3]
    return picture, np.array([picture.shape[1] / source.width, picture.shape[0] / source.height], np.float32)


def _is_same(one: Spot, other: Spot) -> bool:
    heights = sorted((one.height, other.height))
    return heights[0] >= _SAME_SPOT * heights[1] and shared(one.corners, other.corners) >= _SAME_SPOT


def _closer(picture: NDArray[np.uint8], texts: Sequence[SpotText], reader: PhotoReader) -> list[SpotText]:
    """What a look from close by finds in the marks that could not be read."""
    found: list[SpotText] = []
    unread = [text for text in texts if text.confidence < _UNREAD and not _is_texture(text, picture)]
    for text in sorted(unread, key=lambda text: text.score, reverse=True)[:_MOST_CLOSER]:
        left, top, right, bottom = _around(text, picture)
        part = picture[top:bottom, left:right]
        scaled = sized(part, _CLOSER_SIDE)
        factor = np.array([part.shape[1] / scaled.shape[1], part.shape[0] / scaled.shape[0]], np.float32)
        spots = [
            Spot(spot.corners * factor + np.array([left, top], np.float32), spot.score) for spot in reader.find(scaled)
        ]
        found += reader.texts(picture, spots)
    return found


def _is_texture(text: SpotText, picture: NDArray[np.uint8]) -> bool:
    width, height = np.ptp(text.corners, axis=0)
    return bool(width * height > _LARGE * picture.shape[0] * picture.shape[1])


def _around(text: SpotText, picture: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """The place of a mark with room around it: left, top, right, bottom."""
    low, high = text.corners.min(axis=0), text.corners.max(axis=0)
    room = 0.25 * float((high - low).min()) + 8
    left, top = np.maximum(low - room, 0)
    right, bottom = np.minimum(high + room, [picture.shape[1], picture.shape[0]])
    return int(left), int(top), int(np.ceil(right)), int(np.ceil(bottom))


def _scaled(spot: Spot, factor: NDArray[np.float32]) -> Spot:
    return Spot(spot.corners * factor, spot.score)


def _rescaled(text: SpotText, factor: NDArray[np.float32]) -> SpotText:
    """In the pixels of the source again."""
    return SpotText(text.corners / factor, text.score, text.confidence, text.parts)


def _line(text: SpotText, begins: bool) -> OcrLine:
    seen = seen_line(text)
    words = tuple(
        OcrWord(text=word.text, confidence=word.confidence, box=word.box, uncertain=word.confidence < _UNCERTAIN)
        for word in seen.words
    )
    return OcrLine(text=text.text, words=words, box=seen.box, paragraph=begins)
