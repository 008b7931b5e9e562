"""PP-OCR through rapidocr and onnxruntime: finds and reads text in photographs. The only importer of rapidocr.

Two networks. The detector says for each pixel whether text covers it; around what it marks, turned rectangles are laid.
The recogniser reads what lies in a rectangle as one line, characters of all Latin languages, Chinese and Japanese, by
connectionist temporal classification: for each column the likeliest character, or none.

rapidocr would fetch models that it lacks; here its classes are given sessions made from the files in its package, so
nothing is fetched, and its messages are not shown.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr import ppocr_models as photographs
from pillion.kinds.ocr.layout import Box, Layout, Look, Seen, SeenLine, SeenWord
from pillion.pool import threads

NAME = "rapidocr"

Corners = NDArray[np.float32]
"""Shape (4, 2): x, y of the corners of a line in reading order, clockwise from where the text begins, on top."""

_MODULES = ("rapidocr", "onnxruntime", "cv2")
_LEAST_PIXEL = 0.3
_LEAST_BOX = 0.5
_GROWN = 1.6
_MOST_SPOTS = 1000
"""Thresholds of the marks and of a box, by how much a box is larger than its marks, and their number: PP-OCR's own."""

_TALL = 1.5
"""What is this many times as high as wide is a line that runs up or down."""
_DOUBTFUL = 0.85
"""A line that reads worse than this is read the other way up too."""
_MOST_RATIO = 60.0
_BATCH_RATIO = 60.0
"""Longest line, and lines at a time, in heights: each takes 450 kB in the answer of the recogniser."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where there may be a line of text. ``score``: how sure the detector is, 0 to 1."""

    corners: Corners
    score: float

    @property
    def height(self) -> float:
        """Of the line, in pixels."""
        return min(self.sides)

    @property
    def sides(self) -> tuple[float, float]:
        """Lengths of the first side and of the second."""
        one, two, three, _ = self.corners
        return float(np.linalg.norm(two - one)), float(np.linalg.norm(three - two))


@dataclass(frozen=True, slots=True)
class Part:
    """A word of a line. ``confidence``: 0 to 1; ``start`` and ``end``: shares of the line's length."""

    text: str
    confidence: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class SpotText:
    """What stands in a spot, in reading direction. ``confidence``: mean over the characters, 0 to 1."""

    corners: Corners
    score: float
    confidence: float
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The words, parted by spaces."""
        return " ".join(part.text for part in self.parts)


def missing() -> str | None:
    """One sentence that says what lacks and how to get it; None when all is there. Loads nothing."""
    lacking = [module for module in _MODULES if importlib.util.find_spec(module) is None]
    if lacking:
        return f"the Python package {lacking[0]} is not installed: run pip install 'pillion[photos]'"
    return photographs.missing()


def version() -> str:
    """rapidocr's version, such as ``3.10.0``."""
    from importlib.metadata import version as installed

    return installed("rapidocr")


def reader(languages: Sequence[str] = (), tessdata: str | None = None, which: int = 0) -> Reader:
    """PP-OCR, loaded, kept for the next call. It reads all its languages at once. Raises ItemError (missing_tool)."""
    return _reader(which)


@functools.lru_cache(maxsize=8)
def _reader(which: int) -> Reader:
    problem = missing()
    if problem is not None:
        raise ItemError(ErrorClass.MISSING_TOOL, problem)
    detector, recogniser = photographs.found()
    try:
        return Reader(_detector(str(detector)), _recogniser(str(recogniser)))
    except ImportError as error:
        message = f"rapidocr cannot be loaded ({error}): run pip install --force-reinstall 'pillion[photos]'"
        raise ItemError(ErrorClass.MISSING_TOOL, message) from error


