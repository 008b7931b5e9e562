"""PP-OCR through rapidocr and onnxruntime: detects and recognises text in photographs. The only importer of rapidocr.

Three networks. The detector says for each pixel whether text covers it; around the marked ones, turned rectangles are
laid: regions. The recogniser takes what lies in a region as one line, with the characters of all Latin languages,
Chinese and Japanese, by connectionist temporal classification: for each column the likeliest character, or none. A
small one does the same with Latin letters alone; so does the large one, of which for print in these only they are kept
(latin.py).

rapidocr downloads models that are missing; here its detector is given a session made from the file in its package, so
nothing is downloaded, and its messages are not shown.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import logging
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pillion.errors import ErrorClass, ItemError
from pillion.kinds import onnx
from pillion.kinds.ocr import models
from pillion.kinds.ocr.latin import with_latin_alone
from pillion.kinds.ocr.result import Box, joined_words
from pillion.machine import spread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Corners = NDArray[np.float32]
    """Shape (4, 2): x, y of the corners of a line in reading order, clockwise from where the text begins, on top."""
else:
    from pillion.extras import lazy_numpy as np

    Corners = object

NAME = "rapidocr"


_MODULES = ("rapidocr", "onnxruntime", "cv2")
_PIXEL_THRESHOLD = 0.3
_BOX_THRESHOLD = 0.5
_UNCLIP_RATIO = 1.6
_MAX_REGIONS = 1000
"""PP-OCR's own values."""

_TALL = 1.5
"""What is this many times as high as wide is a line that runs up or down."""
_DOUBTFUL = 0.85
"""A line that reads worse than this is read the other way up too."""
_MAX_RATIO = 60.0
"""The longest line, in heights: each takes 450 kB in the answer of the recogniser."""
_HIGH = 48
"""The height, in pixels, at which the recogniser reads a line."""
_MIN_RATIO = 2.0
"""Shorter lines are padded to it, in heights: prices and dates are short, and a receipt's time is that of its area."""
_APART = 7
_SPACES = 3.0
"""Characters so many columns apart, each an eighth of a line's height, and so many times as far as most, are of two
words, whether the recogniser saw a space between them or not.
"""
_BATCH_RATIO = 12.0
"""Lines at a time, in heights. More of them take no less time each, but memory that the system has to clear."""
_MAX_THREADS = 4
"""That read lines: each more takes some 50 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
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
class Word:
    """A word of a line. ``confidence``: 0 to 1; ``start`` and ``end``: shares of the line's length."""

    text: str
    confidence: float
    start: float
    end: float


@dataclass(frozen=True, slots=True, eq=False)
class RegionText:
    """The text in a region, in reading direction. ``confidence``: mean over the characters, 0 to 1."""

    corners: Corners
    score: float
    confidence: float
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words, separated by spaces except in Chinese and Japanese."""
        return joined_words([word.text for word in self.words])


def problem() -> str | None:
    """What is missing and how to install it, in one sentence; None if nothing is. Loads nothing."""
    absent = [module for module in _MODULES if importlib.util.find_spec(module) is None]
    if absent:
        return f"the Python package {absent[0]} is not installed: run {models.INSTALL_NETWORKS}"
    return models.networks_problem()


@functools.cache
def version() -> str:
    """rapidocr's version, such as ``3.10.0``."""
    from importlib.metadata import version as installed

    return installed("rapidocr")


@functools.cache
def loaded() -> PpOcr:
    """PP-OCR with its networks, kept for the next call. Raises ItemError (missing_tool)."""
    why = problem()
    if why is not None:
        raise ItemError(ErrorClass.MISSING_TOOL, why)
    files = models.verified_networks()
    try:
        return PpOcr(_detector(str(files.detector)), _Recogniser(str(files.quick)), str(files.recogniser))
    except ImportError as error:
        message = f"rapidocr cannot be loaded ({error}): run pip install --force-reinstall 'pillion[photos]'"
        raise ItemError(ErrorClass.MISSING_TOOL, message) from error