class _Settings(dict[str, Any]):
    """What rapidocr's classes take: a dictionary whose entries are attributes too."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


def _session(path: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads.available()
    # Threads that wait for work would spin, and so take the cores from other workers.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # An arena keeps what the largest picture took.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _settings(path: str, **more: Any) -> _Settings:
    from rapidocr import EngineType

    logging.getLogger("rapidocr").setLevel(logging.CRITICAL)
    from rapidocr.utils.log import logger

    logger.setLevel(logging.CRITICAL)
    return _Settings(engine_type=EngineType.ONNXRUNTIME, session=_session(path), **more)


def _detector(path: str) -> Any:
    from rapidocr.ch_ppocr_det import TextDetector

    half = np.full(3, 0.5, np.float32)
    settings = _settings(
        path,
        limit_type="max",
        limit_side_len=1 << 20,
        mean=half,
        std=half,
        thresh=_LEAST_PIXEL,
        box_thresh=_LEAST_BOX,
        unclip_ratio=_GROWN,
        max_candidates=_MOST_SPOTS,
        use_dilation=True,
        score_mode="fast",
    )
    return TextDetector(settings)


def _recogniser(path: str) -> Any:
    from rapidocr import LangRec
    from rapidocr.ch_ppocr_rec import TextRecognizer

    settings = _settings(
        path, lang_type=LangRec.CH, font_path=None, rec_keys_path=None, rec_batch_num=64, rec_img_shape=[3, 48, 320]
    )
    return TextRecognizer(settings)


class Reader:
    """The two networks. Not for several threads at once."""

    def __init__(self, detector: Any, recogniser: Any) -> None:
        self._detector = detector
        self._recogniser = recogniser

    # for photographs

    def find(self, picture: NDArray[np.uint8]) -> list[Spot]:
        """Where there may be text in an RGB picture, shape (H, W, 3), top to bottom. About 0.5 s per million pixels."""
        found = self._detector(_bgr(picture))
        if found.boxes is None:
            return []
        return [
            Spot(np.asarray(box, np.float32), float(score))
            for box, score in zip(found.boxes, found.scores, strict=True)
        ]

    def texts(self, picture: NDArray[np.uint8], spots: Sequence[Spot]) -> list[SpotText]:
        """What stands in each spot of the picture, which may be larger than the one in which they were found.

        The corners of a spot are those of the picture given. Doubtful lines are read from both ends, and what reads
        better is taken, so text may stand on its head or on its side.
        """
        bgr = _bgr(picture)
        first = [_from_corner(spot, 1 if _is_tall(spot) else 0) for spot in spots]
        read = self._read(bgr, first)
        doubtful = [number for number, text in enumerate(read) if text.confidence < _DOUBTFUL]
        other = self._read(bgr, [_from_corner(first[number], 2) for number in doubtful])
        for number, text in zip(doubtful, other, strict=True):
            if text.confidence > read[number].confidence:
                read[number] = text
        return read

    def _read(self, bgr: NDArray[np.uint8], spots: Sequence[Spot]) -> list[SpotText]:
        from rapidocr.ch_ppocr_rec import TextRecInput

        read: dict[int, SpotText] = {}
        for batch in _batches(spots):
            crops = [_crop(bgr, spots[number]) for number in batch]
            found = self._recogniser(TextRecInput(img=crops, return_word_box=True))
            for number, text, marks in zip(batch, found.txts, found.word_results, strict=True):
                spot = spots[number]
                parts = tuple(_parts(text, marks))
                read[number] = SpotText(spot.corners, spot.score, _mean(parts), parts)
        return [read[number] for number in range(len(spots))]

    # for pages

    def look(self, gray: NDArray[np.uint8], *, layout: Layout = Layout.PAGE) -> Look | None:
        """None: what it costs to find the lines is most of what it costs to read them."""
        return None

    def read(self, gray: NDArray[np.uint8], *, layout: Layout = Layout.PAGE) -> Seen:
        """All that stands in the picture, gray or RGB, each line as one that stands for itself."""
        picture = np.repeat(gray[:, :, np.newaxis], 3, axis=2) if gray.ndim == 2 else gray
        texts = self.texts(picture, self.find(picture))
        return Seen(tuple(seen_line(text) for text in texts if text.parts))


# geometry -------------------------------------------------------------------------------------------------------------


def _bgr(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(picture[:, :, 2::-1])


def _is_tall(spot: Spot) -> bool:
    across, down = spot.sides
    return down >= _TALL * max(across, 1.0)


def _from_corner(spot: Spot, corner: int) -> Spot:
    """The same spot, read from another of its corners."""
    return Spot(np.roll(spot.corners, -corner, axis=0), spot.score)


def _crop(bgr: NDArray[np.uint8], spot: Spot) -> NDArray[np.uint8]:
    """The line, upright, from the corner at which it begins."""
    import cv2

    across, down = spot.sides
    width, height = max(4, round(across)), max(4, round(down))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    projection = cv2.getPerspectiveTransform(np.ascontiguousarray(spot.corners), target)
    width = min(width, round(height * _MOST_RATIO))
    crop = cv2.warpPerspective(bgr, projection, (width, height), borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_CUBIC)
    return np.asarray(crop, np.uint8)


def _batches(spots: Sequence[Spot]) -> Iterator[list[int]]:
    """Numbers of spots of about the same length, which are read together."""
    ratios = [min(_MOST_RATIO, max(7.0, spot.sides[0] / max(1.0, spot.sides[1]))) for spot in spots]
    batch: list[int] = []
    for number in sorted(range(len(spots)), key=lambda number: (ratios[number], number)):
        if batch and ratios[number] * (len(batch) + 1) > _BATCH_RATIO:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def _parts(text: str, marks: Any) -> Iterator[Part]:
    """The words of a line; ``marks`` says at which column each character was seen, and how surely."""
    columns = [column for group in marks.word_cols for column in group]
    seen = [confidence for character, confidence in zip(text, marks.confs, strict=False) if not character.isspace()]
    length = max(1.0, float(marks.line_txt_len))
    half = _half_pitch(columns)
    at = 0
    for word in text.split():
        mine = slice(at, at + len(word))
        at += len(word)
        if not columns[mine]:
            return
        start, end = (columns[mine][0] + 0.5 - half) / length, (columns[mine][-1] + 0.5 + half) / length
        yield Part(word, sum(seen[mine]) / len(word), max(0.0, start), min(1.0, end))


def _half_pitch(columns: Sequence[int]) -> float:
    """Half of the distance of one character to the next, in columns."""
    steps = [after - before for before, after in itertools.pairwise(columns)]
    return float(np.median(steps)) / 2 if steps else 2.0


def _mean(parts: Sequence[Part]) -> float:
    characters = sum(len(part.text) for part in parts)
    return sum(part.confidence * len(part.text) for part in parts) / characters if characters else 0.0


def seen_line(text: SpotText) -> SeenLine:
    """As other engines give it: words with upright boxes around them."""
    words = tuple(
        SeenWord(part.text, 100 * part.confidence, _box_around(_slice(text.corners, part.start, part.end)))
        for part in text.parts
    )
    return SeenLine(words, _box_around(text.corners), False)


def _slice(corners: Corners, start: float, end: float) -> Corners:
    """The corners of a part of a line."""
    top_left, top_right, bottom_right, bottom_left = corners
    top, bottom = top_right - top_left, bottom_right - bottom_left
    return np.array(
        [top_left + start * top, top_left + end * top, bottom_left + end * bottom, bottom_left + start * bottom],
        np.float32,
    )


def shared(one: Corners, other: Corners) -> float:
    """The share of the smaller of two places that lies in the other; 0 to 1."""
    import cv2

    area, _ = cv2.intersectConvexConvex(np.ascontiguousarray(one), np.ascontiguousarray(other))
    smaller = min(_area(one), _area(other))
    return float(area) / smaller if smaller else 0.0


def _area(corners: Corners) -> float:
    x, y = corners[:, 0], corners[:, 1]
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def sized(part: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A piece of a picture, scaled to a longest side, up or down."""
    import cv2

    factor = side / max(part.shape[:2])
    size = max(1, round(part.shape[1] * factor)), max(1, round(part.shape[0] * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(np.ascontiguousarray(part), size, interpolation=how), np.uint8)


def _box_around(corners: Iterable[NDArray[np.float32]]) -> Box:
    points = np.array(list(corners))
    left, top = points.min(axis=0)
    right, bottom = points.max(axis=0)
    return float(left), float(top), float(right), float(bottom)