class _Settings(dict[str, Any]):
    """What rapidocr's classes take: a dictionary whose entries are attributes too."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


def _settings(**more: Any) -> _Settings:
    from rapidocr import EngineType

    logging.getLogger("rapidocr").setLevel(logging.CRITICAL)
    from rapidocr.utils.log import logger

    logger.setLevel(logging.CRITICAL)
    return _Settings(engine_type=EngineType.ONNXRUNTIME, **more)


def _detector(path: str) -> Any:
    from rapidocr.ch_ppocr_det import TextDetector

    half = np.full(3, 0.5, np.float32)
    settings = _settings(
        session=onnx.session(path),
        limit_type="max",
        limit_side_len=1 << 20,
        mean=half,
        std=half,
        thresh=_PIXEL_THRESHOLD,
        box_thresh=_BOX_THRESHOLD,
        unclip_ratio=_UNCLIP_RATIO,
        max_candidates=_MAX_REGIONS,
        use_dilation=True,
        score_mode="fast",
    )
    return TextDetector(settings)


class _Recogniser:
    """A network that reads lines, for several threads at once."""

    def __init__(self, graph: str | bytes) -> None:
        # Each batch runs on one thread, and several beside each other: threads in a batch wait for each other.
        self._session = onnx.session(graph, threads=1)
        self._input = self._session.get_inputs()[0].name
        said: str = self._session.get_modelmeta().custom_metadata_map["character"]
        self.characters = ("", *said.splitlines(), " ")
        """Of each class; the first is for none."""

    def __call__(self, lines: Sequence[NDArray[np.uint8]]) -> list[tuple[Word, ...]]:
        """The words of some lines, RGB, each upright."""
        ratios = [line.shape[1] / line.shape[0] for line in lines]
        widest = max(_MIN_RATIO, *ratios)
        (found,) = self._session.run(None, {self._input: _batch(lines, ratios, widest)})
        return [
            tuple(_words(self._read(sure), sure.shape[0] * ratio / widest))
            for sure, ratio in zip(found, ratios, strict=True)
        ]

    def _read(self, sure: NDArray[np.float32]) -> list[_Read]:
        """``sure``: how sure each class is in each column, shape (columns, classes)."""
        classes = sure.argmax(axis=1)
        begins = classes != 0
        begins[1:] &= classes[1:] != classes[:-1]
        columns = np.flatnonzero(begins)
        best = sure[columns, classes[columns]].tolist()
        return [
            (self.characters[number], column, confidence)
            for number, column, confidence in zip(classes[columns].tolist(), columns.tolist(), best, strict=True)
        ]


_Read = tuple[str, int, float]
"""A character, in which column it was found, and how surely."""


@functools.cache
def _scaled() -> NDArray[np.float32]:
    """How the networks see each brightness: from -1 to 1."""
    return np.asarray((np.arange(256, dtype=np.float32) / 255 - 0.5) / 0.5, np.float32)


def _batch(lines: Sequence[NDArray[np.uint8]], ratios: Sequence[float], widest: float) -> NDArray[np.float32]:
    """Lines as the networks take them: shape (n, 3, height, width), blue first, padded on the right."""
    import cv2

    width = int(_HIGH * widest)
    batch = np.zeros((len(lines), 3, _HIGH, width), np.float32)
    for place, line, ratio in zip(batch, lines, ratios, strict=True):
        own = min(width, math.ceil(_HIGH * ratio))
        resized = cv2.resize(line, (own, _HIGH))
        place[:, :, :own] = cv2.LUT(resized, _scaled())[:, :, ::-1].transpose(2, 0, 1)
    return batch


LineReader = Callable[["NDArray[np.uint8]", Sequence[Region]], list[RegionText]]
"""The text in each region of an RGB picture, shape (H, W, 3)."""


class PpOcr:
    """The networks. Not for several threads at once. ``recogniser``: the file of the large one, loaded when needed."""

    def __init__(self, detector: Any, quick: _Recogniser, recogniser: str) -> None:
        self._detector = detector
        self._quick = quick
        self._file = recogniser

    @functools.cached_property
    def _whole(self) -> _Recogniser:
        return _Recogniser(self._file)

    @functools.cached_property
    def _latin(self) -> _Recogniser:
        return _Recogniser(with_latin_alone(Path(self._file).read_bytes()))

    def detect(self, picture: NDArray[np.uint8]) -> list[Region]:
        """Where there may be text in an RGB picture, shape (H, W, 3), top to bottom. About 0.5 s per million pixels."""
        found = self._detector(_bgr(picture))
        if found.boxes is None:
            return []
        return [
            Region(np.asarray(box, np.float32), float(score))
            for box, score in zip(found.boxes, found.scores, strict=True)
        ]

    def recognise(
        self, picture: NDArray[np.uint8], regions: Sequence[Region], *, room: float = 0.0
    ) -> list[RegionText]:
        """The text in each region of the RGB picture, which may be larger than the one in which they were detected.

        The corners of a region are those in the picture given. Doubtful lines are recognised from both ends, and the
        better result is taken, so text may stand on its head or on its side. ``room``: so much above and below each is
        read with it, of its height; the more of it, the smaller its letters, and the less there is to read.
        """
        first = [_from_corner(region, 1 if _is_tall(region) else 0) for region in regions]
        texts = _recognised(self._whole, picture, first, room)
        doubtful = _doubtful(texts)
        other = _recognised(self._whole, picture, [_from_corner(first[number], 2) for number in doubtful], room)
        return _better(texts, doubtful, other)

    def recognise_latin(
        self, picture: NDArray[np.uint8], regions: Sequence[Region], *, room: float = 0.0
    ) -> list[RegionText]:
        """The same of upright lines, most of them in Latin letters, in three quarters of the time."""
        texts = _recognised(self._latin, picture, regions, room)
        doubtful = _doubtful(texts)
        other = _recognised(self._whole, picture, [regions[number] for number in doubtful], room) if doubtful else []
        return _better(texts, doubtful, other)

    def line_reader(self) -> LineReader:
        """What reads upright lines in any of its scripts, for several threads at once."""
        return partial(_recognised, self._whole, room=0.0)

    def recognise_quickly(
        self, picture: NDArray[np.uint8], regions: Sequence[Region], *, room: float = 0.0
    ) -> list[RegionText]:
        """The same of upright lines in Latin letters, less surely, in a seventh of the time."""
        return _recognised(self._quick, picture, regions, room)


def _doubtful(texts: Sequence[RegionText]) -> list[int]:
    return [number for number, text in enumerate(texts) if text.confidence < _DOUBTFUL]


def _better(texts: list[RegionText], doubtful: Sequence[int], other: Sequence[RegionText]) -> list[RegionText]:
    """The texts, of those that are doubtful the other reading where that is surer."""
    for number, text in zip(doubtful, other, strict=True):
        if text.confidence > texts[number].confidence:
            texts[number] = text
    return texts


def _recognised(
    recogniser: _Recogniser, picture: NDArray[np.uint8], regions: Sequence[Region], room: float
) -> list[RegionText]:
    rgb = np.ascontiguousarray(picture[:, :, :3])
    roomy = [_with_room(region, room) for region in regions]
    batches = list(_batches(roomy))
    tasks = (partial(_read, recogniser, rgb, [roomy[number] for number in batch]) for batch in batches)
    texts: dict[int, RegionText] = {}
    for batch, read in zip(batches, spread(tasks, _MAX_THREADS), strict=True):
        for number, words in zip(batch, read, strict=True):
            region = regions[number]
            texts[number] = RegionText(region.corners, region.score, _mean(words), words)
    return [texts[number] for number in range(len(regions))]


def _read(recogniser: _Recogniser, rgb: NDArray[np.uint8], regions: Sequence[Region]) -> list[tuple[Word, ...]]:
    return recogniser([_crop(rgb, region) for region in regions])


# geometry -------------------------------------------------------------------------------------------------------------


def _bgr(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(picture[:, :, 2::-1])


def _is_tall(region: Region) -> bool:
    across, down = region.sides
    return down >= _TALL * max(across, 1.0)


def _from_corner(region: Region, corner: int) -> Region:
    """The same region, beginning at another of its corners."""
    return Region(np.roll(region.corners, -corner, axis=0), region.score)


def _with_room(region: Region, room: float) -> Region:
    """The same region, higher by its height times ``room`` above and below."""
    one, two, three, four = region.corners
    left, right = room * (four - one), room * (three - two)
    return Region(np.array([one - left, two - right, three + right, four + left], np.float32), region.score)


def _crop(rgb: NDArray[np.uint8], region: Region) -> NDArray[np.uint8]:
    """The line, upright, from the corner at which it begins."""
    import cv2

    across, down = region.sides
    return _flat(rgb, region, max(4, round(across)), max(4, round(down)), cv2.INTER_CUBIC)


def levelled(gray: NDArray[np.uint8], region: Region, height: int) -> NDArray[np.uint8]:
    """The line in a region of a gray picture, upright and so many pixels high."""
    import cv2

    across, down = region.sides
    return _flat(gray, region, max(4, round(across * height / max(1.0, down))), height, cv2.INTER_LINEAR)


def _flat(picture: NDArray[np.uint8], region: Region, width: int, height: int, how: int) -> NDArray[np.uint8]:
    import cv2

    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    there = cv2.getPerspectiveTransform(np.ascontiguousarray(region.corners), target)
    size = min(width, round(height * _MAX_RATIO)), height
    flat = cv2.warpPerspective(picture, there, size, borderMode=cv2.BORDER_REPLICATE, flags=how)
    return np.asarray(flat, np.uint8)


def _batches(regions: Sequence[Region]) -> Iterator[list[int]]:
    """Numbers of regions of about the same length, which are recognised together; the longest ones first."""
    ratios = [min(_MAX_RATIO, max(_MIN_RATIO, region.sides[0] / max(1.0, region.sides[1]))) for region in regions]
    batch: list[int] = []
    for number in sorted(range(len(regions)), key=lambda number: (-ratios[number], number)):
        if batch and ratios[batch[0]] * (len(batch) + 1) > _BATCH_RATIO:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def _words(read: Sequence[_Read], length: float) -> Iterator[Word]:
    """The words of a line of so many columns."""
    columns = [column for character, column, _ in read if not character.isspace()]
    pitch = _pitch(columns)
    half = pitch / 2
    for some in _parted(read, max(_APART, _SPACES * pitch)):
        start, end = (some[0][1] + 0.5 - half) / length, (some[-1][1] + 0.5 + half) / length
        sure = sum(confidence for _, _, confidence in some) / len(some)
        yield Word("".join(character for character, _, _ in some), sure, max(0.0, start), min(1.0, end))


def _parted(read: Sequence[_Read], far: float) -> Iterator[list[_Read]]:
    """The characters of each word: what is between spaces, and not ``far`` apart."""
    word: list[_Read] = []
    for one in read:
        is_space = one[0].isspace()
        if word and (is_space or one[1] - word[-1][1] > far):
            yield word
            word = []
        if not is_space:
            word.append(one)
    if word:
        yield word


def _pitch(columns: Sequence[int]) -> float:
    """The distance from one character to the next, in columns."""
    steps = [after - before for before, after in itertools.pairwise(columns)]
    return float(statistics.median(steps)) if steps else 4.0


def _mean(words: Sequence[Word]) -> float:
    characters = sum(len(word.text) for word in words)
    return sum(word.confidence * len(word.text) for word in words) / characters if characters else 0.0


def upright_boxes(corners: NDArray[np.float32]) -> list[Box]:
    """The smallest upright box around each of several regions, shape (n, 4, 2)."""
    left, top = corners.min(axis=1).T.tolist()
    right, bottom = corners.max(axis=1).T.tolist()
    return list(zip(left, top, right, bottom, strict=True))


def word_corners(texts: Sequence[RegionText]) -> NDArray[np.float32]:
    """The corners of each word of these lines, shape (n, 4, 2)."""
    lines = np.repeat([text.corners for text in texts], [len(text.words) for text in texts], axis=0)
    spans = np.array([(word.start, word.end) for text in texts for word in text.words], np.float32)
    start, end = spans[:, :1], spans[:, 1:]
    top_left, top_right, bottom_right, bottom_left = lines.transpose(1, 0, 2)
    top, bottom = top_right - top_left, bottom_right - bottom_left
    ends = [top_left + start * top, top_left + end * top, bottom_left + end * bottom, bottom_left + start * bottom]
    return np.stack(ends, axis=1)


def shared(one: Corners, other: Corners) -> float:
    """The share of the smaller of two places that lies in the other; 0 to 1."""
    import cv2

    area, _ = cv2.intersectConvexConvex(np.ascontiguousarray(one), np.ascontiguousarray(other))
    smaller = min(_area(one), _area(other))
    return float(area) / smaller if smaller else 0.0


def _area(corners: Corners) -> float:
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners.tolist()
    return float(abs((x2 - x0) * (y3 - y1) - (x3 - x1) * (y2 - y0))) / 2


def touching(ones: Sequence[Corners], others: Sequence[Corners]) -> NDArray[np.bool_]:
    """Whether the upright boxes around places share anything; shape (ones, others). Most pairs are far apart."""
    one, other = np.asarray(ones).reshape(-1, 4, 2), np.asarray(others).reshape(-1, 4, 2)
    low, high = one.min(axis=1)[:, None], one.max(axis=1)[:, None]
    return np.asarray(((low < other.max(axis=1)) & (other.min(axis=1) < high)).all(axis=2))


def sized(part: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A part of a picture, scaled up or down to a longest side, in pixels."""
    import cv2

    factor = side / max(part.shape[:2])
    size = max(1, round(part.shape[1] * factor)), max(1, round(part.shape[0] * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(np.ascontiguousarray(part), size, interpolation=how), np.uint8)
